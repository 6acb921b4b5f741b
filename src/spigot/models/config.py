"""The typed descriptions of parts, as recipes and checkpoints hold them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from spigot.models.encoders.bilstm import EncoderConfig
from spigot.named import Named
from spigot.structured import (
    SPIGOTCE,
    SPIGOTEG,
    Detach,
    Gumbel,
    MarginalJacobian,
    Marginals,
    ScoreFunction,
    SparseMAP,
    Surrogate,
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartConfig(_Strict):
    """The part of a task."""

    def trained(self) -> Self:
        """Return the description without what no longer matters once the part has weights."""
        return self


class ParserConfig(PartConfig):
    """One parser: an encoder and the perceptrons on top of it."""

    encoder: EncoderConfig = EncoderConfig()
    mlp: int = Field(100, ge=1)
    """Units of each hidden layer of the perceptrons that score parts."""

    def trained(self) -> Self:
        """Return the description without how tables start."""
        return self.model_copy(update={"encoder": self.encoder.model_copy(update={"embedding_std": None})})


class SyntaxEncoderConfig(EncoderConfig):
    """The encoder of the syntactic parser, whose inputs are published otherwise than the semantic one's."""

    second: Literal["lemma", "word", "none"] = "word"
    drop_all_inputs: bool = True


class SyntaxConfig(ParserConfig):
    """The syntactic parser."""

    encoder: SyntaxEncoderConfig = SyntaxEncoderConfig()


class NamedSurrogate(Named[Surrogate], base=Surrogate, package="spigot.structured"):
    """A surrogate of the core, or a user's, and its arguments."""

    @property
    def passes_gradient(self) -> bool:
        """Whether the end task's gradient reaches the intermediate parser."""
        return not issubclass(self.named_class, Detach)

    @property
    def needs_marginals(self) -> bool:
        """Whether it serves only structures that have marginals, which semantic graphs have not."""
        return issubclass(self.named_class, (Gumbel, MarginalJacobian, Marginals, ScoreFunction, SPIGOTCE, SPIGOTEG))

    @property
    def needs_downstream(self) -> bool:
        """Whether it runs what follows the argmax, which a system does not hand to it."""
        return issubclass(self.named_class, ScoreFunction)

    @property
    def relaxes(self) -> bool:
        """Whether the end task reads fractions in place of a hard structure."""
        return issubclass(self.named_class, (Marginals, SparseMAP))


class ClassifierEncoderConfig(EncoderConfig):
    """The encoder of the sentiment classifier."""

    word_dim: int = Field(300, ge=1)
    hidden: int = Field(150, ge=1)
    layers: int = Field(1, ge=1)
    word_dropout: float = Field(0.0, ge=0)
    input_dropout: float | None = Field(0.5, ge=0, lt=1)


class BiLSTMClassifierConfig(_Strict):
    """The classifier of section 4.2.1; without a semantic parser in its system it is the baseline BILSTM."""

    name: Literal["bilstm"]
    encoder: ClassifierEncoderConfig = ClassifierEncoderConfig()
    freeze_vectors: bool = True
    """Whether words that have a vector keep it as it is."""
    feature: int = Field(100, ge=1)
    """Units of a token's feature, and of the embedding of a role."""
    hidden: int = Field(100, ge=1)
    """Units of the layer between the sum of the features and the two classes."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Dropout of the features and of the hidden layer."""

    @property
    def word_dim(self) -> int:
        """The size of a word vector."""
        return self.encoder.word_dim


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
