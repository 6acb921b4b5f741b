"""Opening data files: plain or gzip (by name), "-" for standard input and output, UTF-8, line ends as is."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, TextIO, TypeAlias, cast

from .errors import DataError

BOM = "\ufeff"

Readable: TypeAlias = str | PathLike[str] | Iterable[str | bytes]
"""A path ("-" is standard input, ".gz" is unpacked), or an open file or other iterable of lines."""

Writable: TypeAlias = str | PathLike[str] | TextIO
"""A path ("-" is standard output, ".gz" is packed), or an open text file."""


def display_name(source: Readable) -> str:
    """Return what error messages call a source: its path, "<stdin>", or the name of the open file."""
    if isinstance(source, str | PathLike):
        path = os.fspath(source)
        return "<stdin>" if path == "-" else path
    return str(getattr(source, "name", "<stream>"))


@contextmanager
def open_lines(source: Readable) -> Iterator[Iterable[str | bytes]]:
    """Open a source as an iterable of undecoded lines; standard input and what was open already stay open."""
    if not isinstance(source, str | PathLike):
        yield source
    elif os.fspath(source) == "-":
        yield getattr(sys.stdin, "buffer", sys.stdin)
    elif os.fspath(source).endswith(".gz"):
        # The second buffer makes reading by lines several times faster.
        with gzip.open(source, "rb") as packed, io.BufferedReader(cast(io.RawIOBase, packed)) as file:
            yield file
    else:
        with open(source, "rb") as file:
            yield file


def numbered_lines(source: Readable) -> Iterator[tuple[int, str]]:
    r"""Yield (line number from 1, line with its own line end); only "\n" ends a line, a BOM is left in.

    Raises:
        DataError: the text is not UTF-8, or the gzip file is damaged or cut short.
    """
    name = display_name(source)
    number = 0
    try:
        with open_lines(source) as lines:
            for number, line in enumerate(lines, 1):
                yield number, line if isinstance(line, str) else line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = error.object[error.start : error.end]
        raise DataError(name, number, f"expected UTF-8 text, got {found!r}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(name, number + 1, f"expected an intact gzip file, got: {error}") from error


@contextmanager
def open_output(target: Writable) -> Iterator[TextIO]:
    """Open a target for writing UTF-8 text as it is; a file by path appears, complete, when the block ends.

    If the block raises, a file that stood at the path before is as it was.
    """
    if not isinstance(target, str | PathLike):
        yield target
    elif os.fspath(target) == "-":
        with _standard_output() as file:
            yield file
    else:
        with _replacing(Path(target)) as raw:
            if os.fspath(target).endswith(".gz"):
                # No name and time in the header: the same text gives the same bytes.
                with (
                    gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed,
                    io.TextIOWrapper(packed, encoding="utf-8", newline="") as file,
                ):
                    yield file
            else:
                with io.TextIOWrapper(raw, encoding="utf-8", newline="") as file:
                    yield file


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """Open standard output as UTF-8 without translated line ends, whatever the locale says."""
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        yield sys.stdout
        return
    sys.stdout.flush()
    yield cast(TextIO, codecs.getwriter("utf-8")(buffer))
    buffer.flush()


@contextmanager
def _replacing(path: Path) -> Iterator[IO[Any]]:
    """Open a new binary file that replaces `path` if the block succeeds and is deleted if not."""
    path = path.resolve()
    if path.exists() and not path.is_file():  # a device or a named pipe: nothing to replace
        with open(path, "wb") as file:
            yield file
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(unfinished, "wb") as file:
            yield file
        if path.exists():
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
