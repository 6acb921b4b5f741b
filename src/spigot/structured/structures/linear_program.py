"""The solutions of a 0/1 linear program."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..checks import mask_or_none, narrow, widen
from ..k_best import check_k
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

    def top_k(
        self, scores: Variables, k: int, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the k best solutions; see the base class. Each is excluded by a constraint before the next is sought.

        Takes k integer programs for each row.
        """
        check_k(k)
        first, valid = self.argmax(scores, lengths, mask), self.part_mask(scores, lengths, mask)
        sizes = self.constraints.check("scores", scores, lengths, mask)
        structures = scores.new_zeros(len(scores), k, scores.size(1))
        totals = torch.full((len(scores), k), -torch.inf, dtype=torch.float64, device=scores.device)
        values = scores.detach().double().masked_fill(~valid, 0)
        for b in range(len(scores)):
            program, found = self, first[b]
            for place in range(k):
                structures[b, place] = found
                totals[b, place] = math.fsum(values[b][found > 0].tolist())
                program = program._without(found)
                if place + 1 == k or sizes[b] == 0:
                    break
                try:
                    found = program.argmax(scores[b : b + 1], sizes[b : b + 1], valid[b : b + 1])[0]
                except ValueError:
                    # The arguments are those of the first argmax: there is no other solution.
                    break
        return structures, totals.to(scores.dtype)

    def _without(self, solution: Tensor) -> LinearProgram:
        """Return the program without one solution: another has a 1 less or a 1 more somewhere."""
        a, b, a_eq, b_eq = self.constraints.tensors()
        cut = torch.full((1, a.size(1)), -1.0, dtype=torch.float64, device="cpu")
        cut[0, : len(solution)] += 2 * solution.detach().to(cut)
        most = solution.detach().double().sum().cpu().view(1) - 1
        return LinearProgram(torch.cat([a, cut]), torch.cat([b, most]), a_eq, b_eq)
