"""The command `spigot`: one file per command, registered here; errors and exit codes in one place.

A command's file imports at its top only what loads fast. It imports torch and models inside its function,
so that `spigot --help` and `spigot score` start at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from spigot.cli.convert import convert
from spigot.cli.data import data
from spigot.cli.demo import demo
from spigot.cli.errors import INTERRUPTED, RUNTIME, describe
from spigot.cli.evaluate import evaluate
from spigot.cli.parse import parse
from spigot.cli.score import score
from spigot.cli.train import train


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
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spigot {version('torch-spigot')}")
        raise typer.Exit


@app.callback()
def spigot(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train and run parsers that backpropagate through hard structured decisions."""


for command in (demo, data, convert, train, evaluate, parse, score):
    app.command()(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    0: done; 1: failed; 2: the user's input is wrong; 130: interrupted.
    """
    try:
        code = app(args=arguments, prog_name="spigot", standalone_mode=False)
        sys.stdout.flush()
    except _CarrierError as carrier:
        return _fail(carrier.__cause__ or carrier)
    except (Exception, KeyboardInterrupt) as error:
        return _fail(error)
    return code if isinstance(code, int) else 0


def _fail(error: BaseException) -> int:
    """Print an error in one line and return its exit code; a bug is raised again, for its traceback."""
    if isinstance(error, BrokenPipeError):
        # The reader of our output has closed it: end quietly. What is still buffered would raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return RUNTIME
    described = describe(error)
    if described is None:
        raise error
    message, code = described
    if message:
        print(f"spigot: {message}" if code == INTERRUPTED else f"spigot: error: {message}", file=sys.stderr)
    return code


def run() -> None:
    """Entry point of the console script."""
    sys.exit(main())
