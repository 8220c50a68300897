"""Lets papermill give parameters to Rust notebooks.

papermill asks a translator for the parameters of a notebook (`inspect`) and for the source of the
cell to inject (`codify`). Both questions go on to the program `threadbook`, which reads Rust:
`let n: usize = 4;` becomes `let n: usize = 8;`, of the same type, and a value that does not fit
is refused.

papermill has no entry points for translators, but it imports those for engines. So importing this
module registers the translator, for the kernel `threadbook` and for the language Rust, and its
engine is papermill's usual one.
"""

import json
import math
import shutil
import subprocess
import threading

import click
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from papermill.exceptions import PapermillException
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators

__version__ = "0.1.0"

KERNEL = "threadbook"


class ParameterError(click.ClickException, PapermillException):
    """A value or the cell tagged `parameters` is wrong. papermill's command line shows the message."""


def find_program():
    """The kernel's own program: a notebook is asked by what will run it."""
    try:
        return KernelSpecManager().get_kernel_spec(KERNEL).argv[0]
    except NoSuchKernel:
        program = shutil.which("threadbook")
    if program is None:
        raise ParameterError("There is no kernel `threadbook` and no program `threadbook`: run ./install.sh install")
    return program


def ask(source, **question):
    """Asks the program about the cell with this source."""
    try:
        answer = subprocess.run(
            [find_program(), "parameters"],
            input=json.dumps({"source": source, **question}),
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
    except OSError as error:
        raise ParameterError(f"The program of the kernel `threadbook` does not start: {error}") from error
    if answer.returncode != 0:
        raise ParameterError(answer.stderr.strip().removeprefix("threadbook: "))
    return json.loads(answer.stdout)


def plain(value):
    """The value as JSON has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    # YAML has dates and times.
    return str(value)


class RustTranslator(Translator):
    # `codify` is not told the notebook. papermill inspects it right before, on the same thread.
    _inspected = threading.local()

    @classmethod
    def inspect(cls, parameters_cell):
        cls._inspected.source = parameters_cell["source"]
        return [
            Parameter(
                name=parameter["name"],
                inferred_type_name=parameter["type"] or "None",
                default=parameter["default"],
                help=parameter["help"],
            )
            for parameter in ask(parameters_cell["source"])["parameters"]
        ]

    @classmethod
    def codify(cls, parameters, comment="Parameters"):
        source = cls._inspected.__dict__.pop("source", "")
        values = {name: plain(value) for name, value in parameters.items()}
        return ask(source, values=values, comment=comment)["code"] + "\n"


for name in (KERNEL, "rust"):
    papermill_translators.register(name, RustTranslator)


def __getattr__(name):
    # While papermill imports this module, its engines are not all defined.
    if name == "Engine":
        from papermill.engines import NBClientEngine

        return NBClientEngine
    raise AttributeError(name)
