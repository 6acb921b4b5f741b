"""Finding the files of a source, and putting results in place only when they are complete and differ."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spigot.data.errors import DataError


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and in the folders within it, in the order of their names, hidden ones left out.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(folder, None, "expected a folder, got " + ("a file" if folder.exists() else "nothing"))
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))  # the walk goes on with these
        yield from (Path(parent, name) for name in sorted(files) if not name.startswith("."))


def find_file(folder: Path, *names: str) -> Path:
    """Return the one file in `folder`, or in a folder within it, that has one of these names.

    Raises:
        DataError: there is none, or there are several.
    """
    found = [path for path in walk(folder) if path.name in names]
    if len(found) != 1:
        got = ", ".join(map(str, found)) if found else "none"
        raise DataError(folder, None, f"expected one file {' or '.join(names)} in this folder, got {got}")
    return found[0]


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Give a path to write to, whose file then takes the place of `path`; if both are equal, `path` stays as it is.

    If the block raises, `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The extension stays, since it decides about compression.
    unfinished = path.with_name(f".{os.getpid()}.part.{path.name}")
    try:
        yield unfinished
        if not (path.is_file() and _same(unfinished, path)):
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _same(first: Path, second: Path, size: int = 1 << 20) -> bool:
    if first.stat().st_size != second.stat().st_size:
        return False
    with open(first, "rb") as one, open(second, "rb") as other:
        while piece := one.read(size):
            if piece != other.read(size):
                return False
    return True
