"""A folder of text cut into parts that can be parsed apart, at the ends of sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from spigot.data.files import BOM, open_lines
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
    start: int = 0
    """Characters of the file before it, as `read_raw` counts them: without byte order marks."""

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

    Links are followed.

    Raises:
        UserError: there is no such folder, or no file in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: expected a folder")
    found = []
    for at, folders, names in os.walk(folder, followlinks=True):
        here = Path(at)
        # A link to a folder that it lies in would lead round for ever.
        real = here.resolve()
        folders[:] = [
            name
            for name in folders
            if not (
                name.startswith(".") or ((here / name).is_symlink() and real.is_relative_to((here / name).resolve()))
            )
        ]
        found += [
            str((here / name).relative_to(folder))
            for name in names
            if not name.startswith(".") and (here / name).is_file()
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
        number = begin = at = start = characters = 0
        line = first = 1
        for text in source:
            at += len(text)
            # A part that is not UTF-8 is an error when it is parsed; the others go on.
            characters += len(text.decode("utf-8", "replace").removeprefix(BOM))
            line += 1
            if at - begin >= size and at < total and (ends == "line" or not text.strip()):
                yield Part(file, number, begin, at, first, start)
                number, begin, first, start = number + 1, at, line, characters
        if at > begin or number == 0:
            yield Part(file, number, begin, at, first, start)
