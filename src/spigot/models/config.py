"""The typed description of a model, as recipes and checkpoints hold it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from spigot.models.encoder import EncoderConfig
from spigot.structured import SPIGOT, Detach, Marginals, StraightThrough, Surrogate


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ParserConfig(_Strict):
    """One parser: an encoder and the perceptrons on top of it."""

    encoder: EncoderConfig = EncoderConfig()
    mlp: int = Field(100, ge=1)
    """Units of each hidden layer of the perceptrons that score parts."""


class SyntaxEncoderConfig(EncoderConfig):
    """The encoder of the syntactic parser, whose inputs are published otherwise than the semantic one's."""

    second: Literal["lemma", "word", "none"] = "word"
    drop_all_inputs: bool = True


class SyntaxConfig(ParserConfig):
    """The syntactic parser."""

    encoder: SyntaxEncoderConfig = SyntaxEncoderConfig()


class DetachConfig(_Strict):
    """No gradient reaches the intermediate parser: a pipeline."""

    name: Literal["detach"]

    def build(self) -> Surrogate:
        """Make the surrogate."""
        return Detach()


class StraightThroughConfig(_Strict):
    """The gradient passes the argmax unchanged (STE), or capped to `max_norm` for each sentence."""

    name: Literal["ste"]
    max_norm: float | None = Field(None, gt=0)

    def build(self) -> Surrogate:
        """Make the surrogate."""
        return StraightThrough(max_norm=self.max_norm)


class SpigotConfig(_Strict):
    """SPIGOT (Eq. 4); the original program has `step_size` 1 and `max_norm` 1."""

    name: Literal["spigot"]
    step_size: float = Field(1.0, gt=0)
    max_norm: float | None = Field(None, gt=0)

    def build(self) -> Surrogate:
        """Make the surrogate."""
        return SPIGOT(step_size=self.step_size, max_norm=self.max_norm)


class MarginalsConfig(_Strict):
    """Structured attention: the marginals of the arcs take the place of the tree."""

    name: Literal["marginals"]

    def build(self) -> Surrogate:
        """Make the surrogate."""
        return Marginals()


SurrogateConfig = Annotated[
    DetachConfig | StraightThroughConfig | SpigotConfig | MarginalsConfig, Field(discriminator="name")
]


class SystemConfig(_Strict):
    """A semantic parser, and unless `syntax` is None a syntactic one that feeds it through `surrogate`."""

    semantics: ParserConfig = ParserConfig()
    syntax: SyntaxConfig | None = SyntaxConfig()
    """False in TOML: no syntactic parser (NeurboParser alone)."""
    prune_by_tags: bool = True
    """Whether a semantic role is a candidate only between tags that it was seen between in training."""
    surrogate: SurrogateConfig = DetachConfig(name="detach")
    single_root: bool = True
    """Whether exactly one token may hang from ROOT in a syntactic tree."""

    @field_validator("syntax", mode="before")
    @classmethod
    def _no_syntax(cls, value: Any) -> Any:
        # TOML has no null: `syntax = false` is how a recipe leaves the syntactic parser out.
        return None if value is False else value
