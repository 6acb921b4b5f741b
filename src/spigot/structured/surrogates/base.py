"""The third axis of the core: surrogate gradients of a structured argmax.

There are two kinds of surrogates. A `DifferentiableSurrogate` is a differentiable map of the scores, and autograd gives
the gradient. A `CustomSurrogate` maps the gradient for its output to a gradient for the scores by a rule of its own; if
its output is the argmax, it is an `ArgmaxSurrogate`.

Facts that hold for all instances of a class are class attributes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, TypeAlias, final

from torch import nn

from ..base import MarginalStructure, Structure
from ..checks import check_instance
from ..parts.base import Parts
from ..problem import Problem

Saved: TypeAlias = tuple[Any, ...]
"""`Parts` of possibly different kinds: each a tensor or a NamedTuple of tensors."""


class Surrogate(ABC):
    """A replacement for the Jacobian of a structured argmax, which is 0 or undefined.

    It depends neither on labels nor on the end model. Only some surrogates use the loss, through `Problem.downstream`.
    """

    needs_marginals: ClassVar[bool] = False
    """Whether the structure has to be a `MarginalStructure`."""
    needs_downstream: bool = False
    """Whether `structured_argmax` needs `downstream`."""
    passes_gradient: ClassVar[bool] = True
    """Whether the scores may get a gradient other than 0."""
    relaxes: ClassVar[bool] = False
    """Whether the output may lie strictly between 0 and 1."""

    state: nn.Module | None = None
    """Buffers that change during use. `StructuredArgmax` has them in its `state_dict`."""

    @abstractmethod
    def forward(self, problem: Problem[Parts]) -> Any:
        """Return the layer's output, shaped like the scores; see the two kinds of surrogates for what comes with it."""

    def serves(self, structure: Structure[Parts]) -> bool:
        """Return whether the surrogate works with `structure`."""
        return not self.needs_marginals or isinstance(structure, MarginalStructure)


class DifferentiableSurrogate(Surrogate):
    """A surrogate whose output is a differentiable map of the scores."""

    @abstractmethod
    def forward(self, problem: Problem[Parts]) -> Parts:
        """Return the layer's output, shaped like the scores and differentiable in `problem.scores`.

        The layer sets the gradient for the output to 0 where there is no candidate.
        """


class CustomSurrogate(Surrogate):
    """A surrogate with its own rule for the gradient. Autograd does not track its methods.

    They must not change scores or output in place.
    """

    @abstractmethod
    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the layer's output, shaped like the scores, and what `backward` needs besides, such as samples."""

    @abstractmethod
    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the gradient for the scores; the layer sets it to 0 where there is no candidate.

        Args:
            problem: the argument of `forward`.
            output: the first result of `forward`.
            saved: the second result of `forward`.
            grad_output: the gradient for the output, 0 where there is no candidate.
        """


class ArgmaxSurrogate(CustomSurrogate):
    """A surrogate whose output is the argmax. Subclasses define the gradient."""

    @final
    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the argmax."""
        return problem.argmax(), ()


def check_surrogate(name: str, value: object) -> None:
    """Raise a TypeError unless `value` is a surrogate of one of the two kinds."""
    check_instance(name, value, Surrogate, "SPIGOT()")
    if not isinstance(value, CustomSurrogate | DifferentiableSurrogate):
        got = type(value).__name__
        raise TypeError(f"{name}: expected a CustomSurrogate or a DifferentiableSurrogate, got {got}, which is neither")
