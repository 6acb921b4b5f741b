"""log Z, marginals and their derivatives for projective trees, in O(n³) time and O(n²) memory.

All arithmetic is in float64. The fast way is `inside_outside_scaled.py`, sums of products of potentials
exp(score - offset). The offset of a modifier cancels, and is chosen to keep the sums in range: log-sum-exp over its
heads, so that a chart would sum to at most 1 if modifiers were independent, but no more than log 6.75 above its best
head, 6.75 being the factor by which the number of projective trees grows with each token. If Z still comes out too
near to the ends of the range of floating-point numbers to be trusted, when the best tree is hundreds of nats from
what the best heads would add up to, the sentence is done again in `inside_outside_log_space.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..checks import INFEASIBLE, OK, raise_for_status
from . import inside_outside_log_space as log_space
from . import inside_outside_scaled as scaled
from .parallel import over_batch, to_numpy
from .reading import read_arc_scores
from .vector import padded

GROWTH = 6.75
# A cell below 1e-308 counts as nothing. With Z above 1e-250 no marginal can miss more than 1e-28 by that, even
# if the rest of the tree came to 1e30.
SMALLEST, LARGEST = 1e-250, 1e250

_inside, _inside_slopes = scaled.inside, scaled.inside_slopes
_outside, _outside_slopes = scaled.outside, scaled.outside_slopes
_log_inside, _log_outside = log_space.inside, log_space.outside


@njit(nogil=True, cache=True)
def _potentials(nodes, arcs, potentials, total):  # type: ignore[no-untyped-def]
    """Set `potentials[head, modifier]`, and return Σ of the offsets; `total` is scratch."""
    total[:nodes] = 0.0
    for head in range(nodes):
        for modifier in range(nodes):
            potentials[head, modifier] = np.exp(arcs[head, modifier])
            total[modifier] += potentials[head, modifier]
    offsets = 0.0
    for modifier in range(1, nodes):
        total[modifier] = min(total[modifier], GROWTH)
        offsets += np.log(total[modifier])
    for head in range(nodes):
        for modifier in range(1, nodes):
            potentials[head, modifier] /= total[modifier]
    return offsets


@njit(nogil=True, cache=True)
def _collect(nodes, charts, o_charts, expected):  # type: ignore[no-untyped-def]
    """Add left · o_left and right · o_right to `expected[head, modifier]`: probabilities, or a part of their slopes."""
    for i in range(nodes):
        for j in range(i + 1, nodes):
            expected[i, j] += charts[1, i, j] * o_charts[1, i, j]
            if i > 0:
                expected[j, i] += charts[0, i, j] * o_charts[0, i, j]


@njit(nogil=True, cache=True)
def _in_log_space(nodes, single_root, dual, arcs, towards, expected, log_charts):  # type: ignore[no-untyped-def]
    """Do one sentence the slow way; return log Z."""
    pairs = np.zeros((nodes, nodes, 2))
    for head in range(nodes):
        for modifier in range(nodes):
            pairs[head, modifier, 0] = arcs[head, modifier]
            pairs[head, modifier, 1] = towards[head, modifier]
    charts = np.empty((5, nodes, nodes, 2))
    terms = np.empty((nodes, 2))
    _log_inside(nodes, single_root, pairs, charts, terms)
    log_z = charts[4, 0, nodes - 1, 0]
    if expected.size > 0 and log_z > -np.inf:
        p_arcs = np.empty((nodes, nodes, 2))
        _log_outside(nodes, single_root, charts, np.empty((5, nodes, nodes, 2)), p_arcs, terms)
        for head in range(nodes):
            for modifier in range(1, nodes):
                expected[head, modifier] = p_arcs[head, modifier, dual]
    if log_charts.size > 0:
        for chart in range(4):
            for i in range(nodes):
                for j in range(i, nodes):
                    log_charts[chart, i, j] = charts[chart + 1, i, j, 0]
    return log_z


@njit(nogil=True, cache=True)
def _inside_outside(  # type: ignore[no-untyped-def]
    start, stop, scores, lengths, mask, single_root, direction, log_z, marginals, log_charts, status
):
    """Set `log_z[b]` and, unless they are empty, two more.

    `marginals[b]` becomes the marginals or, given a direction, their derivative; `log_charts[b]` the logarithms of
    left, right, to_j and to_i, up to a factor for each modifier.
    """
    dual = int(direction.size > 0)
    size = max(min(lengths[start:stop].max() + 1, scores.shape[1]), 1)
    arcs, best, potentials, towards = (
        np.empty((size, size)),
        np.empty(size),
        np.empty((size, size)),
        np.zeros((size, size)),
    )
    rows = np.empty((3, padded(size)))
    charts, o_charts = np.zeros((4, size, padded(size))), np.zeros((5, size, padded(size)))
    d_charts, do_charts = (np.zeros_like(charts), np.zeros_like(o_charts)) if dual else (charts, o_charts)
    for b in range(start, stop):
        nodes = lengths[b] + 1
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], lengths[b], arcs, best)
        if status[b] != OK:
            continue
        for head in range(nodes if dual else 0):
            for modifier in range(nodes):
                candidate = arcs[head, modifier] > -np.inf
                towards[head, modifier] = direction[b, head, modifier] if candidate else 0.0
        # Index 0 of an empty array is an empty array.
        expected = marginals[b if marginals.size > 0 else 0]
        logs = log_charts[b if log_charts.size > 0 else 0]
        offsets = _potentials(nodes, arcs, potentials, rows[0])
        _inside(nodes, single_root, potentials, charts, rows)
        z = charts[3, 0, nodes - 1]
        if SMALLEST < z < LARGEST:
            log_z[b] = np.log(z) + offsets
            if expected.size > 0:
                _outside(nodes, single_root, potentials, charts, o_charts)
                if dual:
                    _inside_slopes(nodes, single_root, potentials, towards, charts, d_charts, rows)
                    _outside_slopes(nodes, single_root, potentials, towards, charts, d_charts, o_charts, do_charts)
                    _collect(nodes, d_charts, o_charts, expected)
                    _collect(nodes, charts, do_charts, expected)
                else:
                    _collect(nodes, charts, o_charts, expected)
            for chart in range(4 if logs.size > 0 else 0):
                for i in range(nodes):
                    for j in range(i, nodes):
                        logs[chart, i, j] = np.log(charts[chart, i, j])
        else:
            log_z[b] = _in_log_space(nodes, single_root, dual, arcs, towards, expected, logs)
            if log_z[b] == -np.inf:
                status[b] = INFEASIBLE
                continue
        for modifier in range(1, nodes):
            log_z[b] += best[modifier]


def run_inside_outside(
    arc_scores: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    single_root: bool,
    *,
    direction: Tensor | None = None,
    marginals: bool = False,
    log_charts: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log Z, marginals and log charts, of which the last two are empty unless asked for; see the kernel."""
    batch, nodes = arc_scores.shape[:2]
    log_z = np.zeros(batch)
    expected = np.zeros((batch, nodes, nodes) if marginals else (1, 0, 0))
    charts = np.empty((batch, 4, nodes, nodes) if log_charts else (1, 0, 0, 0))
    status = np.zeros(batch, dtype=np.int64)
    over_batch(
        _inside_outside,
        batch,
        to_numpy(arc_scores.double()),
        to_numpy(lengths),
        np.empty((1, 0, 0), dtype=np.bool_) if mask is None else to_numpy(mask),
        single_root,
        np.empty((1, 0, 0)) if direction is None else to_numpy(direction.double()),
        log_z,
        expected,
        charts,
        status,
        work=batch * nodes**3 / 2,
    )
    raise_for_status(status, "arc_scores", "no projective tree" + " with one child of ROOT" * single_root)
    return log_z, expected, charts


@torch.library.custom_op("spigot::projective_log_partition", mutates_args=())
def projective_log_partition(arc_scores: Tensor, lengths: Tensor, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return log Σ exp <scores, z> over the projective trees z of each sentence, `[batch]`.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel. The gradient is `projective_marginals`.

    Args:
        arc_scores: float32 or float64, `[batch, head, modifier]`.
        lengths: int64, `[batch]`, tokens without ROOT.
        mask: bool, shaped like `arc_scores`; True = candidate.
        single_root: ROOT has exactly one child.
    """
    log_z, _, _ = run_inside_outside(arc_scores, lengths, mask, single_root)
    return torch.from_numpy(log_z).to(arc_scores)


@torch.library.custom_op("spigot::projective_marginals", mutates_args=())
def projective_marginals(arc_scores: Tensor, lengths: Tensor, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return the probability of each arc, shaped like `arc_scores`; see `projective_log_partition`.

    The gradient is `projective_marginals_jvp`, since the Jacobian, a Hessian, is symmetric.
    """
    _, expected, _ = run_inside_outside(arc_scores, lengths, mask, single_root, marginals=True)
    return torch.from_numpy(expected).to(arc_scores)


@torch.library.custom_op("spigot::projective_marginals_jvp", mutates_args=())
def projective_marginals_jvp(
    arc_scores: Tensor, direction: Tensor, lengths: Tensor, mask: Tensor | None, single_root: bool
) -> Tensor:
    """Return the derivative of the marginals as the scores move in `direction`, which is shaped like them."""
    _, slopes, _ = run_inside_outside(arc_scores, lengths, mask, single_root, direction=direction, marginals=True)
    return torch.from_numpy(slopes).to(arc_scores)


@projective_log_partition.register_fake
def _(arc_scores: Tensor, lengths: Tensor, mask: Tensor | None, single_root: bool) -> Tensor:
    return arc_scores.new_empty(arc_scores.size(0))


@projective_marginals.register_fake
def _(arc_scores: Tensor, lengths: Tensor, mask: Tensor | None, single_root: bool) -> Tensor:
    return torch.empty_like(arc_scores, memory_format=torch.contiguous_format)


@projective_marginals_jvp.register_fake
def _(arc_scores: Tensor, direction: Tensor, lengths: Tensor, mask: Tensor | None, single_root: bool) -> Tensor:
    return torch.empty_like(arc_scores, memory_format=torch.contiguous_format)


def _save_inputs(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    arc_scores, lengths, mask, ctx.single_root = inputs
    ctx.save_for_backward(arc_scores, lengths, mask)


def _log_partition_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    marginals = projective_marginals(*ctx.saved_tensors, ctx.single_root)
    return grad[:, None, None] * marginals, None, None, None


def _marginals_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    arc_scores, lengths, mask = ctx.saved_tensors
    return projective_marginals_jvp(arc_scores, grad, lengths, mask, ctx.single_root), None, None, None


projective_log_partition.register_autograd(_log_partition_backward, setup_context=_save_inputs)
projective_marginals.register_autograd(_marginals_backward, setup_context=_save_inputs)
