"""The parts of semantic graphs, and what is asked of tensors that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..checks import check_arguments, check_devices, check_mask, kind_of, lengths_or_full, widen
from .compact import CompactForm, check_integers, first_largest, refuse_out_of_range


class SemanticGraphParts(NamedTuple):
    """Scores, 0/1 indicators or candidates (bool) of the parts of a batch of graphs.

    n counts the tokens of the longest sentence and ROOT, which is node 0. Tops are arcs from ROOT, which is a
    predicate like any other, but never a modifier; no node is its own modifier.
    """

    predicates: Tensor
    """[batch, n]"""
    arcs: Tensor
    """[batch, n, n], head before modifier"""
    labels: Tensor
    """[batch, n, n, label]"""


def check_graphs(
    name: str,
    parts: SemanticGraphParts,
    lengths: Tensor | None = None,
    mask: SemanticGraphParts | None = None,
) -> None:
    """Check the types and shapes of one call.

    Args:
        name: what the caller calls `parts`, for the message.
        parts: scores, or the point to project.
        lengths: integers, `[batch]`.
        mask: bool; each tensor need only broadcast to the shape of its scores.

    Raises:
        TypeError: a tensor of the wrong dtype.
        ValueError: shapes disagree.
    """
    if not isinstance(parts, SemanticGraphParts):
        raise TypeError(f"{name}: expected SemanticGraphParts, got {kind_of(parts)}")
    predicates, arcs, labels = parts
    check_arguments(f"{name}.arcs", arcs, "batch head modifier", lengths)
    check_arguments(f"{name}.predicates", predicates, "batch node")
    check_arguments(f"{name}.labels", labels, "batch head modifier label")
    if predicates.shape != arcs.shape[:2]:
        raise ValueError(f"{name}.predicates: expected shape {list(arcs.shape[:2])}, got {list(predicates.shape)}")
    if labels.shape[:3] != arcs.shape:
        raise ValueError(f"{name}.labels: expected shape {list(arcs.shape)} and labels, got {list(labels.shape)}")
    if mask is not None:
        if not isinstance(mask, SemanticGraphParts):
            raise TypeError(f"mask: expected SemanticGraphParts, got {kind_of(mask)}")
        for field, scores, candidates in zip(parts._fields, parts, mask, strict=True):
            check_mask(f"mask.{field}", f"{name}.{field}", scores.shape, candidates)
    check_devices(name, parts, mask)


def deterministic_flags(name: str, deterministic: tuple[bool, ...], labels: Tensor) -> Tensor:
    """Return the flag of each label of `labels` (bool, `[label]`), all False if `deterministic` is empty.

    Raises:
        ValueError: there are not as many flags as labels.
    """
    flags = deterministic or (False,) * labels.size(3)
    if len(flags) != labels.size(3):
        raise ValueError(f"{name}.labels: expected {len(flags)} labels as in `deterministic`, got {labels.size(3)}")
    return torch.tensor(flags, dtype=torch.bool, device="cpu")


def graph_arguments(
    parts: SemanticGraphParts, lengths: Tensor | None, mask: SemanticGraphParts | None
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor | None]:
    """Return checked arguments as kernels take them: three parts of one dtype, lengths, three masks in full.

    That of the labels is None if all are candidates, to save the reading.
    """
    dtype = torch.promote_types(torch.promote_types(*(part.dtype for part in parts[:2])), widen(parts[2][:0]).dtype)
    predicates, arcs, labels = (part.to(dtype) for part in parts)
    tokens = lengths_or_full(arcs, lengths, arcs.size(1) - 1)
    if mask is None:
        everything = torch.ones((), dtype=torch.bool, device=arcs.device)
        mask = SemanticGraphParts(everything, everything, everything)
    return (
        predicates,
        arcs,
        labels,
        tokens,
        # A row without tokens has the empty graph, without ROOT's predicate.
        mask.predicates.expand(predicates.shape) & (tokens != 0)[:, None],
        mask.arcs.expand(arcs.shape),
        mask.labels.expand(labels.shape) if mask.labels.dim() else None,
    )


def labels_to_graphs(arc_labels: Tensor, count: int, dtype: torch.dtype = torch.float32) -> SemanticGraphParts:
    """Turn the label of each arc into 0/1 parts of graphs.

    Args:
        arc_labels: integers, `[batch, head, modifier]`, -1 for no arc. On the diagonal 0 stands for a predicate that
            has no arcs; one that has some is a predicate in any case.
        count: how many labels there are.
        dtype: of the result.

    Returns:
        0/1: `[batch, n]`, `[batch, n, n]` and `[batch, n, n, label]`.

    Raises:
        ValueError: a label is out of range.
    """
    check_integers("arc_labels", arc_labels, "batch head modifier")
    refuse_out_of_range("arc_labels", arc_labels, count)
    return _graphs(arc_labels, count, dtype, dtype, dtype)


def graphs_to_labels(graphs: SemanticGraphParts, lengths: Tensor | None = None) -> Tensor:
    """Turn parts of graphs, 0/1 or soft, into the label of each arc: the inverse of `labels_to_graphs`.

    Args:
        graphs: an arc is there if it is above 0, and takes the label with the most weight, the smallest of equals.
        lengths: tokens in each sentence, without ROOT, `[batch]`; None: all rows are full.

    Returns:
        int64, `[batch, head, modifier]`, -1 for no arc, and past the length.
    """
    check_graphs("graphs", graphs, lengths)
    labels = first_largest(graphs.labels).where((graphs.arcs > 0) & arcs_inside(graphs.arcs, lengths), -1)
    alone = (graphs.predicates > 0) & ~(labels >= 0).any(2) & nodes_inside(graphs.arcs, lengths)
    return labels.where(~torch.diag_embed(alone), 0)


@dataclass(frozen=True)
class ArcLabelsForm(CompactForm[SemanticGraphParts]):
    """The label of each arc, `[batch, head, modifier]`, -1 for none; see `labels_to_graphs`."""

    noun = "arc labels"
    parts_noun = "graphs"
    optional = True

    deterministic: tuple[bool, ...]

    def check(self, name: str, parts: SemanticGraphParts, lengths: Tensor | None) -> None:
        """Check that they are graphs, with a label for each flag."""
        check_graphs(name, parts, lengths)
        deterministic_flags(name, self.deterministic, parts.labels)

    def shape(self, scores: SemanticGraphParts) -> list[int | None]:
        """Return `[batch, head, modifier]`."""
        return list(scores.arcs.shape)

    def end(self, scores: SemanticGraphParts) -> int:
        """Return the number of labels."""
        return scores.labels.size(3)

    def meant(self, scores: SemanticGraphParts, lengths: Tensor | None) -> Tensor:
        """Return which arcs and predicates there may be."""
        return arcs_inside(scores.arcs, lengths) | torch.diag_embed(nodes_inside(scores.arcs, lengths))

    def to_parts(self, integers: Tensor, scores: SemanticGraphParts, lengths: Tensor | None) -> SemanticGraphParts:
        """Return the predicates, arcs and labelled arcs."""
        return _graphs(integers, scores.labels.size(3), *(part.dtype for part in scores))

    def to_integers(self, parts: SemanticGraphParts, lengths: Tensor | None) -> Tensor:
        """Return the labels."""
        return graphs_to_labels(parts, lengths)

    def members(self, parts: SemanticGraphParts, lengths: Tensor | None) -> Tensor:
        """Return which rows have a predicate and one label for each arc, and keep determinism."""
        pairs = arcs_inside(parts.arcs, lengths)
        predicates = parts.predicates.where(nodes_inside(parts.arcs, lengths), 0)
        arcs, labels = parts.arcs.where(pairs, 0), parts.labels.where(pairs[..., None], 0)
        whole = [((part == 0) | (part == 1)).flatten(1).all(1) for part in (predicates, arcs, labels)]
        labelled = ((labels != 0).sum(3) == (arcs != 0)).flatten(1).all(1)
        headed = ((arcs == 0).all(2) | (predicates != 0)).all(1)
        flags = deterministic_flags("parts", self.deterministic, labels).to(labels.device)
        once = ((labels != 0).sum(2) <= 1).logical_or(~flags).flatten(1).all(1)
        return whole[0] & whole[1] & whole[2] & labelled & headed & once


def nodes_inside(arcs: Tensor, lengths: Tensor | None) -> Tensor:
    """Return which nodes may be predicates, by the lengths: bool, `[batch, n]`."""
    tokens = lengths_or_full(arcs, lengths, arcs.size(1) - 1)[:, None]
    return (torch.arange(arcs.size(1), device=arcs.device) <= tokens) & (tokens > 0)


def arcs_inside(arcs: Tensor, lengths: Tensor | None) -> Tensor:
    """Return which arcs there may be, by the lengths: bool, `[batch, n, n]`."""
    inside, node = nodes_inside(arcs, lengths), torch.arange(arcs.size(1), device=arcs.device)
    # ROOT is no modifier, and no node is its own.
    return inside[:, :, None] & (inside & (node > 0))[:, None, :] & (node[:, None] != node)


def _graphs(arc_labels: Tensor, count: int, *dtypes: torch.dtype) -> SemanticGraphParts:
    given = arc_labels >= 0
    alone = torch.eye(arc_labels.size(1), dtype=torch.bool, device=arc_labels.device)
    arcs = given & ~alone
    labels = (arc_labels[..., None] == torch.arange(count, device=arc_labels.device)) & arcs[..., None]
    return SemanticGraphParts(given.any(2).to(dtypes[0]), arcs.to(dtypes[1]), labels.to(dtypes[2]))
