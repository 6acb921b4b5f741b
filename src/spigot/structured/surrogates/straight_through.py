"""The straight-through estimator: the Jacobian of the argmax is replaced by the identity."""

from __future__ import annotations

from dataclasses import dataclass

from ..parts.base import Parts
from ..problem import Problem
from ..settings import check_max_norm
from .base import ArgmaxSurrogate, Saved
from .capping import capped


@dataclass(frozen=True)
class StraightThrough(ArgmaxSurrogate):
    """∇s = ∇ẑ on the candidate parts (Hinton 2012; Bengio et al. 2013).

    Args:
        max_norm: cap on the L2 norm of ∇ẑ for each row, over all its parts; None for no cap. The program published
            with SPIGOT caps the gradient of SPIGOT but not this one: set the same cap for both in a fair comparison.
    """

    max_norm: float | None = None

    def __post_init__(self) -> None:
        check_max_norm(self.max_norm)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return `grad_output`, 0 where there is no candidate."""
        return capped(grad_output, self.max_norm)
