"""A parser as a component of a spaCy pipeline: `nlp.add_pipe("spigot", config={"model": "en"})`.

`spigot.spacy_factory` makes it known to spaCy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from spigot.data.lengths import MAX_LENGTH, check_lengths
from spigot.data.spacy_docs import Piece, annotate, pieces, register_extensions
from spigot.systems.parser import Parser
from spigot.systems.streaming import PARSING_BUDGET, parse_all


class SpigotComponent:
    """Sets what a system predicts on documents: heads and deps, tags, sentences, graphs, classes and sentiments.

    Sentences are those of the document: put a `sentencizer` or another component before it that finds them, else they
    are found by rules (`spigot.data.spacy_docs.sentence_starts`). See `spigot.data.spacy_docs.annotate` for what is
    set. A sentence of more than `max_length` tokens is an error.
    """

    def __init__(self, parser: Parser, max_length: int = MAX_LENGTH) -> None:
        self.parser = parser
        self.max_length = max_length
        register_extensions()

    def __call__(self, doc: Any) -> Any:
        """Return the document with what the system predicts."""
        return next(self.pipe([doc]))

    def pipe(self, docs: Iterable[Any], batch_size: int = 128) -> Iterator[Any]:
        """Yield documents with what the system predicts; the sentences of `batch_size` of them are parsed together."""
        remaining = iter(docs)
        while held := list(islice(remaining, batch_size)):
            found = [list(pieces(doc)) for doc in held]
            sentences = check_lengths((piece.sentence for each in found for piece in each), self.max_length)
            parsed = iter(parse_all(self.parser.parse_batch, sentences, PARSING_BUDGET))
            for doc, each in zip(held, found, strict=True):
                annotate(doc, [Piece(next(parsed), piece.places) for piece in each], self.parser.tree)
                yield doc

    def to_disk(self, path: Any, **options: Any) -> None:
        """Write nothing: the model is named in the pipeline's configuration."""

    def from_disk(self, path: Any, **options: Any) -> SpigotComponent:
        """Return the component as its configuration made it."""
        return self

    def to_bytes(self, **options: Any) -> bytes:
        """Return nothing: see `to_disk`."""
        return b""

    def from_bytes(self, content: bytes, **options: Any) -> SpigotComponent:
        """Return the component as its configuration made it."""
        return self
