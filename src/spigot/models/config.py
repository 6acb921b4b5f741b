"""The typed description of a model, as recipes and checkpoints hold it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from spigot.models.encoders.base import Encoder
from spigot.models.tree_features.base import TreeFeature
from spigot.named import Named
from spigot.structured import (
    SPIGOTCE,
    SPIGOTEG,
    Detach,
    Gumbel,
    MarginalJacobian,
    Marginals,
    ScoreFunction,
    Surrogate,
)

Task = Literal["syntax", "semantics", "sentiment"]
"""What a part of a system is trained to tell of a sentence."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NamedSurrogate(Named[Surrogate], base=Surrogate, package="spigot.structured"):
    """A surrogate of the core, or a user's, and its arguments."""

    @property
    def passes_gradient(self) -> bool:
        """Whether the end task has a gradient for the parser in the middle."""
        return not issubclass(self.named_class, Detach)


class NamedEncoder(Named[Encoder], base=Encoder, package="spigot.models.encoders", context=("vocabulary", "vectors")):
    """An encoder and its arguments."""


class NamedTreeFeature(
    Named[TreeFeature], base=TreeFeature, package="spigot.models.tree_features", context=("input_dim",)
):
    """What the semantic parser reads of the syntactic tree, and its arguments."""


NEED_MARGINALS = (Gumbel, MarginalJacobian, Marginals, ScoreFunction, SPIGOTCE, SPIGOTEG)
"""What cannot serve semantic graphs, as they have no marginals."""


class _Encoding(_Strict):
    """A part with an encoder; a recipe that names no other encoder changes the arguments of the part's own."""

    encoder: NamedEncoder = NamedEncoder("BiLSTMEncoder")

    @field_validator("encoder", mode="before")
    @classmethod
    def _over_the_default(cls, value: Any) -> NamedEncoder:
        return NamedEncoder.over(cls.model_fields["encoder"].default, value)


class ParserConfig(_Encoding):
    """One parser: an encoder and the perceptrons on top of it."""

    mlp: int = Field(100, ge=1)
    """Units of each hidden layer of the perceptrons that score parts."""


class SyntaxConfig(ParserConfig):
    """The syntactic parser, whose inputs are published otherwise than the semantic one's."""

    encoder: NamedEncoder = NamedEncoder("BiLSTMEncoder", second="word", drop_all_inputs=True)


class SystemConfig(_Strict):
    """The paper's first system: a semantic parser, and unless `syntax` is None a syntactic one in its middle.

    The syntactic parser feeds the semantic one through `surrogate`.
    """

    kind: Literal["syntax-then-semantics"] = "syntax-then-semantics"
    semantics: ParserConfig = ParserConfig()
    syntax: SyntaxConfig | None = SyntaxConfig()
    """False in TOML: no syntactic parser (NeurboParser alone)."""
    prune_by_tags: bool = True
    """Whether a semantic role is a candidate only between tags that it was seen between in training."""
    surrogate: NamedSurrogate = NamedSurrogate("Detach")
    tree_feature: NamedTreeFeature = NamedTreeFeature("Concatenation")
    """What the semantic parser reads of the tree."""
    single_root: bool = True
    """Whether exactly one token may hang from ROOT in a syntactic tree."""

    @field_validator("syntax", mode="before")
    @classmethod
    def _no_syntax(cls, value: Any) -> Any:
        # TOML has no null: `syntax = false` is how a recipe leaves the syntactic parser out.
        return None if value is False else value

    @property
    def tasks(self) -> tuple[Task, Task | None]:
        """The end task, and that of the parser in the middle, if there is one."""
        return "semantics", None if self.syntax is None else "syntax"


class BiLSTMClassifierConfig(_Encoding):
    """The classifier of section 4.2.1; without a semantic parser in its system it is the baseline BILSTM."""

    name: Literal["bilstm"]
    encoder: NamedEncoder = NamedEncoder(
        "BiLSTMEncoder", word_dim=300, hidden=150, layers=1, word_dropout=0.0, input_dropout=0.5
    )
    freeze_vectors: bool = True
    """Whether words that have a vector keep it as it is."""
    feature: int = Field(100, ge=1)
    """Units of a token's feature, and of the embedding of a role."""
    hidden: int = Field(100, ge=1)
    """Units of the layer between the sum of the features and the two classes."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Dropout of the features and of the hidden layer."""


class BagClassifierConfig(_Strict):
    """A deep averaging network (Iyyer et al. 2015): layers on the mean of the word vectors, whatever their order."""

    name: Literal["bag"]
    word_dim: int = Field(300, ge=1)
    freeze_vectors: bool = True
    hidden: int = Field(300, ge=1)
    layers: int = Field(2, ge=1)
    word_dropout: float = Field(0.3, ge=0, lt=1)
    """How likely a word is to be left out of the mean, in training."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Dropout of the hidden layers."""


ClassifierConfig = Annotated[BiLSTMClassifierConfig | BagClassifierConfig, Field(discriminator="name")]


class SentimentSystemConfig(_Strict):
    """The paper's second system: a classifier, and unless `semantics` is None a parser that feeds it graphs."""

    kind: Literal["semantics-then-sentiment"]
    classifier: ClassifierConfig = BiLSTMClassifierConfig(name="bilstm")
    semantics: ParserConfig | None = ParserConfig()
    """False in TOML: no semantic parser (a baseline)."""
    prune_by_tags: bool = True
    """As in the first system; a parser that comes from another run keeps what it has."""
    surrogate: NamedSurrogate = NamedSurrogate("Detach")
    candidate_margin: float | None = Field(0.4, ge=0)
    """How far from being chosen a part may be, when joint training begins, to remain a candidate.

    The parser of that moment is kept as a pruner. One trained with a hinge loss has settled what is further away
    than the cost of a wrong arc, 0.4; the original program prunes with a model of its own. False in TOML: no
    pruning. Then a sentence has thousands of parts, all of which the end task pushes at, and the parser is lost
    within an epoch.
    """

    @field_validator("semantics", "candidate_margin", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return None if value is False else value

    @field_validator("surrogate")
    @classmethod
    def _without_marginals(cls, value: NamedSurrogate) -> NamedSurrogate:
        if issubclass(value.named_class, NEED_MARGINALS):
            raise ValueError(f"name: expected one that needs no marginals of semantic graphs, got {value.name!r}")
        return value

    @model_validator(mode="after")
    def _reads_graphs(self) -> SentimentSystemConfig:
        if self.classifier.name == "bag" and self.semantics is not None:
            raise ValueError("semantics: expected false beside a bag of words, which reads no graph")
        return self

    @property
    def prunes(self) -> bool:
        """Whether candidates are limited: to no purpose where no gradient reaches the parser."""
        return self.semantics is not None and self.candidate_margin is not None and self.surrogate.passes_gradient

    @property
    def tasks(self) -> tuple[Task, Task | None]:
        """The end task, and that of the parser in the middle, if there is one."""
        return "sentiment", None if self.semantics is None else "semantics"


def _kind(config: Any) -> str | None:
    default = "syntax-then-semantics"
    return config.get("kind", default) if isinstance(config, dict) else getattr(config, "kind", None)


AnySystemConfig = Annotated[
    Annotated[SystemConfig, Tag("syntax-then-semantics")]
    | Annotated[SentimentSystemConfig, Tag("semantics-then-sentiment")],
    Discriminator(_kind),
]
