"""A syntactic parser by itself, with whatever encoder and scorers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from torch import Tensor, nn

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Labels, Tokens, Vocabulary
from spigot.models.config import SyntaxConfig
from spigot.models.syntactic_parser import SyntacticParser
from spigot.systems.base import System, Vectors, to_dicts
from spigot.systems.batch import Batch
from spigot.systems.config import SystemConfig
from spigot.systems.syntax_words import SyntaxWords, syntax_words
from spigot.tasks.base import Task


class SyntaxAloneConfig(SystemConfig):
    """A syntactic parser."""

    kind: Literal["syntax-alone"] = "syntax-alone"
    syntax: SyntaxConfig = SyntaxConfig()

    task_kinds: ClassVar[dict[str, str]] = {"syntax": "syntax"}
    intermediate: ClassVar[None] = None


class SyntaxAlone(System):
    """Sentence -> arc scores -> tree, and the labels of its arcs.

    Its parser can be the start of that in a `SyntaxThenSemantics` ([intermediate] init).
    """

    kind = "syntax-alone"
    config_class = SyntaxAloneConfig
    config: SyntaxAloneConfig

    def __init__(
        self,
        config: SyntaxAloneConfig,
        known: SyntaxWords,
        vectors: Mapping[str, Vectors] | None = None,
        tasks: Mapping[str, Task] | None = None,
    ) -> None:
        super().__init__(config, tasks)
        self.syntax = SyntacticParser(config.syntax, known.words, known.labels, (vectors or {}).get("syntax"))

    @classmethod
    def from_sentences(
        cls,
        config: SyntaxAloneConfig,
        tasks: Mapping[str, Task],
        train: Mapping[str, Sequence[Sentence]],
        vectors: Mapping[str, Vectors],
        start: nn.Module | None = None,
    ) -> Self:
        """Make an untrained system: see `System.from_sentences`."""
        known = syntax_words(config.syntax, tasks["syntax"], train["syntax"], vectors.get("syntax"))
        return cls(config, known, vectors, tasks)

    def output(self, batch: Batch, tokens: Tokens, dropped: Tensor, weight: float) -> Any:
        """Return the output of the parser."""
        return self.syntax(tokens, dropped)

    def predict(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with trees."""
        tokens = self.syntax.vocabulary.encode(sentences)[0].to(self.device)
        return self.tasks["syntax"].annotate(sentences, self.syntax.trees(self.syntax(tokens), tokens.lengths))

    def to_vocabulary(self) -> dict[str, Any]:
        """Return the JSON description of the parser's words and labels."""
        return to_dicts(SyntaxWords(self.syntax.vocabulary, self.syntax.labels)._asdict())

    @classmethod
    def from_vocabulary(cls, config: SyntaxAloneConfig, tasks: Mapping[str, Task], vocabulary: dict[str, Any]) -> Self:
        """Make the system, with random weights, from the result of `to_vocabulary`."""
        labels = vocabulary["labels"]
        words = Vocabulary.from_dict(vocabulary["words"])
        return cls(config, SyntaxWords(words, None if labels is None else Labels.from_dict(labels)), tasks=tasks)
