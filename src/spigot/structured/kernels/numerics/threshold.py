"""The number that a projection onto a fixed sum subtracts from all values."""

from __future__ import annotations

from numba import njit


@njit(nogil=True, cache=True)
def threshold(values, count, budget, slope):  # type: ignore[no-untyped-def]
    """Return τ with Σ max(v - τ, 0) = budget + slope · τ over the first `count` values, and how many of them exceed it.

    These are moved to the front, in their order. `slope` is 0 or 1; with 0, `budget` must be positive. The τ of any set
    of values is at most that of all, so what lies below it never counts, and is dropped until nothing is (Michelot
    1986).
    """
    total = 0.0
    for i in range(count):
        total += values[i]
    kept = count
    while True:
        tau = (total - budget) / (kept + slope)
        left, total = 0, 0.0
        for i in range(kept):
            # Every value is written, and the place kept only if it counts: no branch to guess wrongly.
            counts = values[i] > tau
            values[left] = values[i]
            total += values[i] if counts else 0.0
            left += counts
        if left == kept:
            return tau, kept
        kept = left


@njit(nogil=True, cache=True)
def arc_threshold(values, count, arc, cap):  # type: ignore[no-untyped-def]
    """Project an arc and its labels onto {Σ b = a, b >= 0, a <= cap}.

    Returns τ, a, and how many labels are positive; they are max(v - τ, 0). (With cap = 0 the last is 1 if any cap
    above 0 would leave one.)

    Args:
        values: the labels, of which the first `count` count, the largest of which is 0: their peak is subtracted.
            They are overwritten.
        count: at least 1.
        arc: the arc, to which that peak has been added.
        cap: not negative.

    With a multiplier τ for Σ b = a, the optimality conditions are b_k = max(v_k - τ, 0) and, below the cap, a = arc +
    τ. The sum falls in τ and the arc rises, so they meet once; if that is above the cap, a = cap, and τ grows further
    until the labels sum to it.
    """
    if arc <= 0.0:
        return 0.0, 0.0, 0
    if cap <= 0.0:
        return 0.0, 0.0, 1
    # The largest label alone gives a lower bound on τ, as does cap: what lies below it never counts.
    floor = max(-0.5 * arc, -cap)
    kept = 0
    for i in range(count):
        values[kept] = values[i]
        kept += values[i] > floor
    tau, kept = threshold(values, kept, arc, 1)
    if arc + tau <= cap:
        return tau, arc + tau, kept
    tau, kept = threshold(values, kept, cap, 0)
    return tau, cap, kept
