"""The command `spigot`: one file per command, registered here; errors and exit codes in one place.

A command's file imports at its top only what loads fast. It imports torch and models inside its function,
so that `spigot --help` and `spigot score` start at once.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from spigot.cli.compare import compare
from spigot.cli.compile import compile_kernels
from spigot.cli.console import abandon_output, emit, flush, prepare_streams
from spigot.cli.convert import convert
from spigot.cli.data import data
from spigot.cli.demo import demo
from spigot.cli.draw import draw
from spigot.cli.errors import INTERRUPTED, RUNTIME, USER, Terminated, describe
from spigot.cli.evaluate import evaluate
from spigot.cli.info import info
from spigot.cli.package import package
from spigot.cli.parse import parse
from spigot.cli.parse_corpus import parse_corpus
from spigot.cli.push import push
from spigot.cli.recipes import recipes
from spigot.cli.score import score
from spigot.cli.train import train
from spigot.cli.view import view
from spigot.data.files import STANDARD_OUTPUT


class _CarrierError(Exception):
    """Carries its cause past typer, which would otherwise end the process silently or with its own message."""


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, EOFError, BrokenPipeError) as error:
            raise _CarrierError from error


app = typer.Typer(
    cls=_Group,
    name="spigot",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would eat [data]
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        emit(f"spigot {version('torch-spigot')}")
        raise typer.Exit


@app.callback()
def spigot(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Train and run parsers that backpropagate through hard structured decisions."""


for command in (
    demo,
    data,
    convert,
    recipes,
    train,
    evaluate,
    parse,
    parse_corpus,
    draw,
    view,
    score,
    compare,
    info,
    package,
    push,
):
    app.command()(command)
app.command("compile")(compile_kernels)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done; 1: failed; 2: the user's input is wrong; 130: interrupted; 143: terminated. `--debug` counts anywhere.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [argument for argument in given if argument != "--debug"]
    try:
        code = app(args=given or ["--help"], prog_name="spigot", standalone_mode=False)
        flush()
    except _CarrierError as carrier:
        return _fail(carrier.__cause__ or carrier, debug)
    except (Exception, KeyboardInterrupt, Terminated) as error:
        return _fail(error, debug)
    if not given:
        return USER
    return code if isinstance(code, int) else 0


def _fail(error: BaseException, debug: bool) -> int:
    """Print an error in one line, with `debug` after its traceback, and return its exit code."""
    if isinstance(error, OSError) and error.filename in (None, STANDARD_OUTPUT):
        # What is still buffered for stdout, if that is what failed, would raise again at exit.
        abandon_output()
    if isinstance(error, BrokenPipeError):  # the reader of our output has closed it: end quietly
        return RUNTIME
    message, code = describe(error)
    if debug:
        traceback.print_exception(error)
    if message:
        print(f"spigot: {message}" if code >= INTERRUPTED else f"spigot: error: {message}", file=sys.stderr)
    return code


def _terminate(number: int, frame: object) -> None:
    raise Terminated


def run() -> None:
    """Entry point of the console script."""
    prepare_streams()
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(main())
