"""The error that readers raise for a malformed file."""

from __future__ import annotations

from os import PathLike

from spigot.errors import UserError


class DataError(UserError):
    """A malformed file; the message is one line: file, line, what was expected and what was found."""

    def __init__(self, path: str | PathLike[str], line: int | None, message: str) -> None:
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")
