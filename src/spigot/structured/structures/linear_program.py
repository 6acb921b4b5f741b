"""The solutions of a 0/1 linear program."""

from __future__ import annotations

from torch import Tensor

from ..base import Polytope, Structure
from ..checks import mask_or_none, narrow, widen
from ..kernels.program.argmax import linear_program_argmax
from ..parts.categories import category_part_mask
from ..polytopes.hull import Hull
from ..polytopes.linear_constraints import LinearConstraints, Numbers
from ..shapes import Lengths, Mask, VariableMask, Variables


class LinearProgram(Structure[Tensor]):
    """{z in {0, 1}^variable : A z <= b, Aeq z = beq}, the same constraints for all rows of a batch.

    With SPIGOT this is Algorithm 1 of Peng et al. 2018: the argmax is an integer program (HiGHS), the relaxation drops
    integrality, and the projection is a quadratic program (Clarabel). It is general and slow: milliseconds for each
    row, more if the relaxation has fractional vertices. Use it for prototypes and for structures that have no class
    here. Needs `pip install 'torch-spigot[lp]'`.

    Scores are `[batch, variable]`. `lengths[batch]` is the number of leading variables in use, and `mask` selects among
    them; all other variables are 0. If the scores have fewer columns than A, the remaining variables are 0. A row of
    length 0 has the empty structure, even if the constraints exclude it. Computed in float64 on the CPU; CUDA tensors
    are copied there and back. Scores that differ by less than about 1e-9 of the largest of their row count as equal.

    The solver breaks ties: deterministically, but by no documented rule.

    Arguments and errors are those of `LinearConstraints`.
    """

    def __init__(self, A: Numbers = None, b: Numbers = None, Aeq: Numbers = None, beq: Numbers = None) -> None:
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

    def part_mask(self, scores: Variables, lengths: Lengths | None = None, mask: Mask | None = None) -> VariableMask:
        """Return which variables may be 1 (bool, shaped like `scores`)."""
        self.constraints.check("scores", scores, lengths, mask)
        return category_part_mask(scores, lengths, mask)

    def argmax(self, scores: Variables, lengths: Lengths | None = None, mask: Mask | None = None) -> Variables:
        """Return the solution with the highest score, 0/1, shaped and typed like `scores`."""
        sizes = self.constraints.check("scores", scores, lengths, mask)
        wide, mask = widen(scores.detach()), mask_or_none(scores, mask)
        return narrow(linear_program_argmax(wide, sizes, mask, *self.constraints.tensors()), scores)
