"""Exact decoding of first-order semantic graphs with deterministic labels.

Predicates do not interact. Within one predicate every argument takes its best label. Only if this uses a deterministic
label twice, a problem remains: a maximum-weight assignment of arguments to deterministic labels, in which each argument
may also stay with its best free label or with no arc.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ...checks import widen
from ..runtime.arrays import to_numpy
from ..runtime.operator import operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, NOT_A_NUMBER, OK, raise_for_status
from .assignment import assign

NO_ARC = -1


@njit(nogil=True, cache=True)
def _best_labels(
    i: int,
    length: int,
    arcs: np.ndarray,
    labels: np.ndarray,
    arc_mask: np.ndarray,
    label_mask: np.ndarray,
    arguments: np.ndarray,
    values: np.ndarray,
    choices: np.ndarray,
) -> int:  # pragma: no cover - compiled
    """Collect predicate i's arguments whose best label makes the arc's score positive.

    Returns their number, or -1 if a score is NaN or +inf.
    """
    masked = label_mask.size > 0
    count = 0
    for j in range(1, length + 1):
        if j == i or not arc_mask[i, j]:
            continue
        arc = arcs[i, j]
        if not arc < np.inf:
            return -1
        scores = labels[i, j]
        best, choice = -np.inf, NO_ARC
        for k in range(scores.size):
            # Written so that NaN too enters the rare branch: one comparison a cell finds maximum and NaN.
            if not scores[k] <= best and (not masked or label_mask[i, j, k]):
                if not scores[k] < np.inf:
                    return -1
                best, choice = scores[k], k
        value = np.float64(arc) + np.float64(best)
        if value > 0:
            arguments[count], values[count], choices[count] = j, value, choice
            count += 1
    return count


@njit(nogil=True, cache=True)
def _is_contested(
    choices: np.ndarray, deterministic: np.ndarray, taken: np.ndarray
) -> bool:  # pragma: no cover - compiled
    taken[:] = False
    for label in choices:
        if deterministic[label]:
            if taken[label]:
                return True
            taken[label] = True
    return False


@njit(nogil=True, cache=True)
def _resolve(
    i: int,
    arcs: np.ndarray,
    labels: np.ndarray,
    label_mask: np.ndarray,
    deterministic: np.ndarray,
    arguments: np.ndarray,
    values: np.ndarray,
    choices: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Change `values` and `choices` to the best that use each deterministic label at most once."""
    masked = label_mask.size > 0
    columns = np.flatnonzero(deterministic)
    gain = np.full((arguments.size, columns.size), -np.inf)
    assigned = np.full(arguments.size, -1)
    for row in range(arguments.size):
        j = arguments[row]
        scores = labels[i, j]
        arc = np.float64(arcs[i, j])
        choice, values[row], choices[row] = choices[row], 0.0, NO_ARC
        for k in range(scores.size):
            if not deterministic[k] and arc + scores[k] > values[row] and (not masked or label_mask[i, j, k]):
                values[row], choices[row] = arc + scores[k], k
        for column in range(columns.size):
            k = columns[column]
            if not masked or label_mask[i, j, k]:
                gain[row, column] = arc + scores[k] - values[row]
                if k == choice:
                    assigned[row] = column
    assign(gain, assigned)
    for row in range(arguments.size):
        if assigned[row] >= 0:
            choices[row] = columns[assigned[row]]
            values[row] = np.float64(arcs[i, arguments[row]]) + labels[i, arguments[row], choices[row]]


@njit(nogil=True, cache=True)
def _decode(
    start: int,
    stop: int,
    predicates: np.ndarray,
    arcs: np.ndarray,
    labels: np.ndarray,
    lengths: np.ndarray,
    deterministic: np.ndarray,
    predicate_mask: np.ndarray,
    arc_mask: np.ndarray,
    label_mask: np.ndarray,
    chosen: np.ndarray,
    arc_labels: np.ndarray,
    status: np.ndarray,
) -> None:  # pragma: no cover - compiled
    """Fill chosen[b, i] and arc_labels[b, i, j], given as False and -1. An empty label_mask allows all."""
    n = arcs.shape[1]
    arguments = np.empty(n, np.int64)
    values = np.empty(n)
    choices = np.empty(n, np.int64)
    taken = np.empty(deterministic.size, np.bool_)
    for b in range(start, stop):
        if not 0 <= lengths[b] < n:
            status[b] = BAD_LENGTH
            continue
        candidates = label_mask[b] if label_mask.size > 0 else label_mask[0]
        for i in range(lengths[b] + 1):
            predicate = predicates[b, i]
            if not predicate_mask[b, i] or predicate == -np.inf:
                continue
            count = _best_labels(i, lengths[b], arcs[b], labels[b], arc_mask[b], candidates, arguments, values, choices)
            if count < 0 or not predicate < np.inf:
                status[b] = NOT_A_NUMBER
                break
            found = arguments[:count]
            if _is_contested(choices[:count], deterministic, taken):
                _resolve(i, arcs[b], labels[b], candidates, deterministic, found, values[:count], choices[:count])
            total = np.float64(predicate)
            for a in range(count):
                total += values[a]
            if total > 0:
                chosen[b, i] = True
                for a in range(count):
                    arc_labels[b, i, found[a]] = choices[a]


def _fake_argmax(predicates: Tensor, arcs: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    return predicates.new_empty(predicates.shape, dtype=torch.bool), arcs.new_empty(arcs.shape, dtype=torch.int64)


@operator(fake=_fake_argmax, shared=("deterministic",))
def semantic_graph_argmax(
    predicates: Tensor,
    arcs: Tensor,
    labels: Tensor,
    lengths: Tensor,
    deterministic: Tensor,
    predicate_mask: Tensor,
    arc_mask: Tensor,
    label_mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Return (predicates bool [b, n], arc_labels int64 [b, n, n], -1 = no arc) of the best graphs.

    A CUDA tensor is decoded on the CPU: there is no GPU kernel.
    """
    batch, n = predicates.shape
    dtype = torch.promote_types(torch.promote_types(predicates.dtype, arcs.dtype), widen(labels[:0]).dtype)

    chosen = torch.zeros(batch, n, dtype=torch.bool, device="cpu")
    arc_labels = torch.full((batch, n, n), NO_ARC, device="cpu")
    status = np.full(batch, OK)
    over_batch(
        _decode,
        batch,
        to_numpy(predicates.to(dtype)),
        to_numpy(arcs.to(dtype)),
        to_numpy(labels.to(dtype)),
        to_numpy(lengths),
        to_numpy(deterministic),
        to_numpy(predicate_mask),
        to_numpy(arc_mask),
        np.zeros((1, 0, 0, 0), np.bool_) if label_mask is None else to_numpy(label_mask),
        chosen.numpy(),
        arc_labels.numpy(),
        status,
        work=float(labels.numel()),
    )
    raise_for_status(status, "scores", "no graph", lengths)
    return chosen.to(predicates.device), arc_labels.to(predicates.device)
