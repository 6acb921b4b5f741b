"""Maximum-weight perfect matching of rows and columns by shortest augmenting paths (Jonker and Volgenant 1987).

Most rows need no search (see `augment.py`): first every row takes its best column if it is free. The other rows bid for
a column with the difference between their best and their second best.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ...checks import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK
from ..runtime.decoding import decode
from ..runtime.operator import like_first, operator
from .augment import augment

NO_MATCHING = "no perfect matching"
BIDDING_ROUNDS = 2


@njit(nogil=True, cache=True, error_model="numpy")
def read_square(b, size, scores, mask, weights):  # type: ignore[no-untyped-def]
    """Copy candidates to `weights`, -inf for others, and take each row's maximum off it.

    Returns a status: `INFEASIBLE` if a row has no candidate.
    """
    improper = 0
    for i in range(size):
        peak = -np.inf
        for j in range(size):
            value = np.float64(scores[b, i, j]) if mask.size == 0 or mask[b, i, j] else -np.inf
            improper += not (value < np.inf)
            peak = value if value > peak else peak
            weights[i, j] = value
        if peak == -np.inf and improper == 0:
            return INFEASIBLE
        for j in range(size):
            weights[i, j] -= peak
    return NOT_A_NUMBER if improper > 0 else OK


@njit(nogil=True, cache=True, error_model="numpy")
def _greedy(size, weights, prices, columns, owners):  # type: ignore[no-untyped-def]
    """Set each column's price to its largest weight, and match rows, in order, to their first free best column.

    Returns whether every column has a candidate.
    """
    for j in range(size):
        prices[j], owners[j] = -np.inf, -1
    for i in range(size):
        for j in range(size):
            prices[j] = weights[i, j] if weights[i, j] > prices[j] else prices[j]
    for j in range(size):
        if prices[j] == -np.inf:
            return False
    for i in range(size):
        # Rows have a maximum of 0 and no price is above 0, so 0 is still the maximum.
        columns[i] = -1
        for j in range(size):
            if weights[i, j] == prices[j] and owners[j] < 0:
                columns[i], owners[j] = j, i
                break
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def _bid(size, row, weights, prices, columns, owners):  # type: ignore[no-untyped-def]
    """Let an unmatched row take its best column, at a price that makes its second best as good.

    Returns the row that lost it, if any, or -1. Nothing happens if the column is taken and the second is as good.
    """
    best, second, target = -np.inf, -np.inf, -1
    for j in range(size):
        value = weights[row, j] - prices[j]
        if value > best:
            best, second, target = value, best, j
        elif value > second:
            second = value
    if best == second:
        for j in range(target, size):
            if owners[j] < 0 and weights[row, j] - prices[j] == best:
                columns[row], owners[j] = j, row
                return -1
        return -1
    raised = prices[target] + (best - second)
    if second == -np.inf or not raised > prices[target]:
        return -1  # a price of infinity would shut the column to others
    loser = owners[target]
    prices[target], columns[row], owners[target] = raised, target, row
    if loser >= 0:
        columns[loser] = -1
    return loser


@njit(nogil=True, cache=True, error_model="numpy")
def match(size, weights, prices, columns, owners, scratch, origins, done):  # type: ignore[no-untyped-def]
    """Set columns[row] to a perfect matching of maximum weight, and owners[column] to its inverse.

    Args:
        size: of both sides.
        weights: float64, `[row, column]`, -inf for no candidate. Each row's maximum should be 0.
        prices: set so that the column of each row has the maximum of weights[row] - prices.
        columns: int64, scratch and result.
        owners: likewise.
        scratch: float64, `[3, size]`.
        origins: int64, `[size]`.
        done: the same.

    Returns:
        whether there is a perfect matching.
    """
    if not _greedy(size, weights, prices, columns, owners):
        return False
    for _ in range(BIDDING_ROUNDS):
        for start in range(size):
            row = start if columns[start] < 0 else -1
            bids = 0
            while row >= 0 and bids < size:
                row = _bid(size, row, weights, prices, columns, owners)
                bids += 1
    for start in range(size):
        if columns[start] < 0 and not augment(
            start, size, weights, False, prices, columns, owners, scratch, origins, done
        ):
            return False
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def _argmax(start, stop, scores, lengths, mask, out, status):  # type: ignore[no-untyped-def]
    nodes = scores.shape[1]
    size = max(min(lengths[start:stop].max(), nodes), 0)
    weights, prices, scratch = np.empty((size, size)), np.empty(size), np.empty((3, size))
    columns, owners = np.empty(size, np.int64), np.empty(size, np.int64)
    origins, done = np.empty(size, np.int64), np.empty(size, np.int64)
    for b in range(start, stop):
        length = lengths[b]
        if length < 0 or length > nodes:
            status[b] = BAD_LENGTH
            continue
        status[b] = read_square(b, length, scores, mask, weights)
        if status[b] != OK:
            continue
        if not match(length, weights, prices, columns, owners, scratch, origins, done):
            status[b] = INFEASIBLE
            continue
        for i in range(length):
            out[b, i, columns[i]] = 1


@operator(fake=like_first)
def matching_argmax(scores: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
    """Return the perfect matching, 0/1, of the highest score for each instance.

    A CUDA tensor goes to the CPU and back.

    Args:
        scores: float32 or float64, `[batch, row, column]`, square.
        lengths: int64, `[batch]`: how many rows, and columns, there are; None: all.
        mask: bool, shaped like `scores`; True = candidate.
    """
    batch, size, _ = scores.shape
    return decode(
        _argmax,
        scores,
        lengths,
        mask,
        full=size,
        work=5.0 * batch * size**2,
        name="scores",
        infeasible=NO_MATCHING,
    )
