"""Projection of whole batches onto the convex hull of semantic graphs, and its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..runtime.arrays import to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, OK, raise_for_status
from .predicate import gather, graph_arrays
from .predicate_derivative import differentiate_predicate
from .predicate_hull import project_predicate


@njit(nogil=True, cache=True)
def _project(  # type: ignore[no-untyped-def]
    start, stop, predicates, arcs, labels, lengths, predicate_mask, arc_mask, label_mask, deterministic,
    out_predicates, out_arcs, out_labels, out_prices, status,
):  # fmt: skip
    """Fill the four outputs, given as 0. A mask of labels with no cells allows all."""
    nodes, count = labels.shape[2:]
    arguments, taus = np.empty(nodes, np.int64), np.empty(nodes)
    found_arcs, projected = np.empty(nodes), np.empty(nodes)
    found_labels, prices = np.empty((nodes, count)), np.empty(count)
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
            if proper and predicate < np.inf:
                p = project_predicate(
                    predicate,
                    found_arcs[:size],
                    found_labels[:size],
                    deterministic,
                    prices,
                    projected[:size],
                    taus[:size],
                )
                out_prices[b, i] = prices
            else:
                p = np.nan
                projected[:size] = np.nan
                taus[:size] = np.nan
                prices[:] = 0.0
            out_predicates[b, i] = p
            for x in range(size):
                j = arguments[x]
                out_arcs[b, i, j] = projected[x]
                for k in range(count):
                    if found_labels[x, k] != -np.inf:
                        label = found_labels[x, k] - prices[k] - taus[x]
                        # Not `max`, which need not hand on NaN.
                        out_labels[b, i, j, k] = 0.0 if label < 0.0 else label


@njit(nogil=True, cache=True)
def _differentiate(  # type: ignore[no-untyped-def]
    start, stop, predicates, arcs, labels, prices, of_predicates, of_arcs, of_labels,
    out_predicates, out_arcs, out_labels,
):  # fmt: skip
    """Fill the three outputs, given as 0."""
    nodes, count = labels.shape[2:]
    own_arcs, other_arcs = np.empty(nodes), np.empty(nodes)
    own_labels, other_labels = np.empty((nodes, count)), np.empty((nodes, count))
    arguments = np.empty(nodes, np.int64)
    for b in range(start, stop):
        for i in range(nodes):
            p = predicates[b, i]
            # 0 is a corner: there nothing moves.
            if not p > 0.0:
                continue
            size = 0
            for j in range(nodes):
                if arcs[b, i, j] > 0.0:
                    arguments[size] = j
                    own_arcs[size], other_arcs[size] = arcs[b, i, j], of_arcs[b, i, j]
                    own_labels[size], other_labels[size] = labels[b, i, j], of_labels[b, i, j]
                    size += 1
            out_predicates[b, i] = differentiate_predicate(
                p, own_arcs[:size], own_labels[:size], prices[b, i],
                of_predicates[b, i], other_arcs[:size], other_labels[:size],
            )  # fmt: skip
            for x in range(size):
                out_arcs[b, i, arguments[x]] = other_arcs[x]
                out_labels[b, i, arguments[x]] = other_labels[x]


def _like_parts(predicates: Tensor, arcs: Tensor, labels: Tensor, *others: Any) -> tuple[Tensor, ...]:
    return tuple(like_first(part) for part in (predicates, arcs, labels))


def _like_parts_and_prices(predicates: Tensor, arcs: Tensor, labels: Tensor, *others: Any) -> tuple[Tensor, ...]:
    prices = predicates.new_empty((*predicates.shape, labels.size(3)), dtype=torch.float64)
    return *_like_parts(predicates, arcs, labels), prices


def _save_found(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[:4])
    ctx.set_materialize_grads(True)


def _vjp_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    # Linear and symmetric in the gradients; in what was found it is constant almost everywhere.
    return *(None,) * 4, *graph_hull_vjp(*ctx.saved_tensors, *grads)


@operator(fake=_like_parts, backward=_vjp_backward, save=_save_found, jvp="symmetric", moving=(4, 5, 6))
def graph_hull_vjp(
    predicates: Tensor,
    arcs: Tensor,
    labels: Tensor,
    prices: Tensor,
    of_predicates: Tensor,
    of_arcs: Tensor,
    of_labels: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients for the arguments of `project_graph_hull`, given its results and their gradients."""
    outputs = [torch.zeros(part.shape, dtype=torch.float64, device="cpu") for part in (predicates, arcs, labels)]
    arguments = (predicates, arcs, labels, prices, of_predicates, of_arcs, of_labels)
    over_batch(
        _differentiate,
        arcs.size(0),
        *(to_numpy(argument.double()) for argument in arguments),
        *(output.numpy() for output in outputs),
        work=10.0 * labels.numel(),
    )
    first, second, third = (output.to(arcs) for output in outputs)
    return first, second, third


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*output)
    ctx.set_materialize_grads(True)


def _backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    return *graph_hull_vjp(*ctx.saved_tensors, *grads[:3]), *(None,) * 5


@operator(
    fake=_like_parts_and_prices,
    backward=_backward,
    save=_save,
    jvp="symmetric",
    moving=(0, 1, 2),
    shared=("deterministic",),
)
def project_graph_hull(
    predicates: Tensor,
    arcs: Tensor,
    labels: Tensor,
    lengths: Tensor,
    predicate_mask: Tensor,
    arc_mask: Tensor,
    label_mask: Tensor | None,
    deterministic: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Project each predicate with its arcs and their labels onto their convex hull.

    Args:
        predicates: `[batch, n]`; like the other two float32 or float64, all of one dtype. -inf marks what is no
            candidate, NaN or +inf makes a predicate NaN with all that it has.
        arcs: `[batch, n, n]`.
        labels: `[batch, n, n, label]`.
        lengths: int64, `[batch]`: nodes after ROOT.
        predicate_mask: bool, shaped like `predicates`.
        arc_mask: bool, shaped like `arcs`. Arcs of a predicate that is no candidate are none either.
        label_mask: bool, shaped like `labels`; None allows all. Nor are the labels of such arcs.
        deterministic: bool, `[label]`: at most once for each predicate.

    Returns:
        The projections, 0 where there is no candidate, and the price of each deterministic label (float64,
        `[batch, n, label]`): the multiplier of its constraint, constant to autograd.
    """
    outputs = [torch.zeros(part.shape, dtype=torch.float64, device="cpu") for part in (predicates, arcs, labels)]
    prices = torch.zeros((*predicates.shape, labels.size(3)), dtype=torch.float64, device="cpu")
    status = np.full(arcs.size(0), OK)
    over_batch(
        _project,
        arcs.size(0),
        *graph_arrays(predicates, arcs, labels, lengths, predicate_mask, arc_mask, label_mask, deterministic),
        *(output.numpy() for output in outputs),
        prices.numpy(),
        status,
        work=50.0 * labels.numel(),
    )
    raise_for_status(status, "point", "", lengths)
    first, second, third = (output.to(arcs) for output in outputs)
    return first, second, third, prices.to(arcs.device)
