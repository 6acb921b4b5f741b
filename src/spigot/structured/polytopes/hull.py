"""The convex hull of the structures, the tightest polytope, by an active-set method."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..checks import as_lengths, check_instance, check_scores, lengths_or_none, narrow, widen
from ..differentiation import Function, apply, fold, is_tracked, keep, unfold
from ..kernels.hull.active_set import CONVERGED, STALLED, ActiveSets
from ..kernels.hull.face import onto_face
from ..parts.base import Parts, flatten, like, map_parts, masked, tensors, unflatten
from ..results import argmax_of, part_mask_of
from ..settings import check_integer, check_number
from ..shapes import Lengths, PerRow
from .hull_operator import project_in_graph


class HullSolution(NamedTuple, Generic[Parts]):
    """The result of `Hull.solve`: for each row a point u of the hull, and a bound on its distance from the projection.

    u is the sum of the vertices, each times its weight, and ‖u - projection‖² <= `gap`.
    """

    point: Parts
    """u, detached, shaped and typed like the point that was projected (float32 for half precision)."""
    gap: PerRow
    """max <p - u, v - u> over all structures v, float64, `[batch]`."""
    converged: Tensor
    """Whether the gap reached its target, bool, `[batch]`."""
    steps: Tensor
    """The number of changes of the active set, int64, `[batch]`."""
    weights: Tensor
    """float64, `[batch, vertex]`: above 0 for the vertices of the row, which come first; 0 for the rest."""
    members: Tensor
    """int32, `[batch, vertex, k]`: the parts of each vertex as positions in `flatten(point)`, padded with -1."""


@dataclass(frozen=True)
class Hull(Polytope[Parts]):
    """The convex hull of all structures over the candidates, for any `structure`.

    The Euclidean projection is found by Wolfe's active-set algorithm (1976; for structured prediction Niculae et al.
    2018), which reaches the exact projection after finitely many steps. Each step takes one `structure.argmax` for all
    rows that are not done, and O(vertices²) arithmetic for each row, in float64 on the CPU; CUDA tensors are copied
    there and back. The number of steps is somewhat above the dimension of the face that holds the projection: 0 for a
    point far out in the direction of a vertex, about one for each part for a point inside the hull.

    The gradient is that of the projection: the incoming gradient, projected onto the span of the differences of the
    vertices found. Under `torch.compile` a search is one node of a whole compiled graph, and its gradient repeats the
    search; `solve` breaks the graph.

    Args:
        structure: any `Structure` with an exact argmax.
        tolerance: a row is done when `HullSolution.gap` proves that its distance from the projection is at most
            `tolerance` times min(1, d), or when float64 allows no more progress. d is the distance between the point
            and the vertex where the search begins.
        max_iterations: the search stops after this number of steps.
    """

    structure: Structure[Parts]
    tolerance: float = 1e-6
    max_iterations: int = 10_000

    def __post_init__(self) -> None:
        check_instance("structure", self.structure, Structure, "ProjectiveTree()")
        check_number("tolerance", self.tolerance)
        check_integer("max_iterations", self.max_iterations)
        if not self.tolerance > 0:
            raise ValueError(f"tolerance: expected a positive number, got {self.tolerance!r}")
        if not self.max_iterations > 0:
            raise ValueError(f"max_iterations: expected a positive number, got {self.max_iterations!r}")

    def project(
        self,
        point: Parts,
        lengths: Lengths | None = None,
        mask: Parts | None = None,
        *,
        start: Parts | None = None,
    ) -> Parts:
        """Return the nearest point of the hull; differentiable in `point`.

        Args:
            point: shaped like scores of the structure; -inf marks what is no candidate. NaN or +inf at a
                candidate makes its row NaN.
            lengths: as for `structure.argmax`.
            mask: bool, shaped like `point`; True = candidate.
            start: structures over the same candidates, 0/1, where the search begins: the nearer to the projection, the
                fewer steps. None, or a row that is not 0/1: the argmax of `point`.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: a row has no structure.

        Warns:
            RuntimeWarning: the search stopped before a row converged; the message gives the duality gap.
        """
        check_scores("point", point)
        if torch.compiler.is_compiling() or tensors(point)[0].is_meta:
            wide = map_parts(widen, point)
            return map_parts(narrow, unflatten(project_in_graph(self, wide, lengths, mask, start), wide), point)
        if not is_tracked(*tensors(point)):
            return map_parts(narrow, self.solve(point, lengths, mask, start=start).point, point)
        masks, first = (() if parts is None else tensors(parts) for parts in (mask, start))
        kind, count = None if isinstance(point, Tensor) else type(point), len(tensors(point))
        search = _Search(self, kind, count, len(masks) > 0)
        found = apply(_OntoHull, search, as_lengths(lengths), *tensors(point), *masks, *first)
        return like(point, found[:count])

    def solve(
        self,
        point: Parts,
        lengths: Lengths | None = None,
        mask: Parts | None = None,
        *,
        start: Parts | None = None,
    ) -> HullSolution[Parts]:
        """Return the projection and its certificate; arguments, errors and warnings are those of `project`."""
        check_scores("point", point)
        point = map_parts(lambda part: widen(part.detach()), point)
        if torch.compiler.is_compiling():
            # Not as a decorator: that would import the compiler even if nothing is compiled.
            return torch.compiler.disable(self.search)(point, lengths, mask, start)
        return self.search(point, lengths, mask, start)

    def search(
        self, point: Parts, lengths: Lengths | None, mask: Parts | None, start: Parts | None
    ) -> HullSolution[Parts]:
        """Do what `solve` does, for a detached point in float32 or float64."""
        valid = part_mask_of(self.structure, point, lengths, mask)
        home = map_parts(lambda part: part.cpu(), point)
        lengths, valid = lengths_or_none(tensors(home)[0], lengths), map_parts(lambda part: part.cpu(), valid)
        flat = flatten(masked(home, valid)).double()
        broken = ~flat.isfinite().all(1)
        flat = flat.masked_fill(broken[:, None], 0)

        def argmax(values: Tensor, rows: Tensor | None) -> Tensor:
            scores = unflatten(values, home)
            # The first call takes all rows, so that an error names the row by its number in the batch.
            if rows is None:
                chosen = argmax_of(self.structure, scores, lengths, valid)
            else:
                structure = self.structure.map_rows(lambda setting: setting[rows.to(setting.device)])
                of_rows = None if lengths is None else lengths[rows]
                chosen = argmax_of(structure, scores, of_rows, map_parts(lambda v: v[rows], valid))
            return flatten(chosen).double()

        sets = ActiveSets(flat, self._first(flat, start, valid, argmax), self.tolerance)
        sets.run(argmax, self.max_iterations)
        self._warn(sets)
        nearest = unflatten(sets.nearest().masked_fill(broken[:, None], torch.nan), home)
        weights, members = sets.support()
        return HullSolution(
            map_parts(lambda part, own: part.to(own), masked(nearest, valid), point),
            torch.from_numpy(sets.gap),
            torch.from_numpy(sets.status == CONVERGED),
            torch.from_numpy(sets.steps),
            weights,
            members,
        )

    def _first(
        self, flat: Tensor, start: Parts | None, valid: Parts, argmax: Callable[[Tensor, Tensor | None], Tensor]
    ) -> Tensor:
        """Return the first vertex of each row."""
        if start is None:
            return argmax(flat, None)
        given = flatten(masked(map_parts(lambda part: part.detach().cpu(), start), valid)).double()
        whole = ((given == 0) | (given == 1)).all(1, keepdim=True)
        return given if bool(whole.all()) else torch.where(whole, given, argmax(flat, None))

    def _warn(self, sets: ActiveSets) -> None:
        left = np.flatnonzero(sets.status != CONVERGED)
        if left.size == 0:
            return
        row = left[sets.gap[left].argmax()]
        reason = "no more progress in float64" if sets.status[row] == STALLED else "max_iterations reached"
        warnings.warn(
            f"Hull: {reason}: row {row} of the batch, counting from 0, stopped after {sets.steps[row]} steps "
            f"with duality gap {sets.gap[row]:.3g}, expected at most {sets.target[row]:.3g} "
            f"({left.size} such rows)",
            RuntimeWarning,
            stacklevel=4,
        )


class _Search(NamedTuple):
    hull: Hull[Any]
    kind: type | None
    """The NamedTuple that points are; None: a tensor."""
    width: int
    """How many tensors a point has."""
    has_mask: bool

    def run(self, lengths: Tensor | None, flat: tuple[Tensor, ...]) -> tuple[Any, HullSolution[Any]]:
        """Return the point, and its projection, given the tensors of the point, of the mask and of the start."""
        pieces = [flat[i : i + self.width] for i in range(0, len(flat), self.width)]
        point, *others = (piece[0] if self.kind is None else self.kind(*piece) for piece in pieces)
        mask = others.pop(0) if self.has_mask else None
        return point, self.hull.solve(point, lengths, mask, start=others[0] if others else None)


class _OntoHull(Function):
    """The search, with the derivative of the projection: the projection onto the face, which is symmetric."""

    @staticmethod
    def forward(search: _Search, lengths: Tensor | None, *flat: Tensor) -> tuple[Tensor, ...]:
        point, solution = search.run(lengths, flat)
        return *tensors(map_parts(narrow, solution.point, point)), solution.weights, solution.members

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        *points, weights, members = output
        ctx.count = len(points)
        ctx.others = len(inputs) - 2 - ctx.count
        keep(ctx, weights, members)
        ctx.mark_non_differentiable(weights, members)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weights, members = ctx.saved_tensors
        given = grads[: ctx.count]
        flat = onto_face(flatten(given).double().cpu(), members, weights)
        pieces = flat.split([grad.shape[1:].numel() for grad in given], 1)
        slopes = (piece.reshape(grad.shape).to(grad) for piece, grad in zip(pieces, given, strict=True))
        return None, None, *slopes, *[None] * ctx.others

    @staticmethod
    def jvp(ctx: Any, search: None, lengths: None, *tangents: Tensor) -> tuple[Tensor | None, ...]:
        slopes = _OntoHull.backward(ctx, *tangents)
        return *slopes[2 : 2 + ctx.count], None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[Any, Any]:
        size = info.batch_size
        search, *folded = fold(size, in_dims, inputs)
        structure = search.hull.structure.map_rows(lambda setting: fold(size, (None,), (setting,))[0])
        search = search._replace(hull=replace(search.hull, structure=structure))
        return unfold(size, apply(_OntoHull, search, *folded))
