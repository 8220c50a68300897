"""What the tests share. `./install.sh test` installs the kernel for them and says its name."""

import os

import pytest


@pytest.fixture(scope="session")
def kernel_name():
    """The kernelspec of the kernel under test."""
    return os.environ.get("THREADBOOK_TEST_KERNEL", "threadbook")
