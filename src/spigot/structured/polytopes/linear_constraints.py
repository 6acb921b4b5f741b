"""A polytope in the unit cube, given by inequalities and equations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from ..base import Polytope
from ..checks import check_arguments, lengths_or_full, mask_or_none, widen
from ..equality import equal_settings, hash_settings
from ..kernels.program.constraints import Constraints
from ..kernels.program.projection import project_onto_constraints
from ..shapes import Lengths, Mask, Variables

Numbers: TypeAlias = Tensor | Sequence[Any] | None
"""A matrix or a vector, or one for each row; None where there are no such constraints."""


class LinearConstraints(Polytope[Tensor]):
    """{z : 0 <= z <= 1, A z <= b, Aeq z = beq}, the same for all rows of a batch, or with numbers for each row.

    A projection solves a quadratic program (Peng et al. 2018, Algorithm 1) on the CPU: Clarabel finds the face, and
    linear algebra the point on it, to about 1e-12. It is differentiable: the derivative is the orthogonal projection
    onto the face. Needs `pip install 'torch-spigot[lp]'`.

    Rows are solved one after another, because Clarabel holds Python's global lock.

    Args:
        A: `[constraint, variable]`, or `[row, constraint, variable]`; a sparse tensor (COO or CSR) will do. None for no
            inequalities.
        b: `[constraint]`, or `[row, constraint]`.
        Aeq: `[equation, variable]`, or one for each row, as A; None for no equations.
        beq: `[equation]`, or `[row, equation]`.

    With numbers for each row, they are for a batch of just these rows.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or there is neither A nor Aeq.
    """

    __eq__, __hash__ = equal_settings, hash_settings

    def __init__(self, A: Numbers = None, b: Numbers = None, Aeq: Numbers = None, beq: Numbers = None) -> None:
        known = next((rows for rows in (A, Aeq) if rows is not None), None)
        if known is None:
            raise ValueError("A, Aeq: expected a matrix for at least one of them, got None for both")
        self.variables = torch.as_tensor(known).size(-1)
        below, equal = _side("A", A, "b", b, self.variables), _side("Aeq", Aeq, "beq", beq, self.variables)
        self.equations = equal.bounds.size(1)
        sizes = {each.rows for each in (below, equal)} | {each.bounds.size(0) for each in (below, equal)}
        if len(sizes - {1}) > 1:
            got = " and ".join(map(str, sorted(sizes - {1})))
            raise ValueError(f"A, b, Aeq, beq: expected the same number of rows, got {got}")
        rows = max(sizes)
        self.owners = torch.arange(rows, device="cpu") if rows > 1 else None
        alike = len(below.bounds) == len(equal.bounds) == 1
        self.bounds = torch.cat([each.bounds.expand(1 if alike else rows, -1) for each in (below, equal)], 1)
        self.starts, self.columns, self.values = _stacked(below, equal, self.variables)

    def __repr__(self) -> str:
        return f"LinearConstraints({self.sizes()})"

    def sizes(self) -> str:
        """Return the numbers of variables and constraints, for a repr."""
        inequalities = self.bounds.size(1) - self.equations
        own = "" if self.owners is None else f", rows={len(self.owners)}"
        return f"variables={self.variables}, inequalities={inequalities}, equations={self.equations}{own}"

    def arguments(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None, int]:
        """Return the constraints as operators take them; see `kernels/program/constraints.py`."""
        return self.starts, self.columns, self.values, self.bounds, self.owners, self.equations

    def map_rows(self, function: Callable[[Tensor], Tensor]) -> LinearConstraints:
        """Return the constraints of other rows; see `Structure.map_rows`."""
        if self.owners is None:
            return self
        return self._with(owners=function(self.owners))

    def and_below(self, row: Tensor, bound: Tensor) -> LinearConstraints:
        """Return the constraints of the only row of a batch, and one more: <row, z> <= bound."""
        own, columns = Constraints.of(*self.arguments()).of_row(0), row.nonzero()[:, 0]
        ends = torch.bincount(torch.from_numpy(own.row), minlength=len(own.bounds)).cumsum(0) + len(columns)
        return self._with(
            starts=torch.cat([torch.tensor([0, len(columns)], device="cpu"), ends]),
            columns=torch.cat([columns, torch.from_numpy(own.column)]),
            values=torch.cat([row[columns], torch.from_numpy(own.value)]),
            bounds=torch.cat([bound.view(1), torch.from_numpy(own.bounds)])[None],
            owners=None,
        )

    def _with(self, **changes: Tensor | None) -> LinearConstraints:
        other = copy(self)
        vars(other).update(changes)
        return other

    def check(self, name: str, values: Variables, lengths: Lengths | None, mask: Mask | None) -> Tensor:
        """Check the arguments of one call; return the lengths."""
        check_arguments(name, values, "batch variable", lengths, mask)
        if values.size(1) > self.variables:
            raise ValueError(f"{name}: expected at most {self.variables} variables, got {list(values.shape)}")
        if self.owners is not None and values.size(0) != len(self.owners):
            raise ValueError(
                f"{name}: expected {len(self.owners)} rows, as many as have constraints, got {list(values.shape)}"
            )
        return lengths_or_full(values, lengths, values.size(1))

    def project(self, point: Variables, lengths: Lengths | None = None, mask: Mask | None = None) -> Variables:
        """Return the nearest point of the polytope.

        Args:
            point: `[batch, variable]`; variables past its last column are 0. NaN or +inf at a candidate makes its row
                NaN.
            lengths: how many leading variables of each row are in use, `[batch]`; the others are 0. None: all. A row of
                length 0 gives zeros, even if the constraints exclude them.
            mask: bool, shaped like `point`; True = candidate. The other variables are 0.

        Returns:
            The projection, shaped like `point`, 0 where there is no candidate.

        Raises:
            ValueError: no point meets the constraints of a row.
            ImportError: the solver is not installed.
        """
        sizes, mask = self.check("point", point, lengths, mask), mask_or_none(point, mask)
        return project_onto_constraints(widen(point), sizes, mask, *self.arguments())[0].to(point.dtype)


class _Side(NamedTuple):
    """A and b, or Aeq and beq."""

    rows: int
    """How many matrices there are."""
    entries: Tensor
    """Of each number that is not 0: the row, the constraint and the variable; int64, `[3, entry]`."""
    values: Tensor
    """Float64, `[entry]`."""
    bounds: Tensor
    """Float64, `[row or 1, constraint]`."""


def _side(left_name: str, left: Numbers, right_name: str, right: Numbers, variables: int) -> _Side:
    """Return one side's matrices and bounds, on the CPU; None for both means no constraints."""
    if (left is None) != (right is None):
        given = right_name if left is None else left_name
        raise ValueError(f"{left_name}, {right_name}: expected both or neither, got {given} alone")
    matrix, bounds = (
        torch.zeros(size, device="cpu") if given is None else torch.as_tensor(given, device="cpu")
        for given, size in ((left, (0, variables)), (right, (0,)))
    )
    matrix, bounds = matrix.detach().double(), bounds.detach().double()
    if matrix.dim() not in (2, 3) or matrix.size(-1) != variables:
        raise ValueError(f"{left_name}: expected shape [rows, {variables}], got {list(matrix.shape)}")
    count = matrix.size(-2)
    if bounds.dim() not in (1, 2) or bounds.size(-1) != count:
        raise ValueError(f"{right_name}: expected shape [{count}], got {list(bounds.shape)}")
    sparse = (matrix if matrix.layout is torch.sparse_coo else matrix.to_sparse_coo()).coalesce()
    for name, values in ((left_name, sparse.values()), (right_name, bounds)):
        if not values.isfinite().all():
            raise ValueError(f"{name}: expected finite numbers")
    entries = sparse.indices()
    if matrix.dim() == 2:
        entries = torch.cat([torch.zeros(1, entries.size(1), dtype=torch.int64, device="cpu"), entries])
    own = bounds.clone() if bounds.dim() == 2 else bounds.clone()[None]
    return _Side(matrix.size(0) if matrix.dim() == 3 else 1, entries, sparse.values(), own)


def _stacked(below: _Side, equal: _Side, variables: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the matrices of both sides in compressed rows: one for all, or those of the rows one after the other."""
    rows, first = max(below.rows, equal.rows), below.bounds.size(1)
    count = first + equal.bounds.size(1)
    constraint, column, values = [], [], []
    for side, shift in ((below, 0), (equal, first)):
        for row in range(rows // side.rows):
            constraint.append((side.entries[0] + row) * count + side.entries[1] + shift)
            column.append(side.entries[2])
            values.append(side.values)
    places, columns = torch.cat(constraint), torch.cat(column)
    order = (places * variables + columns).argsort()
    starts = torch.zeros(rows * count + 1, dtype=torch.int64, device="cpu")
    starts[1:] = torch.bincount(places, minlength=rows * count).cumsum(0)
    return starts, columns[order], torch.cat(values)[order]
