"""The longest sentence that is parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn

from spigot.errors import UserError

from .errors import shown

if TYPE_CHECKING:
    from .sentence import Sentence

MAX_LENGTH = 1000
"""Tokens of the longest sentence that is parsed by default.

Scores of labelled arcs take 4 bytes times the square of the length times the number of labels, several times over: for
1,000 tokens and 50 labels about 1 GB.
"""


def short_enough(
    sentences: Iterable[Sentence], longest: int, left_out: Callable[[Sentence], object]
) -> Iterator[Sentence]:
    """Yield the sentences of at most `longest` tokens; `left_out` gets each of the others."""
    for sentence in sentences:
        if len(sentence) <= longest:
            yield sentence
        else:
            left_out(sentence)


def check_lengths(sentences: Iterable[Sentence], longest: int) -> list[Sentence]:
    """Return the sentences. Raises UserError if one has more than `longest` tokens; the message names it."""

    def refuse(sentence: Sentence) -> NoReturn:
        limit = f"expected at most {longest} tokens (max_length), got {len(sentence)}"
        raise UserError(f"sentence {sentence.id}: {limit}: {shown(' '.join(sentence.forms[:60]))}")

    return list(short_enough(sentences, longest, refuse))
