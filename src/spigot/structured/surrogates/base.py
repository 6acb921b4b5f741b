"""The third axis of the core: what stands in for the gradient of a structured argmax."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from ..parts.base import Parts
from ..problem import Problem


class Surrogate(ABC):
    """What stands in for the zero Jacobian of a structured argmax.

    `forward` gives the layer's output (the argmax, unless the surrogate relaxes it), `backward` turns the
    gradient that arrives at the output into one for the scores. Neither ever sees a label or the end model; its loss
    only as `Problem.downstream`, and only those that evaluate it again.
    """

    def forward(self, problem: Problem) -> tuple[Parts, tuple[Tensor, ...]]:
        """Return the layer's output, shaped like the scores, and what `backward` needs besides (such as noise)."""
        return problem.argmax(), ()

    @abstractmethod
    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return the gradient for the scores, given the one for the layer's output; 0 where there is no candidate.

        `grad_output` means nothing, and may hold NaN, where there is no candidate.
        """
