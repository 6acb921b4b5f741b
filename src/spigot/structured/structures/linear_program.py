"""Whatever a 0/1 linear program describes."""

from __future__ import annotations

from torch import Tensor

from ..base import Polytope, Structure
from ..checks import mask_or_none, narrow, widen
from ..kernels.program.argmax import linear_program_argmax
from ..parts.categories import category_part_mask
from ..polytopes.hull import Hull
from ..polytopes.linear_constraints import LinearConstraints, Numbers


class LinearProgram(Structure[Tensor]):
    """{z in {0, 1}^variable : A z <= b, Aeq z = beq}, the same constraints for all rows of a batch.

    SPIGOT as Algorithm 1 of Peng et al. 2018 has it: argmax by integer programming (HiGHS), relaxation by leaving
    integrality out, projection by quadratic programming (Clarabel). General, and so slow: milliseconds for each row,
    more where the relaxation has fractional vertices. Use it for what has no structure of its own here, and to try an
    idea out. Needs `pip install 'torch-spigot[lp]'`.

    Scores are `[batch, variable]`; `lengths[batch]` says how many leading variables are in use, `mask` which of these:
    the others are 0. So are those past the last column of the scores, if these have fewer than A. A row of length 0 has
    the empty structure, whatever the constraints say. Computed in float64 on the CPU; CUDA tensors are copied there and
    back. Scores that differ by less than about 1e-9 of the largest of their row count as equal.

    Ties are broken by the solver: always alike, but by no rule that could be stated.

    Args:
        A: `[constraint, variable]`; None for no inequalities.
        b: `[constraint]`.
        Aeq: `[equation, variable]`; None for no equations.
        beq: `[equation]`.

    Raises:
        ValueError: shapes do not fit, a number is not finite, or there is neither A nor Aeq.
    """

    def __init__(
        self,
        A: Numbers | None = None,
        b: Numbers | None = None,
        Aeq: Numbers | None = None,
        beq: Numbers | None = None,
    ) -> None:
        self.constraints = LinearConstraints(A, b, Aeq, beq)

    def __repr__(self) -> str:
        return f"LinearProgram({self.constraints.sizes()})"

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """The same constraints over [0, 1] instead of {0, 1}."""
        return self.constraints

    @property
    def hull(self) -> Polytope[Tensor]:
        """The convex hull, by active set."""
        return Hull(self)

    def part_mask(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return which variables may be 1 (bool, shaped like `scores`)."""
        self.constraints.check("scores", scores, lengths, mask)
        return category_part_mask(scores, lengths, mask)

    def argmax(self, scores: Tensor, lengths: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the solution with the highest score, 0/1, shaped and typed like `scores`."""
        sizes = self.constraints.check("scores", scores, lengths, mask)
        wide, mask = widen(scores.detach()), mask_or_none(scores, mask)
        return narrow(linear_program_argmax(wide, sizes, mask, *self.constraints.tensors()), scores)
