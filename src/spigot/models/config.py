"""The typed descriptions of parts, as recipes and checkpoints hold them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from spigot.models.encoders.base import Encoder
from spigot.models.scorers.base import Scorer
from spigot.models.tree_features.base import TreeFeature
from spigot.named import Named
from spigot.signature import NamedError
from spigot.structured import MarginalStructure, NonProjectiveTree, ProjectiveTree, Surrogate
from spigot.validation import Table


class NamedSurrogate(Named[Surrogate], base=Surrogate, package="spigot.structured"):
    """A surrogate of the core, or a user's, and its arguments."""


class NamedEncoder(Named[Encoder], base=Encoder, package="spigot.models.encoders", context=("vocabulary", "vectors")):
    """An encoder and its arguments."""


class NamedTreeFeature(
    Named[TreeFeature], base=TreeFeature, package="spigot.models.tree_features", context=("input_dim",)
):
    """What the semantic parser reads of the syntactic tree, and its arguments."""


class NamedScorer(Named[Scorer], base=Scorer, package="spigot.models.scorers"):
    """What scores the parts of a parse, and its arguments."""


class NamedTreeStructure(Named[MarginalStructure], base=MarginalStructure, package="spigot.structured"):
    """Which arcs are a tree: `ProjectiveTree`, `NonProjectiveTree` or a user's structure over arcs."""

    def __init__(self, name: str, /, **arguments: Any) -> None:
        trees = (ProjectiveTree.__name__, NonProjectiveTree.__name__)
        if "." not in name and name not in trees:
            raise NamedError(f"name: expected {', '.join(trees)}, or the dotted path of a class of yours, got {name!r}")
        super().__init__(name, **arguments)


def over_the_default(cls: type[BaseModel], value: Any, info: ValidationInfo) -> Any:
    """Check the table of a `Named` field; one without a name changes the arguments of the field's default."""
    default = cls.model_fields[str(info.field_name)].default
    return type(default).over(default, value)


TRAINING_ALONE = frozenset(
    {"dropout", "input_dropout", "word_dropout", "drop_all_inputs", "drop_vector", "embedding_std"}
)
"""Arguments of encoders and scorers that say how a part is trained; what its weights mean is the same with others."""


class PartConfig(Table):
    """The part of a task."""

    def trained(self) -> dict[str, Any]:
        """Return all that matters once the part has weights: equal for parts that can take over each other's."""
        return self.model_dump()


class _Encoding(PartConfig):
    """A part with an encoder; a recipe that names no other encoder changes the arguments of the part's own."""

    encoder: NamedEncoder = NamedEncoder("BiLSTMEncoder")

    _defaults = field_validator("encoder", "scorer", "structure", mode="before", check_fields=False)(over_the_default)

    @property
    def word_dim(self) -> int | None:
        """The size of the encoder's word vectors, if its signature tells."""
        return self.encoder.settings.get("word_dim")

    def trained(self) -> dict[str, Any]:
        """Return all but how the part is trained and what is done with the scores."""
        named = {key: value for key, value in self if isinstance(value, Named)}
        settings = {
            key: {"name": value.name} | {name: v for name, v in value.settings.items() if name not in TRAINING_ALONE}
            for key, value in named.items()
            if key != "structure"
        }
        return self.model_dump(exclude={*named}) | settings


class ParserConfig(_Encoding):
    """One parser: an encoder, and the scorers on top of it."""

    scorer: NamedScorer = NamedScorer("Perceptron")


class SyntaxConfig(ParserConfig):
    """The syntactic parser, whose inputs are published otherwise than the semantic one's."""

    encoder: NamedEncoder = NamedEncoder("BiLSTMEncoder", second="word", drop_all_inputs=True)
    structure: NamedTreeStructure = NamedTreeStructure("ProjectiveTree", single_root=True)
    """Which arcs are a tree: `ProjectiveTree`, `NonProjectiveTree`, or a structure over arcs of your own."""


class BiLSTMClassifierConfig(_Encoding):
    """The classifier of section 4.2.1; without a semantic parser in its system it is the baseline BILSTM."""

    name: Literal["bilstm"]
    encoder: NamedEncoder = NamedEncoder(
        "BiLSTMEncoder", word_dim=300, hidden=150, layers=1, word_dropout=0.0, input_dropout=0.5
    )
    freeze_vectors: bool = True
    """Whether words that have a vector keep it as it is."""
    feature: int = Field(100, ge=1, le=8192)
    """Units of a token's feature, and of the embedding of a role."""
    hidden: int = Field(100, ge=1, le=8192)
    """Units of the layer between the sum of the features and the two classes."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Dropout of the features and of the hidden layer."""


class BagClassifierConfig(PartConfig):
    """A deep averaging network (Iyyer et al. 2015): layers on the mean of the word vectors, whatever their order."""

    name: Literal["bag"]
    word_dim: int = Field(300, ge=1, le=8192)
    freeze_vectors: bool = True
    hidden: int = Field(300, ge=1, le=8192)
    layers: int = Field(2, ge=1, le=32)
    word_dropout: float = Field(0.3, ge=0, lt=1)
    """How likely a word is to be left out of the mean, in training."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Dropout of the hidden layers."""


class SentenceClassifierConfig(_Encoding):
    """A classifier of sentences, which may read trees."""

    freeze_vectors: bool = False
    """Whether words that have a vector keep it as it is."""
    pooling: Literal["mean", "max", "root"] = "mean"
    """How the states of a sentence become one: of the tokens the mean or the largest of each number, or ROOT's state.

    ROOT's state holds the sentence if the tree feature is a `TreeLSTM`.
    """
    hidden: int = Field(100, ge=1, le=8192)
    """Units of the layer between that state and the classes."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Dropout of that state and of the hidden layer."""


ClassifierConfig = Annotated[BiLSTMClassifierConfig | BagClassifierConfig, Field(discriminator="name")]
