"""What the tests share. `./install.sh test` installs the kernel for them and says its name."""

import os
from contextlib import nullcontext

import pytest
from jupyter_client.kernelspec import KernelSpecManager

import turns
from kernel_client import Kernel

TURNS = pytest.StashKey[turns.Turns]()


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: takes long, and runs only when THREADBOOK_SOAK is set")
    config.stash[TURNS] = turns.Turns(turns.folder_of(run_of(config)))


def pytest_unconfigure(config):
    # The workers end before.
    if not hasattr(config, "workerinput"):
        turns.forget(run_of(config))


def run_of(config):
    """What the processes of a run have in common, and no other run."""
    return getattr(config, "workerinput", {}).get("testrunuid") or config.getoption("testrunuid", None) or os.getpid()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    # The tests of a lesson only read what was said when the notebook ran alone.
    turn = nullcontext() if "lesson_runs" in item.fixturenames else item.config.stash[TURNS].beside_others()
    with turn:
        yield


def pytest_collection_modifyitems(items):
    if "THREADBOOK_SOAK" not in os.environ:
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(pytest.mark.skip(reason="./install.sh test --soak runs it"))


@pytest.fixture(scope="session")
def kernel_name():
    """The kernelspec of the kernel under test."""
    return os.environ.get("THREADBOOK_TEST_KERNEL", "threadbook")


@pytest.fixture(scope="session")
def program(kernel_name):
    """The program `threadbook` that is the kernel under test."""
    return KernelSpecManager().get_kernel_spec(kernel_name).argv[0]


@pytest.fixture
def start(kernel_name):
    """Starts kernels that end with the test."""
    kernels = []

    def start_kernel(**options):
        kernels.append(Kernel(kernel_name, **options))
        return kernels[-1]

    yield start_kernel
    for kernel in kernels:
        kernel.close()


@pytest.fixture
def fresh(start):
    """A kernel for this test alone."""
    return start()


@pytest.fixture(scope="session")
def _shared(kernel_name):
    holder = {}
    yield holder
    if "kernel" in holder:
        holder["kernel"].close()


@pytest.fixture
def kernel(_shared, kernel_name, request):
    """A kernel that tests share: for cells that do not mind what others defined."""
    if "kernel" not in _shared:
        _shared["kernel"] = Kernel(kernel_name)
    failed_before = request.session.testsfailed
    yield _shared["kernel"]
    # One that a failure may have left in a strange state is not shared any further.
    if request.session.testsfailed > failed_before or not _shared["kernel"].manager.is_alive():
        _shared.pop("kernel").close()


@pytest.fixture(scope="session")
def lesson_runs(kernel_name, pytestconfig):
    """Each notebook is run while no other test runs, when its first check asks for it.
    One that ends with an error fails all of its checks."""
    done = {}

    def get(lesson):
        if lesson.notebook not in done:
            with pytestconfig.stash[TURNS].alone():
                try:
                    done[lesson.notebook] = lesson.run(kernel_name)
                except Exception as error:
                    done[lesson.notebook] = error
        if isinstance(done[lesson.notebook], Exception):
            raise done[lesson.notebook]
        return done[lesson.notebook]

    return get
