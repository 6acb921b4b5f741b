"""log Z, marginals and their derivatives for binary trees, in O(n³) time and O(n²) memory, all in float64."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ...checks import raise_for_status
from ..runtime.arrays import like_scores, mask_to_numpy, to_numpy
from ..runtime.gibbs import gibbs_operators
from ..runtime.parallel import over_batch
from .argmax import NO_TREE
from .inside_outside import sum_trees


def sum_binary_trees(
    span_scores: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    *,
    direction: Tensor | None = None,
    marginals: bool = False,
    log_chart: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log Z, the marginals and the log chart that samples are drawn from.

    The last two are empty unless asked for. Given a direction, the derivative of the marginals takes their place.
    """
    batch, tokens = span_scores.shape[:2]
    log_z = np.zeros(batch)
    expected = np.zeros((batch, tokens, tokens) if marginals or direction is not None else (1, 0, 0))
    charts = np.empty((batch, tokens, tokens) if log_chart else (1, 0, 0))
    status = np.zeros(batch, dtype=np.int64)
    over_batch(
        sum_trees,
        batch,
        to_numpy(span_scores.double()),
        to_numpy(lengths),
        mask_to_numpy(mask),
        np.empty((1, 0, 0)) if direction is None else to_numpy(direction.double()),
        log_z,
        expected,
        charts,
        status,
        work=2 * batch * tokens**3,
    )
    raise_for_status(status, "scores", NO_TREE)
    return log_z, expected, charts


def _log_partition(span_scores: Tensor, lengths: Tensor, mask: Tensor | None) -> Tensor:
    """Return log Σ exp <scores, z> over the binary trees z of each row, `[batch]`.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel.

    Args:
        span_scores: float32 or float64, `[batch, i, j]`.
        lengths: int64, `[batch]`, tokens.
        mask: bool, shaped like `span_scores`; True = candidate.
    """
    return like_scores(sum_binary_trees(span_scores, lengths, mask)[0], span_scores)


def _marginals(span_scores: Tensor, lengths: Tensor, mask: Tensor | None) -> Tensor:
    """Return the probability of each span, shaped like `span_scores`; see `binary_tree_log_partition`."""
    return like_scores(sum_binary_trees(span_scores, lengths, mask, marginals=True)[1], span_scores)


def _marginals_jvp(span_scores: Tensor, direction: Tensor, lengths: Tensor, mask: Tensor | None) -> Tensor:
    """Return the derivative of the marginals as the scores move in `direction`, which is shaped like them."""
    return like_scores(sum_binary_trees(span_scores, lengths, mask, direction=direction)[1], span_scores)


binary_tree_log_partition, binary_tree_marginals, binary_tree_marginals_jvp = gibbs_operators(
    "binary_tree", _log_partition, _marginals, _marginals_jvp
)
