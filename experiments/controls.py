"""What in SPIGOT's gradient on a tree helps? Its parts along the parser's confidence, and across it.

SPIGOT's gradient lowers the score of each chosen head that it reaches, as z̃ <= 1 where ẑ = 1, right or wrong (see
`gradients.py`). So some of what it does may be what any penalty on confidence does. `ConfidencePart` keeps of each
sentence's gradient only how much of it lies along the confidence, one number; `RestPart` keeps all but that. `Penalty`
does not look at the end task at all. Recipes name them as `controls.ConfidencePart`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from spigot import SPIGOT, ArgmaxSurrogate
from spigot.structured.problem import Problem
from spigot.structured.surrogates.base import Saved


def confidence(heads: Tensor, candidates: Tensor) -> Tensor:
    """Return the gradient of the chosen heads' scores minus the mean score of all heads, `[batch, head, modifier]`."""
    counts = candidates.sum(1, keepdim=True).clamp(min=1)
    return (heads - candidates / counts) * candidates


def along(gradient: Tensor, direction: Tensor) -> Tensor:
    """Return the part of each row that lies along its direction."""
    dot, square = ((each * direction).sum((1, 2), keepdim=True) for each in (gradient, direction))
    return dot / square.clamp(min=1e-12) * direction


@dataclass(frozen=True)
class ConfidencePart(SPIGOT):
    """Of SPIGOT's gradient on the arcs of a sentence, the part along the confidence."""

    def backward(self, problem: Problem[Tensor], output: Tensor, saved: Saved, grad_output: Tensor) -> Tensor:
        """Return `[batch, head, modifier]`, 0 where there is no candidate."""
        gradient = super().backward(problem, output, saved, grad_output)
        return along(gradient, confidence(output, problem.valid))


@dataclass(frozen=True)
class RestPart(SPIGOT):
    """Of SPIGOT's gradient on the arcs of a sentence, all but the part along the confidence."""

    def backward(self, problem: Problem[Tensor], output: Tensor, saved: Saved, grad_output: Tensor) -> Tensor:
        """Return `[batch, head, modifier]`, 0 where there is no candidate."""
        gradient = super().backward(problem, output, saved, grad_output)
        return gradient - along(gradient, confidence(output, problem.valid))


@dataclass(frozen=True)
class Penalty(ArgmaxSurrogate):
    """A gradient of a fixed norm for each sentence, along the confidence: nothing in it comes from the end task."""

    norm: float = 0.3

    def backward(self, problem: Problem[Tensor], output: Tensor, saved: Saved, grad_output: Tensor) -> Tensor:
        """Return `[batch, head, modifier]`, 0 where there is no candidate."""
        direction = confidence(output, problem.valid)
        return self.norm * direction / direction.square().sum((1, 2), keepdim=True).sqrt().clamp(min=1e-6)
