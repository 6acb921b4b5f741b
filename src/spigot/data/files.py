"""Reading and writing text: plain or gzip, "-" for standard input and output, UTF-8, line ends as is.

All text that users give goes through here: data, recipes, lists of ids.
"""

from __future__ import annotations

import codecs
import errno
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, TextIO, TypeAlias, cast

from spigot.errors import UserError

from .errors import DataError

BOM = "\ufeff"
DAMAGED_GZIP = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a damaged gzip file raises."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What writing raises where no more may be written."""

STANDARD_OUTPUT = "standard output"
"""What errors call it."""
UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, and halves of surrogate pairs, which are no characters: such text is not read or written anywhere."""
_OPEN_FILES = ("/dev/fd", "/dev/stdout", "/dev/stderr", "/proc")

Readable: TypeAlias = str | PathLike[str] | Iterable[str | bytes]
"""A path ("-" is standard input, "~" the home folder, gzip is unpacked), or an open file or other iterable of lines."""

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
    """Open a source as an iterable of undecoded lines; standard input and what was open already stay open.

    Raises:
        UserError: text was given instead of a path or lines, or standard input is closed.
    """
    if isinstance(source, bytes):
        raise UserError("source: expected a path or lines, got bytes (pass source.splitlines())")
    if not isinstance(source, str | PathLike):
        yield source
    elif os.fspath(source) == "-":
        if sys.stdin is None:
            raise UserError("standard input: expected an open stream, got a closed one")
        yield _unpacked(getattr(sys.stdin, "buffer", sys.stdin), packed=False)
    else:
        with open(_path(source), "rb") as file:
            yield _unpacked(file, packed=os.fspath(source).endswith(".gz"))


def _path(source: str | PathLike[str]) -> str:
    """Return a path with "~" expanded. Raises UserError if it is the text of a file."""
    path = os.path.expanduser(os.fspath(source))
    if "\n" in path or "\0" in path:
        raise UserError(f"source: expected a path or lines, got text: {path[:40]!r} (pass source.splitlines())")
    return path


def _unpacked(file: Any, packed: bool) -> Iterable[str | bytes]:
    """Return the lines of a file, unpacked if it is `packed` or begins as gzip files do."""
    if not packed:
        packed = hasattr(file, "peek") and file.peek(2)[:2] == b"\x1f\x8b"
    # The second buffer makes reading by lines several times faster.
    return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=file))) if packed else file


def numbered_lines(source: Readable) -> Iterator[tuple[int, str]]:
    r"""Yield (line number from 1, line with its own line end); only "\n" ends a line.

    A byte order mark is left in at the start of the file, and left out at the start of other lines, where it comes
    from joining files. Lines of an iterable without "\n" get one, except for the last.

    Raises:
        DataError: the text is not UTF-8, or the gzip file is damaged or cut short.
    """
    name = display_name(source)
    number = 0
    unfinished: str | None = None
    try:
        with open_lines(source) as lines:
            for number, line in enumerate(lines, 1):
                text = line if isinstance(line, str) else line.decode("utf-8")
                if "\0" in text:
                    raise DataError(name, number, "expected UTF-8 text, got a NUL character, as in UTF-16")
                if unfinished is not None:
                    yield number - 1, unfinished + "\n"
                    unfinished = None
                if number > 1:
                    text = text.removeprefix(BOM)
                if text.endswith("\n"):
                    yield number, text
                else:
                    unfinished = text
        if unfinished:
            yield number, unfinished
    except UnicodeDecodeError as error:
        raise DataError(name, number, f"expected UTF-8 text, got {_encoding_of(error)}") from error
    except DAMAGED_GZIP as error:
        raise DataError(name, number + 1, f"expected an intact gzip file, got: {error}") from error


def read_text(source: Readable) -> str:
    """Return the whole text of a source without its byte order mark. Raises DataError, see `numbered_lines`."""
    return "".join(line for _, line in numbered_lines(source)).removeprefix(BOM)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError: it is none, or escapes in it stand for what is no UTF-8 text.

    Half of a surrogate pair, which programs leave that cut texts at 16 bits, could not be written anywhere.
    """
    value = json.loads(text)
    items = [value] if "\\u" in text else []
    for item in items:  # grows while it is read
        if isinstance(item, dict):
            items += [*item, *item.values()]
        elif isinstance(item, list):
            items += item
        elif isinstance(item, str) and (found := UNWRITABLE.search(item)):
            raise ValueError(f"expected UTF-8 text, got the character U+{ord(found[0]):04X}")
    return value


def _encoding_of(error: UnicodeDecodeError) -> str:
    """Say what text that is not UTF-8 may be."""
    if error.object.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in error.object:
        return "UTF-16 or UTF-32"
    found = error.object[error.start : error.end]
    return f"{found!r} (convert it, for example with iconv -f LATIN1 -t UTF-8)"


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
        with named_if_full(target), _replacing(Path(_path(target))) as raw:
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


def write_text(path: Path, text: str) -> None:
    """Write a file as `open_output` does: whole, or not at all."""
    with open_output(path) as file:
        file.write(text)


@contextmanager
def named_if_full(target: str | PathLike[str]) -> Iterator[None]:
    """Put what is written to into an error that says that no more can be written: such errors do not name it."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno in FULL:
            error.filename = os.fspath(target)
        raise


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """Open standard output as UTF-8 without translated line ends, whatever the locale says."""
    if sys.stdout is None:
        raise UserError(f"{STANDARD_OUTPUT}: expected an open stream, got a closed one")
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        yield sys.stdout
        return
    with named_if_full(STANDARD_OUTPUT):
        sys.stdout.flush()
        yield cast(TextIO, codecs.getwriter("utf-8")(buffer))
        buffer.flush()


def in_the_way(folder: Path, besides: Collection[str] = ()) -> str | None:
    """Return what keeps a folder from being a new or an empty one: "a file" or "files in it", else None.

    `besides`: the names of files that may be in it.
    """
    if not folder.is_dir():
        return "a file" if folder.exists() else None
    return "files in it" if {path.name for path in folder.iterdir()} - set(besides) else None


def fingerprint(path: Path) -> str:
    """Return a checksum of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_stream(path: Path) -> bool:
    """Return whether a path is no file to replace: a device, a named pipe, or an open file by its number."""
    return path.exists() and (not path.is_file() or any(map(path.absolute().is_relative_to, _OPEN_FILES)))


def _new_file(unfinished: Path, path: Path) -> IO[Any]:
    """Open a new file that is to take the place of `path`, which errors name."""
    try:
        return open(unfinished, "wb")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


@contextmanager
def _replacing(path: Path) -> Iterator[IO[Any]]:
    """Open a new binary file that replaces `path` if the block succeeds and is deleted if not."""
    if _is_stream(path):
        with open(path, "ab") as file:
            yield file
        return
    path = path.resolve()
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with _new_file(unfinished, path) as file:
            yield file
        if path.exists():
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
