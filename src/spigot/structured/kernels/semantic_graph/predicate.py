"""Semantic graphs as kernels take them, and the candidates of one predicate, side by side."""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..runtime.arrays import mask_to_numpy, to_numpy


def graph_arrays(
    predicates: Tensor,
    arcs: Tensor,
    labels: Tensor,
    lengths: Tensor,
    predicate_mask: Tensor,
    arc_mask: Tensor,
    label_mask: Tensor | None,
    deterministic: Tensor,
) -> tuple[np.ndarray, ...]:
    """Return the arguments of `project_graph_hull` as arrays, in order.

    Numbers are float64: so one compiled form serves all types, and the kernels compute in float64 anyway. A mask of
    labels without cells allows all.
    """
    return (
        *(to_numpy(part.double()) for part in (predicates, arcs, labels)),
        *(to_numpy(part) for part in (lengths, predicate_mask, arc_mask)),
        mask_to_numpy(label_mask, 4),
        to_numpy(deterministic),
    )


@njit(nogil=True, cache=True)
def gather(i, length, arcs, labels, arc_mask, label_mask, arguments, found_arcs, found_labels):  # type: ignore[no-untyped-def]
    """Collect the arcs of predicate i that may be chosen.

    Args:
        i: the predicate; it is a candidate.
        length: nodes after ROOT.
        arcs: `[head, modifier]`.
        labels: `[head, modifier, label]`.
        arc_mask: bool, shaped like `arcs`.
        label_mask: bool, shaped like `labels`; with no cells it allows all.
        arguments: output; the modifiers.
        found_arcs: output, float64, `[argument]`.
        found_labels: output, float64, `[argument, label]`, -inf where there is no candidate.

    Returns:
        How many there are, and whether they hold neither NaN nor +inf.
    """
    masked = label_mask.size > 0
    count, proper = 0, True
    for j in range(1, length + 1):
        if j == i or not arc_mask[i, j] or arcs[i, j] == -np.inf:
            continue
        any_label = False
        for k in range(labels.shape[2]):
            value = labels[i, j, k] if not masked or label_mask[i, j, k] else -np.inf
            found_labels[count, k] = value
            proper &= value < np.inf
            any_label |= value != -np.inf
        if any_label:
            arguments[count] = j
            found_arcs[count] = arcs[i, j]
            proper &= arcs[i, j] < np.inf
            count += 1
    return count, proper
