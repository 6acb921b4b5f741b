"""The tag of each token: XPOS (or UPOS where a treebank has no XPOS), or the universal one, UPOS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from spigot.data.conllu import write_conllu
from spigot.data.files import Writable
from spigot.data.readers import read_sentences
from spigot.data.sentence import NO_TAG, Confidence, Sentence, column_of
from spigot.data.vocabulary import Labels
from spigot.evaluation.report import Measure, label_measures, tag_measures
from spigot.evaluation.tagging import TagScore, tagging
from spigot.models.tagger import gold_tags
from spigot.tasks.base import Comments, Task, Unknown
from spigot.tasks.syntax import label_nll


class Tags(Task):
    """`Sentence.tags` or `Sentence.upos`, from scores `[batch, n, tag]`. Of the part it needs `labels`.

    A sentence has two columns of tags, whatever the task's name. `tags` is what its file's reader takes, XPOS in
    CoNLL-U (UPOS for a token without XPOS) and `pos` in SDP; `upos` is UPOS, which CoNLL-U and JSON alone have. The
    loss is cross-entropy, summed over tokens.
    """

    part_name = "tagger"
    outputs = "tags"
    format = "conllu"
    scores = ("accuracy",)

    kind: Literal["tags"] = "tags"
    name: str = "tags"
    column: Literal["tags", "upos"] = "tags"

    @property
    def annotation(self) -> str:
        """Every token needs a tag."""
        return "tag of each token" if self.column == "tags" else "universal tag (UPOS) of each token"

    def _of(self, sentence: Sentence) -> tuple[str, ...]:
        return column_of(sentence, self.column)

    def tag_names(self, sentences: Iterable[Sentence]) -> Labels:
        """Return the tags of training sentences, the most frequent first."""
        counts = Counter(tag for sentence in sentences for tag in self._of(sentence))
        counts.pop(NO_TAG, None)
        return Labels([tag for tag, _ in counts.most_common()])

    def read(self, path: Path) -> Iterator[Sentence]:
        """Yield the sentences of a CoNLL-U file, or of another with tags."""
        return read_sentences(path)

    def has_gold(self, sentence: Sentence) -> bool:
        """Return whether every token has a tag."""
        return NO_TAG not in self._of(sentence)

    def gold(self, part: Any, sentences: Sequence[Sentence]) -> tuple[Tensor, ...]:
        """Return the numbers of the tags, `[batch, n]`."""
        return (gold_tags([self._of(sentence) for sentence in sentences], part.labels),)

    def unknown(self, part: Any, sentences: Sequence[Sentence]) -> Unknown:
        """Return how many tokens have a tag that the part does not know."""
        found = [part.labels[tag] < 0 for sentence in sentences for tag in self._of(sentence)]
        return Unknown(sum(found), len(found), "tokens", "tag that training has")

    def losses(self, part: Any, output: Tensor, gold: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """Return the cross-entropy."""
        return label_nll(output, *gold)

    def score(self, gold: Iterable[Sentence], predicted: Iterable[Sentence]) -> TagScore:
        """Return how many tokens have the right tag."""
        return sum((tagging(*pair, self.column) for pair in zip(gold, predicted, strict=True)), TagScore())

    def values(self, score: TagScore) -> tuple[float, ...]:
        """Return the accuracy."""
        return (score.accuracy,)

    def measures(self, score: TagScore) -> list[Measure]:
        """Return the accuracy."""
        return tag_measures(score, self.column)

    def label_measures(self, score: TagScore) -> list[Measure]:
        """Return the F1 of each tag."""
        return label_measures(score.by_tag, "tokens with this tag")

    def annotate(self, sentences: Sequence[Sentence], predictions: Iterable[tuple[str, ...]]) -> list[Sentence]:
        """Return the sentences with these tags in place of their own."""
        change: Any = replace  # mypy does not follow a column's name
        return [change(s, **{self.column: tags}) for s, tags in zip(sentences, predictions, strict=True)]

    def confidences(
        self, part: Any, output: Tensor, sentences: Sequence[Sentence], lengths: Tensor
    ) -> list[Confidence]:
        """Return the softmax of each tag's score."""
        (numbers,) = self.gold(part, sentences)
        numbers = numbers.to(output.device).clamp(min=0)
        rows = output.softmax(-1).gather(2, numbers[..., None]).squeeze(2).tolist()
        return [Confidence(labels=tuple(row[1 : len(s) + 1])) for row, s in zip(rows, sentences, strict=True)]

    def write(self, sentences: Iterable[Sentence], target: Writable, comments: Comments) -> None:
        """Write CoNLL-U without trees."""
        write_conllu(sentences, target, self.name)
