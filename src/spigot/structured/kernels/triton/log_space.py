"""Sums in log space, tile by tile, with their derivatives in one direction if DUAL.

A sum is (peak, mass, moment): log Σ exp x = peak + log mass, and its slope is moment / mass, the mean of the slopes dx
with the weights exp x. Without DUAL all slopes are 0 and cost nothing. "None" is -inf with slope 0.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def no_sum(like, ROWS: tl.constexpr, LANES: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return empty sums, `[ROWS, LANES]`, in the type of the numbers behind the pointer `like`."""
    peak = tl.full([ROWS, LANES], -float("inf"), like.dtype.element_ty)
    zero = tl.full([ROWS, LANES], 0.0, like.dtype.element_ty)
    return peak, zero, zero


@triton.jit
def add(peak, mass, moment, x, dx, DUAL: tl.constexpr):  # type: ignore[no-untyped-def]
    """Add a term to each sum."""
    higher = tl.maximum(peak, x)
    origin = tl.where(higher == -float("inf"), 0.0, higher)
    shrink = tl.exp(peak - origin)
    weight = tl.exp(x - origin)
    if DUAL:
        moment = moment * shrink + weight * dx
    return higher, mass * shrink + weight, moment


@triton.jit
def total(peak, mass, moment, x, dx, DUAL: tl.constexpr):  # type: ignore[no-untyped-def]
    """Add up the sums of each row and one term more; return the logarithm and its slope."""
    highest = tl.maximum(tl.max(peak, 1), x)
    none = highest == -float("inf")
    origin = tl.where(none, 0.0, highest)
    shrink = tl.exp(peak - origin[:, None])
    weight = tl.exp(x - origin)
    mass = tl.where(none, 1.0, tl.sum(mass * shrink, 1) + weight)
    if DUAL:
        dx = (tl.sum(moment * shrink, 1) + weight * dx) / mass
    return highest + tl.log(mass), dx


@triton.jit
def plus(x, dx, y, dy, DUAL: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return log (exp x + exp y) and its slope."""
    highest = tl.maximum(x, y)
    none = highest == -float("inf")
    origin = tl.where(none, 0.0, highest)
    left = tl.exp(x - origin)
    right = tl.exp(y - origin)
    mass = tl.where(none, 1.0, left + right)
    if DUAL:
        dx = (left * dx + right * dy) / mass
    return highest + tl.log(mass), dx


@triton.jit
def load_product(chart, slopes, a, b, valid, DUAL: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return the product of the cells `a` and `b`, none where not `valid`; `slopes` is how far a cell's slope is."""
    x = tl.load(chart + a, valid, -float("inf")) + tl.load(chart + b, valid, 0.0)
    dx = 0.0
    if DUAL:
        dx = tl.load(chart + slopes + a, valid, 0.0) + tl.load(chart + slopes + b, valid, 0.0)
    return x, dx


@triton.jit
def load_pair(chart, slopes, a, valid, DUAL: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return the cell `a` and its slope, none where not `valid`."""
    x = tl.load(chart + a, valid, -float("inf"))
    dx = 0.0
    if DUAL:
        dx = tl.load(chart + slopes + a, valid, 0.0)
    return x, dx


@triton.jit
def store_pair(chart, slopes, a, x, dx, valid, DUAL: tl.constexpr):  # type: ignore[no-untyped-def]
    """Set the cell `a` and its slope."""
    tl.store(chart + a, x, valid)
    if DUAL:
        tl.store(chart + slopes + a, dx, valid)
