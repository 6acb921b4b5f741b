"""Sums over all sequences of tags: log Z, marginals, and their derivative along one direction, in O(n t²).

Forward, in log space:

    sum[i, next] = emission(i, next) + log Σ_previous exp(sum[i - 1, previous] + transition(i - 1, previous, next))

Each term's share of its sum is the probability of `previous` given `next` and all before it. Given these shares, the
way back needs neither scores nor exponentials, and adds positive numbers only:

    p(previous, next) = share(previous | next) · p(next)        p(previous) = Σ_next p(previous, next)

So nothing is subtracted, and each exponential is computed once, in vector code (`exponential.py`). Transitions that all
steps share have sums of their own, in `shared.py`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ..forest.rows import OUT_OF_RANGE
from ..numerics.exponential import exp_nonpositive
from ..numerics.limbs import WIDE
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK
from .argmax import add_emissions, push, read_transitions


@njit(nogil=True, cache=True, error_model="numpy")
def _exponentiate(table, best, total):  # type: ignore[no-untyped-def]
    """Set total[next] to Σ_previous exp(table[previous, next] - best[next]), and the table to its terms."""
    tags = best.size
    for j in range(tags):
        total[j] = 0.0
        if best[j] == -np.inf:
            best[j] = 0.0
    for p in range(tags):
        for j in range(tags):
            term = exp_nonpositive(table[p, j] - best[j])
            table[p, j] = term
            total[j] += term


@njit(nogil=True, cache=True, error_model="numpy")
def _best_emission(b, i, emissions, mask):  # type: ignore[no-untyped-def]
    """Return the highest score of a candidate at position i."""
    best = -np.inf
    for j in range(emissions.shape[2]):
        if mask.size == 0 or mask[b, i, j]:
            best = max(best, np.float64(emissions[b, i, j]))
    return best


# NaN is found elsewhere; without it, the maximum is vector code.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz"})
def _best_transition(table):  # type: ignore[no-untyped-def]
    """Return the highest score in a table."""
    best = -np.inf
    for p in range(table.shape[0]):
        for j in range(table.shape[1]):
            best = table[p, j] if table[p, j] > best else best
    return best


@njit(nogil=True, cache=True, error_model="numpy")
def forward(  # type: ignore[no-untyped-def]
    b, length, emissions, transitions, emission_mask, transition_mask, rows, table, total, shares
):
    """Fill rows[position, tag] with `sum`, less its maximum, and `shares`, if it is not empty.

    Returns a status and log Z. A row is `OUT_OF_RANGE` if the best scores of its positions are large, or log Z is far
    below their sum: else what matters is no farther below it.
    """
    tags = total.size
    log_z, bound, largest = 0.0, 0.0, 0.0
    for i in range(length):
        improper = 0
        row = rows[i]
        if i == 0:
            row[:] = 0.0
        else:
            improper = read_transitions(b, i - 1, transitions, transition_mask, table)
            best = _best_transition(table)
            bound, largest = bound + best, max(largest, abs(best))
            push(rows[i - 1], table, row)
            _exponentiate(table, row, total)
            for j in range(tags):
                row[j] += np.log(total[j])
                total[j] = 1.0 / total[j] if total[j] > 0.0 else 0.0
            if shares.size > 0:
                for p in range(tags):
                    for j in range(tags):
                        shares[i - 1, p, j] = table[p, j] * total[j]
        best = _best_emission(b, i, emissions, emission_mask)
        bound, largest = bound + best, max(largest, abs(best))
        peak, more = add_emissions(b, i, emissions, emission_mask, row)
        if improper + more > 0:
            return NOT_A_NUMBER, 0.0
        if peak == -np.inf:
            peak = 0.0
        row -= peak
        log_z += peak
    if length > 0:
        last = rows[length - 1]
        if last.max() == -np.inf:
            return INFEASIBLE, 0.0
        mass = 0.0
        for j in range(tags):
            mass += exp_nonpositive(last[j])
        log_z += np.log(mass)
    if largest > WIDE or log_z - bound < -WIDE:
        return OUT_OF_RANGE, 0.0
    return OK, log_z


@njit(nogil=True, cache=True, error_model="numpy")
def _last(row, mu):  # type: ignore[no-untyped-def]
    """Set `mu` to the probabilities of the tags of the last position, whose `sum` is `row`."""
    mass = 0.0
    for j in range(row.size):
        mu[j] = exp_nonpositive(row[j])
        mass += mu[j]
    for j in range(row.size):
        mu[j] = min(mu[j] / mass, 1.0)


# Summing in any order lets the sum be a vector; which order that is depends on the number of tags alone.
@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _share_out(shares, mu, mu_before):  # type: ignore[no-untyped-def]
    """Turn the shares between two positions into probabilities; set those of the first, given those of the second."""
    tags = mu.size
    for p in range(tags):
        total = 0.0
        for j in range(tags):
            pair = min(shares[p, j] * mu[j], 1.0)
            shares[p, j] = pair
            total += pair
        mu_before[p] = min(total, 1.0)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _share_out_slopes(shares, towards, d_before, d_row, mu, d_mu, mu_before, d_mu_before):  # type: ignore[no-untyped-def]
    """Do what `_share_out` does for the slopes of the probabilities; `towards` is the direction of the transitions.

    d_before[previous] is the slope of `sum` at the first position, d_row[next] at the second, without its emission.
    """
    tags = mu.size
    for p in range(tags):
        total, d_total = 0.0, 0.0
        for j in range(tags):
            share = np.float64(shares[p, j])
            step = np.float64(towards[p, j]) if share > 0.0 else 0.0
            slope = share * ((d_before[p] + step) - d_row[j])
            d_pair = slope * mu[j] + share * d_mu[j]
            shares[p, j] = d_pair
            total += share * mu[j]
            d_total += d_pair
        mu_before[p] = total
        d_mu_before[p] = d_total


@njit(nogil=True, cache=True, error_model="numpy")
def _forward_slopes(b, length, d_emissions, d_transitions, rows, shares, d_in, d_rows):  # type: ignore[no-untyped-def]
    """Fill the slopes of `sum`, with the emission (`d_rows`) and without it (`d_in`)."""
    tags = rows.shape[1]
    for i in range(length):
        into = d_in[i]
        into[:] = 0.0
        for p in range(tags if i > 0 else 0):
            for j in range(tags):
                share = np.float64(shares[i - 1, p, j])
                step = np.float64(d_transitions[b, i - 1, p, j]) if share > 0.0 else 0.0
                into[j] += share * (d_rows[i - 1, p] + step)
        for j in range(tags):
            d_rows[i, j] = into[j] + (np.float64(d_emissions[b, i, j]) if rows[i, j] > -np.inf else 0.0)


@njit(nogil=True, cache=True, error_model="numpy")
def sum_sequences(  # type: ignore[no-untyped-def]
    start,
    stop,
    emissions,
    transitions,
    lengths,
    emission_mask,
    transition_mask,
    d_emissions,
    d_transitions,
    log_z,
    tags_out,
    pairs_out,
    status,
):
    """Set `log_z`; the marginals too, unless `tags_out` is empty; or their slopes, if there is a direction."""
    positions, tags = emissions.shape[1:]
    longest = max(min(lengths[start:stop].max(), positions), 0)
    dual = d_emissions.size > 0
    rows, d_rows, d_in = np.empty((longest, tags)), np.empty((longest, tags)), np.empty((longest, tags))
    table, total = np.empty((tags, tags)), np.empty(tags)
    mu, d_mu, before, d_before = np.empty(tags), np.zeros(tags), np.empty(tags), np.zeros(tags)
    for b in range(start, stop):
        length = lengths[b]
        if length < 0 or length > positions:
            status[b] = BAD_LENGTH
            continue
        shares = pairs_out[b if tags_out.size > 0 else 0]
        status[b], log_z[b, 2] = forward(
            b, length, emissions, transitions, emission_mask, transition_mask, rows, table, total, shares
        )
        if status[b] != OK or length == 0 or tags_out.size == 0:
            continue
        _last(rows[length - 1], mu)
        if dual:
            _forward_slopes(b, length, d_emissions, d_transitions, rows, shares, d_in, d_rows)
            mean = (mu * d_rows[length - 1]).sum()
            for j in range(tags):
                d_mu[j] = mu[j] * (d_rows[length - 1, j] - mean)
        for i in range(length - 1, -1, -1):
            tags_out[b, i] = d_mu if dual else mu
            if i == 0:
                break
            if dual:
                _share_out_slopes(
                    shares[i - 1], d_transitions[b, i - 1], d_rows[i - 1], d_in[i], mu, d_mu, before, d_before
                )
                d_mu, d_before = d_before, d_mu
            else:
                _share_out(shares[i - 1], mu, before)
            mu, before = before, mu
