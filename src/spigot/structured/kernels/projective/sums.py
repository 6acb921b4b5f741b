"""log Z, marginals and their derivatives for projective trees, in O(n³) time and O(n²) memory, in float64 on the CPU.

The fast way is `scaled.py`. Sentences whose numbers do not fit there are done again, slowly, as forests
(`forest.py`).
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from ..arcs.reduce import reduce_arcs
from ..forest.rows import Sums, sum_wide_rows
from ..forest.sums import LOG_Z, MARGINALS, SAMPLE, SLOPES
from ..runtime.arrays import lengths_to_numpy, like_scores, mask_to_numpy, to_numpy
from ..runtime.gibbs import gibbs_operators
from ..runtime.parallel import over_batch
from ..runtime.status import raise_for_status
from .forest import projective_forest
from .scaled import slopes_of_marginals, sum_trees


def run_inside_outside(
    arc_scores: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    single_root: bool,
    wanted: int = LOG_Z,
    *,
    direction: Tensor | None = None,
    seeds: Tensor | None = None,
) -> tuple[Sums, np.ndarray]:
    """Return the sums, and the log charts that samples are drawn from; see `forest/sums.py` for what is wanted.

    The charts are empty unless samples are wanted; those of wide rows are among the sums.
    """
    batch, nodes = arc_scores.shape[:2]
    scores, sizes = to_numpy(arc_scores.double()), lengths_to_numpy(lengths, batch, nodes - 1)
    candidates = mask_to_numpy(mask)
    towards = np.empty((1, 0, 0)) if direction is None else to_numpy(direction.double())
    log_z = np.zeros((batch, 3))
    expected = np.zeros((batch, nodes, nodes) if wanted != LOG_Z else (1, 0, 0))
    charts = np.empty((batch, 4, nodes, nodes) if wanted == SAMPLE else (1, 0, 0, 0))
    status = np.zeros(batch, dtype=np.int64)
    sentences = (scores, sizes, candidates, single_root)
    work = batch * nodes**3 / 2
    if wanted == SLOPES:
        over_batch(slopes_of_marginals, batch, *sentences, towards, expected, status, work=work)
    else:
        marginals = expected if wanted == MARGINALS else np.empty((1, 0, 0))
        over_batch(sum_trees, batch, *sentences, log_z, marginals, charts, status, work=work)
    sums = sum_wide_rows(
        lambda length, _: projective_forest(length + 1, nodes, single_root),
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
    raise_for_status(status, "scores", "no projective tree" + " with one child of ROOT" * single_root, lengths)
    return sums, charts


def _log_partition(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return log Σ exp <scores, z> over the projective trees z of each sentence, `[batch]`.

    On a GPU it is computed in the precision of the scores; without triton, a CUDA tensor goes to the CPU and back.
    See `projective_argmax` for the arguments.
    """
    sums, _ = run_inside_outside(arc_scores, lengths, mask, single_root)
    return like_scores(sums.log_z.sum(1), arc_scores)


def _marginals(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool) -> Tensor:
    """Return the probability of each arc, shaped like `arc_scores`; see `projective_log_partition`."""
    sums, _ = run_inside_outside(arc_scores, lengths, mask, single_root, MARGINALS)
    return like_scores(np.minimum(sums.expected[0], 1.0), arc_scores)


def _marginals_jvp(
    arc_scores: Tensor, direction: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool
) -> Tensor:
    """Return the derivative of the marginals as the scores move in `direction`, which is shaped like them."""
    sums, _ = run_inside_outside(arc_scores, lengths, mask, single_root, SLOPES, direction=direction)
    return like_scores(sums.expected[0], arc_scores)


def _sums(arc_scores: Tensor, lengths: Tensor | None, mask: Tensor | None, single_root: bool, wanted: int) -> Sums:
    return run_inside_outside(arc_scores, lengths, mask, single_root, wanted)[0]


PROJECTIVE = gibbs_operators(
    "projective", _log_partition, _marginals, _marginals_jvp, _sums, reduce_arcs, triton="projective_sums"
)
