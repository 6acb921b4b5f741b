"""The numbers that a model computes with, as `spigot.load`, recipes and commands name them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

MixedPrecision = Literal["no", "bf16"]
"""float32, or bfloat16 for products and LSTMs."""


def computing(mixed_precision: MixedPrecision, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which models on a device compute with these numbers."""
    import torch

    return torch.autocast(device.type, torch.bfloat16) if mixed_precision == "bf16" else nullcontext()
