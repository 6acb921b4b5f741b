"""The parts of semantic graphs, and what is asked of tensors that hold them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..checks import check_arguments, lengths_or_full, widen


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
    predicates, arcs, labels = parts
    check_arguments(f"{name}.arcs", arcs, "batch head modifier", lengths)
    check_arguments(f"{name}.predicates", predicates, "batch node")
    check_arguments(f"{name}.labels", labels, "batch head modifier label")
    if predicates.shape != arcs.shape[:2]:
        raise ValueError(f"{name}.predicates: expected shape {list(arcs.shape[:2])}, got {list(predicates.shape)}")
    if labels.shape[:3] != arcs.shape:
        raise ValueError(f"{name}.labels: expected shape {list(arcs.shape)} and labels, got {list(labels.shape)}")
    for field, candidates in mask._asdict().items() if mask is not None else ():
        if candidates.dtype is not torch.bool:
            raise TypeError(f"mask.{field}: expected bool, got {candidates.dtype}")
        shape = getattr(parts, field).shape
        # Not more axes than the scores, each as long as theirs or 1: what `expand` takes.
        if candidates.dim() > len(shape) or any(
            own not in (1, full) for own, full in zip(candidates.shape[::-1], shape[::-1], strict=False)
        ):
            raise ValueError(
                f"mask.{field}: expected the shape of {name}.{field}, {list(shape)}, or one that broadcasts to it, "
                f"got {list(candidates.shape)}"
            )


def deterministic_flags(name: str, deterministic: tuple[bool, ...], labels: Tensor) -> Tensor:
    """Return the flag of each label of `labels` (bool, `[label]`), all False if `deterministic` is empty.

    Raises:
        ValueError: there are not as many flags as labels.
    """
    flags = deterministic or (False,) * labels.size(3)
    if len(flags) != labels.size(3):
        raise ValueError(f"{name}.labels: expected {len(flags)} labels as in `deterministic`, got {labels.size(3)}")
    return torch.tensor(flags, dtype=torch.bool)


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
        mask.predicates.expand(predicates.shape),
        mask.arcs.expand(arcs.shape),
        mask.labels.expand(labels.shape) if mask.labels.dim() else None,
    )
