"""`Gibbs`: the distribution p(z) ∝ exp <scores, z> over structures, in the manner of torch.distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import prod
from typing import Any, Generic, cast

import torch
from torch import Tensor

from .base import MarginalStructure
from .checks import as_lengths, check_instance, check_scores, check_structures, narrow
from .differentiation import is_traced
from .parts.base import Parts, common_dtype, inner, map_parts, masked, tensors
from .parts.compact import is_integer
from .parts.rows import check_rows
from .results import argmax_of, log_partition_of, marginals_of, part_mask_of


class Gibbs(Generic[Parts]):
    """p(z) ∝ exp <scores, z> for each row of a batch.

    What takes no argument is computed once, when it is first asked for; `log_partition` and `marginals` then keep their
    graph, which one `backward` uses up unless it retains it. If they were first asked for under `torch.no_grad`, they
    are computed again where gradients are on. All but structures is differentiable in the scores.

    Args:
        structure: what z runs over, a `MarginalStructure`.
        scores: batch first, as the structure has them; of categories, `[batch, category]`.
        lengths: the real size of each row, `[batch]`.
        mask: bool; True = candidate. It need only broadcast to the scores.

    Raises:
        TypeError: the structure has no sums, or the scores are not floating-point tensors.
        ValueError: rows are along another axis than the second of two.
    """

    def __init__(
        self,
        structure: MarginalStructure[Parts],
        scores: Parts,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        mask: Parts | None = None,
    ) -> None:
        check_instance("structure", structure, MarginalStructure, "ProjectiveTree()")
        check_scores("scores", scores)
        check_rows(structure, scores)
        self.structure, self.scores = structure, scores
        self.lengths, self.mask = as_lengths(lengths), mask
        self._kept: dict[tuple[Callable[..., Any], bool], Any] = {}

    def __repr__(self) -> str:
        shapes = ", ".join(str(list(part.shape)) for part in tensors(self.scores))
        return f"Gibbs({self.structure!r}, scores={shapes})"

    @cached_property
    def support(self) -> Parts:
        """Which parts may be chosen: bool, shaped like the scores."""
        return part_mask_of(self.structure, self.scores, self.lengths, self.mask)

    @cached_property
    def argmax(self) -> Parts:
        """The most likely structure, 0/1, shaped like the scores."""
        return argmax_of(self.structure, self.scores, self.lengths, self.mask)

    @property
    def log_partition(self) -> Tensor:
        """Logarithm of the sum Σ_z exp <scores, z>, `[batch]`."""
        return cast(Tensor, self._once(log_partition_of))

    @property
    def marginals(self) -> Parts:
        """E[z], shaped like the scores: the probability of each part."""
        return cast(Parts, self._once(marginals_of))

    def _once(self, function: Callable[..., Any]) -> Any:
        """Return what a function of the structure gives, computed once; again if it is to have a graph and has none."""
        graph = torch.is_grad_enabled() and any(part.requires_grad for part in tensors(self.scores))
        if (function, True) in self._kept:
            return self._kept[function, True]
        if (function, graph) not in self._kept:
            self._kept[function, graph] = function(self.structure, self.scores, self.lengths, self.mask)
        return self._kept[function, graph]

    @cached_property
    def mbr(self) -> Parts:
        """The structure of minimum Bayes risk: with the most parts in common, on average, with one that is drawn."""
        wide = map_parts(lambda part: part.detach().double(), self.scores)
        marginals = marginals_of(self.structure, wide, self.lengths, self.mask)
        best = argmax_of(self.structure, marginals, self.lengths, self.support)
        return map_parts(narrow, best, self.scores)

    @cached_property
    def log_count(self) -> Tensor:
        """The logarithm of the number of structures over the candidates, float64, `[batch]`."""
        zeros = map_parts(lambda part: torch.zeros_like(part, dtype=torch.float64), self.scores)
        return log_partition_of(self.structure, zeros, self.lengths, self.support)

    @cached_property
    def count(self) -> Tensor:
        """The number of structures, float64, `[batch]`: a whole number, exact up to 1e12 or so; inf above 1e308."""
        return self.log_count.exp().round()

    def sample(self, sample_shape: Sequence[int] = (), *, generator: torch.Generator | None = None) -> Parts:
        """Return exact samples, 0/1, `[*sample_shape, batch, ...]`, detached.

        Each sample of a row has a seed of its own, drawn from `generator` (None: torch's own) in the order of the
        result.

        Raises:
            TypeError: `sample_shape` are no whole numbers.
            ValueError: one of them is negative.
        """
        if isinstance(sample_shape, int) or not all(isinstance(size, int) for size in sample_shape):
            raise TypeError(f"sample_shape: expected a tuple of whole numbers such as (5,), got {sample_shape!r}")
        shape = torch.Size(sample_shape)
        if min(shape, default=0) < 0:
            raise ValueError(f"sample_shape: expected numbers of at least 0, got {tuple(shape)}")
        structure, scores, lengths, mask = self._repeated(prod(shape))
        drawn = structure.sample(scores, lengths, mask, generator=generator)
        rows = tensors(self.scores)[0].size(0)
        return map_parts(lambda part: part.view(*shape, rows, *part.shape[1:]), drawn)

    def log_prob(self, value: Any) -> Tensor:
        """Return log p(value), `[batch]`, or `[*sample_shape, batch]` for values of the shape of samples.

        Args:
            value: 0/1 parts, or integers such as heads or tags, as `Structure.to_parts` takes them.

        Raises:
            TypeError: a value is neither.
            ValueError: its shape does not fit, or a row of it is no structure.
        """
        form = self.structure.compact_form
        compact = form is not None and is_integer(value)
        own = len(form.shape(self.scores)) if form is not None and compact else tensors(self.scores)[0].dim()
        first = value if isinstance(value, Tensor) else value[0] if isinstance(value, tuple) else None
        if not isinstance(first, Tensor) or first.dim() <= own:
            return self.structure.log_prob(self.scores, value, self.lengths, self.mask)
        more = first.dim() - own
        structure, scores, lengths, mask = self._repeated(prod(first.shape[:more]))
        flat = map_parts(lambda part: part.flatten(0, more), value)
        return structure.log_prob(scores, flat, lengths, mask).view(first.shape[: more + 1])

    def to_compact(self, structures: Parts) -> Tensor:
        """Return structures as integers such as heads or tags, int64; see `Structure.to_compact`.

        Args:
            structures: 0/1, of the shape of the scores, or with more axes before them: samples, `[*sample_shape, batch,
                ...]`, and the k best, `[batch, k, ...]`.

        Raises:
            TypeError: the structure has no compact form.
        """
        check_structures("structures", structures)
        more = tensors(structures)[0].dim() - tensors(self.scores)[0].dim()
        if more <= 0:
            return self.structure.to_compact(structures, self.lengths)
        first = tensors(structures)[0].shape[: more + 1]
        # What is not there is 0, also past a row's length: no lengths are needed.
        integers = self.structure.to_compact(map_parts(lambda part: part.flatten(0, more), structures))
        return integers.view(*first, *integers.shape[1:])

    def entropy(self) -> Tensor:
        """Return -E[log p(z)] in nats, `[batch]`."""
        return self.structure.entropy(self.scores, self.lengths, self.mask)

    def cross_entropy(self, other: Gibbs[Parts]) -> Tensor:
        """Return -E_p[log q(z)] in nats, `[batch]`, q being `other`; inf where q excludes what p does not.

        Exact, from the marginals; computed in float64, and right to about 1e-15 of the largest scores.

        Raises:
            TypeError: `other` is no `Gibbs`.
            ValueError: it has another structure, or other shapes or lengths.
        """
        excluded, _, others, expected = self._beside(other)
        log_z = log_partition_of(self.structure, others, other.lengths, other.support)
        kept = masked(others, map_parts(torch.logical_and, self.support, other.support))
        return self._divergence(log_z - inner(kept, expected), excluded)

    def kl(self, other: Gibbs[Parts]) -> Tensor:
        """Return KL(p ‖ q) = E_p[log p(z) - log q(z)] in nats, `[batch]`, q being `other`.

        Exact and 0 for q = p; otherwise as `cross_entropy`.
        """
        excluded, own, others, expected = self._beside(other)
        both = map_parts(torch.logical_and, self.support, other.support)
        apart = map_parts(torch.sub, masked(own, both), masked(others, both))
        # Parts that q excludes are not among those of p, or the result is inf.
        log_z = log_partition_of(self.structure, others, other.lengths, other.support)
        own_log_z = log_partition_of(self.structure, own, self.lengths, self.support)
        return self._divergence(log_z - own_log_z + inner(apart, expected), excluded)

    def top_k(self, k: int) -> tuple[Parts, Tensor]:
        """Return the k most likely structures and their log-probabilities; see `Structure.top_k`.

        The log-probabilities are float64, `[batch, k]`, and detached.
        """
        wide = map_parts(lambda part: part.detach().double(), self.scores)
        structures, totals = self.structure.top_k(wide, k, self.lengths, self.mask)
        log_z = self.structure.log_partition(wide, self.lengths, self.mask)
        return map_parts(narrow, structures, self.scores), (totals - log_z[:, None]).clamp(max=0.0)

    def _repeated(self, times: int) -> tuple[MarginalStructure[Parts], Parts, Tensor | None, Parts | None]:
        """Return the structure, scores, lengths and mask of the whole batch, over and over."""
        if times == 1:
            return self.structure, self.scores, self.lengths, self.mask

        def repeat(part: Tensor) -> Tensor:
            return part.expand(times, *part.shape).flatten(0, 1)

        lengths = None if self.lengths is None else repeat(self.lengths)
        mask = None if self.mask is None else map_parts(repeat, self.support)
        structure = cast(MarginalStructure[Parts], self.structure.map_rows(repeat))
        return structure, map_parts(repeat, self.scores), lengths, mask

    def _beside(self, other: Gibbs[Parts]) -> tuple[Tensor, Parts, Parts, Parts]:
        """Check another distribution.

        Return which rows have mass where it has none; the scores of both, and these marginals, in float64.
        """
        check_instance("other", other, Gibbs, "Gibbs(structure, scores)")
        if self.structure != other.structure:
            raise ValueError(f"other: expected the structure {self.structure!r}, got {other.structure!r}")
        for one, part in zip(tensors(self.scores), tensors(other.scores), strict=True):
            if one.shape != part.shape:
                raise ValueError(f"other: expected scores of shape {list(one.shape)}, got {list(part.shape)}")
        zeros = map_parts(torch.zeros_like, self.scores)
        inside = (part_mask_of(self.structure, zeros, each) for each in (self.lengths, other.lengths))
        if not is_traced() and not all(torch.equal(a, b) for a, b in zip(*map(tensors, inside), strict=True)):
            raise ValueError("other: expected the same lengths")
        own, others = (
            map_parts(lambda part, cells: part.double().masked_fill(~cells, 0), each.scores, each.support)
            for each in (self, other)
        )
        expected = marginals_of(self.structure, own, self.lengths, self.support)
        lost = [
            ((part > 0) & ~cells).flatten(1).any(1)
            for part, cells in zip(tensors(expected), tensors(other.support), strict=True)
        ]
        return torch.stack(lost).any(0), own, others, masked(expected, other.support)

    def _divergence(self, value: Tensor, excluded: Tensor) -> Tensor:
        """Return a number that is not negative, but for rounding, in the type of the scores; inf where excluded."""
        rounded = value + (value.clamp(min=0.0) - value).detach()
        return rounded.masked_fill(excluded, torch.inf).to(common_dtype(self.scores))
