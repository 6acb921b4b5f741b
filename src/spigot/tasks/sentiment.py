"""The sentiment of a sentence: negative or positive (section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor
from torch.nn import functional as F

from spigot.data.conllu import sentiment_comments
from spigot.data.files import Writable
from spigot.data.readers import read_sentences
from spigot.data.sentence import Sentence
from spigot.data.sst import write_sst
from spigot.evaluation.accuracy import AccuracyScore, accuracy
from spigot.evaluation.report import Measure, sentiment_measures
from spigot.models.sentiment_classifier import gold_sentiments
from spigot.tasks.base import Comments, Task


class Sentiment(Task):
    """One of two classes, from scores `[batch, 2]`. A sentence has one sentiment, whatever the task's name."""

    part_name = "sentiment classifier"
    outputs = "sentiments"
    format = "sst"
    scores = ("accuracy",)

    kind: Literal["sentiment"] = "sentiment"
    name: str = "sentiment"

    def read(self, path: Path) -> Iterator[Sentence]:
        """Yield the sentences of an SST file: see `spigot.data.sst`."""
        return read_sentences(path)

    def has_gold(self, sentence: Sentence) -> bool:
        """Return whether a sentence has a sentiment."""
        return sentence.sentiment is not None

    def gold(self, part: Any, sentences: Sequence[Sentence]) -> tuple[Tensor, ...]:
        """Return the classes, `[batch]`."""
        return (gold_sentiments(sentences),)

    def losses(self, part: Any, output: Tensor, gold: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """Return the cross-entropy."""
        (classes,) = gold
        return F.cross_entropy(output, classes, reduction="none")

    def score(self, gold: Iterable[Sentence], predicted: Iterable[Sentence]) -> AccuracyScore:
        """Return how many sentences of each class are right."""
        return sum((accuracy(*pair) for pair in zip(gold, predicted, strict=True)), AccuracyScore())

    def values(self, score: AccuracyScore) -> tuple[float, ...]:
        """Return the accuracy."""
        return (score.accuracy,)

    def measures(self, score: AccuracyScore) -> list[Measure]:
        """Return the accuracy, and the recall of each class."""
        return sentiment_measures(score)

    def annotate(self, sentences: Sequence[Sentence], predictions: Iterable[tuple[int, float]]) -> list[Sentence]:
        """Return the sentences with their classes, and the probabilities of these."""
        pairs = zip(sentences, predictions, strict=True)
        return [replace(s, sentiment=label, probability=probability) for s, (label, probability) in pairs]

    def write(self, sentences: Iterable[Sentence], target: Writable, comments: Comments) -> None:
        """Write SST."""
        write_sst(sentences, target)

    def comments(self, sentence: Sentence) -> list[str]:
        """Return the label and its probability."""
        return sentiment_comments(sentence)
