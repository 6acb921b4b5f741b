"""Exact samples by the way back of a log-sum: filter forwards, then draw backwards, whatever the recurrence.

The gradient that arrives at a number of a `LogSum` says how likely its structures are. Here it says instead whether
the sample goes through it: at a sum, it is handed to one of the terms, drawn with its share of the sum as probability.

Each number has a second channel, empty on the way forward. On the way back it carries the seed of the sample that
passes. A sum with a choice draws with the seed and hands on the next; a product of two sums hands it to the first, and
another to the second. So what a row draws depends on its own seed and its own choices alone: neither on its padding
nor on the order in which a recurrence visits its cells. A structure must not use the same sum twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..seeds import mix
from .semirings import LOW, Channels, Semiring, log_sum, log_sum_of_limbs, to_limbs
from .value import Value


@dataclass(frozen=True)
class Sampling(Semiring):
    """Log-sums whose gradient is a sample, if that of the second channel of the total is a seed for each row."""

    zero: ClassVar[tuple[float, ...]] = (LOW, 0.0)
    one: ClassVar[tuple[float, ...]] = (0.0, 0.0)

    def lift(self, scores: Tensor) -> Value:
        """Return numbers at which seeds end."""
        return Value(self, (scores, torch.zeros_like(scores)))

    def times(self, a: Channels, b: Channels) -> Channels:
        """Return the product."""
        # Seeds end at the scores of parts, which leave those of the other factor as they are.
        both = a[1].requires_grad and b[1].requires_grad
        return a[0] + b[0], _Split.apply(a[1], b[1]) if both else a[1] + b[1], *map(torch.add, a[2:], b[2:])

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return the log-sum."""
        total, below, _ = log_sum(terms[0].detach(), dim)
        return _Draw.apply(*terms, below, total, dim)


@dataclass(frozen=True)
class WideSampling(Sampling):
    """The same in limbs, of which the rest comes first."""

    zero: ClassVar[tuple[float, ...]] = (0.0, 0.0, LOW, 0.0)
    one: ClassVar[tuple[float, ...]] = (0.0, 0.0, 0.0, 0.0)

    def lift(self, scores: Tensor) -> Value:
        """Return numbers at which seeds end."""
        first, *others = to_limbs(scores)
        return Value(self, (first, torch.zeros_like(scores), *others))

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return the log-sum."""
        (first, *others), below, _ = log_sum_of_limbs((terms[0].detach(), *terms[2:]), dim)
        return *_Draw.apply(*terms[:2], below, first, dim), *others


class _Split(torch.autograd.Function):
    """On the way back a seed becomes two."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        return a + b

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.shapes = tuple(given.shape for given in inputs)

    @staticmethod
    def backward(ctx: Any, seeds: Tensor) -> tuple[Tensor, Tensor]:
        first, second = ctx.shapes
        return seeds.sum_to_size(first), _next(seeds, 1).sum_to_size(second)


class _Draw(torch.autograd.Function):
    """On the way back one term is drawn."""

    generate_vmap_rule = True

    @staticmethod
    def forward(terms: Tensor, seeds: Tensor, below: Tensor, total: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        return total.clone(), torch.zeros_like(total)

    @staticmethod
    def setup_context(
        ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, Tensor, int], output: tuple[Tensor, Tensor]
    ) -> None:
        _, _, below, _, ctx.dim = inputs
        ctx.save_for_backward(below)

    @staticmethod
    def backward(ctx: Any, passed: Tensor, seeds: Tensor) -> tuple[Tensor | None, ...]:
        (below,) = ctx.saved_tensors
        dim = ctx.dim
        weights = below.exp()
        reached = weights.cumsum(dim)
        mass = reached.narrow(dim, below.size(dim) - 1, 1)
        uniform = (seeds - 0.5) * 2.0**-52
        drawn = (reached <= uniform.unsqueeze(dim) * mass).sum(dim, keepdim=True)
        # Where there is no choice, such as past the end of a row, nothing is drawn: the seed stays what it is.
        choice = (weights > 0).sum(dim) > 1
        onward = torch.where(choice, _next(seeds, 2), seeds)
        zeros = torch.zeros_like(below)
        through = (zeros.scatter(dim, drawn, way.unsqueeze(dim)) for way in (passed, onward))
        return *through, None, None, None


def first_seeds(seeds: Tensor) -> Tensor:
    """Return the seeds of rows, int64, in the form that travels backwards: whole numbers in float64, never 0."""
    return _number(mix(seeds))


def _next(seeds: Tensor, way: int) -> Tensor:
    """Return other seeds, one kind for each `way`; 0, where no sample passes, stays 0."""
    return torch.where(seeds == 0, seeds, _number(mix(4 * seeds.long() + way)))


def _number(bits: Tensor) -> Tensor:
    """Return whole numbers from 1 to 2^52, which float64 holds exactly."""
    return ((bits >> 12) & ((1 << 52) - 1)).double() + 1
