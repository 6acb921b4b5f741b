"""The semirings: what a recurrence is computed in, and what its total then is.

| semiring       | a number is                        | the total of a recurrence                   |
|----------------|------------------------------------|---------------------------------------------|
| `Max`          | the best score                     | max_z <s, z>; its gradient is the argmax    |
| `TopK(k)`      | the k best scores                  | so too; the gradient of each, its structure |
| `LogSum`       | log Σ exp of scores                | log Z; its gradient are the marginals       |
| `Entropy`      | the same, and the entropy of terms | log Z, and the entropy                      |
| `Count`        | how many                           | the number of structures                    |
| `Feasible`     | whether there is any               | whether there is a structure                |

(Goodman 1999; Li and Eisner 2009 for entropies; `Sampling`, in its own file, is `LogSum` with another way back.)

Numbers are in float64. What is impossible scores `LOW`, finite, in place of -inf: then no gradient is NaN, and no
result is off by it, since exp(LOW - s) is exactly 0 for every score s that is not itself impossible. `WideLogSum` and
`WideEntropy` are for scores that are large, or very different in size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ..kernels.numerics.limbs import limbs_of
from .value import Value

LOW = -1e200

Channels = tuple[Tensor, ...]
"""What the numbers of a `Value` are made of."""


class Semiring(ABC):
    """Two operations, their neutral numbers, and what number a score is."""

    zero: ClassVar[tuple[float, ...]] = (LOW,)
    one: ClassVar[tuple[float, ...]] = (0.0,)
    dtype: ClassVar[torch.dtype] = torch.float64
    hidden: ClassVar[int] = 0
    """How many dimensions of a channel, at the end, belong to the numbers."""

    def lift(self, scores: Tensor) -> Value:
        """Return the numbers for scores in float64, `LOW` for what is no candidate."""
        return Value(self, (scores,))

    def full(self, number: tuple[float, ...], shape: Sequence[int], device: torch.device) -> Value:
        """Return a value all of whose numbers are `number`, which is `zero` or `one`."""
        extents = (*shape, *(1,) * self.hidden)
        return Value(self, tuple(torch.full(extents, fill, dtype=self.dtype, device=device) for fill in number))

    def align(self, values: Sequence[Channels]) -> Sequence[Channels]:
        """Return channels that torch can put side by side."""
        return values

    def times(self, a: Channels, b: Channels) -> Channels:
        """Return the product; shapes broadcast."""
        return tuple(x + y for x, y in zip(a, b, strict=True))

    @abstractmethod
    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return the sum over a dimension, which counts from the front."""


@dataclass(frozen=True)
class Max(Semiring):
    """Best scores (Viterbi). The gradient of a maximum goes to the first of its best terms."""

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return the maximum over a dimension."""
        return (terms[0].max(dim).values,)


@dataclass(frozen=True)
class TopK(Semiring):
    """The k best scores in descending order, fewer where there are no more; equal ones as they come.

    They lie in a dimension of their own, which is as long as it must be: 1 for the scores of parts.
    """

    k: int
    hidden: ClassVar[int] = 1

    def lift(self, scores: Tensor) -> Value:
        """Return numbers of one score each."""
        return Value(self, (scores.unsqueeze(-1),))

    def align(self, values: Sequence[Channels]) -> Sequence[Channels]:
        """Fill up with what is impossible."""
        longest = max(scores.size(-1) for (scores,) in values)
        pad = torch.nn.functional.pad
        return [(pad(scores, (0, longest - scores.size(-1)), value=LOW),) for (scores,) in values]

    def times(self, a: Channels, b: Channels) -> Channels:
        """Return the k best sums of two."""
        (x,), (y,) = a, b
        if x.size(-1) == 1 or y.size(-1) == 1:
            return (x + y,)
        # A pair has at least (i + 1)(j + 1) - 1 others before it.
        pairs = [(i, j) for i in range(x.size(-1)) for j in range(y.size(-1)) if (i + 1) * (j + 1) <= self.k]
        first, second = (torch.tensor(index, device=x.device) for index in zip(*pairs, strict=True))
        return (self._best(x[..., first] + y[..., second]),)

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return the k best of all."""
        return (self._best(terms[0].movedim(dim, -2).flatten(-2)),)

    def _best(self, scores: Tensor) -> Tensor:
        return scores.sort(dim=-1, descending=True, stable=True).values[..., : self.k]


def log_sum(terms: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return log Σ exp over a dimension, the terms less their maximum, and the log of the sum of their exponentials.

    The gradients of terms of any size sum to 1, which those of `torch.logsumexp` do not: it rounds the sum first.
    """
    peak = terms.detach().amax(dim, keepdim=True)
    below = terms - peak
    rest = below.exp().sum(dim).log()
    return peak.squeeze(dim) + rest, below, rest


def log_sum_of_limbs(limbs: Channels, dim: int) -> tuple[Channels, Tensor, Tensor]:
    """Do what `log_sum` does for logarithms in limbs, of which the first has the gradient; the total is limbs, too."""
    held = tuple(limb.detach() for limb in limbs)
    best = held[1].argmax(dim, keepdim=True)
    # What is much larger than the first guess is compared once more, beside numbers of its own size.
    for _ in range(2):
        peak = tuple(limb.gather(dim, best) for limb in held)
        best = _gap(held, peak).argmax(dim, keepdim=True)
    peak = tuple(limb.gather(dim, best) for limb in held)
    below = _gap((limbs[0], *held[1:]), peak).clamp(max=0.0)
    rest = below.exp().sum(dim).log()
    first, *others = (limb.squeeze(dim) for limb in peak)
    return (first + rest, *others), below, rest


def _gap(limbs: Channels, peak: Channels) -> Tensor:
    first, coarse, fine = (a - b for a, b in zip(limbs, peak, strict=True))
    return (coarse + fine) + first


def to_limbs(scores: Tensor) -> Channels:
    """Return float64 scores in limbs (see `kernels/numerics/limbs.py`): the rest, which has the gradient, then others.

    So they add up, and cancel, as in exact arithmetic, whatever their sizes.
    """
    coarse, fine, _ = limbs_of(scores.detach()).unbind(-1)
    return scores - coarse - fine, coarse, fine


@dataclass(frozen=True)
class LogSum(Semiring):
    """Logarithms of sums."""

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return log Σ exp over a dimension."""
        return (log_sum(terms[0], dim)[0],)


@dataclass(frozen=True)
class WideLogSum(Semiring):
    """Logarithms of sums, in limbs: for scores of very different sizes."""

    zero: ClassVar[tuple[float, ...]] = (0.0, LOW, 0.0)
    one: ClassVar[tuple[float, ...]] = (0.0, 0.0, 0.0)

    def lift(self, scores: Tensor) -> Value:
        """Return the limbs."""
        return Value(self, to_limbs(scores))

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return log Σ exp over a dimension."""
        return log_sum_of_limbs(terms, dim)[0]


@dataclass(frozen=True)
class Entropy(Semiring):
    """Log-sums, and the entropy of the distribution over what was summed: sums of numbers that are not negative."""

    zero: ClassVar[tuple[float, ...]] = (0.0, LOW)
    one: ClassVar[tuple[float, ...]] = (0.0, 0.0)

    def lift(self, scores: Tensor) -> Value:
        """Return numbers without a choice."""
        return Value(self, (torch.zeros_like(scores), scores))

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return Σ_j p_j (H_j - log p_j), and the log-sum."""
        total, below, rest = log_sum(terms[1], dim)
        return _entropy(terms[0], below, rest, dim), total


@dataclass(frozen=True)
class WideEntropy(Semiring):
    """The same in limbs."""

    zero: ClassVar[tuple[float, ...]] = (0.0, *WideLogSum.zero)
    one: ClassVar[tuple[float, ...]] = (0.0, *WideLogSum.one)

    def lift(self, scores: Tensor) -> Value:
        """Return numbers without a choice."""
        return Value(self, (torch.zeros_like(scores), *to_limbs(scores)))

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return Σ_j p_j (H_j - log p_j), and the log-sum."""
        total, below, rest = log_sum_of_limbs(terms[1:], dim)
        return _entropy(terms[0], below, rest, dim), *total


def _entropy(entropies: Tensor, below: Tensor, rest: Tensor, dim: int) -> Tensor:
    log_p = below - rest.unsqueeze(dim)
    return (log_p.exp() * (entropies - log_p)).sum(dim)


@dataclass(frozen=True)
class Count(Semiring):
    """How many: exact up to 2^53, rounded above, infinite from 1e308 on."""

    zero: ClassVar[tuple[float, ...]] = (0.0,)
    one: ClassVar[tuple[float, ...]] = (1.0,)

    def lift(self, scores: Tensor) -> Value:
        """Return 1 for a candidate, else 0."""
        return Value(self, ((scores > LOW).double(),))

    def times(self, a: Channels, b: Channels) -> Channels:
        """Return the product."""
        return (a[0] * b[0],)

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return the sum."""
        return (terms[0].sum(dim),)


@dataclass(frozen=True)
class Feasible(Semiring):
    """Whether there is any."""

    zero: ClassVar[tuple[float, ...]] = (False,)
    one: ClassVar[tuple[float, ...]] = (True,)
    dtype: ClassVar[torch.dtype] = torch.bool

    def lift(self, scores: Tensor) -> Value:
        """Return whether it is a candidate."""
        return Value(self, (scores > LOW,))

    def times(self, a: Channels, b: Channels) -> Channels:
        """Return whether there are both."""
        return (a[0] & b[0],)

    def sum(self, terms: Channels, dim: int) -> Channels:
        """Return whether there is one of them."""
        return (terms[0].any(dim),)
