"""Least squares over the affine combinations of a changing set of points: the algebra of an active set.

The points are whole numbers and sparse: `members[i, : counts[i]]` lists the parts of point i, 2 twice and so on.

With K the inner products of the points (the rows of V), K + 11ᵀ is positive definite iff no point is an affine
combination of the others (Wolfe 1976). Its Cholesky factor L follows when a point comes or goes, in O(size²). L is
stored by rows without what lies above the diagonal: row i begins at cell i (i + 1) / 2.
"""

from __future__ import annotations

from numba import njit

DEPENDENT = 1e-11
"""A point whose squared distance from the others' affine hull is less, relative to its own norm, counts as in it."""


@njit(nogil=True, cache=True)
def along(values, members, counts, size, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the inner products of dense `values` and the vertices."""
    for i in range(size):
        total = 0.0
        for k in range(counts[i]):
            total += values[members[i, k]]
        out[i] = total


@njit(nogil=True, cache=True)
def combine(members, counts, size, weights, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the weighted sum of the vertices."""
    out[:] = 0.0
    for i in range(size):
        for k in range(counts[i]):
            out[members[i, k]] += weights[i]


@njit(nogil=True, cache=True)
def packed(size):  # type: ignore[no-untyped-def]
    """Return how many cells the factor of `size` points takes."""
    return size * (size + 1) // 2


@njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _dot(a, b, size):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(size):
        total += a[k] * b[k]
    return total


@njit(nogil=True, cache=True)
def append(factor, size, products, norm):  # type: ignore[no-untyped-def]
    """Add a point, given its inner products with the others and its squared norm; False if it depends on them."""
    row = factor[packed(size) : packed(size + 1)]
    for i in range(size):
        other = factor[packed(i) : packed(i + 1)]
        row[i] = (products[i] + 1.0 - _dot(other, row, i)) / other[i]
    square = norm + 1.0 - _dot(row, row, size)
    if not square > DEPENDENT * (norm + 1.0):
        return False
    row[size] = square**0.5
    return True


@njit(nogil=True, cache=True)
def _back_substitute(factor, size, out):  # type: ignore[no-untyped-def]
    """Solve Lᵀ x = `out` in place."""
    for i in range(size - 1, -1, -1):
        row = factor[packed(i) : packed(i + 1)]
        out[i] /= row[i]
        for k in range(i):
            out[k] -= out[i] * row[k]


@njit(nogil=True, cache=True)
def size_of_coordinates(factor, size, out):  # type: ignore[no-untyped-def]
    """Return Σ |c|, for the point Σ c_i v_i, Σ c = 1, that `append` has just found to depend on the others."""
    begin = packed(size)
    for i in range(size):
        out[i] = factor[begin + i]
    _back_substitute(factor, size, out)
    total = 0.0
    for i in range(size):
        total += abs(out[i])
    return total


@njit(nogil=True, cache=True)
def remove(factor, size, at, cosines, sines):  # type: ignore[no-untyped-def]
    """Take point `at` out: the rows behind it move up, and Givens rotations make them triangular again."""
    for i in range(at + 1, size):
        row = factor[packed(i) : packed(i + 1)]
        for k in range(at, i - 1):
            left, right = row[k], row[k + 1]
            row[k] = cosines[k] * left + sines[k] * right
            row[k + 1] = cosines[k] * right - sines[k] * left
        last, diagonal = row[i - 1], row[i]
        length = (last * last + diagonal * diagonal) ** 0.5
        cosines[i - 1], sines[i - 1] = last / length, diagonal / length
        row[i - 1] = length
        begin = packed(i - 1)
        for k in range(i):
            factor[begin + k] = row[k]


@njit(nogil=True, cache=True)
def direction(factor, size, values, out, ones):  # type: ignore[no-untyped-def]
    """Solve K δ + τ 1 = `values` with Σ δ = 0 for δ, which goes into `out`; `ones` is scratch.

    So Vᵀδ is the orthogonal projection, onto the differences of points, of any g with Vg = `values`.
    """
    for i in range(size):
        row = factor[packed(i) : packed(i + 1)]
        out[i] = (values[i] - _dot(row, out, i)) / row[i]
        ones[i] = (1.0 - _dot(row, ones, i)) / row[i]
    # As Σ δ = 0, (K + 11ᵀ) δ is values - τ 1 too.
    level = _dot(ones, out, size) / _dot(ones, ones, size)
    for i in range(size):
        out[i] -= level * ones[i]
    _back_substitute(factor, size, out)
