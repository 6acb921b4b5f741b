"""What a recipe says of the paper's second system."""

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
    """As in the first system; a parser that comes from another run keeps what it has."""
    candidate_margin: Annotated[float | None, none_if_false] = Field(0.4, ge=0)
    """How far from being chosen a part may be, when joint training begins, to remain a candidate.

    The parser of that moment is kept as a pruner. One trained with a hinge loss has settled what is further away
    than the cost of a wrong arc, 0.4; the original program prunes with a model of its own. False in TOML: no
    pruning. Then a sentence has thousands of parts, all of which the end task pushes at, and the parser is lost
    within an epoch.
    """

    @field_validator("surrogate")
    @classmethod
    def _without_marginals(cls, value: NamedSurrogate) -> NamedSurrogate:
        if value.named_class.needs_marginals:
            raise ValueError(f"name: expected one that needs no marginals of semantic graphs, got {value.name!r}")
        return value

    @model_validator(mode="after")
    def _reads_graphs(self) -> SemanticsThenSentimentConfig:
        if self.classifier.name == "bag" and self.semantics is not None:
            raise ValueError("semantics: expected false beside a bag of words, which reads no graph")
        return self

    @property
    def prunes(self) -> bool:
        """Whether candidates are limited: only where a gradient reaches the parser."""
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
