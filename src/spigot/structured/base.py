"""Two of the three axes of the core, `Structure` and `Polytope`; the third is in `surrogates/base.py`.

Scores, points and structures are `Parts`: a tensor, or a NamedTuple of tensors, with the batch first. `lengths[batch]`
is the real size of each row. `mask` (bool, shaped like the scores, True = candidate) selects the parts that may be
chosen. A cell that `lengths`, `mask` or the structure rules out is never read (it may hold NaN) and comes back as 0.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, final

import torch
from torch import Tensor

from .checks import check_scores, check_structures, lengths_or_none, refuse_rows, widen
from .differentiation import is_traced
from .k_best import k_best
from .parts.base import Parts, common_dtype, flatten, inner, map_parts, masked, per_row, tensors
from .parts.compact import CompactForm, Reading, read_structure
from .parts.rows import over_rows
from .results import argmax_of, log_partition_of, marginals_of, part_mask_of, sample_of
from .seeds import draw_row_seeds


class Polytope(ABC, Generic[Parts]):
    """A convex set of (relaxed) structures onto which a point can be projected."""

    @property
    def axis(self) -> int | None:
        """The axis of the point that is a row, all others being the batch; None: the first axis is the batch."""
        return None

    @abstractmethod
    def project(self, point: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return the nearest point of the set in Euclidean distance, shaped like `point`; differentiable in it."""


class Structure(ABC, Generic[Parts]):
    """A set of 0/1 structures, with a method that finds the one of the highest score."""

    nested: bool = True
    """Whether a row may have a structure with all the parts of another and more; False makes `top_k` faster."""

    @property
    def axis(self) -> int | None:
        """The axis of the scores that is a row, all others being the batch; None: the first axis is the batch."""
        return None

    @abstractmethod
    def part_mask(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return which cells of `scores` are parts that may be chosen (bool, shaped like `scores`)."""

    @abstractmethod
    def argmax(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return argmax_z <scores, z> as a 0/1 tensor with the shape and dtype of `scores`.

        Not differentiable, so the result is detached: gradients come from `structured_argmax` and a `Surrogate`.
        """

    def top_k(
        self, scores: Parts, k: int, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> tuple[Parts, Tensor]:
        """Return the k structures with the highest scores, best first, detached.

        Exact, in float64. Here it takes an argmax for each part of each structure that is returned. Equal scores come
        in an order that depends on the row alone.

        Returns:
            the structures, of the types of the scores, `[batch, k, ...]`; and their scores, `[batch, k]`. Where a row
            has fewer than k, the rest are zeros, and score -inf.
        """
        check_scores("scores", scores)
        return k_best(self, scores, k, lengths, mask)

    def require(self, scores: Parts, required: Parts, valid: Parts) -> tuple[Parts, Parts]:
        """Return scores and candidates whose argmax is the best structure with all required parts.

        Where there is none, the argmax may be anything without one of them, or an error. This method adds more to
        them than all others can score; what scores less than 1e-15 of that sum is rounded away. Most structures need
        only exclude what cannot stand beside the required parts.

        Args:
            scores: float64.
            required: bool, shaped like them; all are candidates.
            valid: the candidates, bool.
        """
        sizes = flatten(map_parts(lambda part, cells: part.masked_fill(~cells, 0).abs(), scores, valid)).sum(1)
        bonus = 2 * sizes + 1

        def raised(part: Tensor, cells: Tensor) -> Tensor:
            return torch.where(cells, part + per_row(bonus, part), part)

        return map_parts(raised, scores, required), valid

    @property
    @abstractmethod
    def relaxation(self) -> Polytope[Parts]:
        """The default outer polytope: a superset of the structures that is cheap to project onto."""

    @property
    @abstractmethod
    def hull(self) -> Polytope[Parts]:
        """The convex hull of the structures: `Hull(self)`, unless there is a faster projection onto it."""

    @property
    def compact_form(self) -> CompactForm[Parts] | None:
        """How structures are written in integers, such as heads or tags; None: not at all."""
        return None

    def map_rows(self, function: Callable[[Tensor], Tensor]) -> Structure[Parts]:
        """Return the structure with other settings of rows, if it has such: what `function` makes of them.

        Whoever calls methods with other rows than those of the batch, such as some of them, asks for this first.
        """
        return self

    @over_rows()
    def to_parts(self, compact: Any, scores: Parts, lengths: Tensor | None = None) -> Parts:
        """Return the structures that integers write, as 0/1 parts in the shapes and types of `scores`.

        Args:
            compact: as `compact_form` has it: a tensor of integers, or lists; what they say past a row's length is not
                read. Parts come back as they are.
            scores: only their shapes and types matter.
            lengths: the real size of each row, `[batch]`.

        Raises:
            TypeError: no integers, or the structure has no compact form.
            ValueError: shapes do not fit, or an integer is out of range.
        """
        return read_structure("compact", compact, scores, self.compact_form, lengths).parts

    @over_rows("structure")
    def to_compact(self, structure: Parts, lengths: Tensor | None = None) -> Tensor:
        """Return the integers that write 0/1 parts, int64: the inverse of `to_parts`; -1 where they mean nothing.

        Raises:
            TypeError: the structure has no compact form.
        """
        form = self.compact_form
        if form is None:
            raise TypeError(f"structure: expected one with a compact form, got {type(self).__name__}")
        _check_form(form, structure, lengths)
        return form.to_integers(structure, lengths_or_none(tensors(structure)[0], lengths))

    @over_rows("structure")
    def contains(self, structure: Parts, lengths: Tensor | None = None) -> Tensor:
        """Return whether each row of 0/1 parts is a structure: bool, `[batch]`.

        Masks and scores play no part, and padding is not read.
        """
        form = self.compact_form
        if form is not None:
            _check_form(form, structure, lengths)
            return form.members(structure, lengths_or_none(tensors(structure)[0], lengths))
        check_structures("structure", structure)
        wide = map_parts(lambda part: widen(part.detach()), structure)
        valid = part_mask_of(self, map_parts(torch.zeros_like, wide), lengths)
        inside = masked(wide, valid)
        # Under 1 for each part that is there and -1 for all others, a structure scores more than any other.
        wanted = map_parts(lambda part: 2 * (part > 0).to(part.dtype) - 1, inside)
        found = argmax_of(self, wanted, lengths)
        return (flatten(found) == flatten(inside)).all(1)

    @over_rows()
    def score(self, scores: Parts, structure: Any, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return <scores, structure> for each row, shape `[batch]`, over candidate parts; differentiable in both.

        `structure` is parts, which need not be 0/1 nor form a structure, or integers as in `to_parts`.
        """
        check_scores("scores", scores)
        parts = read_structure("structure", structure, scores, self.compact_form, lengths).parts
        valid = part_mask_of(self, scores, lengths, mask)
        total = inner(map_parts(widen, masked(scores, valid)), map_parts(widen, masked(parts, valid)))
        return total.to(common_dtype(scores))


class AccurateSums(NamedTuple):
    """What is not computed as the difference of two totals, so that no digits are lost where scores are large."""

    log_prob: Callable[..., Tensor]
    """Takes scores, the parts of structures (0 where there is no candidate), lengths and mask; returns log p."""
    entropy: Callable[..., Tensor]
    """Takes scores, lengths and mask."""
    log_prob_of_integers: Callable[..., Tensor] | None = None
    """Takes scores, the integers of structures (see `Reading.integers`), lengths and mask; returns log p, -inf where
    one has a part that is no candidate. None: it would be no faster than with parts."""


class MarginalStructure(Structure[Parts]):
    """A structure whose Gibbs distribution p(z) ∝ exp <scores, z> can be summed exactly."""

    @property
    def accurate(self) -> AccurateSums | None:
        """Log-probabilities and entropies that are right for scores of any size; None: both are differences."""
        return None

    @abstractmethod
    def log_partition(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""

    @abstractmethod
    def marginals(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return E[z], shaped like `scores`; differentiable in `scores` (true derivative)."""

    @final
    @over_rows()
    def sample(
        self,
        scores: Parts,
        lengths: Tensor | None = None,
        mask: Parts | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Parts:
        """Return one exact sample of p(z) for each row, 0/1, shaped like `scores`, detached.

        Each row draws one seed from `generator` (None: torch's own), in order. So a row's sample depends neither on the
        other rows nor on padding.
        """
        check_scores("scores", scores)
        return sample_of(self, scores, draw_row_seeds(tensors(scores)[0], generator), lengths, mask)

    @abstractmethod
    def sample_seeded(
        self, scores: Parts, seeds: Tensor, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Parts:
        """Return the exact sample of p(z) that each row's seed stands for, 0/1, shaped like `scores`, detached.

        `seeds` is int64, `[batch]`. A row's sample is a function of its seed and of its candidates' scores alone:
        `seeds.uniform` and `seeds.gumbel` give random numbers of that kind.
        """

    @over_rows()
    def log_prob(
        self, scores: Parts, structure: Any, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Tensor:
        """Return log p(structure) for each row, shape `[batch]`; differentiable in `scores`.

        `structure` is 0/1 parts, or integers as in `to_parts`. The result is -inf where it has a part that is no
        candidate.

        Raises:
            ValueError: a row is no structure at all. Under `torch.compile` and `torch.func` this is not checked.
        """
        check_scores("scores", scores)
        reading = read_structure("structure", structure, scores, self.compact_form, lengths)
        refuse_outside("structure", self, reading, lengths)
        by_integers = log_prob_of_integers(self, reading, scores, lengths, mask)
        if by_integers is not None:
            return by_integers.to(common_dtype(scores))
        allowed = part_mask_of(self, scores, lengths, mask)
        wide, chosen = map_parts(widen, scores), map_parts(widen, masked(reading.parts, allowed))
        if self.accurate is None:
            log_prob = self.score(wide, chosen, lengths, mask) - log_partition_of(self, wide, lengths, mask)
        else:
            log_prob = self.accurate.log_prob(wide, chosen, lengths, mask)
        excluded = rows_excluded(self, reading.parts, allowed, lengths)
        log_prob = log_prob if excluded is None else log_prob.masked_fill(excluded, -torch.inf)
        return log_prob.to(common_dtype(scores))

    @over_rows()
    def entropy(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return the entropy of p(z) in nats for each row, shape `[batch]`; differentiable in `scores`."""
        check_scores("scores", scores)
        wide = map_parts(widen, scores)
        if self.accurate is not None:
            return self.accurate.entropy(wide, lengths, mask).to(common_dtype(scores))
        expected = self.score(wide, marginals_of(self, wide, lengths, mask), lengths, mask)
        return (log_partition_of(self, wide, lengths, mask) - expected).to(common_dtype(scores))


def _check_form(form: CompactForm[Parts], structure: Parts, lengths: Tensor | None) -> None:
    """Raise an error unless `structure`, floating-point or bool, has the shapes of what `form` writes."""
    check_structures("structure", structure)
    form.check("structure", map_parts(widen, structure), lengths)


def refuse_outside(name: str, structure: Structure[Parts], reading: Reading[Parts], lengths: Tensor | None) -> None:
    """Raise a ValueError for the first row of `reading` that is known and no structure, if values may be looked at."""
    if reading.is_member or is_traced():
        return
    bad = ~structure.contains(reading.parts, lengths)
    bad = bad if reading.known is None else bad & reading.known
    if not bad.is_meta and bool(bad.any()):
        _refuse_lengths(structure, reading.parts, lengths)
    refuse_rows(bad, f"{name}: expected a structure of {structure!r}, got parts that form none")


def _refuse_lengths(structure: Structure[Parts], parts: Parts, lengths: Tensor | None) -> None:
    """Raise the error of the argmax for lengths that are out of range: then no row can be a structure."""
    try:
        structure.argmax(map_parts(lambda part: torch.zeros_like(widen(part)), parts), lengths)
    except ValueError as error:
        if str(error).startswith("lengths"):
            raise


def log_prob_of_integers(
    structure: MarginalStructure[Parts],
    reading: Reading[Parts],
    scores: Parts,
    lengths: Tensor | None,
    mask: Parts | None,
) -> Tensor | None:
    """Return log p of what was read, known to be structures, if that is faster by their integers than by their parts.

    Rows that are not known have any number.
    """
    accurate, form = structure.accurate, structure.compact_form
    if accurate is None or accurate.log_prob_of_integers is None or form is None:
        return None
    integers = reading.integers
    if integers is None:
        if is_traced():
            # What parts are given has not been checked.
            return None
        integers = form.to_integers(reading.parts, lengths_or_none(tensors(scores)[0], lengths))
    return accurate.log_prob_of_integers(map_parts(widen, scores), integers, lengths, mask)


def rows_excluded(structure: Structure[Parts], parts: Parts, allowed: Parts, lengths: Tensor | None) -> Tensor | None:
    """Return which rows of 0/1 `parts` have one that `allowed` excludes: bool, `[batch]`; None: none.

    Padding does not count.
    """
    excluded = map_parts(lambda part, cells: (part > 0) & ~cells, parts, allowed)
    if not is_traced() and not any(bool(part.any()) for part in tensors(excluded)):
        return None
    possible = part_mask_of(structure, map_parts(lambda part: torch.zeros_like(widen(part)), parts), lengths)
    return flatten(map_parts(torch.logical_and, excluded, possible)).any(1)
