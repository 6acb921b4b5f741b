"""No gradient: the argmax cuts the network into a pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Structure, Surrogate


@dataclass(frozen=True)
class Detach(Surrogate):
    """∇s = 0: what comes before the argmax learns nothing from what comes after it."""

    def backward(
        self,
        structure: Structure,
        scores: Tensor,
        output: Tensor,
        grad_output: Tensor,
        lengths: Tensor | None,
        mask: Tensor | None,
    ) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(scores)
