"""Sample subsets of k of the candidates: one after another, from the last, given how many are left to choose."""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ...checks import OK, raise_for_status
from ..forest.rows import OUT_OF_RANGE
from ..forest.sums import SAMPLE
from ..numerics.limbs import WIDE
from ..numerics.splitmix import uniform
from ..runtime.arrays import like_scores, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from .sums import NO_SUBSET, forward, read_candidates, subset_mask, sum_wide_subsets


@njit(nogil=True, cache=True, error_model="numpy")
def _sample(start, stop, k, scores, lengths, mask, seeds, out, status):  # type: ignore[no-untyped-def]
    size = scores.shape[1]
    cells = min(k, size) + 1
    where, values = np.empty(size, np.int64), np.empty(size)
    shares, stays, rows = np.empty((size, cells)), np.empty((size, cells)), np.empty((2, cells))
    state = np.empty(1, np.uint64)
    for b in range(start, stop):
        status[b], count, left, _ = read_candidates(b, lengths[b], k, scores, mask, where, values)
        if status[b] != OK or left == 0:
            continue
        state[0] = np.uint64(seeds[b])
        if forward(count, left, values, rows[0], rows[1], shares, stays) < -WIDE:
            status[b] = OUT_OF_RANGE
            continue
        for i in range(count - 1, -1, -1):
            if uniform(state) < shares[i, left]:
                out[b, where[i]] = 1
                left -= 1
                if left == 0:
                    break


@operator(fake=like_first)
def subset_sample(scores: Tensor, lengths: Tensor, mask: Tensor | None, k: int, seeds: Tensor) -> Tensor:
    """Return one exact sample, 0/1, of p(z) ∝ exp <scores, z> for each row; see `subset_log_partition`.

    `seeds` is int64, `[batch]`.
    """
    batch, size = scores.shape
    out = np.zeros(scores.shape, to_numpy(scores).dtype)
    status = np.zeros(batch, dtype=np.int64)
    values, sizes, candidates, row_seeds = to_numpy(scores), to_numpy(lengths), subset_mask(mask), to_numpy(seeds)
    work = 20 * scores.numel() * min(k, size)
    over_batch(_sample, batch, k, values, sizes, candidates, row_seeds, out, status, work=work)
    sum_wide_subsets(k, sizes, values, candidates, status, np.zeros((batch, 3)), out, SAMPLE, seeds=row_seeds)
    raise_for_status(status, "scores", NO_SUBSET)
    return like_scores(out, scores)
