"""The error that readers raise for a malformed file."""

from __future__ import annotations

from os import PathLike

from spigot.errors import UserError


class WriteError(UserError):
    """A sentence that does not fit a file format; the message is one line that names the sentence."""


class DataError(UserError):
    """A malformed file; the message is one line: file, line, what was expected and what was found."""

    def __init__(self, path: str | PathLike[str], line: int | None, message: str) -> None:
        self.path, self.line, self.message = path, line, message
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")

    def with_note(self, note: str) -> DataError:
        """Return the same error with a note in brackets at its end."""
        return DataError(self.path, self.line, f"{self.message} ({note})")


def shown(value: str) -> str:
    """Return a value as an error message shows it: quoted, a long one cut short."""
    return repr(value if len(value) <= 60 else f"{value[:60]}...")
