"""A system: a part for each of its tasks, and how they are wired.

`spigot.training` and the command line know a system by these methods alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from spigot.data.errors import shown
from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Tokens
from spigot.models.encoders.base import Column
from spigot.systems.batch import Batch
from spigot.systems.checkpoint import Pretrained
from spigot.systems.columns import check_columns
from spigot.systems.config import SystemConfig
from spigot.systems.parse_layer import ParseLayer
from spigot.systems.streaming import parse_all
from spigot.tasks.base import Task

Vectors = dict[str, Tensor]


class System(Pretrained, ABC):
    """One part for each task. Parts may share parameters, see `groups`."""

    config_class: ClassVar[type[SystemConfig]]
    config: Any
    tasks: dict[str, Task]
    """The tasks by name, the end task first."""
    parse_layer: ParseLayer | None
    """What makes the output of the intermediate parser that the end task reads; None: there is no such parser.

    It is called once for a batch of one of the `end_tasks`.
    """

    def __init__(self, config: SystemConfig, tasks: Mapping[str, Task] | None = None) -> None:
        super().__init__()
        self.config = config
        self.parse_layer = None
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
            tasks: the result of `config.make_tasks`.
            train: each task's training sentences, from which words and labels are collected.
            vectors: word vectors by task, for the tasks that have them.
            start: a trained part for the intermediate task.

        Raises:
            ValueError: the message begins with the wrong key of [system].
        """

    @property
    def parts(self) -> dict[str, Any]:
        """The part of each task, by name: see `Task`.

        By default the system's attributes that have the names of the tasks.
        """
        return {name: getattr(self, name) for name in self.tasks}

    def groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the parameters in groups with a learning rate, averages and clipping of their own; each is in one.

        By default those of each part, under the name of its task, whose settings hold for it.
        """
        return {name: list(part.parameters()) for name, part in self.parts.items()}

    def reached(self, task: str, weight: float) -> list[str]:
        """Return the groups that get a gradient from a batch of a task; `weight` is that of `output`."""
        intermediate = self.config.intermediate
        return [task] if intermediate in (None, task) or weight == 0 else [task, intermediate]

    def reader(self, task: str) -> Any:
        """Return what turns a task's sentences into tokens, see `Reader`; by default its part."""
        return self.parts[task]

    @cached_property
    def needs(self) -> frozenset[Column]:
        """What it reads of a sentence: words, and perhaps tags and lemmas; no column that was empty in training."""
        readers = [self.reader(task) for task in self.tasks]
        return frozenset(column for each in readers for column in each.needs if each.vocabulary.holds(column))

    @property
    def end(self) -> Task:
        """The end task, which the system is trained for."""
        return next(iter(self.tasks.values()))

    @property
    def intermediate(self) -> Task | None:
        """The task whose output the end task reads, if there is one."""
        name = self.config.intermediate
        return None if name is None else self.tasks[name]

    @property
    def end_tasks(self) -> list[str]:
        """The names of the tasks that read the output of `parse_layer`; by default the end task."""
        return [] if self.parse_layer is None else [next(iter(self.tasks))]

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
            tokens: this process's rows of them, encoded with the vocabulary of the task's part.
            dropped: which tokens word dropout chose, see `Vocabulary.encode`.
            weight: a factor on the gradient that the end task sends into the intermediate parser; 0 stops it.
        """

    def admit(self, train: Mapping[str, Sequence[Sentence]]) -> None:
        """Called once, with each task's training sentences, on a system that goes on from an earlier run.

        What they hold, and the system barred because its own training data had it nowhere, becomes possible.
        """

    def start_joint_training(self) -> None:
        """Called once: after pre-training, before the first step of the end task."""

    def candidates(self, sentences: Sequence[Sentence]) -> Candidates | None:
        """Return what the intermediate parser may predict for the end task's training sentences; None: anything.

        Called once, after `start_joint_training`.
        """
        return None

    def annotate(self, sentences: Sequence[Sentence]) -> list[Sentence] | None:
        """Return the end task's sentences with the predictions of the frozen intermediate parser.

        The parser then need not run again. None: the system does not read predictions from sentences.
        """
        return None

    def predictions(self, task: str, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return any number of sentences with what the part of one task predicts, for `annotate`."""
        with torch.inference_mode():
            return parse_all(lambda batch: self.predict_task(task, batch), sentences)

    # -- parsing -------------------------------------------------------------------------------------------

    def parse(self, sentences: Sequence[Sentence], confidence: bool = False) -> list[Sentence]:
        """Return the sentences with predictions for all tasks. They are one batch; callers split long lists.

        `confidence`: also their confidences, by the name of each task (see `Task.confidences`). The parts run once more
        for them.

        Raises:
            InputError: a sentence lacks what the system `needs`.
        """
        if not sentences:
            return []
        check_columns(sentences, self.needs)
        with torch.inference_mode():
            parsed = self.predict(sentences)
            return self.confident(sentences, parsed) if confidence else parsed

    def confident(self, sentences: Sequence[Sentence], parsed: Sequence[Sentence]) -> list[Sentence]:
        """Return `parsed`, the predictions for `sentences`, with confidences."""
        result = list(parsed)
        for name, task in self.tasks.items():
            batch = Batch(name, sentences, device=self.device)
            tokens, dropped = batch.encode(self.reader(name))
            output = self.output(batch, tokens, dropped, 0.0)
            found = task.confidences(self.parts[name], output, parsed, tokens.lengths)
            if found is not None:
                result = [s.with_confidence(name, each) for s, each in zip(result, found, strict=True)]
        return result

    @abstractmethod
    def predict(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Implement `parse`; there is at least one sentence."""

    def parse_task(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> list[Sentence]:
        """Return the sentences, which are one batch, with predictions for `task` and perhaps for others.

        `annotated`: the sentences hold the intermediate parser's predictions, see `annotate`.
        """
        if task not in self.tasks:
            raise ValueError(f"task: expected one of {', '.join(self.tasks)}, got {task!r}")
        if not sentences:
            return []
        check_columns(sentences, self.needs)
        with torch.inference_mode():
            return self.predict_task(task, sentences, annotated)

    def predict_task(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> list[Sentence]:
        """Implement `parse_task`; there is at least one sentence. By default the same as `predict`."""
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
        if strange := sorted(set(config) - {"system", "tasks"}):  # of another version: it may mean other scores
            raise ValueError(f"expected the keys system and tasks, got {shown(strange[0])}")
        system = cls.config_class.model_validate(config["system"])
        return cls.from_vocabulary(system, system.make_tasks(config["tasks"]), vocabulary)

    @classmethod
    @abstractmethod
    def from_vocabulary(cls, config: Any, tasks: Mapping[str, Task], vocabulary: dict[str, Any]) -> Self:
        """Make the system, with random weights, from the result of `to_vocabulary`."""


class Candidates(ABC):
    """What the intermediate parser may predict for each of a list of sentences."""

    @abstractmethod
    def of(self, numbers: Iterable[int]) -> Any:
        """Return the candidates of a batch, as parts; `numbers` are indices into the list."""


def to_dicts(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `to_dict()` of each vocabulary, None for those that a system does not have."""
    return {name: None if part is None else part.to_dict() for name, part in parts.items()}


def check_vectors(vectors: Vectors | None, key: str, size: int | None) -> None:
    """Raise a ValueError if word vectors do not have the size of the embedding that they initialise.

    `key` is the key of that size in [system]. None as `size`: the embedding takes the size of the vectors.
    """
    found = len(next(iter(vectors.values()))) if vectors else None
    if found is not None and size is not None and found != size:
        raise ValueError(f"{key}: expected {found}, the size of the word vectors, got {size}")
