"""The solutions of a 0/1 linear program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..checks import lengths_or_full, mask_or_none, narrow, widen
from ..kernels.program.argmax import linear_program_argmax
from ..kernels.program.constraints import Constraints
from ..kernels.program.cuts import Cuts, cuts_name, violated
from ..parts.categories import category_part_mask
from ..polytopes.hull import Hull
from ..polytopes.linear_constraints import LinearConstraints, Numbers
from ..shapes import Lengths, Mask, VariableMask, Variables


class LinearProgram(Structure[Tensor]):
    """{z in {0, 1}^variable : A z <= b, Aeq z = beq}, with the same constraints for all rows, or with each row's own.

    With SPIGOT this is Algorithm 1 of Peng et al. 2018: the argmax is an integer program (HiGHS), the relaxation drops
    integrality, and the projection is a quadratic program (Clarabel). It is general and slow: milliseconds for each
    row, more if the relaxation has fractional vertices. Use it for prototypes and for structures that have no class
    here. Needs `pip install 'torch-spigot[lp]'`.

    Scores are `[batch, variable]`. `lengths[batch]` is the number of leading variables in use, and `mask` selects among
    them; all other variables are 0. If the scores have fewer columns than A, the remaining variables are 0. A row of
    length 0 has the empty structure, even if the constraints exclude it. Computed in float64 on the CPU; CUDA tensors
    are copied there and back. Scores that differ by less than about 1e-9 of the largest of their row count as equal.

    The solver breaks ties: deterministically, but by no documented rule.

    Args:
        A, b, Aeq, beq: as of `LinearConstraints`: dense or sparse, for all rows or for each.
        continuous: the numbers of variables that may be anything from 0 to 1, not 0 and 1 alone (a mixed program). No
            variable is unbounded; one from 0 to u is u times one of these.
        cuts: for constraints that are too many to list, such as the subtours of a travelling salesman: a function from
            a solution, float64, `[variable]`, to A `[cut, variable]` and b `[cut]` of constraints A z <= b that all
            structures keep and this solution violates; None: it is a structure. Each row begins without cuts, so that
            none depends on another. Several threads may call it. The relaxation has no cuts, so it is larger.

    Errors are those of `LinearConstraints`.
    """

    def __init__(
        self,
        A: Numbers = None,
        b: Numbers = None,
        Aeq: Numbers = None,
        beq: Numbers = None,
        *,
        continuous: Sequence[int] = (),
        cuts: Cuts | None = None,
    ) -> None:
        self.constraints = LinearConstraints(A, b, Aeq, beq)
        self.continuous, self.cuts = tuple(continuous), cuts
        variables = self.constraints.variables
        if not all(isinstance(number, int) and 0 <= number < variables for number in self.continuous):
            raise ValueError(f"continuous: expected numbers from 0 to {variables - 1}, got {list(self.continuous)}")
        self.whole = torch.ones(variables, dtype=torch.bool)
        self.whole[list(self.continuous)] = False

    def __repr__(self) -> str:
        free = f", continuous={len(self.continuous)}" if self.continuous else ""
        return f"LinearProgram({self.constraints.sizes()}{free}{', cuts' if self.cuts else ''})"

    @property
    def relaxation(self) -> Polytope[Tensor]:
        """The same constraints over [0, 1] instead of {0, 1}."""
        return self.constraints

    @property
    def hull(self) -> Polytope[Tensor]:
        """The convex hull, by active set."""
        return Hull(self)

    @property
    def of_rows(self) -> Callable[[Tensor, int], LinearProgram] | None:
        """Make the program of some rows, if they have constraints of their own."""
        return None if self.constraints.rows == 1 else self._of_rows

    def _of_rows(self, rows: Tensor, batch: int) -> LinearProgram:
        program = LinearProgram.__new__(LinearProgram)
        vars(program).update(vars(self), constraints=self.constraints.of_rows(rows, batch))
        return program

    def part_mask(self, scores: Variables, lengths: Lengths | None = None, mask: Mask | None = None) -> VariableMask:
        """Return which variables may be above 0 (bool, shaped like `scores`)."""
        self.constraints.check("scores", scores, lengths, mask)
        return category_part_mask(scores, lengths, mask)

    def argmax(self, scores: Variables, lengths: Lengths | None = None, mask: Mask | None = None) -> Variables:
        """Return the solution with the highest score, shaped and typed like `scores`: 0/1 but for `continuous`."""
        sizes = self.constraints.check("scores", scores, lengths, mask)
        wide, mask = widen(scores.detach()), mask_or_none(scores, mask)
        program = *self.constraints.arguments(), self.whole, cuts_name(self.cuts)
        return narrow(linear_program_argmax(wide, sizes, mask, *program), scores)

    def contains(self, structure: Variables, lengths: Lengths | None = None) -> Tensor:
        """Return whether each row is a solution: bool, `[batch]`."""
        valid = self.part_mask(torch.zeros_like(structure, dtype=torch.float32), lengths)
        inside = structure.detach().double().masked_fill(~valid, 0).cpu()
        sizes = lengths_or_full(structure, lengths, structure.size(1)).tolist()
        points = torch.nn.functional.pad(inside, (0, self.constraints.variables - structure.size(1)))
        between = ((points >= 0) & (points <= 1)).all(1)
        integral = (points == points.round())[:, self.whole].all(1)
        constraints, found = Constraints.of(*self.constraints.arguments()), []
        for b, (point, good) in enumerate(zip(points.numpy(), (between & integral).tolist(), strict=True)):
            kept = good and constraints.of_row(b, len(points)).kept_by(point)
            found.append(sizes[b] == 0 or (kept and violated(cuts_name(self.cuts), point) is None))
        return torch.tensor(found, dtype=torch.bool, device=structure.device)
