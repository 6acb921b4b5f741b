"""Euclidean projection onto the convex hull of matchings, by Newton's method on the prices of the columns.

Where all rows and columns are matched, the hull is the doubly stochastic matrices.

For given prices, each row minus the prices is projected onto the simplex. At the optimal prices each column also sums
to 1. They minimise a convex, piecewise quadratic function of the prices alone, the dual with the rows solved exactly:

    f(p) = Σ_i [½ ‖z_i‖² + τ_i] + Σ_j p_j      z_i = max(x_i - p - τ_i, 0), τ_i such that Σ_j z_ij = 1
    ∂f/∂p_j = 1 - Σ_i z_ij                      Hessian: the Laplacian Σ_i (diag s_i - s_i s_iᵀ / |s_i|)

with s_i = [z_i > 0]. Newton's steps, with a ridge that vanishes with the gradient and a line search, find the right
piece after about ten steps, and on it the exact solution. They start from the best matching. Its dual prices are
subtracted first: this changes no projection, and the cells of the matching become the largest of their rows and
columns, at 0. From there few steps are needed, and the relevant numbers are small for any point. (The semismooth Newton
methods of Li, Sun & Toh 2020 solve the same dual.)

Where columns may stay free, their sums are at most 1, and their prices at least 0. Where rows may, τ_i is at least 0,
and the term of a row with Σ_j z_ij < 1 in the Hessian is diag s_i.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..numerics.threshold import threshold
from ..runtime.arrays import lengths_to_numpy, mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from .argmax import NO_MATCHING, match, read_pairs

MOST_STEPS = 500
TOLERANCE = 1e-10
"""The largest error of the sum of a column; 1e-14 is usual."""
NOT_CONVERGED = -1


@njit(nogil=True, cache=True, error_model="numpy")
def _project_rows(rows, size, point, prices, floors, z, tight, values):  # type: ignore[no-untyped-def]
    """Set z to the projected rows of `point` less `prices`, and `tight` to which of them sum to 1.

    floors[i] is the least that may be subtracted from row i: -inf if it has to sum to 1.
    """
    for i in range(rows):
        peak = -np.inf
        for j in range(size):
            z[i, j] = point[i, j] - prices[j]
            peak = z[i, j] if z[i, j] > peak else peak
        tau = floors[i]
        tight[i] = False
        if peak > tau:
            count = 0
            for j in range(size):
                values[count] = z[i, j] - peak
                count += values[count] > -1.0
            found, _ = threshold(values, count, 1.0, 0)
            tight[i] = found + peak >= tau
            tau = max(found + peak, tau)
        for j in range(size):
            z[i, j] = z[i, j] - tau if z[i, j] > tau else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _laplacian(rows, size, z, tight, free, ridge, out, where):  # type: ignore[no-untyped-def]
    """Set the upper triangle of `out` to the Hessian at z, plus `ridge` on its diagonal; 0 for columns not `free`."""
    for j in range(size):
        out[j, :size] = 0.0
        out[j, j] = ridge if free[j] else 0.0
    for i in range(rows):
        # Columns that are not free count as places of the row, but not as variables.
        count, places = 0, 0
        for j in range(size):
            where[count] = j
            positive = z[i, j] > 0.0
            places += positive
            count += positive and free[j]
        weight = 1.0 / max(places, 1) if tight[i] else 0.0
        for a in range(count):
            out[where[a], where[a]] += 1.0 - weight
            for b in range(a + 1, count):
                out[where[a], where[b]] -= weight


@njit(nogil=True, cache=True, error_model="numpy")
def _solve(size, matrix, x):  # type: ignore[no-untyped-def]
    """Solve matrix · y = x, in x; the matrix, positive semidefinite and given by its upper triangle, is overwritten.

    A pivot that is 0 but for rounding belongs to a sum that is already right, and gets 0.
    """
    for k in range(size):
        pivot = matrix[k, k]
        if pivot <= 1e-10:
            matrix[k, k] = 0.0
            continue
        for i in range(k + 1, size):
            factor = matrix[k, i] / pivot
            if factor != 0.0:
                x[i] -= factor * x[k]
                for j in range(i, size):
                    matrix[i, j] -= factor * matrix[k, j]
    for k in range(size - 1, -1, -1):
        if matrix[k, k] == 0.0:
            x[k] = 0.0
            continue
        rest = x[k]
        for j in range(k + 1, size):
            rest -= matrix[k, j] * x[j]
        x[k] = rest / matrix[k, k]


@njit(nogil=True, cache=True, error_model="numpy")
def _excess(rows, size, z, prices, least, out, free):  # type: ignore[no-untyped-def]
    """Set `out` to what each column has above 1, and `free` to which prices should change.

    A price that is as low as can be stays if its column has less than 1. Returns the largest deviation of the others.
    """
    for j in range(size):
        out[j] = -1.0
    for i in range(rows):
        for j in range(size):
            out[j] += z[i, j]
    worst = 0.0
    for j in range(size):
        free[j] = prices[j] > least[j] or out[j] > 0.0
        worst = max(worst, abs(out[j])) if free[j] else worst
    return worst


@njit(nogil=True, cache=True, error_model="numpy")
def _newton(rows, size, point, floors, least, z, scratch, matrix, where, tight, free):  # type: ignore[no-untyped-def]
    """Set z to the projection, as exactly as can be; return by how much a column's sum is wrong at most.

    least[j] is the lowest price of column j: -inf if it has to sum to 1. Prices at this bound that would fall stay out
    of a step, and steps end at it (the projected Newton method of Bertsekas 1982).
    """
    excess, step, trial, values, prices, best = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]
    before = scratch[6]
    prices[:size] = 0.0
    best[:size] = 0.0
    _project_rows(rows, size, point, prices, floors, z, tight, values)
    worst = _excess(rows, size, z, prices, least, excess, free)
    smallest = worst
    for _ in range(MOST_STEPS):
        if smallest < 1e-15 * size:
            break
        # Without a ridge, columns that share no row with those that they must trade with would stay: see `_solve`.
        _laplacian(rows, size, z, tight, free, max(min(1e-2 * worst, 1e-3), 1e-9), matrix, where)
        for j in range(size):
            before[j] = excess[j]
            step[j] = excess[j] if free[j] else 0.0
        _solve(size, matrix, step)
        # Shorten the step until it hardly passes the minimum along it. The slope of f shows this; f is too coarse.
        length = 1.0
        while length > 1e-9:
            slope, overshoot = 0.0, 0.0
            for j in range(size):
                trial[j] = max(prices[j] + length * step[j], least[j])
                slope += (trial[j] - prices[j]) * before[j]
            _project_rows(rows, size, point, trial, floors, z, tight, values)
            worst = _excess(rows, size, z, trial, least, excess, free)
            for j in range(size):
                overshoot -= (trial[j] - prices[j]) * excess[j]
            if overshoot <= 0.25 * slope:
                break
            length *= max(slope / (slope + overshoot), 0.1)
        prices[:size] = trial[:size]
        if worst < smallest:
            smallest = worst
            best[:size] = prices[:size]
    _project_rows(rows, size, point, best, floors, z, tight, values)
    return smallest


@njit(nogil=True, cache=True, error_model="numpy")
def _project(start, stop, at_most, point, lengths, mask, out, status):  # type: ignore[no-untyped-def]
    size = max(point.shape[1], point.shape[2])
    weights, z, matrix = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    scratch, prices, floors, least = np.empty((7, size)), np.empty(size), np.empty(size), np.empty(size)
    columns, owners = np.empty(size, np.int64), np.empty(size, np.int64)
    origins, done = np.empty(size, np.int64), np.empty(size, np.int64)
    tight, free = np.empty(size, np.bool_), np.empty(size, np.bool_)
    for b in range(start, stop):
        rows, width = lengths[b, 0], lengths[b, 1]
        if rows < 0 or rows > point.shape[1] or width < 0 or width > point.shape[2]:
            status[b] = BAD_LENGTH
            continue
        status[b], rows, width, turned = read_pairs(b, rows, width, at_most, point, mask, weights)
        if status[b] == NOT_A_NUMBER:
            status[b] = OK
            for i in range(rows):
                for j in range(width):
                    if (mask.size == 0 or mask[b, i, j]) and point[b, i, j] != -np.inf:
                        out[b, i, j] = np.nan
            continue
        if status[b] != OK:
            continue
        if not match(rows, width, at_most, weights, prices, columns, owners, scratch, origins, done):
            status[b] = INFEASIBLE
            continue
        for i in range(rows):
            profit = weights[i, columns[i]] - prices[columns[i]] if columns[i] >= 0 else 0.0
            floors[i] = -profit if at_most else -np.inf
            for j in range(width):
                # None is above 0 but for rounding, which may be far above 1 where the point is large.
                weights[i, j] = min((weights[i, j] - prices[j]) - profit, 0.0)
        for j in range(width):
            least[j] = -prices[j] if at_most or rows < width else -np.inf
        if _newton(rows, width, weights, floors, least, z, scratch, matrix, origins, tight, free) > TOLERANCE:
            status[b] = NOT_CONVERGED
            continue
        for i in range(rows):
            for j in range(width):
                out[b, j if turned else i, i if turned else j] = z[i, j]


@njit(nogil=True, cache=True, error_model="numpy")
def _project_grad(start, stop, slack, z, grad, out):  # type: ignore[no-untyped-def]
    """Project the gradient onto the face of z: the cells that are positive, with all sums of 1 constant.

    Sums that are less than 1 by more than `slack` are no constraints.
    """
    rows, size = z.shape[1:]
    matrix, where = np.empty((size, size)), np.empty(size, np.int64)
    means, step, sums = np.empty(rows), np.empty(size), np.empty(size)
    tight, free = np.empty(rows, np.bool_), np.empty(size, np.bool_)
    for b in range(start, stop):
        step[:] = 0.0
        sums[:] = 0.0
        for i in range(rows):
            for j in range(size):
                sums[j] += z[b, i, j]
        for j in range(size):
            free[j] = sums[j] > 1.0 - slack
        for i in range(rows):
            count, total, whole = 0, 0.0, 0.0
            for j in range(size):
                whole += z[b, i, j]
                if z[b, i, j] > 0.0:
                    count += 1
                    total += grad[b, i, j]
            tight[i] = whole > 1.0 - slack
            means[i] = total / max(count, 1) if tight[i] else 0.0
            for j in range(size):
                if z[b, i, j] > 0.0 and free[j]:
                    step[j] += grad[b, i, j] - means[i]
        _laplacian(rows, size, z[b], tight, free, 0.0, matrix, where)
        _solve(size, matrix, step)
        for i in range(rows):
            count, total = 0, 0.0
            for j in range(size):
                if z[b, i, j] > 0.0:
                    count += 1
                    total += grad[b, i, j] - step[j]
            mean = total / max(count, 1) if tight[i] else 0.0
            for j in range(size):
                if z[b, i, j] > 0.0:
                    out[b, i, j] = grad[b, i, j] - step[j] - mean


def _save_output(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return project_birkhoff_grad(ctx.saved_tensors[0], grad), None, None, None


def _save_projected(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])


def _backward_of_grad(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    # Linear and symmetric in the gradient; in the projection it is constant almost everywhere.
    return None, project_birkhoff_grad(ctx.saved_tensors[0], grad)


@operator(fake=like_first, backward=_backward_of_grad, save=_save_projected, jvp="symmetric", moving=(1,))
def project_birkhoff_grad(projected: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient for the point, given the one for what `project_birkhoff` made of it."""
    out = torch.zeros(projected.shape, dtype=projected.dtype, device="cpu")
    work = projected.numel() * projected.size(2)
    # Sums of 1 are wrong by no more than this after rounding.
    slack = max(1e-9, sum(projected.shape[1:]) * torch.finfo(projected.dtype).eps)
    over_batch(_project_grad, len(projected), slack, to_numpy(projected), to_numpy(grad), out.numpy(), work=work)
    return out.to(projected.device)


@operator(fake=like_first, backward=_backward, save=_save_output, jvp="symmetric")
def project_birkhoff(point: Tensor, lengths: Tensor | None, mask: Tensor | None, at_most: bool) -> Tensor:
    """Project each matrix onto the convex hull of the matchings over its candidates.

    A CUDA tensor goes to the CPU and back.

    Args:
        point: float32 or float64, `[batch, row, column]`. -inf marks what is no candidate; NaN or +inf makes its matrix
            NaN.
        lengths: int64, `[batch, 2]`: how many rows, and columns, are real; None: all.
        mask: bool, shaped like `point`; True = candidate.
        at_most: whether all sums are at most 1; else those of the smaller side are 1.
    """
    batch, rows, columns = point.shape
    out = torch.zeros(point.shape, dtype=point.dtype, device="cpu")
    status = np.zeros(batch, dtype=np.int64)
    candidates = mask_to_numpy(mask)
    arrays = (to_numpy(point), lengths_to_numpy(lengths, batch, (rows, columns)), candidates, out.numpy(), status)
    over_batch(_project, batch, at_most, *arrays, work=10 * batch * rows * columns * min(rows, columns))
    if (status == NOT_CONVERGED).any():
        row = int(np.flatnonzero(status == NOT_CONVERGED)[0])
        raise RuntimeError(
            f"point: Newton's method did not reach {TOLERANCE} (row {row} of the batch, counting from 0)"
        )
    raise_for_status(status, "point", NO_MATCHING, lengths)
    return out.to(point.device)
