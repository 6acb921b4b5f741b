"""Scale the gradient that the end task sends into the intermediate parser."""

from __future__ import annotations

from torch import Tensor

from spigot.structured.parts.base import Parts, map_parts


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
