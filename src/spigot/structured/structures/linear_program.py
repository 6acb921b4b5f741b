"""The solutions of a 0/1 linear program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import copy

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..checks import check_function, check_structures, lengths_or_full, mask_or_none, narrow, widen
from ..equality import equal_settings, hash_settings
from ..k_best import check_k
from ..kernels.program.argmax import linear_program_argmax
from ..kernels.program.constraints import Constraints
from ..kernels.program.cuts import Cuts, cuts_name, forget, violated
from ..parts.base import map_parts
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

    __eq__, __hash__ = equal_settings, hash_settings

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
        if cuts is not None:
            check_function("cuts", cuts, "a solution to constraints, or to None")
        variables = self.constraints.variables
        if not all(type(number) is int and 0 <= number < variables for number in self.continuous):
            raise ValueError(f"continuous: expected numbers from 0 to {variables - 1}, got {list(self.continuous)}")
        self.whole = torch.ones(variables, dtype=torch.bool, device="cpu")
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

    def map_rows(self, function: Callable[[Tensor], Tensor]) -> LinearProgram:
        """Return the program of other rows; see the base class."""
        return self if self.constraints.owners is None else self._with(self.constraints.map_rows(function))

    def _with(self, constraints: LinearConstraints) -> LinearProgram:
        other = copy(self)
        other.constraints = constraints
        return other

    def part_mask(self, scores: Variables, lengths: Lengths | None = None, mask: Mask | None = None) -> VariableMask:
        """Return which variables may be above 0 (bool, shaped like `scores`)."""
        self.constraints.check("scores", scores, lengths, mask)
        return category_part_mask(scores, lengths, mask)

    def argmax(self, scores: Variables, lengths: Lengths | None = None, mask: Mask | None = None) -> Variables:
        """Return the solution with the highest score, shaped and typed like `scores`: 0/1 but for `continuous`."""
        sizes = self.constraints.check("scores", scores, lengths, mask)
        wide, mask = widen(scores.detach()), mask_or_none(scores, mask)
        traced = torch.compiler.is_compiling()
        cuts = cuts_name(self.cuts, traced)
        try:
            best = linear_program_argmax(wide, sizes, mask, *self.constraints.arguments(), self.whole, cuts)
        finally:
            if not traced:
                forget(cuts)
        return narrow(best, scores)

    def top_k(
        self, scores: Variables, k: int, lengths: Lengths | None = None, mask: Mask | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the k best solutions; see the base class. Each is excluded by a constraint before the next is sought.

        Takes k integer programs for each row. Refused if there are `continuous` variables: then no solution is the
        second best.
        """
        check_k(k)
        if self.continuous:
            raise ValueError(f"top_k: expected a program of variables that are 0 or 1, got {self!r}")
        first, valid = self.argmax(scores, lengths, mask), self.part_mask(scores, lengths, mask)
        sizes = self.constraints.check("scores", scores, lengths, mask)
        structures = scores.new_zeros(len(scores), k, scores.size(1))
        totals = torch.full((len(scores), k), -torch.inf, dtype=torch.float64, device=scores.device)
        values = scores.detach().double().masked_fill(~valid, 0)
        for b in range(len(scores)):
            program, found = self.map_rows(lambda owners, b=b: owners[b : b + 1]), first[b]  # type: ignore[misc]
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
        cut = torch.full((self.constraints.variables,), -1.0, dtype=torch.float64, device="cpu")
        cut[: len(solution)] += 2 * solution.detach().to(cut)
        return self._with(self.constraints.and_below(cut, solution.detach().double().sum().cpu() - 1))

    def contains(self, structure: Variables, lengths: Lengths | None = None) -> Tensor:
        """Return whether each row is a solution: bool, `[batch]`."""
        check_structures("structure", structure)
        zeros = map_parts(lambda part: torch.zeros_like(part, dtype=torch.float32), structure)
        valid = self.part_mask(zeros, lengths)
        inside = structure.detach().double().masked_fill(~valid, 0).cpu()
        sizes = lengths_or_full(structure, lengths, structure.size(1)).tolist()
        points = torch.nn.functional.pad(inside, (0, self.constraints.variables - structure.size(1)))
        between = ((points >= 0) & (points <= 1)).all(1)
        integral = (points == points.round())[:, self.whole].all(1)
        constraints, found = Constraints.of(*self.constraints.arguments()), []
        for b, (point, good) in enumerate(zip(points.numpy(), (between & integral).tolist(), strict=True)):
            kept = good and constraints.of_row(b).kept_by(point)
            found.append(sizes[b] == 0 or (kept and violated(self.cuts, point) is None))
        return torch.tensor(found, dtype=torch.bool, device=structure.device)
