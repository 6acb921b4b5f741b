"""What a family of structures sums over a batch, and the rows that need a forest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .sums import ENTROPY, SLOPES, Forest, sum_forest

OUT_OF_RANGE = -1
"""Status of a row for which float64 has too few digits, or too small a range."""


class Sums(NamedTuple):
    """The results for a batch; what is not wanted is empty.

    log_z are limbs, `[batch, 3]`; expected has marginals, slopes or samples, shaped like each tensor of scores;
    wide says which rows were summed by a forest, and only these have their entropy.
    """

    log_z: np.ndarray
    expected: tuple[np.ndarray, ...]
    wide: np.ndarray
    entropy: np.ndarray


def sum_wide_rows(
    forest_of: Callable[[int, np.ndarray], Forest],
    lengths: np.ndarray,
    scores: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    status: np.ndarray,
    log_z: np.ndarray,
    expected: Sequence[np.ndarray],
    wanted: int,
    direction: Sequence[np.ndarray] = (),
    seeds: np.ndarray | None = None,
) -> Sums:
    """Compute the rows whose status is `OUT_OF_RANGE`, set their status, and return all.

    Args:
        forest_of: takes the length of a row and its scores, flat, -inf where there is no candidate; returns its forest,
            whose parts are these scores.
        lengths: `[batch]`.
        scores: one or several arrays, the batch first.
        masks: empty, or shaped like them.
        status: `[batch]`.
        log_z: limbs, `[batch, 3]`.
        expected: for what is wanted; shaped like the scores, unless nothing is.
        wanted: see `sums.LOG_Z`.
        direction: of `SLOPES`, shaped like the scores.
        seeds: of `SAMPLE`, `[batch]`.
    """
    wide = status == OUT_OF_RANGE
    entropy = np.zeros(len(status))
    for b in np.flatnonzero(wide):
        rows = [
            np.where(mask[b], part[b], -np.inf) if mask.size else part[b]
            for part, mask in zip(scores, masks, strict=True)
        ]
        values = np.concatenate([row.ravel() for row in rows]).astype(np.float64)
        towards = np.concatenate([part[b].ravel() for part in direction]) if wanted == SLOPES else np.empty(0)
        out = np.zeros(values.size)
        seed = 0 if seeds is None else seeds[b]
        status[b], entropy[b] = sum_forest(
            *forest_of(int(lengths[b]), values), values, towards.astype(np.float64), seed, wanted, log_z[b], out
        )
        begin = 0
        for part in expected:
            if part.size:
                size = part[b].size
                part[b] = out[begin : begin + size].reshape(part[b].shape)
                begin += size
    return Sums(log_z, tuple(expected), wide, entropy if wanted == ENTROPY else np.empty(0))
