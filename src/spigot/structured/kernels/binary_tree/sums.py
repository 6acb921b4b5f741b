"""log Z, marginals and their derivatives for binary trees, in O(n³) time and O(n²) memory, all in float64."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..forest.rows import Sums, sum_wide_rows
from ..forest.sums import LOG_Z, MARGINALS, SAMPLE, SLOPES
from ..runtime.arrays import like_scores, mask_to_numpy, to_numpy
from ..runtime.gibbs import Reduced, gibbs_operators, group_limbs
from ..runtime.parallel import over_batch
from ..runtime.status import raise_for_status
from .argmax import NO_TREE
from .forest import binary_tree_forest
from .inside_outside import sum_trees


def sum_binary_trees(
    span_scores: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    wanted: int = LOG_Z,
    *,
    direction: Tensor | None = None,
    seeds: Tensor | None = None,
) -> tuple[Sums, np.ndarray]:
    """Return the sums, and the log chart that samples are drawn from; see `forest/sums.py` for what is wanted.

    The chart is empty unless samples are wanted; those of wide rows are among the sums.
    """
    batch, tokens = span_scores.shape[:2]
    log_z = np.zeros((batch, 3))
    fast = wanted in (MARGINALS, SLOPES)
    expected = np.zeros((batch, tokens, tokens) if wanted != LOG_Z else (1, 0, 0))
    charts = np.empty((batch, tokens, tokens) if wanted == SAMPLE else (1, 0, 0))
    status = np.zeros(batch, dtype=np.int64)
    scores, sizes, candidates = to_numpy(span_scores.double()), to_numpy(lengths), mask_to_numpy(mask)
    towards = np.empty((1, 0, 0)) if direction is None else to_numpy(direction.double())
    over_batch(
        sum_trees,
        batch,
        scores,
        sizes,
        candidates,
        towards,
        log_z,
        expected if fast else np.empty((1, 0, 0)),
        charts,
        status,
        work=2 * batch * tokens**3,
    )
    sums = sum_wide_rows(
        lambda length, _: binary_tree_forest(length, tokens),
        sizes,
        (scores,),
        (candidates,),
        status,
        log_z,
        (expected,),
        wanted,
        (towards,),
        None if seeds is None else to_numpy(seeds),
    )
    raise_for_status(status, "scores", NO_TREE, lengths)
    return sums, charts


def _reduce(span_scores: Tensor, lengths: Tensor, mask: Tensor | None) -> Reduced:
    """Take off the scores of the spans that every tree has, and the best score from all others."""
    n = span_scores.size(1)
    i, j = torch.arange(n, device=lengths.device)[:, None], torch.arange(n, device=lengths.device)
    valid = (i <= j) & (j < lengths[:, None, None]) & (span_scores != -torch.inf)
    valid = valid if mask is None else valid & mask
    always = valid & ((i == j) | ((i == 0) & (j == lengths[:, None, None] - 1)))
    wide, others = span_scores.double(), valid & ~always
    best = torch.zeros_like(lengths, dtype=torch.float64)
    if n:
        best = wide.masked_fill(~others, -torch.inf).amax((1, 2)).nan_to_num(neginf=0.0)
    shared = torch.where(always, wide, 0.0)
    offsets = group_limbs(shared, torch.ones_like(shared))
    offsets = offsets + group_limbs(best[:, None], (lengths - 2).clamp(min=0).double()[:, None])
    return Reduced((torch.where(others, wide - best[:, None, None], 0.0),), offsets)


def _log_partition(span_scores: Tensor, lengths: Tensor, mask: Tensor | None) -> Tensor:
    """Return log Σ exp <scores, z> over the binary trees z of each row, `[batch]`.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel.

    Args:
        span_scores: float32 or float64, `[batch, i, j]`.
        lengths: int64, `[batch]`, tokens.
        mask: bool, shaped like `span_scores`; True = candidate.
    """
    return like_scores(sum_binary_trees(span_scores, lengths, mask)[0].log_z.sum(1), span_scores)


def _marginals(span_scores: Tensor, lengths: Tensor, mask: Tensor | None) -> Tensor:
    """Return the probability of each span, shaped like `span_scores`; see `binary_tree_log_partition`."""
    sums, _ = sum_binary_trees(span_scores, lengths, mask, MARGINALS)
    return like_scores(np.minimum(sums.expected[0], 1.0), span_scores)


def _marginals_jvp(span_scores: Tensor, direction: Tensor, lengths: Tensor, mask: Tensor | None) -> Tensor:
    """Return the derivative of the marginals as the scores move in `direction`, which is shaped like them."""
    sums, _ = sum_binary_trees(span_scores, lengths, mask, SLOPES, direction=direction)
    return like_scores(sums.expected[0], span_scores)


def _sums(span_scores: Tensor, lengths: Tensor, mask: Tensor | None, wanted: int) -> Sums:
    return sum_binary_trees(span_scores, lengths, mask, wanted)[0]


BINARY_TREE = gibbs_operators("binary_tree", _log_partition, _marginals, _marginals_jvp, _sums, _reduce)
