"""One update: a batch of one task forward and backward, and a step of the optimiser."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from spigot.models.encoders.base import Encoder
from spigot.structured.results import returned
from spigot.systems.base import System
from spigot.systems.batch import Batch
from spigot.training.config import Recipe
from spigot.training.plan import end_task_weight, learning_rate
from spigot.training.processes import Processes


def seed_of(*numbers: int) -> int:
    """Return a seed for torch that depends on all the numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])


def batch_losses(system: System, batch: Batch, random: np.random.Generator, weight: float) -> Tensor:
    """Return the losses `[sentences]` of this process's sentences.

    `random` draws the word dropout of the task's part; `weight` is the factor on the gradient that the end task sends
    into the intermediate parser.
    """
    task, part = system.tasks[batch.task], system.parts[batch.task]
    tokens, dropped = batch.encode(system.reader(batch.task), random)
    output = system.output(batch, tokens, dropped, weight)
    gold = [batch.share(tensor) for tensor in task.gold(part, batch.sentences)]
    losses = task.losses(part, output, gold, tokens.lengths)
    return task.loss_weight * returned(task, "losses", losses, tokens.lengths)


def _factors(system: System) -> dict[nn.Parameter, float]:
    """Return the factors on the learning rate of the parameters that an encoder gives one; see `Encoder`."""
    encoders = [module for module in system.modules() if isinstance(module, Encoder)]
    return {p: factor for each in encoders for factor, slow in each.slow_parameters().items() for p in slow}


def _by_factor(
    parameters: Iterable[nn.Parameter], factors: dict[nn.Parameter, float]
) -> dict[float, list[nn.Parameter]]:
    """Return parameters by their factor, those without one first."""
    found: dict[float, list[nn.Parameter]] = {1.0: []}
    for parameter in parameters:
        found.setdefault(factors.get(parameter, 1.0), []).append(parameter)
    return {factor: same for factor, same in found.items() if same}


class Updates:
    """Makes updates; each group of parameters has its own learning rate, Adam averages and gradient clipping."""

    def __init__(self, recipe: Recipe, system: System, processes: Processes) -> None:
        self.recipe, self.system, self.processes = recipe, system, processes
        how = recipe.training
        kind = torch.optim.Adam if how.optimizer == "adam" else torch.optim.AdamW
        own = {name: task.betas for name, task in system.tasks.items()}
        self.groups = system.groups()
        factors = _factors(system)
        groups: list[dict[str, Any]] = [
            {"params": same, "betas": own.get(name) or how.betas, "name": name, "factor": factor}
            for name, parameters in self.groups.items()
            for factor, same in _by_factor(parameters, factors).items()
        ]
        make = partial(kind, lr=how.learning_rate, betas=how.betas, weight_decay=how.weight_decay, fused=True)
        self.optimizer = make(groups)
        self.end_task_optimizer: Optimizer | None = None
        """Moves the intermediate parser by the end task's gradient, if that has averages of its own."""
        if recipe.intermediate.own_averages:
            self.end_task_optimizer = make([dict(each) for each in groups if each["name"] == recipe.intermediate_task])

    @property
    def learning_rate(self) -> float:
        """The learning rate of the first group, that of the end task's part, at the last update."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def finite(self) -> bool:
        """Whether all parameters are finite."""
        return all(bool(p.isfinite().all()) for same in self.groups.values() for p in same)

    def update(self, batch: Batch, epoch: int, number: int, position: float) -> float:
        """Make an update; return the loss summed over the sentences of this process.

        `number` is the number of the step in its epoch, `position` its position in the run, in epochs. Where
        the loss or the norm of a gradient is not finite, the parameters stay as they are and the result is nan.
        """
        how = self.recipe.training
        # Dropout inside the layers is seeded at each step, so that a resumed run draws the same.
        torch.manual_seed(seed_of(how.seed, epoch, number, self.processes.number))
        weight = end_task_weight(self.recipe, position)
        self._set_rates(self.optimizer, position)
        apart = self.end_task_optimizer if batch.task != self.recipe.intermediate_task else None
        if apart is not None:
            # Adam takes the length out of this gradient, so that its weight counts by the rate alone.
            self._set_rates(apart, position, weight)
            weight = float(weight > 0)
        with self.processes.accelerator.autocast():
            losses = batch_losses(self.system, batch, np.random.default_rng([how.seed, epoch, number]), weight)
        loss = losses.sum()
        if losses.numel():
            self.processes.accelerator.backward(loss)
        reached = self.system.reached(batch.task, weight)
        self.processes.add_gradients([p for name in reached for p in self.groups[name]])
        norms = self._scale_and_clip(len(batch.sentences))
        # The one wait for the device in a step, before the parameters move: the next batch is made while they do.
        value, total = torch.stack([loss.detach(), sum(norms, loss.detach())]).tolist()
        if math.isfinite(total):
            if apart is not None:
                apart.step()
                apart.zero_grad(set_to_none=True)
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return value if math.isfinite(total) else math.nan

    def _set_rates(self, optimizer: Optimizer, position: float, factor: float = 1.0) -> None:
        """Give each group of parameters its learning rate at a position in the run."""
        for group in optimizer.param_groups:
            group["lr"] = factor * group["factor"] * learning_rate(self.recipe, position, group["name"])

    def _scale_and_clip(self, sentences: int) -> list[Tensor]:
        """Average over the sentences of the batch, then clip each group's gradient; return the norms before."""
        norms, limit = [], self.recipe.training.clip_norm
        for parameters in self.groups.values():
            gradients = [p.grad for p in parameters if p.grad is not None]
            if not gradients:
                continue
            torch._foreach_div_(gradients, float(sentences))
            norms.append(nn.utils.clip_grad_norm_(parameters, math.inf if limit is None else limit))
        return norms
