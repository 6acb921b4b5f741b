"""Euclidean projection onto the doubly stochastic matrices, by Newton's method on the prices of the columns.

For given prices, each row minus the prices is projected onto the simplex. At the optimal prices each column also sums
to 1. They minimise a convex, piecewise quadratic function of the prices alone, the dual with the rows solved exactly:

    f(p) = Σ_i [½ ‖z_i‖² + τ_i] + Σ_j p_j      z_i = max(x_i - p - τ_i, 0), τ_i such that Σ_j z_ij = 1
    ∂f/∂p_j = 1 - Σ_i z_ij                      Hessian: the Laplacian Σ_i (diag s_i - s_i s_iᵀ / |s_i|)

with s_i = [z_i > 0]. Newton's steps, with a ridge that vanishes with the gradient and a line search, find the right
piece after about ten steps, and on it the exact solution. They start from the best matching. Its dual prices are
subtracted first: this changes no projection, and the cells of the matching become the largest of their rows and
columns, at 0. From there few steps are needed, and the relevant numbers are small for any point. (The semismooth Newton
methods of Li, Sun & Toh 2020 solve the same dual.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ...checks import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from ..numerics.threshold import threshold
from ..runtime.arrays import lengths_to_numpy, mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from .argmax import NO_MATCHING, match, read_square

MOST_STEPS = 500
TOLERANCE = 1e-10
"""The largest error of the sum of a column; 1e-14 is usual."""
NOT_CONVERGED = -1


@njit(nogil=True, cache=True, error_model="numpy")
def _project_rows(size, point, prices, z, values):  # type: ignore[no-untyped-def]
    """Set z to the projected rows of `point` less `prices`."""
    for i in range(size):
        peak = -np.inf
        for j in range(size):
            z[i, j] = point[i, j] - prices[j]
            peak = z[i, j] if z[i, j] > peak else peak
        count = 0
        for j in range(size):
            values[count] = z[i, j] - peak
            count += values[count] > -1.0
        tau, _ = threshold(values, count, 1.0, 0)
        tau += peak
        for j in range(size):
            z[i, j] = z[i, j] - tau if z[i, j] > tau else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _laplacian(size, z, ridge, out, where):  # type: ignore[no-untyped-def]
    """Set the upper triangle of `out` to the Hessian at z, plus `ridge` on its diagonal."""
    for j in range(size):
        out[j, :size] = 0.0
        out[j, j] = ridge
    for i in range(size):
        count = 0
        for j in range(size):
            where[count] = j
            count += z[i, j] > 0.0
        weight = 1.0 / max(count, 1)
        for a in range(count):
            for b in range(a + 1, count):
                out[where[a], where[b]] -= weight
                out[where[a], where[a]] += weight
                out[where[b], where[b]] += weight


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
def _excess(size, z, out):  # type: ignore[no-untyped-def]
    """Set `out` to what each column has above 1; return the largest deviation."""
    for j in range(size):
        out[j] = -1.0
    for i in range(size):
        for j in range(size):
            out[j] += z[i, j]
    worst = 0.0
    for j in range(size):
        worst = max(worst, abs(out[j]))
    return worst


@njit(nogil=True, cache=True, error_model="numpy")
def _newton(size, point, z, scratch, matrix, where):  # type: ignore[no-untyped-def]
    """Set z to the projection, as exactly as can be; return the largest deviation of a column's sum from 1."""
    excess, step, trial, values, prices, best = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]
    prices[:size] = 0.0
    best[:size] = 0.0
    _project_rows(size, point, prices, z, values)
    worst = _excess(size, z, excess)
    least = worst
    for _ in range(MOST_STEPS):
        if least < 1e-15 * size:
            break
        # Without a ridge, columns that share no row with those that they must trade with would stay: see `_solve`.
        _laplacian(size, z, max(min(1e-2 * worst, 1e-3), 1e-9), matrix, where)
        step[:size] = excess[:size]
        _solve(size, matrix, step)
        slope = 0.0
        for j in range(size):
            slope += step[j] * excess[j]
        # Shorten the step until it hardly passes the minimum along it. The slope of f shows this; f is too coarse.
        length = 1.0
        while length > 1e-9:
            for j in range(size):
                trial[j] = prices[j] + length * step[j]
            _project_rows(size, point, trial, z, values)
            worst = _excess(size, z, excess)
            overshoot = 0.0
            for j in range(size):
                overshoot -= step[j] * excess[j]
            if overshoot <= 0.25 * slope:
                break
            length *= max(slope / (slope + overshoot), 0.1)
        prices[:size] = trial[:size]
        if worst < least:
            least = worst
            best[:size] = prices[:size]
    _project_rows(size, point, best, z, values)
    return least


@njit(nogil=True, cache=True, error_model="numpy")
def _project(start, stop, point, lengths, mask, out, status):  # type: ignore[no-untyped-def]
    nodes = point.shape[1]
    size = max(min(lengths[start:stop].max(), nodes), 0)
    weights, z, matrix = np.empty((size, size)), np.empty((size, size)), np.empty((size, size))
    scratch, prices = np.empty((6, size)), np.empty(size)
    columns, owners = np.empty(size, np.int64), np.empty(size, np.int64)
    origins, done = np.empty(size, np.int64), np.empty(size, np.int64)
    for b in range(start, stop):
        n = lengths[b]
        if n < 0 or n > nodes:
            status[b] = BAD_LENGTH
            continue
        status[b] = read_square(b, n, point, mask, weights)
        if status[b] == NOT_A_NUMBER:
            status[b] = OK
            for i in range(n):
                for j in range(n):
                    if (mask.size == 0 or mask[b, i, j]) and point[b, i, j] != -np.inf:
                        out[b, i, j] = np.nan
            continue
        if status[b] != OK:
            continue
        if not match(n, weights, prices, columns, owners, scratch, origins, done):
            status[b] = INFEASIBLE
            continue
        for i in range(n):
            profit = weights[i, columns[i]] - prices[columns[i]]
            for j in range(n):
                weights[i, j] = (weights[i, j] - prices[j]) - profit
        if _newton(n, weights, z, scratch, matrix, origins) > TOLERANCE:
            status[b] = NOT_CONVERGED
            continue
        for i in range(n):
            for j in range(n):
                out[b, i, j] = z[i, j]


@njit(nogil=True, cache=True, error_model="numpy")
def _project_grad(start, stop, z, grad, out):  # type: ignore[no-untyped-def]
    """Project the gradient onto the face of z: the cells that are positive, with all row and column sums constant."""
    size = z.shape[1]
    matrix, where = np.empty((size, size)), np.empty(size, np.int64)
    means, step = np.empty(size), np.empty(size)
    for b in range(start, stop):
        step[:] = 0.0
        for i in range(size):
            count, total = 0, 0.0
            for j in range(size):
                if z[b, i, j] > 0.0:
                    count += 1
                    total += grad[b, i, j]
            means[i] = total / max(count, 1)
            for j in range(size):
                if z[b, i, j] > 0.0:
                    step[j] += grad[b, i, j] - means[i]
        _laplacian(size, z[b], 0.0, matrix, where)
        _solve(size, matrix, step)
        for i in range(size):
            count, total = 0, 0.0
            for j in range(size):
                if z[b, i, j] > 0.0:
                    count += 1
                    total += grad[b, i, j] - step[j]
            for j in range(size):
                if z[b, i, j] > 0.0:
                    out[b, i, j] = grad[b, i, j] - step[j] - total / count


def _save_output(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(output)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return project_birkhoff_grad(ctx.saved_tensors[0], grad), None, None


def _save_projected(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])


def _backward_of_grad(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    # Linear and symmetric in the gradient; in the projection it is constant almost everywhere.
    return None, project_birkhoff_grad(ctx.saved_tensors[0], grad)


@operator(fake=like_first, backward=_backward_of_grad, save=_save_projected, jvp="symmetric", moving=(1,))
def project_birkhoff_grad(projected: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient for the point, given the one for what `project_birkhoff` made of it."""
    out = torch.zeros(projected.shape, dtype=projected.dtype)
    work = projected.numel() * projected.size(1)
    over_batch(_project_grad, len(projected), to_numpy(projected), to_numpy(grad), out.numpy(), work=work)
    return out.to(projected.device)


@operator(fake=like_first, backward=_backward, save=_save_output, jvp="symmetric")
def project_birkhoff(point: Tensor, lengths: Tensor | None, mask: Tensor | None) -> Tensor:
    """Project each matrix onto the doubly stochastic ones, whose cells that are no candidates are 0.

    A CUDA tensor goes to the CPU and back.

    Args:
        point: float32 or float64, `[batch, row, column]`, square. -inf marks what is no candidate; NaN or +inf makes
            its matrix NaN.
        lengths: int64, `[batch]`: how many rows, and columns, are real; None: all.
        mask: bool, shaped like `point`; True = candidate.
    """
    batch, nodes, _ = point.shape
    out = torch.zeros(point.shape, dtype=point.dtype)
    status = np.zeros(batch, dtype=np.int64)
    candidates = mask_to_numpy(mask)
    arrays = (to_numpy(point), lengths_to_numpy(lengths, batch, nodes), candidates, out.numpy(), status)
    over_batch(_project, batch, *arrays, work=10 * batch * nodes**3)
    if (status == NOT_CONVERGED).any():
        row = int(np.flatnonzero(status == NOT_CONVERGED)[0])
        raise RuntimeError(
            f"point: Newton's method did not reach {TOLERANCE} (row {row} of the batch, counting from 0)"
        )
    raise_for_status(status, "point", NO_MATCHING)
    return out.to(point.device)
