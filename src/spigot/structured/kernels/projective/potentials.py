"""Potentials of arcs that keep the sums of inside-outside in the range of float64.

They are exp(score - offset), where the offset of a modifier cancels in all results. By default it is the log-sum-exp
over the heads, so that a chart would sum to at most 1 if modifiers were independent, but at most log 6.75 above the
best head, where 6.75 is the factor by which the number of projective trees grows with each token. So no cell and no
derivative of Z is large, and nothing relevant is lost unless Z is close to the smallest number.

For a long sentence it is: the best tree is farther from the best heads with every token. Then offsets are chosen while
the charts fill from left to right (`level`).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..numerics.exponential import exp_nonpositive
from ..numerics.quads import LANES
from .charts import (
    ARCS,
    LEFT,
    LEFT_T,
    LEFTS,
    RIGHT,
    RIGHT_T,
    RIGHTS,
    ROOT,
    TO_I,
    TO_I_T,
    TO_J,
    TO_J_T,
)

GROWTH = 6.75
LEVEL = 50.0
"""How far the weight of all trees over a beginning of the sentence may be from 1, in nats, before offsets change."""


@njit(nogil=True, cache=True)
def _clear(tokens, chart):  # type: ignore[no-untyped-def]
    """Set the potentials that no arc has to 0: on and below the diagonal, and of what fills the last tile."""
    size = (tokens + LANES - 1) // LANES * LANES
    for i in range(size):
        begin = i // LANES * LANES
        end = i + 1 if i < tokens else size
        chart[LEFTS, i, begin:end] = 0.0
        chart[RIGHTS, i, begin:end] = 0.0
        chart[LEFTS, i, tokens:size] = 0.0
        chart[RIGHTS, i, tokens:size] = 0.0
    chart[ROOT, ARCS, tokens:size] = 0.0


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def set_potentials(tokens, arcs, total, chart):  # type: ignore[no-untyped-def]
    """Set LEFTS, RIGHTS and ROOT's ARCS from the scores `arcs[head, modifier]`, and return Σ of the offsets.

    `arcs` is overwritten, `total` is scratch.
    """
    _clear(tokens, chart)
    nodes = tokens + 1
    total[:nodes] = 0.0
    for head in range(nodes):
        row = arcs[head]
        for modifier in range(nodes):
            row[modifier] = exp_nonpositive(row[modifier])
        for modifier in range(nodes):
            total[modifier] += row[modifier]
    offsets = 0.0
    for modifier in range(1, nodes):
        total[modifier] = min(total[modifier], GROWTH)
        offsets += np.log(total[modifier])
        total[modifier] = 1.0 / total[modifier]
    for head in range(nodes):
        row = arcs[head]
        plane, line = (ROOT, ARCS) if head == 0 else (RIGHTS, head - 1)
        to_right = chart[plane, line]
        for j in range(head, tokens):
            to_right[j] = row[j + 1] * total[j + 1]
        for j in range(head - 1):
            chart[LEFTS, j, head - 1] = row[j + 1] * total[j + 1]
    return offsets


@njit(nogil=True, cache=True)
def set_slopes(tokens, direction, chart, slope):  # type: ignore[no-untyped-def]
    """Set the slopes of the potentials, as the scores move in `direction[head, modifier]`, read at candidates only."""
    _clear(tokens, slope)
    for head in range(tokens + 1):
        row = direction[head]
        plane, line = (ROOT, ARCS) if head == 0 else (RIGHTS, head - 1)
        to_right, slope_to_right = chart[plane, line], slope[plane, line]
        for j in range(head, tokens):
            slope_to_right[j] = to_right[j] * row[j + 1] if to_right[j] > 0 else 0.0
        for j in range(head - 1):
            weight = chart[LEFTS, j, head - 1]
            slope[LEFTS, j, head - 1] = weight * row[j + 1] if weight > 0 else 0.0


@njit(nogil=True, cache=True)
def level(column, size, charts):  # type: ignore[no-untyped-def]
    """Change the offsets of the modifiers column .. column + 3 if need be; return what that adds to their sum."""
    weight = charts[0][TO_J, 0, column + LANES - 1] + charts[0][TO_I, 0, column + LANES - 1]
    if not (0 < weight < np.inf) or abs(np.log(weight)) < LEVEL:
        return 0.0
    rate = np.log(weight) / LANES
    for chart in charts:
        for j in range(column, column + LANES):
            for i in range(j + 1):
                # How many of these modifiers the cells hold: with head j from i to j - 1, with head i from i + 1 to j.
                by_j = np.exp(-rate * (j - max(i, column)))
                by_i = np.exp(-rate * (j - max(i, column - 1)))
                for row_j in (TO_J, LEFT):
                    chart[row_j, i, j] *= by_j
                for row_j in (TO_J_T, LEFT_T):
                    chart[row_j, j, i] *= by_j
                for row_i in (TO_I, RIGHT):
                    chart[row_i, i, j] *= by_i
                for row_i in (TO_I_T, RIGHT_T):
                    chart[row_i, j, i] *= by_i
                chart[RIGHTS, i, j] *= np.exp(-rate)
            for head in range(j + 1, size):
                chart[LEFTS, j, head] *= np.exp(-rate)
            chart[ROOT, ARCS, j] *= np.exp(-rate)
    return rate * LANES
