"""The line that is printed for each error, and the exit code."""

from __future__ import annotations

import errno
import sys
import traceback
from pathlib import Path

import typer

from spigot.errors import UserError

USER, RUNTIME, INTERRUPTED, TERMINATED = 2, 1, 130, 143
"""Exit codes."""
LONGEST = 284
"""Characters of a message; the middle of a longer one is left out."""

# typer uses click or carries a copy of it, depending on its version: this is the right one.
UsageError: type[Exception] = typer.BadParameter.__mro__[1]


class Terminated(BaseException):
    """SIGTERM has arrived."""


def describe(error: BaseException) -> tuple[str, int]:
    """Return the one line to print, of at most `LONGEST` characters, and the exit code."""
    message, code = _describe(error)
    return _one_line(message), code


def _one_line(message: str) -> str:
    """Return a message without line ends and other control characters; the middle of a long one is left out."""
    text = " ".join(message.split())
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 145]} ... {text[-140:]}"


def _describe(error: BaseException) -> tuple[str, int]:
    if isinstance(error, UsageError):
        return _usage(error), USER
    if isinstance(error, UserError):
        return str(error), USER
    if isinstance(error, KeyboardInterrupt):
        return "interrupted", INTERRUPTED
    if isinstance(error, Terminated):
        return "terminated", TERMINATED
    if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError, FileExistsError)):
        return _file(error), USER
    if _is_validation_error(error):
        return _validation(error), USER
    if isinstance(error, OSError):
        # A stream that cannot be written or read is an argument of the shell's.
        return _file(error), USER if error.errno == errno.EBADF else RUNTIME
    if isinstance(error, typer.Abort):
        return "aborted", RUNTIME
    if isinstance(error, MemoryError):
        return f"out of memory{_where(error)}", RUNTIME
    return f"unexpected {type(error).__name__}: {error}{_where(error)}", RUNTIME


def _where(error: BaseException) -> str:
    """Say where an error was raised, and how to see more."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [index for index, frame in enumerate(frames) if _is_ours(frame.filename)]
    # Where spigot has called a class of the user's, that is the place; else the last one.
    theirs = [frame for frame in frames[own[0] :] if _is_users(frame.filename)] if own else []
    place = f"{frames[-1].name}, line {frames[-1].lineno}; " if frames else ""
    if theirs:
        place = f"{theirs[-1].name}, line {theirs[-1].lineno} of {theirs[-1].filename}; "
    return f" ({place}use --debug to see the traceback)"


def _is_ours(path: str) -> bool:
    return Path(path).is_relative_to(Path(__file__).parents[1])


def _is_users(path: str) -> bool:
    """Return whether a file belongs to neither spigot nor what is installed, and is no code made in memory."""
    import sysconfig  # for errors alone, not at each start

    kinds = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    installed = {Path(sysconfig.get_path(kind)) for kind in kinds}
    return not (_is_ours(path) or path.startswith("<") or any(Path(path).is_relative_to(place) for place in installed))


def _usage(error: BaseException) -> str:
    if error.__cause__ is not None and _is_validation_error(error.__cause__):
        from spigot.validation import what_is_wrong

        error.message = what_is_wrong(error.__cause__.errors()[0])  # type: ignore[attr-defined]
    message = " ".join(error.format_message().split())  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    if not message or context is None:
        return message
    message = message.replace("Value error, ", "").removesuffix(".")
    return f"{message} (see '{context.command_path} --help')"


def _file(error: OSError) -> str:
    reason = (error.strerror or str(error)).lower()
    if error.filename is not None:
        return f"{error.filename}: {reason}"
    return f"a standard stream: {reason}" if error.errno == errno.EBADF else reason


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
