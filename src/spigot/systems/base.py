"""What the paper's two systems have in common: an end task, and a parser whose hard output it reads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from spigot.data.sentence import Sentence
from spigot.models.config import SentimentSystemConfig, SystemConfig, Task
from spigot.structured.parts.base import Parts, map_parts
from spigot.systems.checkpoint import Pretrained


class JointSystem(Pretrained):
    """Parts that share nothing, named by their tasks (`self.syntax`, `self.semantics`, `self.sentiment`)."""

    config: SystemConfig | SentimentSystemConfig

    @property
    def parts(self) -> dict[Task, Any]:
        """The parts of the system by task, the end task's first."""
        return {task: getattr(self, task) for task in self.config.tasks if task is not None}

    @property
    def middle(self) -> nn.Module | None:
        """The parser in the middle, if there is one."""
        task = self.config.tasks[1]
        return None if task is None else getattr(self, task)

    @property
    def device(self) -> torch.device:
        """The device that the parameters are on."""
        return next(self.parameters()).device

    def to_config(self) -> dict[str, Any]:
        """Return the JSON description of the architecture."""
        return {"system": self.config.model_dump(mode="json")}

    @abstractmethod
    def parse(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with all that the system predicts. One batch: callers split what is too large."""


def scale_gradient(value: Parts, weight: float) -> Parts:
    """Return `value` unchanged, but with `weight` times its gradient."""
    return map_parts(lambda part: _scale(part, weight), value)


def _scale(value: Tensor, weight: float) -> Tensor:
    if weight == 1 or not value.requires_grad:
        return value
    if weight == 0:
        return value.detach()
    # Not `weight * value + (1 - weight) * value.detach()`, which makes NaN of -inf.
    scaled = value.view_as(value)
    scaled.register_hook(lambda grad: grad * weight)
    return scaled
