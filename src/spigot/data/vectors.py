"""Word vectors in the text format of GloVe, which is that of word2vec without its first line."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Container, Iterator, Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from .blocks import is_number
from .errors import DataError, shown
from .files import BOM, Readable, display_name, numbered_lines

NOT_FINITE = "expected finite numbers, got inf or nan"


def read_vectors(source: Readable, wanted: Container[str] | None = None) -> tuple[list[str], NDArray[np.float32]]:
    """Return words and their vectors, in the order of the file; of a word's several lines the first counts.

    See `VectorLines` for the format.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        wanted: the words to keep; None: all. The numbers of other words are not looked at.

    Returns:
        The words, and their vectors as an array `[word, dimension]` (`[0, 0]` for an empty file).

    Raises:
        DataError: a line with another number of dimensions than the first, or with something that is no
            finite number.
    """
    name = display_name(source)
    words: dict[str, int] = {}  # and the numbers of their lines
    values = array("f")
    lines = VectorLines(source)
    for number, word, numbers in lines:
        if word in words or (wanted is not None and word not in wanted):
            continue
        try:
            values.extend(map(float, numbers))
        except ValueError:
            raise DataError(name, number, _not_a_number(numbers)) from None
        words[word] = number
    vectors = np.asarray(values, dtype=np.float32).reshape(len(words), lines.dimension or 0)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        line_numbers = list(words.values())
        raise DataError(name, line_numbers[int(finite.argmin())], NOT_FINITE)
    return list(words), vectors


class VectorLines:
    """The lines of a file, as (line number, word, its numbers as text).

    Each line holds a word and its numbers, separated by single blanks or tabs. A first line of two whole numbers (how
    many words, how many dimensions, as word2vec writes it) is recognised and left out. A word may contain blanks,
    as a few do in published files, unless its later pieces look like numbers.

    Args:
        source: path ("-" is standard input, ".gz" is unpacked) or open file.
        broken: what to do with the error of a line that is then left out; None: raise it.
    """

    def __init__(self, source: Readable, broken: Callable[[DataError], None] | None = None) -> None:
        self.source = source
        self.broken = broken
        self.dimension: int | None = None
        """The number of dimensions, once a line has said it."""

    def __iter__(self) -> Iterator[tuple[int, str, list[str]]]:
        """Yield the lines.

        Raises:
            DataError: a line with another number of dimensions than the first.
        """
        name = display_name(self.source)
        for number, line in numbered_lines(self.source):
            text = line.removeprefix(BOM) if number == 1 else line
            pieces = text.replace("\t", " ").rstrip(" \r\n").split(" ")
            if number == 1 and len(pieces) == 2 and all(piece.isdecimal() for piece in pieces):
                if not all(map(is_number, pieces)):
                    raise DataError(name, number, f"expected a word, or how many words and numbers, got {shown(text)}")
                self.dimension = int(pieces[1])
                continue
            message = ""
            if self.dimension is None and len(pieces) > 1:
                self.dimension = len(pieces) - 1
            if self.dimension is None:
                message = f"expected a word and numbers, got {line.rstrip()[:40]!r}"
            elif len(pieces) != self.dimension + 1:
                surplus = pieces[1 : -self.dimension]
                if len(pieces) <= self.dimension or any(map(_is_number, surplus)):
                    message = f"expected {self.dimension} numbers, got {len(pieces) - 1}"
                pieces[: len(surplus) + 1] = [" ".join(pieces[: len(surplus) + 1])]
            if not message:
                yield number, pieces[0], pieces[1:]
            elif self.broken is not None:
                self.broken(DataError(name, number, message))
            else:
                raise DataError(name, number, message)


def check_numbers(numbers: Sequence[str]) -> str:
    """Return what is wrong with the numbers of a line, "" if they are finite."""
    try:
        return "" if all(map(isfinite, map(float, numbers))) else NOT_FINITE
    except ValueError:
        return _not_a_number(numbers)


def _not_a_number(numbers: Sequence[str]) -> str:
    wrong = next(piece for piece in numbers if not _is_number(piece))
    return f"expected a number, got {shown(wrong)}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
