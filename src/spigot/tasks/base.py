"""A task: what a part of a system predicts for a sentence, with its loss, its scores and its files."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field
from torch import Tensor

from spigot.data.errors import DataError
from spigot.data.files import Writable, display_name
from spigot.data.sentence import Confidence, Sentence
from spigot.evaluation.report import Measure
from spigot.validation import Table

Decay = Annotated[float, Field(ge=0, lt=1)]
Comments = Callable[[Sentence], Sequence[str]]


class Unknown(NamedTuple):
    """Annotation that a part can never predict, as its training data did not have it."""

    number: int
    total: int
    things: str
    """What is counted ("sentences")."""
    known: str
    """What the others have ("class that training has")."""


class Task(Table, ABC):
    """One task of a system; its fields are the keys of a recipe's table [tasks.NAME].

    A *part* is the module that a system has for the task, and that the task's output comes from. A task's docstring
    says what it needs of it. Scores are sums of counts: `score(a) + score(b)` is that of both.
    """

    part_name: ClassVar[str]
    """What the part is called in messages ("syntactic parser")."""
    outputs: ClassVar[str]
    """What the part predicts, in the plural ("trees")."""
    format: ClassVar[str]
    """The file format of its sentences ("conllu"): see `spigot.data.readers`."""
    scores: ClassVar[tuple[str, ...]]
    """The names of its scores on the development set; the last one selects the best epoch."""

    kind: str
    """The task's key in `TASKS`."""
    name: str
    """The name of the task in its system, and of the annotation that it reads and writes (`sentence.trees[name]`)."""
    betas: tuple[Decay, Decay] | None = None
    """Decay of Adam's averages for the task's part; None: that of [training]."""
    loss_weight: float = Field(1.0, gt=0)
    """Factor on the task's loss; it matters to parameters that the task shares with others."""
    sample: float = Field(1.0, gt=0, le=1)
    """Share of the task's training sentences in an epoch of several tasks; each epoch draws anew."""

    @property
    def has_loss(self) -> bool:
        """Whether the part learns from annotation; if not, from the gradient of the end task alone."""
        return True

    @property
    def score_names(self) -> tuple[str, ...]:
        """The names of the scores in a row of metrics; the task's name precedes them if it is not the kind's."""
        return tuple(score if self.name == self.kind else f"{self.name}.{score}" for score in self.scores)

    @property
    def annotation(self) -> str:
        """What a sentence has of it, in the singular ("tree"), for messages."""
        return re.sub(r"s$", "", re.sub(r"ies$", "y", self.outputs))

    @abstractmethod
    def read(self, path: Path) -> Iterator[Sentence]:
        """Yield the sentences of a file, annotated under the task's name."""

    @abstractmethod
    def has_gold(self, sentence: Sentence) -> bool:
        """Return whether a sentence has the annotation."""

    @abstractmethod
    def gold(self, part: Any, sentences: Sequence[Sentence]) -> tuple[Tensor, ...]:
        """Return the annotation of a batch, as tensors with one row per sentence."""

    def unknown(self, part: Any, sentences: Sequence[Sentence]) -> Unknown | None:
        """Return how much of the annotation the part can never predict; None, by default: there is no such thing."""
        return None

    @abstractmethod
    def losses(self, part: Any, output: Any, gold: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """Return the loss of each sentence, `[batch]`.

        It is summed over the batch, not averaged, until the gradient has passed an argmax between two tasks: a
        surrogate then sees each sentence's own gradient, whatever the size of the batch.
        """

    @abstractmethod
    def score(self, gold: Iterable[Sentence], predicted: Iterable[Sentence]) -> Any:
        """Return the score of predictions; without sentences it is zero."""

    @abstractmethod
    def values(self, score: Any) -> tuple[float, ...]:
        """Return the values of `scores`, between 0 and 1."""

    @abstractmethod
    def measures(self, score: Any) -> list[Measure]:
        """Return all that `spigot evaluate` prints of a score."""

    def label_measures(self, score: Any) -> list[Measure]:
        """Return the F1 of each label, where there are labels."""
        return []

    @abstractmethod
    def annotate(self, sentences: Sequence[Sentence], predictions: Iterable[Any]) -> list[Sentence]:
        """Return each sentence with its prediction."""

    def confidences(
        self, part: Any, output: Any, sentences: Sequence[Sentence], lengths: Tensor
    ) -> list[Confidence] | None:
        """Return how sure a part is of its predictions, which `sentences` hold; None, by default: it cannot say.

        The numbers are probabilities in the Gibbs distribution of the part's scores, p(z) ∝ exp <s, z>. If the part was
        trained with a hinge loss, only the order of its scores was trained, and they need not be calibrated.

        Args:
            part: the part of the task.
            output: its output for these sentences.
            sentences: the sentences with predictions.
            lengths: tokens in each sentence, `[batch]`.
        """
        return None

    @abstractmethod
    def write(self, sentences: Iterable[Sentence], target: Writable, comments: Comments) -> None:
        """Write predictions in the task's format, with comments if the format has comments."""

    def comments(self, sentence: Sentence) -> list[str]:
        """Return the prediction as comments for the file of another task; by default none."""
        return []

    def read_gold(self, path: Path) -> Iterator[Sentence]:
        """Yield the sentences of a file, which must all have the annotation; those without tokens are left out.

        Raises:
            DataError: a sentence lacks the annotation, or the file has no sentence.
        """
        name, empty = display_name(str(path)), True
        for sentence in self.read(path):
            if not self.has_gold(sentence):
                others = getattr(sentence, self.outputs, None)
                got = ", ".join(others) if isinstance(others, Mapping) else ""
                wanted = f"{self.annotation} {self.name!r}, got {got}" if got else f"{self.annotation}, got none"
                raise DataError(name, None, f"sentence {sentence.id!r}: expected a {wanted}")
            if len(sentence):
                empty = False
                yield sentence
        if empty:
            raise DataError(name, None, "expected sentences, got none")
