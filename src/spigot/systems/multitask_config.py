"""The description of a system of several tasks: the table [system] of a recipe."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator
from torch import nn

from spigot.models.config import (
    NamedEncoder,
    NamedScorer,
    NamedTreeFeature,
    NamedTreeStructure,
    PartConfig,
    SyntaxConfig,
    over_the_default,
)
from spigot.systems.config import SystemConfig

SHARED = "shared"
"""The name of the encoder that tasks share."""


class SyntaxPart(PartConfig):
    """Trees."""

    kind: Literal["syntax"]
    scorer: NamedScorer = NamedScorer("Biaffine")
    structure: NamedTreeStructure = SyntaxConfig.model_fields["structure"].default
    """Which arcs are a tree: `ProjectiveTree`, `NonProjectiveTree`, or a structure over arcs of your own."""

    _defaults = field_validator("scorer", "structure", mode="before")(over_the_default)


class SemanticsPart(PartConfig):
    """Graphs."""

    kind: Literal["semantics"]
    scorer: NamedScorer = NamedScorer("Biaffine")
    threshold: float | None = Field(None, gt=0, lt=1)
    """How probable an arc's best label has to be, for loss "nll"; None: the graph of highest score."""

    _defaults = field_validator("scorer", mode="before")(over_the_default)


class TagsPart(PartConfig):
    """Tags."""

    kind: Literal["tags"]


Part = Annotated[SyntaxPart | SemanticsPart | TagsPart, Field(discriminator="kind")]


class MultitaskConfig(SystemConfig):
    """Any number of trees, graphs and tags; [system.parts.NAME] names a task and describes its part."""

    needs_intermediate = ("surrogate", "tree_feature")
    separate_parts: ClassVar[bool] = False

    kind: Literal["multitask"] = "multitask"
    parts: dict[str, Part] = Field({}, validate_default=False)
    encoder: NamedEncoder = NamedEncoder("BiLSTMEncoder", second="none", tag_dim=0, character_dim=50)
    encoder_per_task: bool = False
    """Whether each task has an encoder of its own."""
    tagger: str | None = None
    """The task of kind "tags" whose predictions all other tasks' encoders read as tags, with an encoder of its own."""
    tagger_encoder: NamedEncoder = NamedEncoder("BiLSTMEncoder", second="none", tag_dim=0, character_dim=50)
    """The encoder of that task, which reads no tags."""
    tree: str | None = None
    """The task of kind "syntax" whose hard tree all graphs read; None: they read none."""
    tree_feature: NamedTreeFeature = NamedTreeFeature("Concatenation")
    """How the graphs' scorers use the tree."""
    min_word_count: int = Field(1, ge=1)
    """Words with fewer training tokens are not trained: they keep their vector, or are unknown."""

    _defaults = field_validator("encoder", "tagger_encoder", mode="before")(over_the_default)

    @model_validator(mode="after")
    def _named(self) -> MultitaskConfig:
        if not self.parts:
            raise ValueError("parts: expected a table [system.parts.NAME] for each task, got none")
        for name in self.parts:
            if not name.isidentifier() or hasattr(nn.ModuleDict(), name):
                raise ValueError(
                    f"parts: expected names of letters, digits and _ that torch does not use, got {name!r}"
                )
        if self.tree is not None and self._kind(self.tree) != "syntax":
            raise ValueError(f'tree: expected a part of kind "syntax", got {self.tree!r}')
        if self.tree is not None and "semantics" not in self.task_kinds.values():
            raise ValueError(f'tree: expected a part of kind "semantics" to read it, got none, but {self.tree!r}')
        if self.tagger is not None and (self._kind(self.tagger) != "tags" or self.tagger == SHARED):
            raise ValueError(f'tagger: expected a part of kind "tags", not called {SHARED!r}, got {self.tagger!r}')
        if self.tagger is None and self.tagger_encoder != type(self).model_fields["tagger_encoder"].default:
            raise ValueError("tagger_encoder: expected a tagger beside it, got none")
        return self

    def _kind(self, name: str) -> str | None:
        part: Any = self.parts.get(name)
        return None if part is None else part.kind

    @property
    def task_kinds(self) -> dict[str, str]:
        """The kinds of the parts, in the order of the recipe, with the intermediate one last."""
        names = sorted(self.parts, key=lambda name: name == self.tree)
        return {name: self.parts[name].kind for name in names}

    @property
    def intermediate(self) -> str | None:
        """The task whose tree the graphs read."""
        return self.tree

    @property
    def selected(self) -> tuple[str, ...]:
        """All tasks."""
        return tuple(self.task_kinds)

    @property
    def pretrains(self) -> bool:
        """Whether the intermediate task may be trained alone: not if it reads a tagger, which is not trained then."""
        return self.tagger is None

    def has_own_encoder(self, task: str) -> bool:
        """Return whether a task shares its encoder with no other."""
        return self.encoder_per_task or task == self.tagger

    def encoder_of(self, task: str) -> str:
        """Return the name of a task's encoder."""
        return task if self.has_own_encoder(task) else SHARED

    def encoder_key(self, name: str) -> str:
        """Return the key of an encoder's description: "encoder" or "tagger_encoder"."""
        return "encoder" if self.tagger is None or name != self.tagger else "tagger_encoder"

    @property
    def encoders(self) -> dict[str, list[str]]:
        """The tasks of each encoder."""
        found: dict[str, list[str]] = {}
        for task in self.task_kinds:
            found.setdefault(self.encoder_of(task), []).append(task)
        return found
