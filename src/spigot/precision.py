"""The numbers that a model computes with, as `spigot.load`, recipes and commands name them."""

from __future__ import annotations

from typing import Literal

MixedPrecision = Literal["no", "bf16"]
"""float32, or bfloat16 for products and LSTMs."""
