"""The structures of another one that keep a linear constraint, such as a summary tree that is not too long."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Generic

import torch
from torch import Tensor

from ..base import Polytope, Structure
from ..checks import as_lengths, check_instance, check_scores, kind_of, narrow, widen
from ..equality import equal_settings, hash_settings
from ..k_best import k_best, total_of
from ..parts.base import Parts, flatten, map_parts, masked, tensors, unflatten
from ..parts.chain import LinearChainParts, like_steps, with_own_steps
from ..parts.compact import CompactForm
from ..parts.rows import check_rows
from ..polytopes.hull import Hull
from ..settings import check_count
from .budget_operator import argmax_within_budget, forget, operator_arguments


class Budget(Structure[Parts]):
    """{z in `structure` : <weights, z> <= limit}: trees, chains, matchings with a budget.

    Scores, lengths and masks are those of `structure`. What shared transitions of a chain cost may be shared, too
    (`[1, 1, previous, next]`), or depend on the step; the rules of a grammar have no weights. The argmax is exact, in
    float64 on the CPU: where the best structure exceeds the limit, Lagrangian bounds are lowered until the best one
    within it is proven, with some ten argmax calls of one row in good cases; where the bound is not reached, structures
    are split (branch and bound), exponentially often at worst. Scores that differ by less than 1e-12 of the total count
    as equal. The choice between equal ones depends on the row alone.

    There are no sums. The relaxation is that of `structure`, without the limit; the hull has it.

    Args:
        structure: any one with an exact argmax.
        weights: of each part, not negative, shaped like the scores: `[batch, ...]`, or `[1, ...]` for all rows. They
            may be larger than the scores: then those of the leading cells count.
        limit: one number, or one for each row, `[batch]`.
        max_splits: after how many splits of a row to give up, with a RuntimeError.

    Raises:
        ValueError: a weight is negative or not finite, a limit is NaN; a row has no structure within its limit.
    """

    __eq__, __hash__ = equal_settings, hash_settings

    def __init__(
        self, structure: Structure[Parts], weights: Parts, limit: float | Tensor, max_splits: int = 10_000
    ) -> None:
        check_instance("structure", structure, Structure, "ProjectiveTree()")
        check_count("max_splits", max_splits)
        for part in tensors(weights) if isinstance(weights, Tensor | tuple) else (weights,):
            if not isinstance(part, Tensor) or part.is_complex():
                raise TypeError(f"weights: expected tensors, in the form of the scores, got {kind_of(part)}")
        self.structure, self.max_splits = structure, max_splits
        self.weights = map_parts(lambda part: part.detach().double(), weights)
        try:
            self.limit = torch.as_tensor(limit, dtype=torch.float64, device="cpu").detach()
        except (TypeError, ValueError):
            raise TypeError(f"limit: expected a number, or one for each row, got {kind_of(limit)}") from None
        for part in tensors(self.weights):
            bad = part[~((part >= 0) & part.isfinite())]
            if bad.numel():
                raise ValueError(f"weights: expected finite numbers from 0 on, got {bad[0].item()}")
        if bool(self.limit.isnan().any()):
            raise ValueError("limit: expected numbers, got NaN")

    def __repr__(self) -> str:
        limit = self.limit.tolist()
        return f"Budget({self.structure!r}, limit={limit})"

    @property
    def nested(self) -> bool:  # type: ignore[override]
        """Whether a structure may hold another one."""
        return self.structure.nested

    @property
    def relaxation(self) -> Polytope[Parts]:
        """That of the structure, without the limit."""
        return self.structure.relaxation

    @property
    def hull(self) -> Polytope[Parts]:
        """The convex hull, by active set."""
        return Hull(self)

    @property
    def compact_form(self) -> CompactForm[Parts] | None:
        """That of the structure; integers that exceed the limit write no member."""
        form = self.structure.compact_form
        return None if form is None else _WithinBudget(form, self)

    def map_rows(self, function: Callable[[Tensor], Tensor]) -> Budget[Parts]:
        """Return the structure of other rows; see the base class."""
        other = copy(self)
        other.structure = self.structure.map_rows(function)
        if tensors(self.weights)[0].size(0) > 1:
            other.weights = map_parts(function, self.weights)
        if self.limit.dim() == 1:
            other.limit = function(self.limit)
        return other

    def part_mask(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return which parts may be chosen (bool, shaped like `scores`)."""
        return self.structure.part_mask(scores, lengths, mask)

    def argmax(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return the best structure within the budget, 0/1, shaped and typed like `scores`."""
        self._refuse_counts()
        given, (scores, valid) = scores, self._steps(scores, lengths, mask)
        wide = map_parts(lambda part: widen(part.detach()), scores)
        arguments = operator_arguments(self, wide, as_lengths(lengths), valid)
        try:
            best = argmax_within_budget(*arguments)
        finally:
            if not torch.compiler.is_compiling():
                forget(arguments[-1])
        return like_steps(given, map_parts(narrow, unflatten(best, wide), scores))

    def top_k(
        self, scores: Parts, k: int, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> tuple[Parts, Tensor]:
        """Return the k best structures within the budget; see the base class."""
        check_scores("scores", scores)
        check_rows(self.structure, scores)
        if getattr(self.structure, "counts", False):
            raise TypeError(f"structure: expected one that has each part at most once, got {self.structure!r}")
        each, valid = self._steps(scores, lengths, mask)
        best, totals = k_best(self, each, k, lengths, valid)
        return like_steps(scores, best), totals

    def _steps(self, scores: Parts, lengths: Tensor | None, mask: Parts | None) -> tuple[Parts, Parts]:
        """Return scores and candidates with parts that a structure has at most once."""
        valid = self.structure.part_mask(scores, lengths, mask)
        each = with_own_steps(scores)
        if each is scores:
            return scores, valid
        inside = self.structure.part_mask(each, lengths)
        return each, map_parts(torch.logical_and, with_own_steps(valid), inside)

    def _refuse_counts(self) -> None:
        """Raise an error for a weight on what a structure may have several times, as the rules of a grammar.

        What keeps the limit may then have the same parts as what exceeds it, only less often.
        """
        rules = getattr(self.weights, "rules", None) if getattr(self.structure, "counts", False) else None
        if rules is not None and bool((rules > 0).any()):
            raise ValueError("weights.rules: expected zeros, as a rule may be used several times, got other weights")

    def require(self, scores: Parts, required: Parts, valid: Parts) -> tuple[Parts, Parts]:
        """Return scores and candidates whose argmax has all required parts; see the base class."""
        changed, candidates = self.structure.require(scores, required, valid)
        # If it takes changed scores, a structure without the required parts may be the best within the limit.
        return (scores, candidates) if changed is scores else super().require(scores, required, candidates)

    def of_batch(self, scores: Parts) -> tuple[Tensor, Tensor]:
        """Return weights, `[batch, D]`, and limits, `[batch]`, of a batch with these scores; float64.

        Raises:
            ValueError: they do not fit.
        """
        batch = tensors(scores)[0].size(0)
        form, own = (None if isinstance(parts, Tensor) else type(parts) for parts in (scores, self.weights))
        if form is not own:
            want, got = ("a tensor" if kind is None else kind.__name__ for kind in (form, own))
            raise TypeError(f"weights: expected {want}, as the scores are, got {got}")

        def fitted(weights: Tensor, part: Tensor) -> Tensor:
            large = all(have >= need for have, need in zip(weights.shape[1:], part.shape[1:], strict=False))
            if weights.dim() != part.dim() or not large or weights.size(0) not in (1, batch):
                raise ValueError(f"weights: expected shape {[1, *part.shape[1:]]}, got {list(weights.shape)}")
            leading = weights[(slice(None), *(slice(size) for size in part.shape[1:]))]
            return leading.to(part.device).expand(batch, *part.shape[1:])

        if self.limit.dim() > 1 or (self.limit.dim() == 1 and len(self.limit) != batch):
            raise ValueError(f"limit: expected one number or shape [{batch}], got {list(self.limit.shape)}")
        own_weights = self.weights
        if isinstance(own_weights, LinearChainParts) and own_weights.transitions.size(1) == 1:
            steps = tensors(scores)[1].size(1)
            own_weights = own_weights._replace(transitions=own_weights.transitions.expand(-1, steps, -1, -1))
        weights = map_parts(fitted, own_weights, scores)
        return flatten(weights), self.limit.to(tensors(scores)[0].device).expand(batch)

    def within(self, structure: Parts, lengths: Tensor | None) -> Tensor:
        """Return which rows of parts keep the limit: bool, `[batch]`."""
        if isinstance(structure, LinearChainParts) and structure.is_shared:
            # How often a pair of tags comes does not say where.
            tags = self.structure.to_compact(structure, lengths)
            structure = self.structure.to_parts(tags, with_own_steps(structure), lengths)
        wide = map_parts(lambda part: part.double(), structure)
        valid = self.structure.part_mask(map_parts(torch.zeros_like, wide), lengths)
        weights, limits = self.of_batch(wide)
        chosen = flatten(masked(wide, valid))
        kept = [total_of(w, z) <= most for w, z, most in zip(weights, chosen, limits.tolist(), strict=True)]
        return torch.tensor(kept, dtype=torch.bool, device=chosen.device)


class _WithinBudget(CompactForm[Parts], Generic[Parts]):
    """The integers of another form, where not all structures are members."""

    def __init__(self, form: CompactForm[Parts], budget: Budget[Parts]) -> None:
        self.form, self.budget = form, budget

    @property
    def noun(self) -> str:  # type: ignore[override]
        """What the integers are."""
        return self.form.noun

    @property
    def parts_noun(self) -> str:  # type: ignore[override]
        """What the parts are."""
        return self.form.parts_noun

    @property
    def optional(self) -> bool:  # type: ignore[override]
        """Whether an integer may be -1."""
        return self.form.optional

    def check(self, name: str, parts: Parts, lengths: Tensor | None) -> None:
        """Check the form and the shapes of parts."""
        self.form.check(name, parts, lengths)

    def shape(self, scores: Parts) -> list[int | None]:
        """Return the shape of the integers."""
        return self.form.shape(scores)

    def end(self, scores: Parts) -> int | Tensor:
        """Return the first integer that is out of range."""
        return self.form.end(scores)

    def meant(self, scores: Parts, lengths: Tensor | None) -> Tensor:
        """Return which integers mean something."""
        return self.form.meant(scores, lengths)

    def to_parts(self, integers: Tensor, scores: Parts, lengths: Tensor | None) -> Parts:
        """Return 0/1 parts."""
        return self.form.to_parts(integers, scores, lengths)

    def to_integers(self, parts: Parts, lengths: Tensor | None) -> Tensor:
        """Return the integers that write parts."""
        return self.form.to_integers(parts, lengths)

    def members(self, parts: Parts, lengths: Tensor | None) -> Tensor:
        """Return which rows are structures within the budget."""
        return self.form.members(parts, lengths) & self.budget.within(parts, lengths)
