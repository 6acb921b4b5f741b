"""Syntactic dependency trees (section 4.1.1): structured hinge loss, the log-loss of structured attention, or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import model_validator
from torch import Tensor
from torch.nn import functional as F

from spigot.data.conllu import write_parses
from spigot.data.files import Writable
from spigot.data.readers import read_sentences
from spigot.data.sentence import Confidence, Sentence, Tree, under_name
from spigot.data.vocabulary import Labels
from spigot.evaluation.attachment import AttachmentScore, attachment
from spigot.evaluation.report import Measure, label_measures, tree_measures
from spigot.models.syntactic_parser import gold_heads, gold_labels
from spigot.models.tree_scorer import ScoredArcs
from spigot.structured import (
    MarginalStructure,
    Structure,
    hamming_cost,
    heads_to_arcs,
    hinge_loss,
    negative_log_likelihood,
)
from spigot.tasks.base import Comments, Task, Unknown


class Syntax(Task):
    """Trees, from `ScoredArcs`. Of the part it needs `structure`, `labels` and `label_scores`.

    The loss of a sentence is that of its tree plus those of its labels, each as if the gold tree had been found: with
    "hinge", `tree_hinge` and `label_hinge` (Kiperwasser & Goldberg 2016); with "nll", `tree_nll` and `label_nll` (Dozat
    & Manning 2017, with a distribution over trees in place of one over the heads of each token). With "none" trees are
    latent (section 2.3): no treebank is read, and the end task's gradient alone trains the parser. A development set,
    if there is one, tells how like its trees they are.
    """

    part_name = "syntactic parser"
    outputs = "trees"
    format = "conllu"
    scores = ("uas", "las")

    kind: Literal["syntax"] = "syntax"
    name: str = "syntax"
    loss: Literal["hinge", "nll", "none"] = "hinge"
    labels: bool = True
    """Whether arcs have labels; the published parser has none, and latent trees cannot have any."""

    @model_validator(mode="after")
    def _unlabelled(self) -> Syntax:
        if self.loss == "none" and self.labels:
            raise ValueError('labels: expected false beside loss = "none", got true')
        return self

    @property
    def has_loss(self) -> bool:
        """Whether trees are learnt from a treebank."""
        return self.loss != "none"

    @property
    def score_names(self) -> tuple[str, ...]:
        """UAS and, with labels, LAS."""
        return super().score_names[: 2 if self.labels else 1]

    def label_names(self, sentences: Iterable[Sentence]) -> Labels | None:
        """Return the labels of training sentences; None if `labels` is off.

        Raises:
            ValueError: there are no labels.
        """
        found = Labels.build(sentences, self.name) if self.labels else None
        if found is not None and not len(found):
            raise ValueError(f"{self.name}: expected training trees with labels (or tasks.{self.name}.labels = false)")
        return found

    def read(self, path: Path) -> Iterator[Sentence]:
        """Yield the sentences of a file; the only tree of one has any name there (JSON)."""
        return (under_name(sentence, "trees", self.name) for sentence in read_sentences(path, tree=self.name))

    def has_gold(self, sentence: Sentence) -> bool:
        """Return whether a sentence has the tree."""
        return self.name in sentence.trees

    def gold(self, part: Any, sentences: Sequence[Sentence]) -> tuple[Tensor, ...]:
        """Return `heads[batch, n]` and, if the part has labels, `labels[batch, n]`."""
        heads = gold_heads(sentences, self.name)
        return (heads,) if part.labels is None else (heads, gold_labels(sentences, part.labels, self.name))

    def unknown(self, part: Any, sentences: Sequence[Sentence]) -> Unknown | None:
        """Return how many arcs have a label that the part does not know, or none."""
        if part.labels is None:
            return None
        found = [part.labels[label] < 0 for sentence in sentences for label in sentence.trees[self.name].labels]
        return Unknown(sum(found), len(found), "arcs", "label that training has")

    def losses(self, part: Any, output: ScoredArcs, gold: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """Return the loss of the trees and, if the part has labels, of these."""
        if not self.has_loss:
            raise ValueError('loss: expected "hinge" or "nll" to train on a treebank, got "none"')
        heads, *labels = gold
        tree_loss, label_loss = (tree_nll, label_nll) if self.loss == "nll" else (tree_hinge, label_hinge)
        losses = tree_loss(part.structure, output.scores, heads, lengths)
        return losses + label_loss(part.label_scores(output.states, heads), *labels) if labels else losses

    def score(self, gold: Iterable[Sentence], predicted: Iterable[Sentence]) -> AttachmentScore:
        """Return the attachment score."""
        pairs = zip(gold, predicted, strict=True)
        return sum((attachment(*pair, tree=self.name) for pair in pairs), AttachmentScore())

    def values(self, score: AttachmentScore) -> tuple[float, ...]:
        """Return UAS and, with labels, LAS."""
        return (score.uas, score.las or 0.0) if self.labels else (score.uas,)

    def measures(self, score: AttachmentScore) -> list[Measure]:
        """Return UAS, LAS and complete trees, with and without punctuation, and the scores of CoNLL 2018."""
        return tree_measures(score)

    def label_measures(self, score: AttachmentScore) -> list[Measure]:
        """Return the F1 of each label, with the right head."""
        return label_measures(score.by_label) if score.has_labels else []

    def annotate(self, sentences: Sequence[Sentence], predictions: Iterable[Tree]) -> list[Sentence]:
        """Return the sentences with trees."""
        return [s.with_tree(self.name, tree) for s, tree in zip(sentences, predictions, strict=True)]

    def confidences(
        self, part: Any, output: ScoredArcs, sentences: Sequence[Sentence], lengths: Tensor
    ) -> list[Confidence]:
        """Return the marginal of each arc of the tree, and the softmax of its label's score given the arc.

        A structure without marginals has the softmax of each token's scores of heads, as if it had no other tree.
        """
        heads = gold_heads(sentences, self.name).to(output.scores.device)
        chosen = heads.clamp(min=0)
        if isinstance(part.structure, MarginalStructure):
            arcs = part.structure.marginals(output.scores, lengths)
        else:
            allowed = part.structure.part_mask(output.scores, lengths)
            arcs = output.scores.masked_fill(~allowed, -torch.inf).softmax(1)
        of_arcs = arcs.gather(1, chosen[:, None]).squeeze(1).tolist()
        if part.labels is None:
            return [Confidence(tuple(row[1 : len(s) + 1])) for row, s in zip(of_arcs, sentences, strict=True)]
        numbers = gold_labels(sentences, part.labels, self.name).to(heads.device).clamp(min=0)
        labels = part.label_scores(output.states, heads).softmax(-1).gather(2, numbers[..., None]).squeeze(2).tolist()
        rows = zip(of_arcs, labels, sentences, strict=True)
        return [Confidence(tuple(arc[1 : len(s) + 1]), tuple(label[1 : len(s) + 1])) for arc, label, s in rows]

    def write(self, sentences: Iterable[Sentence], target: Writable, comments: Comments) -> None:
        """Write CoNLL-U."""
        write_parses(sentences, target, self.name, comments=comments)


def tree_hinge(structure: Structure, arc_scores: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
    """Return max_z [<s, z> + cost(z)] - <s, gold> for each sentence, `[batch]`.

    The cost counts wrong heads (Taskar-style margin, Kiperwasser & Goldberg 2016). If the gold tree is no
    member of the structure (say, a non-projective one) the difference may be negative: it is cut at 0.
    """
    gold = heads_to_arcs(heads, dtype=arc_scores.dtype)
    wrong_heads = hamming_cost(gold, false_positive=1.0, false_negative=0.0)
    return hinge_loss(arc_scores, gold, structure, wrong_heads, lengths=lengths, outside="clip")


def tree_nll(structure: MarginalStructure, arc_scores: Tensor, heads: Tensor, lengths: Tensor) -> Tensor:
    """Return -log p(gold) for each sentence, `[batch]`: the log-loss of structured attention.

    If the gold tree is no member of the structure, this is no probability, and falls without end: it is cut at 0.
    """
    gold = heads_to_arcs(heads, dtype=arc_scores.dtype)
    return negative_log_likelihood(arc_scores, gold, structure, lengths=lengths, outside="clip")


def label_hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """Return Σ_m max_l [s_ml + 1(l ≠ gold)] - s_m,gold for each sentence, `[batch]`, over tokens m with a label.

    `scores` are `[batch, n, label]`; `labels[batch, n]` has -1 where there is none.
    """
    at = labels.clamp(min=0)[..., None]
    gold = scores.gather(-1, at)
    # At the gold label itself the margin is taken off again.
    worst = (scores + 1).scatter(-1, at, gold).amax(-1)
    return ((worst - gold.squeeze(-1)) * (labels >= 0)).sum(-1)


def label_nll(scores: Tensor, labels: Tensor) -> Tensor:
    """Return -Σ_m log softmax(s_m)_gold for each sentence, `[batch]`. Arguments are those of `label_hinge`."""
    return F.cross_entropy(scores.transpose(1, 2), labels, ignore_index=-1, reduction="none").sum(-1)
