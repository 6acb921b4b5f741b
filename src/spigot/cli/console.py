"""Output of the commands: data on stdout, everything else on stderr."""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import suppress
from typing import Any

from spigot.data.files import STANDARD_OUTPUT, named_if_full
from spigot.errors import UserError


def prepare_streams() -> None:
    """Make standard output UTF-8, whatever the locale says, and put nothing in place of what is closed.

    A closed stream leaves its number free, so the next file that is opened would get it, and what a library prints
    would go into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 (open until the end)
    for stream, encoding in ((sys.stdout, "utf-8"), (sys.stderr, None)):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def abandon_output() -> None:
    """Drop what is still buffered for stdout: to write it at exit would raise again."""
    with suppress(AttributeError, io.UnsupportedOperation):  # closed, or not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit(line: str) -> None:
    """Write one line of data to stdout. Raises UserError if it is closed."""
    if sys.stdout is None:
        raise UserError(f"{STANDARD_OUTPUT}: expected an open stream, got a closed one")
    with named_if_full(STANDARD_OUTPUT):
        sys.stdout.write(f"{line}\n")


def flush() -> None:
    """Write what is still buffered for stdout."""
    if sys.stdout is not None:
        with named_if_full(STANDARD_OUTPUT):
            sys.stdout.flush()


def emit_json(value: Any) -> None:
    """Write one JSON value to stdout, indented; NaN and infinity, which JSON lacks, are a ValueError."""
    emit(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
