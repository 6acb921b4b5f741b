"""Parse any number of sentences in little memory, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.models.system import SyntaxThenSemantics


def parse_stream(
    model: SyntaxThenSemantics, sentences: Iterable[Sentence], budget: int = 2048, window: int = 512
) -> Iterator[Sentence]:
    """Yield each sentence parsed, in the order of `sentences`, holding at most `window` of them.

    Within a window, sentences of about equal length share a batch of `budget` tokens (see `make_batches`).
    """
    remaining = iter(sentences)
    while held := list(islice(remaining, window)):
        parsed: dict[int, Sentence] = {}
        for batch in make_batches([len(sentence) for sentence in held], budget):
            parsed.update(zip(batch, model.parse([held[k] for k in batch]), strict=True))
        yield from (parsed[k] for k in range(len(held)))
