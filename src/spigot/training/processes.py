"""What several processes share: the rows of a batch, gradients, sums, and decisions to save or stop."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn

from spigot.training.config import RecipeError

T = TypeVar("T")


def make_accelerator(device: str | None, **settings: Any) -> Accelerator:
    """Make the accelerator of this process, which works together with those that were launched with it.

    Without a GPU, several processes share the work on the CPU; left to itself, accelerate would let each train alone.

    Args:
        device: "cpu", or None for a GPU if there is one.
        settings: other arguments of `Accelerator`.

    Raises:
        RecipeError: there are more processes than GPUs, or they cannot work together.
    """
    launched, here = (int(os.environ.get(name, "1")) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    gpus = torch.cuda.device_count()
    cpu = device == "cpu" or (launched > 1 and gpus == 0 and not torch.xpu.is_available())
    if not cpu and 0 < gpus < here:
        raise RecipeError(
            f"torchrun: expected at most {gpus} processes, one for each GPU (or --device cpu), got {here}"
        )
    accelerator = Accelerator(cpu=cpu, **settings)
    if launched > 1 and accelerator.num_processes != launched:
        together = f"{launched} processes that train together"
        raise RecipeError(f"torchrun: expected {together}, which {accelerator.device} cannot; --device cpu can")
    return accelerator


class Processes:
    """The processes of a run. All of them call the same methods in the same order."""

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.number, self.count = accelerator.process_index, accelerator.num_processes
        self.first = accelerator.is_main_process
        self.device = accelerator.device
        self.rows = slice(self.number, None, self.count)
        """Which rows of a batch, and which sentences of a corpus, are this process's."""

    def mine(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's share of a list."""
        return items[self.rows]

    def gather(self, item: T) -> list[T]:
        """Return the item of each process."""
        return gather_object([item]) if self.count > 1 else [item]

    def total(self, score: Any) -> Any:
        """Return the sum of the processes' scores."""
        first, *others = self.gather(score)
        return sum(others, first)

    def any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is set in any process: all save and stop together."""
        if self.count == 1:
            return list(flags)
        set_here = torch.tensor(flags, dtype=torch.float32, device=self.device)
        return (self.accelerator.reduce(set_here, "sum") > 0).tolist()

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients of all processes for some parameters; a process without a sentence takes part."""
        if self.count == 1:
            return
        parameters = [p for p in parameters if p.requires_grad]
        # A parameter without a gradient in any process gets none: with zeros, Adam would move it by its momentum.
        reached = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        reached = self.accelerator.reduce(reached, "sum").tolist()
        parameters = [p for p, count in zip(parameters, reached, strict=True) if count]
        flat: Tensor = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters])
        flat = self.accelerator.reduce(flat, "sum")
        for parameter, piece in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = piece.view_as(parameter)

    def wait(self) -> None:
        """Wait until all processes are here."""
        self.accelerator.wait_for_everyone()
