"""The third axis of the core: what stands in for the gradient of a structured argmax.

A surrogate is one of two kinds. A `DifferentiableSurrogate` is a differentiable map of the scores, and autograd has the
gradient. A `CustomSurrogate` turns the gradient for its output into one for the scores by a rule of its own; if its
output is the argmax, it is an `ArgmaxSurrogate`.

What is common to all instances of a class is a class attribute.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeAlias, final

from torch import nn

from ..base import MarginalStructure, Structure
from ..parts.base import Parts
from ..problem import Problem

Saved: TypeAlias = tuple[Any, ...]
"""`Parts` of any kinds: Python's types cannot say that each is a tensor or a NamedTuple of its own."""


class Surrogate(ABC):
    """What stands in for the Jacobian of a structured argmax, which is 0 or undefined.

    It never sees a label or the end model. It sees the loss only as `Problem.downstream`, if it evaluates that again.
    """

    needs_marginals: ClassVar[bool] = False
    """Whether it serves only a `MarginalStructure`."""
    needs_downstream: bool = False
    """Whether `structured_argmax` has to be given `downstream`."""
    passes_gradient: ClassVar[bool] = True
    """Whether the scores get a gradient other than 0."""
    relaxes: ClassVar[bool] = False
    """Whether the output may lie strictly between 0 and 1."""

    state: nn.Module | None = None
    """Buffers that it updates while it is used. `StructuredArgmax` has them in its `state_dict`."""

    @abstractmethod
    def forward(self, problem: Problem[Parts]) -> Any:
        """Return the layer's output, shaped like the scores; with what else, see the two kinds of surrogates."""

    def serves(self, structure: Structure[Parts]) -> bool:
        """Return whether it can be used with `structure`."""
        return not self.needs_marginals or isinstance(structure, MarginalStructure)


class DifferentiableSurrogate(Surrogate):
    """A surrogate whose output is a differentiable map of the scores."""

    @abstractmethod
    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the layer's output, shaped like the scores and differentiable in `problem.scores`.

        The layer sets the gradient for the output to 0 where there is no candidate.
        """


class CustomSurrogate(Surrogate):
    """A surrogate with a gradient of its own. Autograd does not see what its methods do."""

    @abstractmethod
    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the layer's output, shaped like the scores, and what else `backward` needs, such as samples."""

    @abstractmethod
    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the gradient for the scores, 0 where there is no candidate.

        Args:
            problem: the one that `forward` got.
            output: what `forward` returned, first part.
            saved: what `forward` returned, second part.
            grad_output: the gradient for the output, 0 where there is no candidate.
        """


class ArgmaxSurrogate(CustomSurrogate):
    """A surrogate whose output is the argmax: what it chooses is the gradient."""

    @final
    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the argmax."""
        return problem.argmax(), ()
