"""log Z, marginals and their derivatives for projective trees, in O(n³) time and O(n²) memory, all in float64.

The fast way is `inside_outside_scaled.py`. Sentences whose numbers do not fit there are done again, slowly, in
`inside_outside_log_space.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checks import raise_for_status
from .inside_outside_log_space import sum_trees_in_log_space
from .inside_outside_scaled import OUT_OF_RANGE, sum_trees
from .inside_outside_slopes import slopes_of_marginals
from .parallel import over_batch, to_numpy


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
    """Return log Z, the marginals and the log charts that samples are drawn from.

    The last two are empty unless asked for. Given a direction, the derivative of the marginals takes their place, and
    log Z means nothing.
    """
    batch, nodes = arc_scores.shape[:2]
    sentences = (
        to_numpy(arc_scores.double()),
        to_numpy(lengths),
        np.empty((1, 0, 0), dtype=np.bool_) if mask is None else to_numpy(mask),
        single_root,
    )
    towards = np.empty((1, 0, 0)) if direction is None else to_numpy(direction.double())
    log_z = np.zeros(batch)
    expected = np.zeros((batch, nodes, nodes) if marginals or direction is not None else (1, 0, 0))
    charts = np.empty((batch, 4, nodes, nodes) if log_charts else (1, 0, 0, 0))
    status = np.zeros(batch, dtype=np.int64)
    work = batch * nodes**3 / 2
    if direction is None:
        over_batch(sum_trees, batch, *sentences, log_z, expected, charts, status, work=work)
    else:
        over_batch(slopes_of_marginals, batch, *sentences, towards, expected, status, work=work)
    if (status == OUT_OF_RANGE).any():
        over_batch(sum_trees_in_log_space, batch, *sentences, towards, log_z, expected, charts, status, work=10 * work)
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
    _, slopes, _ = run_inside_outside(arc_scores, lengths, mask, single_root, direction=direction)
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
