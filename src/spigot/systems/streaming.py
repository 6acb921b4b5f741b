"""Parse any number of sentences in little memory, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence

PARSING_BUDGET = 2048
"""Tokens in a batch when no gradient is kept."""
PARSING_WINDOW = 512
"""Sentences read ahead, so that those of about equal length can share a batch."""

Parse = Callable[[Sequence[Sentence]], list[Sentence]]
"""Parses one batch: `System.parse`."""


def parse_stream(
    parse: Parse, sentences: Iterable[Sentence], budget: int = PARSING_BUDGET, window: int = PARSING_WINDOW
) -> Iterator[Sentence]:
    """Yield each sentence parsed, in the order of `sentences`, holding at most `window` of them."""
    remaining = iter(sentences)
    while held := list(islice(remaining, window)):
        yield from parse_all(parse, held, budget)


def parse_all(parse: Parse, sentences: Sequence[Sentence], budget: int = PARSING_BUDGET) -> list[Sentence]:
    """Return the sentences parsed, in their order.

    Those of about equal length share a batch of `budget` tokens (see `make_batches`), which `parse` gets.
    """
    parsed: dict[int, Sentence] = {}
    for batch in make_batches([len(sentence) for sentence in sentences], budget):
        parsed.update(zip(batch, parse([sentences[k] for k in batch]), strict=True))
    return [parsed[k] for k in range(len(sentences))]
