"""What a method of a structure, a polytope or a surrogate has to return, and the errors when it does not.

Anybody may write such a class. A result of another shape would be broadcast, and one that autograd does not track would
have a gradient of 0: both in silence.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .checks import kind_of
from .differentiation import is_traced
from .parts.base import AnyParts, Parts, tensors


def returned(owner: object, method: str, result: Parts, like: AnyParts, dtype: torch.dtype | None = None) -> Parts:
    """Return `result`, checked to have the form, the shapes and the device of `like`.

    Args:
        owner: whose method it was, or the name of its class.
        method: the name of the method.
        result: what the method returned.
        like: the scores, or the point to project.
        dtype: of the result; None: floating-point.

    Raises:
        TypeError: another form, or a wrong dtype.
        ValueError: another shape, or another device.
    """
    form: type = Tensor if isinstance(like, Tensor) else type(like)
    if not isinstance(result, form):
        raise TypeError(f"{_name(owner, method)}: expected {form.__name__}, got {kind_of(result)}")
    for part, own in zip(tensors(result), tensors(like), strict=True):
        if not isinstance(part, Tensor) or not (part.dtype is dtype if dtype else part.is_floating_point()):
            expected = "a floating-point tensor" if dtype is None else dtype
            raise TypeError(f"{_name(owner, method)}: expected {expected}, got {kind_of(part)}")
        if part.shape != own.shape:
            raise ValueError(f"{_name(owner, method)}: expected shape {list(own.shape)}, got {list(part.shape)}")
        if part.device != own.device:
            raise ValueError(f"{_name(owner, method)}: expected a tensor on {own.device}, got one on {part.device}")
    return result


def differentiable(owner: object, method: str, result: Parts, source: AnyParts) -> Parts:
    """Return `result`, checked to be tracked by autograd if `source`, which it is computed from, is tracked.

    Raises:
        TypeError: it is not: its derivative would be 0.
    """
    if not is_traced() and torch.is_grad_enabled() and _any_tracked(source) and not _any_tracked(result):
        raise TypeError(
            f"{_name(owner, method)}: expected a differentiable result, got one that autograd does not track"
        )
    return result


def versions(*given: AnyParts) -> tuple[int, ...]:
    """Return how often each tensor was changed in place; nothing where that is not counted."""
    flat = () if is_traced() else tuple(part for parts in given for part in tensors(parts))
    return () if any(part.is_inference() for part in flat) else tuple(part._version for part in flat)


def check_unchanged(owner: object, method: str, before: tuple[int, ...], *given: AnyParts) -> None:
    """Raise a RuntimeError if what a method was given is not as it was when `versions` returned `before`.

    These are the tensors of the network.
    """
    if before and versions(*given) != before:
        got = "got some that it changed in place (clone them before)"
        raise RuntimeError(f"{_name(owner, method)}: expected scores and output as they were, {got}")


def part_mask_of(structure: Any, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
    """Return `structure.part_mask`, checked: bool, shaped like the scores."""
    return returned(structure, "part_mask", structure.part_mask(scores, lengths, mask), scores, torch.bool)


def argmax_of(structure: Any, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
    """Return `structure.argmax`, checked: shaped like the scores."""
    return returned(structure, "argmax", structure.argmax(scores, lengths, mask), scores)


def sample_of(
    structure: Any, scores: Parts, seeds: Tensor, lengths: Tensor | None = None, mask: Parts | None = None
) -> Parts:
    """Return `structure.sample_seeded`, checked: shaped like the scores."""
    return returned(structure, "sample_seeded", structure.sample_seeded(scores, seeds, lengths, mask), scores)


def log_partition_of(structure: Any, scores: AnyParts, lengths: Tensor | None, mask: AnyParts | None) -> Tensor:
    """Return `structure.log_partition`, checked: one number for each row, differentiable."""
    first = tensors(scores)[0]
    total = structure.log_partition(scores, lengths, mask)
    returned(structure, "log_partition", total, first.new_empty(first.size(0)))
    return differentiable(structure, "log_partition", total, scores)


def marginals_of(structure: Any, scores: Parts, lengths: Tensor | None, mask: Parts | None) -> Parts:
    """Return `structure.marginals`, checked: shaped like the scores, differentiable."""
    marginals = returned(structure, "marginals", structure.marginals(scores, lengths, mask), scores)
    return differentiable(structure, "marginals", marginals, scores)


def own_polytope(structure: Any, name: str) -> Any:
    """Return the polytope `structure.relaxation` or `structure.hull`, checked to be one."""
    polytope = getattr(structure, name)
    if isinstance(polytope, type) or not callable(getattr(polytope, "project", None)):
        raise TypeError(f"{_name(structure, name)}: expected a property, a Polytope, got {kind_of(polytope)}")
    return polytope


def _any_tracked(parts: AnyParts) -> bool:
    return any(part.requires_grad for part in tensors(parts))


def _name(owner: object, method: str) -> str:
    return f"{owner if isinstance(owner, str) else type(owner).__name__}.{method}"
