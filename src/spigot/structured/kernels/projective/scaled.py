"""Inside-outside for projective trees by plain sums and products, in float64.

The risk is range. With the default offsets of the potentials, the sums are right if Z is far enough from the smallest
number. If it is not, offsets are chosen while the charts fill. Then there is no bound beforehand, but the derivatives
of log Z bound the loss: a cell below 1e-308 that counts as 0 changes a probability by at most 1e-308 times its
derivative, and a lost derivative by at most 1e-308 times the cell. A sentence for which this fails too is reported as
`OUT_OF_RANGE`; its scores range over hundreds of nats within a few tokens.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..arcs.read import read_arc_scores
from ..forest.rows import OUT_OF_RANGE
from ..numerics.limbs import add_times
from ..numerics.quads import LANES
from ..runtime.status import OK
from .charts import (
    CHARTS,
    LEFT,
    O_LEFT,
    O_RIGHT,
    O_TAKEN,
    O_TO_I,
    O_TO_J,
    RIGHT,
    ROOT,
    SPANS,
    TAKEN,
    TO_I,
    TO_J,
    inside_tiles,
    outside,
)
from .potentials import level, set_potentials, set_slopes
from .root import inside_root, outside_root

SMALLEST, LARGEST = 1e-250, 1e250
"""Z with the default offsets: no marginal can miss more than 1e-28, even if the rest of the tree came to 1e30."""
PRODUCT = 1e280
"""With others, of the largest cell and the largest derivative: no marginal can miss more than 1e-28 · n²."""


@njit(nogil=True, cache=True)
def _is_in_range(size, raised, charts):  # type: ignore[no-untyped-def]
    """Return whether the largest cell and the largest derivative are so small that nothing that matters was lost."""
    chart = charts[0]
    cell, derivative, total = 0.0, 0.0, 0.0
    for i in range(size):
        for j in range(i, size):
            cell = max(cell, chart[LEFT, i, j], chart[RIGHT, i, j], chart[TO_J, i, j], chart[TO_I, i, j])
            derivative = max(derivative, chart[O_LEFT, i, j], chart[O_RIGHT, i, j])
            derivative = max(derivative, chart[O_TO_J, i, j], chart[O_TO_I, i, j])
            for part in charts:
                total += part[LEFT, i, j] * part[O_LEFT, i, j] + part[RIGHT, i, j] * part[O_RIGHT, i, j]
    return np.isfinite(total) and cell * derivative * raised < PRODUCT


@njit(nogil=True, cache=True)
def _sum_charts(tokens, single_root, derivatives, charts):  # type: ignore[no-untyped-def]
    """Fill the charts from the potentials, with or without derivatives; return whether they are right, and log Z."""
    size = (tokens + LANES - 1) // LANES * LANES
    for leveled in (False, True):
        offsets, raised = 0.0, 1.0
        for column in range(0, size, LANES):
            inside_tiles(column, charts)
            if leveled and LANES <= column < tokens - LANES:
                added = level(column, size, charts)
                offsets += added
                # What was lost until now would have been made larger by this.
                raised = max(raised, np.exp(-added))
        z = inside_root(tokens, size, single_root, charts)
        if not SMALLEST < z < LARGEST:
            continue
        if derivatives or leveled:
            outside_root(tokens, size, single_root, charts)
            outside(size, charts)
        if not leveled or _is_in_range(size, raised, charts):
            return True, offsets + np.log(z)
    return False, 0.0


@njit(nogil=True, cache=True)
def _collect(tokens, charts, expected):  # type: ignore[no-untyped-def]
    """Set `expected[head, modifier]` to the probabilities of arcs, or to their slopes if there are any."""
    last = len(charts) - 1
    for j in range(tokens):
        total = 0.0
        for part in range(last + 1):
            total += charts[part][ROOT, TAKEN, j] * charts[last - part][ROOT, O_TAKEN, j]
        expected[0, j + 1] = total
    for i in range(tokens):
        for j in range(i + 1, tokens):
            total = 0.0
            for part in range(last + 1):
                total += charts[part][RIGHT, i, j] * charts[last - part][O_RIGHT, i, j]
            expected[i + 1, j + 1] = total
        for j in range(i + 1, tokens):
            total = 0.0
            for part in range(last + 1):
                total += charts[part][LEFT, i, j] * charts[last - part][O_LEFT, i, j]
            expected[j + 1, i + 1] = total


@njit(nogil=True, cache=True)
def _write_logs(tokens, chart, logs):  # type: ignore[no-untyped-def]
    """Set `logs`, of left, right, to_j and to_i over all nodes, up to a factor for each modifier."""
    logs[:, 0, 0] = 0.0
    for j in range(tokens):
        logs[1, 0, j + 1] = np.log(chart[ROOT, TAKEN, j])
        logs[3, 0, j + 1] = np.log(chart[ROOT, SPANS, j])
    for i in range(tokens):
        for j in range(i, tokens):
            logs[0, i + 1, j + 1] = np.log(chart[LEFT, i, j])
            logs[1, i + 1, j + 1] = np.log(chart[RIGHT, i, j])
            logs[2, i + 1, j + 1] = np.log(chart[TO_J, i, j])
            logs[3, i + 1, j + 1] = np.log(chart[TO_I, i, j])


@njit(nogil=True, cache=True)
def _new_chart(nodes):  # type: ignore[no-untyped-def]
    """Return zeros for the charts of up to `nodes` nodes."""
    # Rows lie an odd number of cache lines apart: else those of one column would compete for the same few places.
    lines = (nodes + 2 * LANES + 7) // 8
    return np.zeros((CHARTS, nodes + 2 * LANES, 8 * (lines + 1 - lines % 2)))


@njit(nogil=True, cache=True)
def sum_trees(  # type: ignore[no-untyped-def]
    start, stop, scores, lengths, mask, single_root, log_z, marginals, log_charts, status
):
    """Set the limbs `log_z[b]`, `status[b]` and, unless they are empty, `marginals[b]` and `log_charts[b]`."""
    nodes = max(min(lengths[start:stop].max() + 1, scores.shape[1]), 1)
    arcs, best, total = np.empty((nodes, nodes)), np.empty(nodes), np.empty(nodes)
    charts = (_new_chart(nodes),)
    for b in range(start, stop):
        tokens = lengths[b]
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], tokens, arcs, best)
        if status[b] != OK or tokens == 0:
            continue
        offsets = set_potentials(tokens, arcs, total, charts[0])
        right, log_weight = _sum_charts(tokens, single_root, marginals.size > 0, charts)
        if not right:
            status[b] = OUT_OF_RANGE
            continue
        for modifier in range(1, tokens + 1):
            add_times(log_z[b], best[modifier], 1.0)
        log_z[b, 2] += log_weight + offsets
        if marginals.size > 0:
            _collect(tokens, charts, marginals[b])
        if log_charts.size > 0:
            _write_logs(tokens, charts[0], log_charts[b])


@njit(nogil=True, cache=True)
def slopes_of_marginals(  # type: ignore[no-untyped-def]
    start, stop, scores, lengths, mask, single_root, direction, slopes, status
):
    """Set `slopes[b]`, the derivative of the marginals along `direction[b]`, and `status[b]`.

    Since the Jacobian of the marginals is symmetric, this is also the gradient of <direction, marginals>.
    """
    nodes = max(min(lengths[start:stop].max() + 1, scores.shape[1]), 1)
    arcs, best, total = np.empty((nodes, nodes)), np.empty(nodes), np.empty(nodes)
    charts = (_new_chart(nodes), _new_chart(nodes))
    for b in range(start, stop):
        tokens = lengths[b]
        status[b] = read_arc_scores(scores[b], mask[b if mask.size > 0 else 0], tokens, arcs, best)
        if status[b] != OK or tokens == 0:
            continue
        set_potentials(tokens, arcs, total, charts[0])
        set_slopes(tokens, direction[b], charts[0], charts[1])
        right, _ = _sum_charts(tokens, single_root, True, charts)
        if right:
            _collect(tokens, charts, slopes[b])
        else:
            status[b] = OUT_OF_RANGE
