"""No gradient: the argmax splits the network into a pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..parts.base import Parts, map_parts
from ..problem import Problem
from .base import ArgmaxSurrogate, Saved


@dataclass(frozen=True)
class Detach(ArgmaxSurrogate):
    """∇s = 0: modules before the argmax learn nothing from modules after it."""

    passes_gradient = False

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return zeros."""
        return map_parts(torch.zeros_like, problem.scores)
