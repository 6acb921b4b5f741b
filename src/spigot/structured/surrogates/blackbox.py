"""Differentiation of blackbox combinatorial solvers (Vlastelica et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass

from ..parts.base import Parts, map_parts
from ..problem import Problem
from ..settings import check_flag, check_positive
from .base import ArgmaxSurrogate, Saved
from .capping import capped


@dataclass(frozen=True)
class Blackbox(ArgmaxSurrogate):
    """∇s = (ẑ - argmax_z <s - λ∇ẑ, z>) / λ: the gradient of a piecewise linear interpolation of the loss.

    It takes one more argmax. With a larger λ the gradient is less often 0, and interpolates over a longer distance.
    It is not linear in ∇ẑ: the scale of the loss, such as 1 / batch of a mean, or that of a `GradScaler`, changes λ.
    Tell the layer (`loss_scale`), or set `normalize`.

    Args:
        step_size: λ.
        normalize: scale ∇ẑ of each row to an L2 norm of 1: then ∇s does not depend on the scale of
            the loss, nor on the size of the batch.
    """

    step_size: float = 1.0
    normalize: bool = False

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_flag("normalize", self.normalize)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the difference quotient."""
        grad = capped(grad_output, None, self.normalize)
        target = problem.argmax(map_parts(lambda at, by: at - self.step_size * by, problem.scores, grad))
        return map_parts(lambda best, better: (best - better) / self.step_size, output, target)
