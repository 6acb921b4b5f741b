"""The tables of a recipe: one experiment as a typed, checked description."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from spigot.errors import UserError
from spigot.precision import MixedPrecision
from spigot.systems import SYSTEMS
from spigot.systems.base import System
from spigot.systems.config import SystemConfig
from spigot.tasks import TASKS
from spigot.tasks.base import Decay, Task
from spigot.validation import Table, first_problem


def _not_empty(path: Any) -> Any:
    if path == "":
        raise ValueError("expected a path, got ''")
    return path


HomePath = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(lambda path: Path(os.path.expanduser(path)))]
"""A path, with "~" for the home folder."""


class RecipeError(UserError):
    """A recipe that cannot be read; the message is one line that names the file and the key."""


class BuiltinConfig(Table):
    """How many sentences of the built-in corpus to use. The tasks' training sets do not overlap."""

    train: dict[str, Annotated[int, Field(ge=1)]] = Field({})
    """Training sentences by task; 1000 for others."""
    dev: int = Field(200, ge=1)
    test: int = Field(200, ge=1)
    """Sentences kept out of training and selection, for a final test."""
    seed: int = Field(1, ge=0, lt=2**63)

    def train_size(self, task: str) -> int:
        """Return how many sentences a task trains on."""
        return self.train.get(task, 1000)


class TaskDataConfig(Table):
    """The files of one task: [data.NAME]."""

    train: HomePath | None = None
    dev: HomePath | None = None
    train_ids: HomePath | None = None
    """A file with one sentence id per line: only these sentences are trained on."""
    vectors: HomePath | None = None
    """The word vectors of the task's part; None: those of [data]."""


class DataConfig(BaseModel):
    """Where the corpora are: one table for each task, and the keys that they share. Paths are relative to `root`."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, TaskDataConfig]

    root: HomePath = Path(".")
    vectors: HomePath | None = None
    """Word vectors in GloVe's text format, plain or gzip."""
    max_length: int | None = Field(None, ge=1)
    """Longer training sentences are left out (and counted in the log)."""
    builtin: BuiltinConfig | None = None

    @property
    def tasks(self) -> dict[str, TaskDataConfig]:
        """The table of each task, by its name."""
        return self.__pydantic_extra__

    def vectors_of(self, task: str) -> Path | None:
        """Return the file of a task's word vectors."""
        own = self.tasks[task].vectors if task in self.tasks else None
        return self.vectors if own is None else own

    @model_validator(mode="before")
    @classmethod
    def _only_tables(cls, content: Any) -> Any:
        for key, value in content.items() if isinstance(content, dict) else ():
            if key not in cls.model_fields and not isinstance(value, (dict, TaskDataConfig)):
                raise ValueError(f"{key}: no such key")
        return content

    @model_validator(mode="after")
    def _one_source(self) -> DataConfig:
        if self.builtin is None:
            return self
        if any(files.train or files.dev for files in self.tasks.values()):
            raise ValueError("builtin: expected either the built-in corpus or files, got both")
        for name, files in self.tasks.items():
            _expect_default(files, "train_ids", f"{name}.train_ids", "beside the built-in corpus")
        _expect_default(self, "max_length", "max_length", "beside the built-in corpus")
        return self


class IntermediateConfig(Table):
    """How the intermediate parser is trained, before and together with the end task."""

    pretrain_epochs: int = Field(0, ge=0)
    """Epochs over the parser's own data alone before joint training starts."""
    init: HomePath | None = None
    """A run whose parser and vocabulary to start from, instead of a random parser."""
    frozen: bool = False
    """Whether joint training leaves the parser as it is: the paper's PIPELINE."""
    trees: HomePath | None = None
    """Trees (CoNLL-U) of the end task's training sentences, to train on in place of those of the frozen parser.

    They come from parsers that have not seen the sentence (jackknifing): a parser's own training sentences have better
    trees than those that it meets later. Relative to data.root.
    """
    learning_rate_factor: float = Field(1.0, gt=0)
    """Factor on the parser's learning rate in joint training."""
    end_task_weight: float = Field(1.0, ge=0)
    """Factor on the gradient that the end task sends into the parser."""
    end_task_warmup: float = Field(0.0, ge=0)
    """Epochs of joint training over which that factor grows linearly from 0."""
    own_averages: bool = False
    """Whether the end task's updates of the parser have Adam averages of their own, apart from the treebank's.

    Adam takes the length out of a gradient, so that `end_task_weight` is then a factor on the rate of these updates.
    """


class TrainingConfig(Table):
    """Optimisation. The defaults are the published values, except for the batch size."""

    epochs: int = Field(100, ge=1)
    """Epochs of joint training: passes over the union of the tasks' corpora."""
    batch_tokens: int = Field(256, ge=1)
    """The largest number of tokens in a batch, ROOT and padding included; 1: batches of one sentence."""
    batch_sentences: int | None = Field(None, ge=1)
    """The largest number of sentences in a batch."""
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    """Decay of Adam's averages of the gradient and of its square; a task may have its own ([tasks.NAME] betas)."""
    weight_decay: float = Field(1e-6, ge=0)
    clip_norm: float | None = Field(1.0, gt=0)
    """The largest norm of the gradient of each part, and of an encoder that parts share; None: no clipping.

    The gradient is averaged over the sentences of the batch before.
    """
    schedule: Literal["constant", "halve", "linear"] = "halve"
    halve_every: int = Field(10, ge=1)
    """Epochs after which the learning rate is halved, again and again, with schedule "halve"."""
    warmup_epochs: float = Field(0.0, ge=0)
    """Epochs over which the learning rate grows linearly from 0, with schedule "linear"."""
    start: HomePath | None = None
    """A whole run to go on from: its weights and vocabulary. Words, roles and labels that it lacks stay unknown."""
    selection: str | None = None
    """The dev score that decides which epoch is kept; None: the last one of the end task, of several their mean."""
    mixed_precision: MixedPrecision = "no"
    """"bf16" computes products and LSTMs in bfloat16; "no" all in single precision."""
    seed: int = Field(1, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _schedule(self) -> TrainingConfig:
        given = self.model_fields_set
        if "halve_every" in given and self.schedule != "halve":
            raise ValueError(f'halve_every: expected schedule = "halve" beside it, got "{self.schedule}"')
        if "warmup_epochs" in given and self.schedule != "linear":
            raise ValueError(f'warmup_epochs: expected schedule = "linear" beside it, got "{self.schedule}"')
        return self


def _system(value: Any) -> Any:
    """Check the table [system] by the configuration of its kind of system."""
    if not isinstance(value, dict):
        return value
    kind = value.get("kind", next(iter(SYSTEMS)))
    if not isinstance(kind, str) or kind not in SYSTEMS:
        raise ValueError(f"kind: expected one of {', '.join(SYSTEMS)}, got {kind!r}")
    try:
        return SYSTEMS[kind].config_class.model_validate(value)
    except ValidationError as error:
        raise ValueError(first_problem(error, value)) from None


class Recipe(Table):
    """One experiment."""

    description: str = ""
    system: Annotated[SerializeAsAny[SystemConfig], BeforeValidator(_system)] = Field({}, validate_default=True)
    tasks: dict[str, dict[str, Any]] = Field({})
    """Settings of tasks, by name: see the classes in `spigot.tasks`."""
    data: DataConfig = DataConfig()
    intermediate: IntermediateConfig = IntermediateConfig()
    training: TrainingConfig = TrainingConfig()

    @property
    def system_class(self) -> type[System]:
        """The class of the system.

        Raises:
            RecipeError: its `kind` is not the one that it is entered under, by which a checkpoint would be loaded.
        """
        kind = self.system.kind
        found = SYSTEMS[kind]
        if found.kind != kind:
            raise RecipeError(f"system.kind: expected {found.__name__} to have the kind {kind!r}, got {found.kind!r}")
        return found

    @cached_property
    def made_tasks(self) -> dict[str, Task]:
        """The tasks by name, the end task first."""
        return self.system.make_tasks(self.tasks)

    @property
    def end_task(self) -> str:
        """The name of the end task."""
        return next(iter(self.made_tasks))

    @property
    def intermediate_task(self) -> str | None:
        """The task whose output the end task reads, if there is one."""
        return self.system.intermediate

    @property
    def joint_tasks(self) -> list[str]:
        """The tasks whose losses joint training lowers, the intermediate one first.

        A frozen intermediate parser is not trained after pre-training, one without a loss only through the end task.
        """
        intermediate = self.intermediate_task
        names = sorted(self.made_tasks, key=lambda name: name != intermediate)
        alone = intermediate is not None and (self.intermediate.frozen or not self.made_tasks[intermediate].has_loss)
        return names[1:] if alone else names

    @property
    def selection(self) -> tuple[str, ...]:
        """The dev scores whose mean decides which epoch is kept.

        By default the last score of the end task and, in a system of several end tasks, of each of its tasks that has
        a loss.
        """
        if self.training.selection is not None:
            return (self.training.selection,)
        selected = (self.made_tasks[name] for name in self.system.selected)
        return tuple(task.score_names[-1] for task in selected if task.has_loss)

    @model_validator(mode="after")
    def _tasks(self) -> Recipe:
        try:
            known = {*self.made_tasks, *TASKS}
        except ValueError as error:
            raise ValueError(f"tasks.{error}") from None
        for name in self.data.tasks:
            if name not in known:
                raise ValueError(f"data.{name}: expected a key of [data] or a task, got {name!r}")
        for name in self.data.builtin.train if self.data.builtin is not None else ():
            if name not in known:
                raise ValueError(f"data.builtin.train.{name}: expected a task, got {name!r}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        how, surrogate = self.intermediate, self.system.surrogate
        facts = surrogate.named_class
        if self.intermediate_task is None:
            given = [f"system.{key}" for key in self.system.needs_intermediate if key in self.system.model_fields_set]
            if "intermediate" in self.model_fields_set:
                given.insert(0, "intermediate")
            if given:
                raise ValueError(f"{given[0]}: expected an intermediate parser beside it, got a system without one")
        for name in [name for name, task in self.made_tasks.items() if not task.has_loss]:
            beside = f'beside tasks.{name}.loss = "none"'
            if name != self.intermediate_task:
                raise ValueError(f'tasks.{name}.loss: expected a loss, as no other task reads its output, got "none"')
            if how.pretrain_epochs:
                raise ValueError(f"intermediate.pretrain_epochs: expected 0 {beside}, got {how.pretrain_epochs}")
            if not how.frozen and not facts.passes_gradient:
                raise ValueError(f'system.surrogate: expected one with a gradient {beside}, got "{surrogate.name}"')
            if not how.frozen and not how.end_task_weight:
                raise ValueError(f"intermediate.end_task_weight: expected a positive number {beside}, got 0")
        if how.pretrain_epochs and not self.system.pretrains:
            expected = "expected 0 beside system.tagger"
            raise ValueError(f"intermediate.pretrain_epochs: {expected}, got {how.pretrain_epochs}")
        scores = [score for task in self.made_tasks.values() for score in task.score_names]
        selection = self.training.selection
        if selection is not None and selection not in scores:
            expected = " or ".join(f'"{score}"' for score in scores)
            raise ValueError(f'training.selection: expected {expected} in this system, got "{selection}"')
        if how.init is not None and self.training.start is not None:
            raise ValueError("intermediate.init: expected none beside training.start, which is a whole run, got one")
        if how.frozen and not self.system.separate_parts:
            raise ValueError("intermediate.frozen: expected a system whose parts share no encoder, got true")
        if how.frozen and facts.passes_gradient and not facts.relaxes:
            raise ValueError(f'intermediate.frozen: expected surrogate "Detach" beside it, got "{surrogate.name}"')
        if how.frozen and not how.pretrain_epochs and how.init is None:
            raise ValueError("intermediate.frozen: expected pretrain_epochs or init beside it, got neither")
        if how.trees is not None:
            intermediate = self.made_tasks.get(self.intermediate_task or "")
            if intermediate is None or intermediate.outputs != "trees":
                raise ValueError("intermediate.trees: expected a system whose end task reads trees beside it")
            if not how.frozen or facts.relaxes:
                got = f"got {'a relaxed surrogate' if how.frozen else 'frozen = false'}"
                raise ValueError(f"intermediate.trees: expected frozen = true and a hard surrogate beside it, {got}")
            if self.data.builtin is not None:
                raise ValueError("intermediate.trees: expected corpora from files beside it, got [data.builtin]")
        for key in ("end_task_weight", "end_task_warmup", "own_averages"):
            if not facts.passes_gradient and key in how.model_fields_set:
                got = f'got "{surrogate.name}"'
                raise ValueError(f"intermediate.{key}: expected a surrogate with a gradient, {got}")
        return self

    @model_validator(mode="after")
    def _with_effect(self) -> Recipe:
        """Refuse what would change nothing, as what it belongs to is not trained."""
        how, frozen = self.intermediate, "beside intermediate.frozen = true"
        of_joint = ("learning_rate_factor", "end_task_weight", "end_task_warmup", "own_averages")
        for key in of_joint if how.frozen else ():
            _expect_default(how, key, f"intermediate.{key}", frozen)
        latent = [f'beside tasks.{name}.loss = "none"' for name, task in self.made_tasks.items() if not task.has_loss]
        joint = self.joint_tasks
        for name, task in self.made_tasks.items():
            never = name == self.intermediate_task and how.frozen and not how.pretrain_epochs
            if never or not task.has_loss:
                _expect_default(task, "loss_weight", f"tasks.{name}.loss_weight", *latent, frozen)
            if never:
                _expect_default(task, "betas", f"tasks.{name}.betas", frozen)
            if name not in joint or len(joint) == 1:
                reasons = [*latent, *[frozen] * how.frozen, "in a system of one task"]
                _expect_default(task, "sample", f"tasks.{name}.sample", *reasons)
        return self


def _expect_default(table: BaseModel, key: str, full: str, *reasons: str) -> None:
    """Raise a ValueError, with the first of some reasons, for a key of a table that differs from its default."""
    expected, got = type(table).model_fields[key].default, getattr(table, key)
    if got != expected:
        wanted = "none" if expected is None else f"{expected:g}"
        if isinstance(expected, bool):
            wanted, got = str(expected).lower(), str(got).lower()
        raise ValueError(f"{full}: expected {wanted} {reasons[0]}, got {got}")
