"""A folder of text cut into parts that can be parsed apart, at the ends of sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from spigot.data.files import open_lines
from spigot.errors import UserError

Ends = Literal["line", "blank"]
"""Where a file may be cut: after any line, or after a blank one."""


@dataclass(frozen=True)
class Part:
    """Some bytes of a file, between two ends of sentences."""

    file: str
    """The path, relative to the folder."""
    number: int
    """Which part of the file it is, from 0."""
    begin: int
    end: int | None
    """Bytes; None: to the end. A gzip file is one part, whose bytes are those of its content."""
    line: int
    """Number of its first line, from 1."""

    @property
    def name(self) -> str:
        """The name of its output, without a suffix: FILE/00003."""
        return f"{self.file}/{self.number:05d}"

    def lines(self, folder: Path) -> Iterator[bytes]:
        """Yield the lines, with their ends."""
        path = folder / self.file
        if self.end is None:
            with open_lines(path) as lines:
                yield from (line if isinstance(line, bytes) else line.encode() for line in lines)
            return
        with open(path, "rb") as file:
            file.seek(self.begin)
            left = self.end - self.begin
            for line in file:
                yield line
                left -= len(line)
                if left <= 0:
                    return

    def to_dict(self) -> dict[str, Any]:
        """Return it in JSON types."""
        return asdict(self)


def files_in(folder: Path) -> list[str]:
    """Return the files of a folder and of those in it, relative to it, sorted; hidden ones are left out.

    Raises:
        UserError: there is no such folder, or no file in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a folder")
    found = [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise UserError(f"{folder}: expected files, got none")
    return sorted(found)


def cut(folder: Path, file: str, ends: Ends, size: int) -> Iterator[Part]:
    """Yield the parts of a file, of about `size` bytes or one longer sentence each; a gzip file is one part."""
    path = folder / file
    with open(path, "rb") as source:
        if source.read(2) == b"\x1f\x8b":
            yield Part(file, 0, 0, None, 1)
            return
        source.seek(0)
        total = os.fstat(source.fileno()).st_size
        number = begin = at = 0
        line = first = 1
        for text in source:
            at += len(text)
            line += 1
            if at - begin >= size and at < total and (ends == "line" or not text.strip()):
                yield Part(file, number, begin, at, first)
                number, begin, first = number + 1, at, line
        if at > begin or number == 0:
            yield Part(file, number, begin, at, first)
