"""Sums over tag sequences whose transitions are the same at all positions: log Z, marginals, and expected counts.

As no step has transitions of its own, they are exponentiated once, and a step is a product of a vector and a matrix:

    ahead[i, next] = weight(i, next) · Σ_previous ahead[i - 1, previous] · step(previous, next)

with `ahead` scaled to a maximum of 1 at each position. The way back is the same, and adds up the counts of all steps:

    count(previous, next) = step(previous, next) · Σ_i ahead[i - 1, previous] · weight(i, next) · behind[i, next]

A row in which a number may come too close to the smallest of float64 is summed in log space, step by step, as if its
transitions were not shared; so are derivatives of marginals, one row at a time.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..forest.rows import OUT_OF_RANGE, Sums
from ..forest.sums import ENTROPY, LOG_Z, MARGINALS, SLOPES
from ..numerics.exponential import exp_nonpositive
from ..numerics.limbs import WIDE
from ..runtime.arrays import to_numpy
from ..runtime.gibbs import Reduced
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from .argmax import NO_SEQUENCE, chain_masks, distinct
from .operators import chain_operators, reduced_by
from .sums import sum_rows

RANGE = 100.0
"""Scores of one position, and transitions, that lie farther apart are left to log space."""
SMALLEST = 1e-140
"""So is what comes to less than this: the product of two such numbers is still a normal one."""


@njit(nogil=True, cache=True, error_model="numpy")
def _exponentiate(scores, mask, weights):  # type: ignore[no-untyped-def]
    """Set `weights` to exp(score - highest), 0 where there is no candidate.

    Returns a status, and the highest score, 0 if there is none.
    """
    best, least, status = -np.inf, np.inf, OK
    for p in range(scores.shape[0]):
        for j in range(scores.shape[1]):
            value = np.float64(scores[p, j]) if mask.size == 0 or mask[p, j] else -np.inf
            if not value < np.inf:
                status = NOT_A_NUMBER
            weights[p, j] = value
            best = max(best, value)
            least = min(least, value) if value > -np.inf else least
    if status == OK and best > -np.inf and (best - least > RANGE or abs(best) > WIDE):
        status = OUT_OF_RANGE
    best = best if best > -np.inf else 0.0
    for p in range(scores.shape[0]):
        for j in range(scores.shape[1]):
            weights[p, j] = exp_nonpositive(min(weights[p, j] - best, 0.0))
    return status, best


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _step(before, step, after):  # type: ignore[no-untyped-def]
    """Set after[next] to Σ before[previous] · step[previous, next]."""
    after[:] = 0.0
    for p in range(before.size):
        value = before[p]
        if value > 0.0:
            for j in range(after.size):
                after[j] += value * step[p, j]


# Summing in any order lets the sum be a vector; which order that is depends on the number of tags alone.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _step_back(ahead, step, towards, behind, counts):  # type: ignore[no-untyped-def]
    """Set behind[previous] to Σ step[previous, next] · towards[next], and add ahead · towards to the counts.

    It is 0 where nothing comes from ahead: there it could grow beyond all bounds. Σ ahead · behind is 1.
    """
    mass = 0.0
    for p in range(ahead.size):
        total, value = 0.0, ahead[p]
        if value > 0.0:
            for j in range(towards.size):
                total += step[p, j] * towards[j]
                counts[p, j] += value * towards[j]
        behind[p] = total
        mass += value * total
    for p in range(ahead.size):
        behind[p] /= mass


@njit(nogil=True, cache=True, error_model="numpy")
def _forward(length, emissions, mask, step, offset, ahead, weights, scales):  # type: ignore[no-untyped-def]
    """Fill `ahead`, the weights of emissions, and what `ahead` was divided by; return a status and log Z."""
    log_z, below, status, dead = 0.0, 0.0, OK, False
    for i in range(length):
        one = mask[i : i + 1] if mask.size > 0 else mask[:0]
        found, best = _exponentiate(emissions[i : i + 1], one, weights[i : i + 1])
        if found == NOT_A_NUMBER:
            return NOT_A_NUMBER, 0.0
        if found != OK:
            status = OUT_OF_RANGE
        if dead:
            # Later positions are read for their status alone.
            continue
        row = ahead[i]
        if i == 0:
            row[:] = 1.0
        else:
            _step(ahead[i - 1], step, row)
        peak, least = 0.0, np.inf
        for j in range(row.size):
            row[j] *= weights[i, j]
            peak = max(peak, row[j])
            least = min(least, row[j]) if row[j] > 0.0 else least
        if peak == 0.0:
            dead = True
            continue
        if least < SMALLEST * peak:
            status = OUT_OF_RANGE
        scales[i] = 1.0 / peak
        for j in range(row.size):
            row[j] *= scales[i]
        below += np.log(peak)
        log_z += best + np.log(peak) + (offset if i > 0 else 0.0)
    if status != OK or below < -WIDE:
        # Too small a number may have become 0: the sums in log space say whether there is a sequence.
        return OUT_OF_RANGE, 0.0
    return (INFEASIBLE, 0.0) if dead else (OK, log_z + np.log(ahead[length - 1].sum()) if length > 0 else 0.0)


@njit(nogil=True, cache=True, error_model="numpy")
def _sum_shared(  # type: ignore[no-untyped-def]
    start,
    stop,
    emissions,
    transitions,
    lengths,
    emission_mask,
    transition_mask,
    log_z,
    tags_out,
    pairs_out,
    status,
):
    """Set `log_z`; the marginals of tags and the expected counts of pairs, too, unless `tags_out` is empty."""
    positions, tags = emissions.shape[1:]
    longest = max(min(lengths[start:stop].max(), positions), 0)
    ahead, weights, scales = np.empty((longest, tags)), np.empty((longest, tags)), np.empty(longest)
    step, counts = np.empty((tags, tags)), np.empty((tags, tags))
    behind, before, towards = np.empty(tags), np.empty(tags), np.empty(tags)
    known, of_step, offset = False, OK, 0.0
    for b in range(start, stop):
        length = lengths[b]
        if length < 0 or length > positions:
            status[b] = BAD_LENGTH
            continue
        if length > 1 and not (known and transitions.shape[0] == 1 and transition_mask.shape[0] <= 1):
            own = transitions[b if transitions.shape[0] > 1 else 0, 0]
            if transition_mask.size > 0:
                allowed = transition_mask[b if transition_mask.shape[0] > 1 else 0, 0]
            else:
                allowed = np.empty((0, 0), np.bool_)
            of_step, offset = _exponentiate(own, allowed, step)
            known = True
        mask = emission_mask[b] if emission_mask.size > 0 else np.empty((1, 0), np.bool_)
        status[b], log_z[b, 2] = _forward(length, emissions[b], mask, step, offset, ahead, weights, scales)
        if length > 1 and of_step != OK and status[b] != NOT_A_NUMBER:
            status[b] = of_step
        if status[b] == OK and tags_out.size > 0 and length > 0:
            last = ahead[length - 1]
            behind[:] = 1.0 / last.sum()
            counts[:] = 0.0
            for i in range(length - 1, -1, -1):
                for j in range(tags):
                    tags_out[b, i, j] = min(ahead[i, j] * behind[j], 1.0)
                if i == 0:
                    break
                for j in range(tags):
                    towards[j] = weights[i, j] * behind[j] * scales[i]
                _step_back(ahead[i - 1], step, towards, before, counts)
                behind, before = before, behind
            for p in range(tags if length > 1 else 0):
                for j in range(tags):
                    pairs_out[b, 0, p, j] = min(step[p, j] * counts[p, j], length - 1.0)


def _run(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
    wanted: int = LOG_Z,
    direction: tuple[Tensor, Tensor] | None = None,
) -> Sums:
    """Return the sums; see `forest/sums.py` for what is wanted."""
    batch, positions, tags = emissions.shape
    scores, sizes = (to_numpy(emissions), distinct(transitions)), to_numpy(lengths)
    masks = chain_masks(emission_mask, transition_mask)
    log_z, status, entropy = np.zeros((batch, 3)), np.full(batch, OK), np.zeros(batch)
    wide = np.zeros(batch, dtype=np.bool_)
    expected = (np.zeros((0, 0, 0), scores[0].dtype), np.zeros((1, 0, 0, 0), scores[1].dtype))
    if wanted != LOG_Z:
        expected = np.zeros(emissions.shape, scores[0].dtype), np.zeros((batch, 1, tags, tags), scores[1].dtype)
    if wanted == SLOPES:
        status[:] = OUT_OF_RANGE
    else:
        written = expected if wanted == MARGINALS else (expected[0][:0], expected[1])
        over_batch(
            _sum_shared, batch, *scores, sizes, *masks, log_z, *written, status, work=3 * batch * positions * tags**2
        )
    for b in np.flatnonzero(status == OUT_OF_RANGE):
        row, steps = slice(b, b + 1), (1, max(positions - 1, 0), tags, tags)
        pairs, allowed = transitions[row].expand(steps), None
        if transition_mask is not None:
            allowed = transition_mask[row].expand(steps)
        towards = None if direction is None else (direction[0][row], direction[1][row].expand(steps))
        tags_mask = None if emission_mask is None else emission_mask[row]
        found, state = sum_rows(emissions[row], pairs, lengths[row], tags_mask, allowed, wanted, towards)
        status[b], log_z[b], wide[b] = state[0], found.log_z[0], found.wide[0]
        if wanted == ENTROPY:
            entropy[b] = found.entropy[0]
        if wanted != LOG_Z:
            expected[0][b], expected[1][b, 0] = found.expected[0][0], found.expected[1][0].sum(0)
    raise_for_status(status, "scores", NO_SEQUENCE, lengths)
    return Sums(log_z, expected, wide, entropy)


def _reduce(
    emissions: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    emission_mask: Tensor | None,
    transition_mask: Tensor | None,
) -> Reduced:
    """Take the best score off each position, and the best of the transitions off each step."""
    inside = torch.arange(emissions.size(1), device=emissions.device) < lengths[:, None]
    steps = (lengths - 1).clamp(min=0)[:, None]
    return reduced_by((emissions, emission_mask, inside, inside), (transitions, transition_mask, steps > 0, steps))


SHARED_CHAIN = chain_operators("shared_chain", _run, _reduce)
