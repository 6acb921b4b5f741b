"""A polytope in the unit cube, given by inequalities and equations."""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor

from ..base import Polytope
from ..checks import check_arguments, lengths_or_full, mask_or_none, widen
from ..kernels.program.projection import project_onto_constraints
from ..shapes import Lengths, Mask, Variables

Numbers: TypeAlias = Tensor | list[float] | list[list[float]] | None
"""A matrix or a vector; None where there are no such constraints."""


class LinearConstraints(Polytope[Tensor]):
    """{z : 0 <= z <= 1, A z <= b, Aeq z = beq}, the same for all rows of a batch.

    A projection solves a quadratic program (Peng et al. 2018, Algorithm 1) on the CPU: Clarabel finds the face, and
    linear algebra the point on it, to about 1e-12. It is differentiable: the derivative is the orthogonal projection
    onto the face. Needs `pip install 'torch-spigot[lp]'`.

    Rows are solved one after another, because Clarabel holds Python's global lock.

    Args:
        A: `[constraint, variable]`; None for no inequalities.
        b: `[constraint]`.
        Aeq: `[equation, variable]`; None for no equations.
        beq: `[equation]`.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or there is neither A nor Aeq.
    """

    def __init__(self, A: Numbers = None, b: Numbers = None, Aeq: Numbers = None, beq: Numbers = None) -> None:
        known = next((rows for rows in (A, Aeq) if rows is not None), None)
        if known is None:
            raise ValueError("A, Aeq: expected a matrix for at least one of them, got None for both")
        self.variables = torch.as_tensor(known, device="cpu").size(-1)
        self.A, self.b = _constraints("A", A, "b", b, self.variables)
        self.Aeq, self.beq = _constraints("Aeq", Aeq, "beq", beq, self.variables)

    def __repr__(self) -> str:
        return f"LinearConstraints({self.sizes()})"

    def sizes(self) -> str:
        """Return the numbers of variables and constraints, for a repr."""
        return f"variables={self.variables}, inequalities={len(self.b)}, equations={len(self.beq)}"

    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return A, b, Aeq and beq, float64."""
        return self.A, self.b, self.Aeq, self.beq

    def check(self, name: str, values: Variables, lengths: Lengths | None, mask: Mask | None) -> Tensor:
        """Check the arguments of one call; return the lengths."""
        check_arguments(name, values, "batch variable", lengths, mask)
        if values.size(1) > self.variables:
            raise ValueError(f"{name}: expected at most {self.variables} variables, got {list(values.shape)}")
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
        return project_onto_constraints(widen(point), sizes, mask, *self.tensors())[0].to(point.dtype)


def _constraints(
    left_name: str, left: Numbers, right_name: str, right: Numbers, variables: int
) -> tuple[Tensor, Tensor]:
    """Return one side's matrix and bounds as float64 on the CPU; None for both means no rows."""
    if (left is None) != (right is None):
        raise ValueError(f"{left_name}, {right_name}: expected both or neither")
    rows = torch.zeros(0, variables, device="cpu") if left is None else torch.as_tensor(left, device="cpu")
    bounds = torch.zeros(0, device="cpu") if right is None else torch.as_tensor(right, device="cpu")
    rows, bounds = (each.detach().to("cpu", torch.float64, copy=True) for each in (rows, bounds))
    if rows.dim() != 2 or rows.size(1) != variables:
        raise ValueError(f"{left_name}: expected shape [rows, {variables}], got {list(rows.shape)}")
    if bounds.shape != rows.shape[:1]:
        raise ValueError(f"{right_name}: expected shape [{rows.size(0)}], got {list(bounds.shape)}")
    for name, values in ((left_name, rows), (right_name, bounds)):
        if not values.isfinite().all():
            raise ValueError(f"{name}: expected finite numbers")
    return rows, bounds
