"""Projection of the parts of semantic graphs, each arc with its labels on its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..numerics.threshold import arc_threshold, threshold
from ..runtime.arrays import mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, OK, raise_for_status


@njit(nogil=True, cache=True)
def clip(value):  # type: ignore[no-untyped-def]
    """Return the nearest number in [0, 1], NaN for NaN and +inf."""
    return min(max(value, 0.0), 1.0) if value < np.inf else np.nan


@njit(nogil=True, cache=True)
def peak_of(scores, candidates):  # type: ignore[no-untyped-def]
    """Return the largest candidate, NaN if one is NaN or +inf, -inf if there is none. No mask at all allows all."""
    masked = candidates.size > 0
    peak, proper = -np.inf, True
    for k in range(scores.size):
        if not masked or candidates[k]:
            proper &= scores[k] < np.inf
            peak = max(peak, scores[k])
    return np.float64(peak) if proper else np.nan


@njit(nogil=True, cache=True)
def _project_arc(arc, scores, candidates, clip_first, values, out):  # type: ignore[no-untyped-def]
    """Fill `out`, given as 0, with the labels of one arc, and return the arc; `values` is scratch."""
    masked = candidates.size > 0
    peak = peak_of(scores, candidates)
    if not arc < np.inf or np.isnan(peak):
        for k in range(scores.size):
            if not masked or candidates[k]:
                out[k] = np.nan
        return np.nan
    if peak == -np.inf or (arc <= 0.0 if clip_first else arc + peak <= 0.0):
        return 0.0
    count = 0
    for k in range(scores.size):
        if not masked or candidates[k]:
            # Labels are in [0, 1], so none that lies 1 below the largest can be positive.
            values[count] = scores[k] - peak
            count += values[count] > -1.0
    if clip_first:
        projected = min(arc, 1.0)
        tau = threshold(values, count, projected, 0)[0]
    else:
        tau, projected, _ = arc_threshold(values, count, arc + peak, 1.0)
    for k in range(scores.size):
        if not masked or candidates[k]:
            out[k] = max((scores[k] - peak) - tau, 0.0)
    return projected


@njit(nogil=True, cache=True)
def _project(  # type: ignore[no-untyped-def]
    start, stop, predicates, arcs, labels, lengths, predicate_mask, arc_mask, label_mask, clip_first,
    out_predicates, out_arcs, out_labels, status,
):  # fmt: skip
    """Fill the three outputs, given as 0. A mask of labels with no cells allows all."""
    nodes = arcs.shape[1]
    values = np.empty(labels.shape[3])
    everything = np.empty(0, np.bool_)
    for b in range(start, stop):
        if not 0 <= lengths[b] < nodes:
            status[b] = BAD_LENGTH
            continue
        for i in range(lengths[b] + 1):
            predicate = predicates[b, i]
            if not predicate_mask[b, i] or predicate == -np.inf:
                continue
            out_predicates[b, i] = clip(predicate)
            for j in range(1, lengths[b] + 1):
                arc = np.float64(arcs[b, i, j])
                if i == j or not arc_mask[b, i, j] or arc == -np.inf:
                    continue
                candidates = label_mask[b, i, j] if label_mask.size > 0 else everything
                out = out_labels[b, i, j]
                out_arcs[b, i, j] = _project_arc(arc, labels[b, i, j], candidates, clip_first, values, out)


def _like_parts(predicates: Tensor, arcs: Tensor, labels: Tensor, *others: Any) -> tuple[Tensor, ...]:
    return tuple(like_first(part) for part in (predicates, arcs, labels))


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*output)
    ctx.clip_first = inputs[-1]


def _backward(ctx: Any, of_predicates: Tensor, of_arcs: Tensor, of_labels: Tensor) -> tuple[Tensor | None, ...]:
    predicates, arcs, labels = ctx.saved_tensors
    support = labels > 0
    size = support.sum(3).to(arcs.dtype)
    inner = (arcs > 0) & (arcs < 1)
    of_arcs = torch.where(arcs > 0, of_arcs, 0)
    of_labels = torch.where(support, of_labels, 0)
    total = of_labels.sum(3)
    if ctx.clip_first:
        # The labels share the arc equally; their own sum is fixed.
        towards = torch.where(inner, of_arcs + total / size.clamp_min(1), 0)
        shift = -total / size.clamp_min(1)
    else:
        # Below the cap, what is taken away is the part along the normal of Σ b = a; at it, the mean of the labels.
        along = torch.where(inner, of_arcs - total, -total) / (size + inner).clamp_min(1)
        towards = torch.where(inner, of_arcs - along, 0)
        shift = along
    open_predicates = (predicates > 0) & (predicates < 1)
    return (
        torch.where(open_predicates, of_predicates, 0),
        towards,
        torch.where(support, of_labels + shift.unsqueeze(3), 0),
        *(None,) * 5,
    )


def _jvp(ctx: Any, of_predicates: Tensor, of_arcs: Tensor, of_labels: Tensor) -> tuple[Tensor | None, ...]:
    if not ctx.clip_first:  # a Euclidean projection: its Jacobian is symmetric
        return _backward(ctx, of_predicates, of_arcs, of_labels)[:3]
    predicates, arcs, labels = ctx.saved_tensors
    support = labels > 0
    towards = torch.where((arcs > 0) & (arcs < 1), of_arcs, 0)
    excess = torch.where(support, of_labels, 0).sum(3) - towards
    shift = excess / support.sum(3).to(arcs.dtype).clamp_min(1)
    open_predicates = (predicates > 0) & (predicates < 1)
    return (
        torch.where(open_predicates, of_predicates, 0),
        towards,
        torch.where(support, of_labels - shift.unsqueeze(3), 0),
    )


@operator(fake=_like_parts, backward=_backward, save=_save, jvp=_jvp, moving=(0, 1, 2))
def project_labeled_arcs(
    predicates: Tensor,
    arcs: Tensor,
    labels: Tensor,
    lengths: Tensor,
    predicate_mask: Tensor,
    arc_mask: Tensor,
    label_mask: Tensor | None,
    clip_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Project each arc with its labels onto {Σ b = a, all in [0, 1]}, and each predicate onto [0, 1].

    Args:
        predicates: `[batch, n]`; like the other two float32 or float64, all of one dtype. -inf marks what is no
            candidate.
        arcs: `[batch, n, n]`; NaN or +inf makes it and its labels NaN.
        labels: `[batch, n, n, label]`; NaN or +inf likewise.
        lengths: int64, `[batch]`: nodes after ROOT.
        predicate_mask: bool, shaped like `predicates`.
        arc_mask: bool, shaped like `arcs`. Arcs of a predicate that is no candidate are none either.
        label_mask: bool, shaped like `labels`; None allows all. Nor are the labels of such arcs.
        clip_first: the arc is clipped to [0, 1] alone, and then the labels are projected onto what sums to it: no
            Euclidean projection.

    Returns:
        The projections, 0 where there is no candidate. CUDA tensors are projected on the CPU: there is no GPU kernel.
    """
    outputs = [torch.zeros(part.shape, dtype=part.dtype, device="cpu") for part in (predicates, arcs, labels)]
    status = np.full(arcs.size(0), OK)
    over_batch(
        _project,
        arcs.size(0),
        to_numpy(predicates),
        to_numpy(arcs),
        to_numpy(labels),
        to_numpy(lengths),
        to_numpy(predicate_mask),
        to_numpy(arc_mask),
        mask_to_numpy(label_mask, 4),
        clip_first,
        *(output.numpy() for output in outputs),
        status,
        work=4.0 * labels.numel(),
    )
    raise_for_status(status, "point", "", lengths)
    first, second, third = (output.to(arcs.device) for output in outputs)
    return first, second, third
