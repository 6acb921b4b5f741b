"""The launch of programs."""

from __future__ import annotations

from typing import Any

import torch

OPTIONS: dict[str, Any] = {"num_stages": 1, "enable_fp_fusion": False}
"""No loads ahead of the barrier that they must wait for; the same rounding as on the CPU."""


def tile(nodes: int, dtype: torch.dtype) -> tuple[int, int, int]:
    """Return how many spans and how many lanes of each a program processes at once, and its number of warps.

    Large sentences have large tiles, since few sentences run in parallel; tiles of float64 must fit into the registers.
    """
    if nodes <= 16:
        return 16, 16, 2
    if dtype is torch.float64:
        return 16, 32, 8
    return (16, 32, 4) if nodes <= 64 else (32, 32, 8)
