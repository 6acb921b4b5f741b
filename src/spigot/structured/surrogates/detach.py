"""No gradient: the argmax cuts the network into a pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..parts.base import Parts, map_parts
from ..problem import Problem
from .base import Surrogate


@dataclass(frozen=True)
class Detach(Surrogate):
    """∇s = 0: what comes before the argmax learns nothing from what comes after it."""

    def backward(self, problem: Problem, output: Parts, saved: tuple[Tensor, ...], grad_output: Parts) -> Parts:
        """Return zeros."""
        return map_parts(torch.zeros_like, problem.scores)
