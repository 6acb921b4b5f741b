"""Wolfe's algorithm (1976) for the point of a convex hull that is nearest to a given one.

The active set holds affinely independent vertices. The current point is the nearest point of their affine hull, and
lies in their convex hull. One step adds the best vertex for the residual and moves to the nearest point of the new
affine hull. If this would leave the convex hull, the step stops at its boundary, drops vertices and continues. Vertices
are whole numbers and sparse: each is the list of its parts, a part as often as it is used.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..numerics.gram import along, append, combine, direction, remove, size_of_coordinates
from ..runtime.arrays import to_numpy
from ..runtime.parallel import over_batch

OPEN, CONVERGED, STALLED, LIMIT, NO_VERTEX = 0, 1, 2, 3, 4
"""The status of a row: not done, done, no progress in float64, out of steps, a vertex of other than whole numbers."""

EPSILON = np.finfo(np.float64).eps
NO_WEIGHT = 1e-14


@njit(nogil=True, cache=True)
def _sums(residual, members, count):  # type: ignore[no-untyped-def]
    """Return <r, v> for the vertex with these members, and the scale of its cells: r was rounded where u <= 1 was."""
    total, scale = 0.0, 0.0
    for k in range(count):
        value = residual[members[k]]
        total += value
        scale += abs(value) + 1.0
    return total, scale


@njit(nogil=True, cache=True)
def _duality_gap(residual, members, counts, size, weights):  # type: ignore[no-untyped-def]
    """Return <r, v - u>, for residual r, current point u and the vertex v after the active set; and its error."""
    best, scales = _sums(residual, members[size], counts[size])
    attained = 0.0
    for i in range(size):
        total, scale = _sums(residual, members[i], counts[i])
        attained += weights[i] * total
        scales += weights[i] * scale
    return max(best - attained, 0.0), 8.0 * EPSILON * scales


@njit(nogil=True, cache=True)
def _drop(at, size, members, counts, weights, factor, cosines, sines):  # type: ignore[no-untyped-def]
    remove(factor, size, at, cosines, sines)
    for i in range(at, size - 1):
        counts[i] = counts[i + 1]
        weights[i] = weights[i + 1]
        for k in range(counts[i]):
            members[i, k] = members[i + 1, k]


@njit(nogil=True, cache=True)
def _settle(  # type: ignore[no-untyped-def]
    point, residual, members, counts, size, newest, refined, weights, factor, scratch, nearest
):
    """Go to the nearest point of the vertices' affine hull, dropping vertices where this would leave their convex hull.

    `newest` is the vertex that has no weight yet, -1 = none. Returns how many vertices are left, and whether the newest
    is out since it was not to have any weight. Then the others are solved for again from the residual that there is
    now, which takes away what rounding it can, unless they are `refined`.
    """
    futile = False
    while True:
        along(residual, members, counts, size, scratch[0])
        direction(factor, size, scratch[0], scratch[1], scratch[2])
        if newest > 0 and not scratch[1, newest] > 0.0:
            futile, size, newest = True, newest, -1
            if refined:
                return size, futile
            continue
        share = 1.0
        for i in range(size):
            left = weights[i] + scratch[1, i]
            if left <= NO_WEIGHT and weights[i] > left:
                share = min(share, weights[i] / (weights[i] - left))
        before, total = size, 0.0
        for i in range(before - 1, -1, -1):
            weights[i] += share * scratch[1, i]
            # A step of no length drops what stood in its way, but not the vertex for which it is made.
            if weights[i] <= NO_WEIGHT and i != newest:
                _drop(i, size, members, counts, weights, factor, scratch[2], scratch[3])
                size -= 1
            else:
                total += weights[i]
        newest = size - 1 if newest > 0 and weights[size - 1] <= NO_WEIGHT else -1
        for i in range(size):
            weights[i] /= total
        combine(members, counts, size, weights, nearest)
        for j in range(point.size):
            residual[j] = point[j] - nearest[j]
        if size == before:
            return size, futile


@njit(nogil=True, cache=True)
def _advance(  # type: ignore[no-untyped-def]
    start,
    stop,
    active,
    vertices,
    last,
    point,
    residual,
    members,
    counts,
    sizes,
    weights,
    factor,
    refined,
    target,
    gap,
    status,
):
    """Take one step in each of the rows `active`, given the best vertex for the residual of each.

    A row of size 0 has no vertex yet, and begins at the given one. `refined` says that the last step could do
    nothing but refine the weights; `last`, to look at the gap alone.
    """
    scratch = np.empty((4, members.shape[1] + 1))
    nearest = np.empty(point.shape[1])
    for a in range(start, stop):
        b, vertex, size = active[a], vertices[a], sizes[active[a]]
        for j in range(vertex.size):
            if not (vertex[j] >= 0.0 and vertex[j] == np.floor(vertex[j])):
                status[b] = NO_VERTEX
        if status[b] == NO_VERTEX:
            continue
        count, square = 0, 0.0
        for j in range(vertex.size):
            square += vertex[j] * vertex[j]
            for _ in range(int(vertex[j])):
                members[b, size, count] = j
                count += 1
        counts[b, size] = count
        if size > 0:
            gap[b], noise = _duality_gap(residual[b], members[b], counts[b], size, weights[b])
            if gap[b] <= target[b] + noise:
                status[b] = CONVERGED
                continue
            if last:
                status[b] = LIMIT
                continue
        weights[b, size] = 0.0 if size > 0 else 1.0
        along(vertex, members[b], counts[b], size, scratch[0])
        added = append(factor[b], size, scratch[0], square)
        futile = not added
        if added or not refined[b]:
            size, out = _settle(
                point[b],
                residual[b],
                members[b],
                counts[b],
                size + 1 if added else size,
                size if added else -1,
                refined[b],
                weights[b],
                factor[b],
                scratch,
                nearest,
            )
            futile = futile or out
        if futile and refined[b]:
            # What seems to be gained is rounding: that of the active set, where all is equal in exact arithmetic, times
            # how far it has to be continued to reach the vertex.
            noise *= 1.0 + size_of_coordinates(factor[b], size, scratch[1])
            status[b] = CONVERGED if gap[b] <= target[b] + noise else STALLED
        refined[b] = futile
        sizes[b] = size


@njit(nogil=True, cache=True)
def _finish(start, stop, members, counts, sizes, weights, out):  # type: ignore[no-untyped-def]
    """Fill `out` with the current points, and clear the unused cells of the lists of vertices."""
    for b in range(start, stop):
        combine(members[b], counts[b], sizes[b], weights[b], out[b])
        weights[b, sizes[b] :] = 0.0
        members[b, sizes[b] :] = -1
        for i in range(sizes[b]):
            members[b, i, counts[b, i] :] = -1


class ActiveSets:
    """The active sets of a batch of points, advanced side by side.

    Args:
        points: float64 on the CPU, `[batch, part]`.
        first: the vertex that each row begins at, shaped like `points`.
        tolerance: see `Hull`.
    """

    def __init__(self, points: Tensor, first: Tensor, tolerance: float) -> None:
        self.points, self.first = points.contiguous(), first
        batch = points.size(0)
        self.residual = torch.zeros_like(self.points)
        self.status = np.full(batch, OPEN)
        self.gap = np.full(batch, np.inf)
        self.steps = np.zeros(batch, np.int64)
        apart = (points - first).norm(dim=1).clamp_max(1)
        self.target = to_numpy((tolerance * apart).square())
        self._sizes = np.zeros(batch, np.int64)
        self._refined = np.zeros(batch, np.bool_)
        self._members = np.empty((batch, 0, 0), np.int32)
        self._counts = np.empty((batch, 0), np.int64)
        self._weights = np.empty((batch, 0))
        self._factor = np.empty((batch, 0))

    def run(self, argmax: Callable[[Tensor, Tensor | None], Tensor], max_steps: int) -> None:
        """Go on until every row is done, stalled or out of steps.

        `argmax(values, rows)` returns for each row of `values[row, part]` the best vertex; `rows` says which rows of
        the batch these are, None = all.
        """
        active = np.arange(self.points.size(0))
        self._advance(active, self.first, last=False)
        for step in range(max_steps + 1):
            rows = None if active.size == self.status.size else torch.from_numpy(active)
            values = self.residual if rows is None else self.residual[rows]
            self._advance(active, argmax(values, rows), last=step == max_steps)
            if (self.status[active] == NO_VERTEX).any():
                raise ValueError("structure: expected an argmax that is 0/1, or counts, got other values")
            active = active[self.status[active] == OPEN]
            self.steps[active] += 1
            if active.size == 0:
                break

    def nearest(self) -> Tensor:
        """Return the current points, `[batch, part]`."""
        out = np.empty(self.points.shape)
        arrays = self._members, self._counts, self._sizes, self._weights, out
        over_batch(_finish, self.status.size, *arrays, work=out.size)
        return torch.from_numpy(out)

    def support(self) -> tuple[Tensor, Tensor]:
        """Return the weights and the members of the vertices; see `HullSolution`."""
        most = self._sizes.max(initial=1)
        return torch.from_numpy(self._weights[:, :most].copy()), torch.from_numpy(self._members[:, :most].copy())

    def _advance(self, active: np.ndarray, vertices: Tensor, last: bool) -> None:
        counts = to_numpy(vertices).sum(1)
        # A row with NaN or inf is no vertex, and needs no room.
        most, longest = int(self._sizes.max(initial=0)) + 1, int(counts[np.isfinite(counts)].max(initial=0))
        if most > self._members.shape[1] or longest > self._members.shape[2]:
            self._reserve(most, longest)
        over_batch(
            _advance,
            active.size,
            active,
            to_numpy(vertices),
            last,
            to_numpy(self.points),
            self.residual.numpy(),
            self._members,
            self._counts,
            self._sizes,
            self._weights,
            self._factor,
            self._refined,
            self.target,
            self.gap,
            self.status,
            work=active.size * (4.0 * self.points.size(1) + most * (most + longest)),
        )

    def _reserve(self, vertices: int, parts: int) -> None:
        """Make room for so many vertices of so many parts, and more."""
        batch, held, width = self._members.shape
        room = held if vertices <= held else vertices + vertices // 2 + 8
        members = np.full((batch, room, max(parts, width)), -1, np.int32)
        counts = np.zeros((batch, room), np.int64)
        weights = np.zeros((batch, room))
        factor = np.zeros((batch, room * (room + 1) // 2))
        members[:, :held, :width] = self._members
        counts[:, :held] = self._counts
        weights[:, :held] = self._weights
        factor[:, : self._factor.shape[1]] = self._factor
        self._members, self._counts, self._weights, self._factor = members, counts, weights, factor
