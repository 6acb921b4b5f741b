"""A system: a part for each of its tasks, and how they are wired.

`spigot.training` and the command line know a system by these methods alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Tokens
from spigot.systems.batch import Batch
from spigot.systems.checkpoint import Pretrained
from spigot.systems.config import SystemConfig
from spigot.systems.streaming import parse_all
from spigot.tasks.base import Task

Vectors = dict[str, Tensor]


class System(Pretrained, ABC):
    """Parts that share nothing, one for each task."""

    config_class: ClassVar[type[SystemConfig]]
    config: Any
    tasks: dict[str, Task]
    """By name, the end task first."""

    def __init__(self, config: SystemConfig, tasks: Mapping[str, Task] | None = None) -> None:
        super().__init__()
        self.config = config
        self.tasks = dict(config.make_tasks({}) if tasks is None else tasks)

    @classmethod
    @abstractmethod
    def from_sentences(
        cls,
        config: Any,
        tasks: Mapping[str, Task],
        train: Mapping[str, Sequence[Sentence]],
        vectors: Mapping[str, Vectors],
        start: nn.Module | None = None,
    ) -> Self:
        """Make an untrained system.

        Args:
            config: of class `config_class`.
            tasks: what `config.make_tasks` made.
            train: each task's training sentences, which say what words and labels there are.
            vectors: word vectors of the tasks that have some.
            start: a trained part for the intermediate task.

        Raises:
            ValueError: the message begins with the key of [system] that is wrong.
        """

    @property
    def parts(self) -> dict[str, Any]:
        """The part of each task, by name: see `Task`. Each has its own learning rate and clipping.

        By default the system's attributes that have the names of the tasks.
        """
        return {name: getattr(self, name) for name in self.tasks}

    @property
    def end(self) -> Task:
        """The task that the system is for."""
        return next(iter(self.tasks.values()))

    @property
    def intermediate(self) -> Task | None:
        """The task whose output the end task reads, if there is one."""
        name = self.config.intermediate
        return None if name is None else self.tasks[name]

    @property
    def device(self) -> torch.device:
        """The device that the parameters are on."""
        return next(self.parameters()).device

    # -- training ------------------------------------------------------------------------------------------

    @abstractmethod
    def output(self, batch: Batch, tokens: Tokens, dropped: Tensor, weight: float) -> Any:
        """Return the output of the part of the batch's task.

        Args:
            batch: the sentences.
            tokens: this process's rows of them, in the numbers of the task's part.
            dropped: which tokens word dropout chose, see `Vocabulary.encode`.
            weight: a factor on the gradient that the end task sends into the intermediate parser; 0 stops it.
        """

    def start_joint_training(self) -> None:
        """Called once, when the intermediate parser has been pre-trained and the end task comes in."""

    def candidates(self, sentences: Sequence[Sentence]) -> Candidates | None:
        """Return to which outputs the intermediate parser is limited, for the end task's training sentences.

        It is asked for once, after `start_joint_training`. None: there is no limit.
        """
        return None

    def annotate(self, sentences: Sequence[Sentence]) -> list[Sentence] | None:
        """Return the end task's sentences with what the intermediate parser, now frozen, predicts for them.

        The parser need not run again then. None: the system has no use for that.
        """
        return None

    # -- parsing -------------------------------------------------------------------------------------------

    def parse(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with predictions for all tasks. One batch: callers split what is too large."""
        if not sentences:
            return []
        with torch.inference_mode():
            return self.predict(sentences)

    @abstractmethod
    def predict(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Do what `parse` says for at least one sentence."""

    def parse_task(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> list[Sentence]:
        """Return the sentences with predictions for one task, at least. One batch.

        `annotated`: the sentences carry what the intermediate parser predicts, see `annotate`.
        """
        if task not in self.tasks:
            raise ValueError(f"task: expected one of {', '.join(self.tasks)}, got {task!r}")
        if not sentences:
            return []
        with torch.inference_mode():
            return self.predict_task(task, sentences, annotated)

    def predict_task(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> list[Sentence]:
        """Do what `parse_task` says for at least one sentence; by default all that `predict` does."""
        return self.predict(sentences)

    def score(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> Any:
        """Return the score of one task on sentences with gold annotation."""
        predicted = parse_all(lambda batch: self.parse_task(task, batch, annotated), sentences)
        return self.tasks[task].score(sentences, predicted)

    # -- checkpoints ---------------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """Return the JSON description of the architecture and of the tasks."""
        tasks = {name: task.model_dump(mode="json", exclude={"name"}) for name, task in self.tasks.items()}
        return {"system": self.config.model_dump(mode="json"), "tasks": tasks}

    @classmethod
    def rebuild(cls, config: dict[str, Any], vocabulary: dict[str, Any]) -> Self:
        """Make the system, with random weights, from the two descriptions."""
        system = cls.config_class.model_validate(config["system"])
        return cls.from_vocabulary(system, system.make_tasks(config["tasks"]), vocabulary)

    @classmethod
    @abstractmethod
    def from_vocabulary(cls, config: Any, tasks: Mapping[str, Task], vocabulary: dict[str, Any]) -> Self:
        """Make the system, with random weights, from what `to_vocabulary` gave."""


class Candidates(ABC):
    """What the intermediate parser may predict for each of a list of sentences."""

    @abstractmethod
    def of(self, numbers: Iterable[int]) -> Any:
        """Return the candidates of a batch, as parts; `numbers` are places in the list."""


def to_dicts(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `to_dict()` of each vocabulary, None for those that a system does not have."""
    return {name: None if part is None else part.to_dict() for name, part in parts.items()}


def check_vectors(vectors: Vectors | None, key: str, size: int | None) -> None:
    """Refuse vectors of another size than the table that they are for.

    `key` is that of the table's size in [system]; a `size` of None is not known.
    """
    found = len(next(iter(vectors.values()))) if vectors else None
    if found is not None and size is not None and found != size:
        raise ValueError(f"{key}: expected {found}, the size of the word vectors, got {size}")
