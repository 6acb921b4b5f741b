"""AD³ on whole batches of semantic graphs: each predicate is a separate problem."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, NOT_A_NUMBER, OK, raise_for_status
from .ad3_predicate import solve_predicate
from .predicate import gather, graph_arrays


@njit(nogil=True, cache=True)
def _solve(  # type: ignore[no-untyped-def]
    start, stop, predicates, arcs, labels, lengths, predicate_mask, arc_mask, label_mask, deterministic,
    iterations, step_size, tolerance, out_predicates, out_arcs, out_labels, used, status,
):  # fmt: skip
    """Fill the three outputs and used[b, i], the number of iterations, given as 0."""
    nodes, count = labels.shape[2:]
    arguments = np.empty(nodes, np.int64)
    found_arcs, solved_arcs = np.empty(nodes), np.empty(nodes)
    found_labels, solved_labels = np.empty((nodes, count)), np.empty((nodes, count))
    for b in range(start, stop):
        if not 0 <= lengths[b] < nodes:
            status[b] = BAD_LENGTH
            continue
        candidates = label_mask[b if label_mask.size > 0 else 0]
        for i in range(lengths[b] + 1):
            predicate = predicates[b, i]
            if not predicate_mask[b, i] or predicate == -np.inf:
                continue
            size, proper = gather(
                i, lengths[b], arcs[b], labels[b], arc_mask[b], candidates, arguments, found_arcs, found_labels
            )
            if not proper or not predicate < np.inf:
                status[b] = NOT_A_NUMBER
                break
            out_predicates[b, i], used[b, i] = solve_predicate(
                predicate, found_arcs[:size], found_labels[:size], deterministic,
                iterations, step_size, tolerance, solved_arcs[:size], solved_labels[:size],
            )  # fmt: skip
            for x in range(size):
                out_arcs[b, i, arguments[x]] = solved_arcs[x]
                out_labels[b, i, arguments[x]] = solved_labels[x]


def _like_parts_and_count(predicates: Tensor, arcs: Tensor, labels: Tensor, *others: Any) -> tuple[Tensor, ...]:
    used = predicates.new_empty(predicates.shape, dtype=torch.int64)
    return *(like_first(part) for part in (predicates, arcs, labels)), used


@operator(fake=_like_parts_and_count, shared=("deterministic",))
def semantic_graph_ad3(
    predicates: Tensor,
    arcs: Tensor,
    labels: Tensor,
    lengths: Tensor,
    predicate_mask: Tensor,
    arc_mask: Tensor,
    label_mask: Tensor | None,
    deterministic: Tensor,
    iterations: int,
    step_size: float,
    tolerance: float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return what AD³ finds, and how many iterations each predicate took (int64, `[batch, n]`).

    The arguments up to `deterministic` are those of `project_graph_hull`, the others those of `ad3.solve_predicate`.
    All is computed in float64 on the CPU; a CUDA tensor goes there and back.
    """
    outputs = [torch.zeros(part.shape, dtype=torch.float64, device="cpu") for part in (predicates, arcs, labels)]
    used = torch.zeros(predicates.shape, dtype=torch.int64, device="cpu")
    status = np.full(arcs.size(0), OK)
    over_batch(
        _solve,
        arcs.size(0),
        *graph_arrays(predicates, arcs, labels, lengths, predicate_mask, arc_mask, label_mask, deterministic),
        iterations,
        step_size,
        tolerance,
        *(output.numpy() for output in outputs),
        used.numpy(),
        status,
        work=500.0 * labels.numel(),
    )
    raise_for_status(status, "scores", "", lengths)
    first, second, third = (output.to(arcs) for output in outputs)
    return first, second, third, used.to(arcs.device)
