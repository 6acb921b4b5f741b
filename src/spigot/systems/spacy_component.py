"""A parser as a component of a spaCy pipeline: `nlp.add_pipe("spigot", config={"model": "en"})`.

`spigot.spacy_factory` makes it known to spaCy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NoReturn

from spigot.data.lengths import MAX_LENGTH, check_lengths
from spigot.data.spacy_docs import Piece, annotate, pieces, register_extensions
from spigot.errors import UserError
from spigot.systems.parser import Parser
from spigot.systems.streaming import PARSING_BUDGET, parse_all
from spigot.tasks.tags import Tags

ErrorHandler = Callable[[str, Any, Sequence[Any], Exception], object]
"""What spaCy calls with a component's name, the component, the documents that it fails on, and the error."""


def _raise(name: str, component: Any, docs: Sequence[Any], error: Exception) -> NoReturn:
    raise error


class SpigotComponent:
    """Sets what a system predicts on documents: heads and deps, tags, sentences, graphs, classes and sentiments.

    Sentences are those of the document: put a `sentencizer` or another component before it that finds them, else they
    are found by rules (`spigot.data.boundaries.sentence_starts`). See `spigot.data.spacy_docs.annotate` for what is
    set. A sentence of more than `max_length` tokens is an error, which goes to spaCy's error handler.
    """

    def __init__(self, parser: Parser, max_length: int = MAX_LENGTH, name: str = "spigot") -> None:
        if max_length < 1:
            raise UserError(f"max_length: expected a whole number of at least 1, got {max_length}")
        self.parser = parser
        self.max_length = max_length
        self.name = name
        self._error_handler: ErrorHandler = _raise
        register_extensions()

    def set_error_handler(self, error_handler: ErrorHandler) -> None:
        """Set what gets the documents that cannot be parsed, as `nlp.set_error_handler` does for all components."""
        self._error_handler = error_handler

    def get_error_handler(self) -> ErrorHandler:
        """Return what gets the documents that cannot be parsed; by default it raises the error."""
        return self._error_handler

    def __call__(self, doc: Any) -> Any:
        """Return the document with what the system predicts."""
        (parsed,) = self._parsed([(doc, self._pieces(doc))])
        return parsed

    def pipe(self, docs: Iterable[Any], batch_size: int = 128) -> Iterator[Any]:
        """Yield documents with what the system predicts; the sentences of `batch_size` of them are parsed together.

        An error goes to the error handler. Unless that raises it, the documents that it names are left out: one with a
        sentence that is too long, or a batch that lacks what the system needs.
        """
        remaining = iter(docs)
        while held := list(islice(remaining, batch_size)):
            good: list[tuple[Any, list[Piece]]] = []
            for doc in held:
                try:
                    good.append((doc, self._pieces(doc)))
                except Exception as error:  # what to do about it is the handler's choice
                    self._error_handler(self.name, self, [doc], error)
            try:
                parsed = self._parsed(good)
            except Exception as error:
                self._error_handler(self.name, self, [doc for doc, _ in good], error)
            else:
                yield from parsed

    def _pieces(self, doc: Any) -> list[Piece]:
        """Return the sentences of a document. Raises UserError if one is too long."""
        found = list(pieces(doc))
        check_lengths((piece.sentence for piece in found), self.max_length)
        return found

    def _parsed(self, found: Sequence[tuple[Any, list[Piece]]]) -> list[Any]:
        """Return documents, given with their sentences, with what the system predicts."""
        sentences = [piece.sentence for _, each in found for piece in each]
        graphs = [name for name, task in self.parser.system.tasks.items() if task.outputs == "graphs"]
        parsed = iter(parse_all(self.parser.parse_batch, sentences, PARSING_BUDGET))
        for doc, each in found:
            annotate(doc, [Piece(next(parsed), piece.places) for piece in each], self.parser.tree, graphs)
        return [doc for doc, _ in found]

    def score(self, examples: Iterable[Any], **settings: Any) -> dict[str, Any]:
        """Return spaCy's scores of tags and, with a tree, of heads and sentences, as `nlp.evaluate` asks for them.

        They are those of spaCy's parser: without punctuation, labels in lower case. Universal tags are scored if the
        system predicts them.
        """
        from spacy.pipeline.dep_parser import parser_score
        from spacy.scorer import Scorer

        examples = list(examples)
        scores: dict[str, Any] = Scorer.score_token_attr(examples, "tag", **settings)
        if any(isinstance(task, Tags) and task.column == "upos" for task in self.parser.system.tasks.values()):
            scores |= Scorer.score_token_attr(examples, "pos", **settings)
        return scores if self.parser.tree is None else scores | parser_score(examples, **settings)

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
