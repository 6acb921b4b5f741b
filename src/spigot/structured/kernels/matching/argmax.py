"""Maximum-weight matching of rows and columns by shortest augmenting paths (Jonker and Volgenant 1987).

If all rows and columns are matched, most rows need no search (see `augment.py`): first every row takes its best column
if it is free. The other rows bid for a column with the difference between their best and their second best. Columns
that may stay free have to keep their price of 0 until they are taken, so then all rows search.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from ..runtime.decoding import decode
from ..runtime.operator import like_first, operator
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK
from .augment import augment

NO_MATCHING = "no matching of all rows or all columns"
BIDDING_ROUNDS = 2


@njit(nogil=True, cache=True, error_model="numpy")
def read_pairs(b, rows, columns, at_most, scores, mask, weights):  # type: ignore[no-untyped-def]
    """Copy candidates to `weights`, -inf for others.

    Unless `at_most`, the smaller side becomes the rows, and each row's maximum is taken off it.

    Returns a status (`INFEASIBLE` if a row has no candidate), the numbers of rows and columns, and whether they were
    exchanged.
    """
    improper = 0
    for i in range(rows):
        for j in range(columns):
            value = np.float64(scores[b, i, j]) if mask.size == 0 or mask[b, i, j] else -np.inf
            improper += not (value < np.inf)
            weights[i, j] = value
    if improper > 0:
        return NOT_A_NUMBER, rows, columns, False
    turned = rows > columns and not at_most
    if turned:
        for i in range(rows):
            for j in range(i):
                weights[i, j], weights[j, i] = weights[j, i], weights[i, j]
        rows, columns = columns, rows
    if at_most:
        return OK, rows, columns, turned
    for i in range(rows):
        peak = -np.inf
        for j in range(columns):
            peak = weights[i, j] if weights[i, j] > peak else peak
        if peak == -np.inf:
            return INFEASIBLE, rows, columns, turned
        for j in range(columns):
            weights[i, j] -= peak
    return OK, rows, columns, turned


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
def match(rows, size, at_most, weights, prices, columns, owners, scratch, origins, done):  # type: ignore[no-untyped-def]
    """Set columns[row] to a matching of maximum weight, and owners[column] to its inverse; -1 stands for none.

    Args:
        rows: how many; all are matched, unless `at_most`.
        size: how many columns, at least as many as rows unless `at_most`.
        at_most: whether rows may stay without a column, at weight 0.
        weights: float64, `[row, column]`, -inf for no candidate. Each row's maximum should be 0 unless `at_most`.
        prices: set so that the column of each row has the maximum of weights[row] - prices. Those of columns that may
            stay free are at least 0, and 0 if they do.
        columns: int64, scratch and result.
        owners: likewise.
        scratch: float64, `[3, size]`.
        origins: int64, `[size]`.
        done: the same.

    Returns:
        whether there is a matching.
    """
    if at_most or rows < size:
        columns[:rows] = -1
        owners[:size] = -1
        prices[:size] = 0.0
    else:
        if not _greedy(size, weights, prices, columns, owners):
            return False
        for _ in range(BIDDING_ROUNDS):
            for start in range(size):
                row = start if columns[start] < 0 else -1
                bids = 0
                while row >= 0 and bids < size:
                    row = _bid(size, row, weights, prices, columns, owners)
                    bids += 1
    for start in range(rows):
        if columns[start] < 0 and not augment(
            start, size, weights, at_most, prices, columns, owners, scratch, origins, done
        ):
            return False
    return True


@njit(nogil=True, cache=True, error_model="numpy")
def _argmax(start, stop, scores, lengths, mask, at_most, out, status):  # type: ignore[no-untyped-def]
    size = max(scores.shape[1], scores.shape[2])
    weights, prices, scratch = np.empty((size, size)), np.empty(size), np.empty((3, size))
    columns, owners = np.empty(size, np.int64), np.empty(size, np.int64)
    origins, done = np.empty(size, np.int64), np.empty(size, np.int64)
    for b in range(start, stop):
        rows, width = lengths[b, 0], lengths[b, 1]
        if rows < 0 or rows > scores.shape[1] or width < 0 or width > scores.shape[2]:
            status[b] = BAD_LENGTH
            continue
        status[b], rows, width, turned = read_pairs(b, rows, width, at_most, scores, mask, weights)
        if status[b] != OK:
            continue
        if not match(rows, width, at_most, weights, prices, columns, owners, scratch, origins, done):
            status[b] = INFEASIBLE
            continue
        for i in range(rows):
            if columns[i] >= 0:
                out[b, columns[i] if turned else i, i if turned else columns[i]] = 1


@operator(fake=like_first)
def matching_argmax(scores: Tensor, lengths: Tensor | None, mask: Tensor | None, at_most: bool) -> Tensor:
    """Return the matching, 0/1, of the highest score for each instance.

    A CUDA tensor goes to the CPU and back.

    Args:
        scores: float32 or float64, `[batch, row, column]`.
        lengths: int64, `[batch, 2]`: how many rows, and columns, there are; None: all.
        mask: bool, shaped like `scores`; True = candidate.
        at_most: whether any row and column may stay free; else all of the smaller side are matched.
    """
    batch, rows, columns = scores.shape
    return decode(
        _argmax,
        scores,
        lengths,
        mask,
        at_most,
        full=(rows, columns),
        work=5.0 * batch * rows * columns,
        name="scores",
        infeasible=NO_MATCHING,
    )
