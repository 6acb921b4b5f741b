"""Word vectors in the text format of GloVe, which is that of word2vec without its first line."""

from __future__ import annotations

from array import array
from collections.abc import Container

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .files import BOM, Readable, display_name, numbered_lines


def read_vectors(source: Readable, wanted: Container[str] | None = None) -> tuple[list[str], NDArray[np.float32]]:
    """Return words and their vectors, in the order of the file.

    Each line holds a word and its numbers, separated by single blanks. A first line of two whole numbers (how
    many words, how many dimensions, as word2vec writes it) is recognised and left out. Of a word's several
    lines the first counts. A word may contain blanks, as a few do in published files, unless its later pieces
    look like numbers.

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
    dimension: int | None = None
    for number, line in numbered_lines(source):
        pieces = (line.removeprefix(BOM) if number == 1 else line).rstrip(" \r\n").split(" ")
        if number == 1 and len(pieces) == 2 and all(piece.isdecimal() for piece in pieces):
            dimension = int(pieces[1])
            continue
        if dimension is None:
            dimension = len(pieces) - 1
            if dimension == 0:
                raise DataError(name, number, f"expected a word and numbers, got {line.rstrip()[:40]!r}")
        if len(pieces) != dimension + 1:
            surplus = pieces[1:-dimension]
            if len(pieces) <= dimension or any(map(_is_number, surplus)):
                raise DataError(name, number, f"expected {dimension} numbers, got {len(pieces) - 1}")
            pieces[: len(surplus) + 1] = [" ".join(pieces[: len(surplus) + 1])]
        word = pieces[0]
        if word in words or (wanted is not None and word not in wanted):
            continue
        try:
            values.extend(map(float, pieces[1:]))
        except ValueError:
            wrong = next(piece for piece in pieces[1:] if not _is_number(piece))
            raise DataError(name, number, f"expected a number, got {wrong!r}") from None
        words[word] = number
    vectors = np.asarray(values, dtype=np.float32).reshape(len(words), dimension or 0)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        line_numbers = list(words.values())
        raise DataError(name, line_numbers[int(finite.argmin())], "expected finite numbers, got inf or nan")
    return list(words), vectors


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
