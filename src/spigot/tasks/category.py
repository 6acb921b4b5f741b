"""The class of a whole sentence, of any number of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from spigot.data.categories import category_of, read_category
from spigot.data.conllu import category_comments, write_parses
from spigot.data.files import Writable
from spigot.data.readers import read_sentences
from spigot.data.sentence import Confidence, Sentence
from spigot.data.vocabulary import Labels
from spigot.evaluation.categories import CategoryScore, categorization
from spigot.evaluation.report import Measure, category_measures, label_measures
from spigot.tasks.base import Comments, Task, Unknown


class Category(Task):
    """`Sentence.categories[name]`, from scores `[batch, class]`. Of the part it needs `labels`.

    In CoNLL-U the class is a comment with the task's name, `# category = sports`. A sentence with a sentiment and no
    such class has the class "negative" or "positive". The loss is cross-entropy.
    """

    part_name = "classifier"
    outputs = "categories"
    format = "conllu"
    scores = ("accuracy",)

    kind: Literal["category"] = "category"
    name: str = "category"

    def category_names(self, sentences: Iterable[Sentence]) -> Labels:
        """Return the classes of training sentences, the most frequent first."""
        counts = Counter(category_of(sentence, self.name) for sentence in sentences)
        return Labels([category for category, _ in counts.most_common() if category is not None])

    def read(self, path: Path) -> Iterator[Sentence]:
        """Yield the sentences of a CoNLL-U file with a comment for the class, of JSON lines, or of an SST file."""
        return (read_category(sentence, self.name) for sentence in read_sentences(path))

    def has_gold(self, sentence: Sentence) -> bool:
        """Return whether a sentence has a class."""
        return category_of(sentence, self.name) is not None

    def gold(self, part: Any, sentences: Sequence[Sentence]) -> tuple[Tensor, ...]:
        """Return the numbers of the classes, `[batch]`: -1 where a class is not known."""
        return (torch.tensor([part.labels[str(category_of(s, self.name))] for s in sentences], dtype=torch.int64),)

    def unknown(self, part: Any, sentences: Sequence[Sentence]) -> Unknown:
        """Return how many sentences have a class that the part does not know."""
        (numbers,) = self.gold(part, sentences)
        return Unknown(int((numbers < 0).sum()), len(numbers), "sentences", "class that training has")

    def losses(self, part: Any, output: Tensor, gold: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """Return the cross-entropy."""
        (numbers,) = gold
        return F.cross_entropy(output, numbers, ignore_index=-1, reduction="none")

    def score(self, gold: Iterable[Sentence], predicted: Iterable[Sentence]) -> CategoryScore:
        """Return how many sentences have the right class."""
        pairs = zip(gold, predicted, strict=True)
        return sum((categorization(*pair, self.name) for pair in pairs), CategoryScore())

    def values(self, score: CategoryScore) -> tuple[float, ...]:
        """Return the accuracy."""
        return (score.accuracy,)

    def measures(self, score: CategoryScore) -> list[Measure]:
        """Return the accuracy."""
        return category_measures(score)

    def label_measures(self, score: CategoryScore) -> list[Measure]:
        """Return the F1 of each class."""
        return label_measures(score.by_category, "sentences of this class")

    def annotate(self, sentences: Sequence[Sentence], predictions: Iterable[str]) -> list[Sentence]:
        """Return the sentences with classes."""
        return [s.with_category(self.name, each) for s, each in zip(sentences, predictions, strict=True)]

    def confidences(
        self, part: Any, output: Tensor, sentences: Sequence[Sentence], lengths: Tensor
    ) -> list[Confidence]:
        """Return the softmax of the score of each class."""
        (numbers,) = self.gold(part, sentences)
        found = output.softmax(-1).gather(1, numbers.to(output.device)[:, None]).squeeze(1).tolist()
        return [Confidence(labels=(each,)) for each in found]

    def write(self, sentences: Iterable[Sentence], target: Writable, comments: Comments) -> None:
        """Write CoNLL-U with a comment for the class."""
        write_parses((self._named(sentence) for sentence in sentences), target, comments=comments)

    def _named(self, sentence: Sentence) -> Sentence:
        """Return a sentence with its class, if it has one, under the task's name; it keeps a confidence."""
        found = category_of(sentence, self.name)
        if found is None or self.name in sentence.categories:
            return sentence
        return sentence.with_category(self.name, found)

    def comments(self, sentence: Sentence) -> list[str]:
        """Return the class and, if it is known, its confidence."""
        return category_comments(sentence, self.name)
