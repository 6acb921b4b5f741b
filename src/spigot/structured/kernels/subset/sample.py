"""Sample subsets of k of the candidates: one after another, from the last, given how many are left to choose."""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..forest.rows import OUT_OF_RANGE
from ..forest.sums import SAMPLE
from ..numerics.drawing import draw_in_proportion
from ..numerics.splitmix import uniform
from ..runtime.arrays import like_scores, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import OK, raise_for_status
from .sums import (
    NO_SUBSET,
    forward,
    out_of_range,
    read_candidates,
    subset_mask,
    subset_work,
    sum_wide_subsets,
)


@njit(nogil=True, cache=True, error_model="numpy")
def _sample(start, stop, at_most, scores, lengths, mask, sizes, seeds, out, status):  # type: ignore[no-untyped-def]
    size = scores.shape[1]
    cells = max(min(sizes[start:stop].max(), size), 0) + 1
    where, values, ends = np.empty(size, np.int64), np.empty(size), np.empty(cells)
    shares, stays, rows = np.empty((size, cells)), np.empty((size, cells)), np.empty((2, cells))
    state = np.empty(1, np.uint64)
    for b in range(start, stop):
        status[b], count, left, _ = read_candidates(b, lengths[b], sizes[b], at_most, scores, mask, where, values)
        if status[b] != OK or left == 0:
            continue
        state[0] = np.uint64(seeds[b])
        reduced = forward(count, left, at_most, values, rows[0], rows[1], shares, stays, ends)
        if out_of_range(reduced, at_most):
            status[b] = OUT_OF_RANGE
            continue
        if at_most:
            left = draw_in_proportion(ends[: left + 1], uniform(state))
        for i in range(count - 1, -1, -1):
            if left == 0:
                break
            if uniform(state) < shares[i, left]:
                out[b, where[i]] = 1
                left -= 1


@operator(fake=like_first)
def subset_sample(
    scores: Tensor, lengths: Tensor, mask: Tensor | None, sizes: Tensor, at_most: bool, seeds: Tensor
) -> Tensor:
    """Return one exact sample, 0/1, of p(z) ∝ exp <scores, z> for each row; see `subset_log_partition`.

    `seeds` is int64, `[batch]`.
    """
    batch, count = scores.shape
    values, row_seeds = to_numpy(scores), to_numpy(seeds)
    out, status = np.zeros(values.shape, values.dtype), np.zeros(batch, dtype=np.int64)
    rows = (values, to_numpy(lengths), subset_mask(mask), to_numpy(sizes))
    over_batch(_sample, batch, at_most, *rows, row_seeds, out, status, work=subset_work(count, rows[3]))
    sum_wide_subsets(at_most, *rows, status, np.zeros((batch, 3)), out, SAMPLE, seeds=row_seeds)
    raise_for_status(status, "scores", NO_SUBSET, lengths)
    return like_scores(out, scores)
