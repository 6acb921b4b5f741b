"""log Z, marginals and their derivatives for projective trees, in O(n³) time and O(n²) memory, in float64 on the CPU.

The fast way is `scaled.py`. Sentences whose numbers do not fit there are done again, slowly, in
`log_space.py`.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ...checks import raise_for_status
from ..runtime.arrays import lengths_to_numpy, like_scores, mask_to_numpy, to_numpy
from ..runtime.gibbs import gibbs_operators
from ..runtime.parallel import over_batch
from .log_space import sum_trees_in_log_space
from .scaled import OUT_OF_RANGE, slopes_of_marginals, sum_trees


def run_inside_outside(
    arc_scores: Tensor,
    lengths: Tensor | None,
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
        lengths_to_numpy(lengths, batch, nodes - 1),
        mask_to_numpy(mask),
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
    raise_for_status(status, "scores", "no projective tree" + " with one child of ROOT" * single_root)
    return log_z, expected, charts


def _log_partition(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return log Σ exp <scores, z> over the projective trees z of each sentence, `[batch]`.

    On a GPU it is computed in the precision of the scores; without triton, a CUDA tensor goes to the CPU and back.
    See `projective_argmax` for the arguments.
    """
    log_z, _, _ = run_inside_outside(arc_scores, lengths, mask, single_root)
    return like_scores(log_z, arc_scores)


def _marginals(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return the probability of each arc, shaped like `arc_scores`; see `projective_log_partition`."""
    _, expected, _ = run_inside_outside(arc_scores, lengths, mask, single_root, marginals=True)
    return like_scores(expected, arc_scores)


def _marginals_jvp(
    arc_scores: Tensor, direction: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool
) -> Tensor:
    """Return the derivative of the marginals as the scores move in `direction`, which is shaped like them."""
    _, slopes, _ = run_inside_outside(arc_scores, lengths, mask, single_root, direction=direction)
    return like_scores(slopes, arc_scores)


projective_log_partition, projective_marginals, projective_marginals_jvp = gibbs_operators(
    "projective", _log_partition, _marginals, _marginals_jvp, triton="projective_sums"
)
