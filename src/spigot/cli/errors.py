"""Which errors are the user's, and the line that is printed for each."""

from __future__ import annotations

import sys

import typer

from spigot.errors import UserError

USER, RUNTIME, INTERRUPTED = 2, 1, 130
"""Exit codes."""

# typer uses click or carries a copy of it, depending on its version: this is the right one.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def describe(error: BaseException) -> tuple[str, int] | None:
    """Return the one line to print and the exit code, or None for a bug, which is shown with its traceback."""
    if isinstance(error, UsageError):
        return _usage(error), USER
    if isinstance(error, UserError):
        return str(error), USER
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, FileExistsError)):
        return _file(error), USER
    if _is_validation_error(error):
        return _validation(error), USER
    if isinstance(error, OSError):
        return _file(error), RUNTIME
    if isinstance(error, typer.Abort):
        return "aborted", RUNTIME
    return None


def _usage(error: BaseException) -> str:
    message = " ".join(error.format_message().split())  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    if not message or context is None:
        # Without a command, typer prints its help and then raises an error with an empty message.
        return message
    message = message.replace("Value error, ", "").removesuffix(".")
    return f"{message} (see '{context.command_path} --help')"


def _file(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    return f"{error.filename}: {reason}" if error.filename is not None else reason


def _is_validation_error(error: BaseException) -> bool:
    # Such an error exists only if pydantic is loaded already: do not load it for this test.
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(error, pydantic.ValidationError)


def _validation(error: BaseException) -> str:
    from spigot.validation import what_is_wrong

    problems = []
    for item in error.errors(include_url=False):  # type: ignore[attr-defined]
        key = ".".join(str(part) for part in item["loc"]) or error.title  # type: ignore[attr-defined]
        problems.append(f"{key}: {what_is_wrong(item)}")
    return "; ".join(problems)
