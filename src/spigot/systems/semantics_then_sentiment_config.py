"""The table [system] of the paper's second system."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from spigot.models.config import BiLSTMClassifierConfig, ClassifierConfig, NamedSurrogate, ParserConfig
from spigot.systems.config import SystemConfig, none_if_false


class SemanticsThenSentimentConfig(SystemConfig):
    """A classifier and, unless `semantics` is None, a semantic parser that feeds it graphs through `surrogate`."""

    kind: Literal["semantics-then-sentiment"] = "semantics-then-sentiment"
    classifier: ClassifierConfig = BiLSTMClassifierConfig(name="bilstm")
    semantics: Annotated[ParserConfig | None, none_if_false] = ParserConfig()
    """False in TOML: no semantic parser (a baseline)."""
    prune_by_tags: bool = True
    """As in the first system; a parser that starts from another run keeps its own pairs of tags."""
    candidate_margin: Annotated[float | None, none_if_false] = Field(0.4, ge=0)
    """A part is a candidate if its score is at most this much below what it needs to be chosen.

    The score is that of the pruner, a copy of the parser made when joint training begins. A parser trained with a
    hinge loss has decided about parts further away than the cost of a wrong arc, 0.4; the original program prunes
    with a separate model. False in TOML: no pruning. The end task's gradient then reaches thousands of parts of a
    sentence and ruins the parser within an epoch.
    """

    @field_validator("surrogate")
    @classmethod
    def _without_marginals(cls, value: NamedSurrogate) -> NamedSurrogate:
        if value.named_class.needs_marginals:
            raise ValueError(f"name: expected a surrogate without marginals of semantic graphs, got {value.name!r}")
        return value

    @model_validator(mode="after")
    def _reads_graphs(self) -> SemanticsThenSentimentConfig:
        if self.classifier.name == "bag" and self.semantics is not None:
            raise ValueError("semantics: expected false beside a bag of words (which reads no graph), got a parser")
        return self

    @property
    def prunes(self) -> bool:
        """Whether the system has a pruner: only if a gradient reaches the parser."""
        return (
            self.semantics is not None
            and self.candidate_margin is not None
            and self.surrogate.named_class.passes_gradient
        )

    @property
    def task_kinds(self) -> dict[str, str]:
        """Sentiment and, with a parser, semantics."""
        return {name: name for name in ("sentiment", self.intermediate) if name is not None}

    @property
    def intermediate(self) -> str | None:
        """Semantics, with a parser."""
        return None if self.semantics is None else "semantics"
