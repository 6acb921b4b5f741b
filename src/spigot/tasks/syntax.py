"""Syntactic dependency trees (section 4.1.1): structured hinge loss, or the log-loss of structured attention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from spigot.data.conllu import write_conllu
from spigot.data.files import Writable
from spigot.data.readers import read_sentences
from spigot.data.sentence import Sentence, Tree
from spigot.evaluation.attachment import AttachmentScore, attachment
from spigot.evaluation.report import Measure, tree_measures
from spigot.models.syntactic_parser import gold_heads
from spigot.structured import (
    MarginalStructure,
    Structure,
    hamming_cost,
    heads_to_arcs,
    hinge_loss,
    negative_log_likelihood,
)
from spigot.tasks.base import Comments, Task


class Syntax(Task):
    """Unlabelled trees, from `arc_scores[batch, head, modifier]`. Of the part it needs `structure`."""

    part_name = "syntactic parser"
    outputs = "trees"
    format = "conllu"
    scores = ("uas",)

    kind: Literal["syntax"] = "syntax"
    name: str = "syntax"
    loss: Literal["hinge", "nll"] = "hinge"

    def read(self, path: Path) -> Iterator[Sentence]:
        """Yield the sentences of a CoNLL-U or CoNLL-X file."""
        return read_sentences(path, tree=self.name)

    def has_gold(self, sentence: Sentence) -> bool:
        """Return whether a sentence has the tree."""
        return self.name in sentence.trees

    def gold(self, part: Any, sentences: Sequence[Sentence]) -> tuple[Tensor, ...]:
        """Return `heads[batch, n]`."""
        return (gold_heads(sentences, self.name),)

    def losses(self, part: Any, output: Tensor, gold: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """Return `tree_hinge` or `tree_nll`, as `loss` says."""
        (heads,) = gold
        return (tree_nll if self.loss == "nll" else tree_hinge)(part.structure, output, heads, lengths)

    def score(self, gold: Iterable[Sentence], predicted: Iterable[Sentence]) -> AttachmentScore:
        """Return the attachment score."""
        pairs = zip(gold, predicted, strict=True)
        return sum((attachment(*pair, tree=self.name) for pair in pairs), AttachmentScore())

    def values(self, score: AttachmentScore) -> tuple[float, ...]:
        """Return UAS."""
        return (score.uas,)

    def measures(self, score: AttachmentScore) -> list[Measure]:
        """Return UAS, LAS and complete trees, with and without punctuation."""
        return tree_measures(score)

    def annotate(self, sentences: Sequence[Sentence], predictions: Iterable[Sequence[int]]) -> list[Sentence]:
        """Return the sentences with trees, of which a prediction has the heads; labels are "_"."""
        return [
            s.with_tree(self.name, Tree(tuple(heads), ("_",) * len(s)))
            for s, heads in zip(sentences, predictions, strict=True)
        ]

    def write(self, sentences: Iterable[Sentence], target: Writable, comments: Comments) -> None:
        """Write CoNLL-U."""
        write_conllu(sentences, target, self.name)

    def as_json(self, sentence: Sentence) -> dict[str, Any]:
        """Return the heads, which count tokens from 1; 0 is ROOT."""
        return {"heads": sentence.trees[self.name].heads}


def tree_hinge(structure: Structure, arc_scores: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
    """Return max_z [<s, z> + cost(z)] - <s, gold> for each sentence, `[batch]`.

    The cost counts wrong heads (Taskar-style margin, Kiperwasser & Goldberg 2016). If the gold tree is no
    member of the structure (say, a non-projective one) the difference may be negative: it is cut at 0.
    """
    gold = heads_to_arcs(heads, dtype=arc_scores.dtype)
    wrong_heads = hamming_cost(gold, false_positive=1.0, false_negative=0.0)
    return hinge_loss(arc_scores, gold, structure, wrong_heads, lengths=lengths)


def tree_nll(structure: MarginalStructure, arc_scores: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
    """Return -log p(gold) for each sentence, `[batch]`: the log-loss of structured attention."""
    return negative_log_likelihood(arc_scores, heads_to_arcs(heads, dtype=arc_scores.dtype), structure, lengths=lengths)
