"""What a reader raises when a file is not what it should be."""

from __future__ import annotations

from os import PathLike

from spigot.errors import UserError


class DataError(UserError):
    """A bad input file; the message is one line that names the file, the line, what was expected and found."""

    def __init__(self, path: str | PathLike[str], line: int | None, message: str) -> None:
        where = f"{path}:{line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {message}")
