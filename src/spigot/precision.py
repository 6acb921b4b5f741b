"""The numbers and the device that a model computes with, as `spigot.load`, recipes and commands name them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

MixedPrecision = Literal["no", "bf16"]
"""float32, or bfloat16 for products and LSTMs."""


def check_device(device: torch.device | str) -> None:
    """Raise a ValueError unless torch has this device."""
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"expected cpu or another device that torch has, got {str(device)!r}: {reason}") from None


def computing(mixed_precision: MixedPrecision, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which models on a device compute with these numbers."""
    import torch

    return torch.autocast(device.type, torch.bfloat16) if mixed_precision == "bf16" else nullcontext()
