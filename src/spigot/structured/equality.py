"""Equality of objects that hold tensors: `==` of tensors is no truth value, and their hash is not that of their values.

A class whose settings may be tensors takes both functions:

    __eq__, __hash__ = equal_settings, hash_settings
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def equal_settings(own: object, other: object) -> bool:
    """Return whether two objects are of one class, with equal settings.

    Tensors are equal if their shapes, types, devices and values are, whether or not they need a gradient.
    """
    if type(own) is not type(other):
        return NotImplemented
    settings, others = vars(own), vars(other)
    return settings.keys() == others.keys() and all(_equal(value, others[name]) for name, value in settings.items())


def hash_settings(own: object) -> int:
    """Return a hash that equal settings share. That of a tensor is the same when its values change, as they may."""
    return hash((type(own), *(_fixed(value) for _, value in sorted(vars(own).items()))))


def _equal(own: Any, other: Any) -> bool:
    if isinstance(own, Tensor) or isinstance(other, Tensor):
        return isinstance(own, Tensor) and isinstance(other, Tensor) and _same(own, other)
    if isinstance(own, tuple):
        return type(own) is type(other) and len(own) == len(other) and all(map(_equal, own, other))
    return bool(own == other)


def _same(own: Tensor, other: Tensor) -> bool:
    alike = (own.shape, own.dtype, own.device) == (other.shape, other.dtype, other.device)
    return alike and torch.equal(own, other)


def _fixed(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.shape, value.dtype
    return tuple(map(_fixed, value)) if isinstance(value, tuple) else value
