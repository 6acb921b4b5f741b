"""Checks of settings: what a structure, a polytope, a surrogate or a loss is made with."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .differentiation import is_traced


def check_flag(name: str, value: object) -> None:
    """Raise a TypeError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}")


def check_number(name: str, value: object, learnt: bool = False) -> None:
    """Raise an error unless `value` is a real number that tensors are multiplied with, or a tensor of one.

    `learnt` says whether a tensor gets a gradient; one that asks for it in vain is refused.
    """
    if isinstance(value, Tensor):
        if value.dtype is torch.bool or value.is_complex():
            raise TypeError(f"{name}: expected a number, got {value.dtype}")
        if value.numel() != 1:
            raise ValueError(f"{name}: expected one number, got shape {list(value.shape)}")
        if value.requires_grad and not learnt:
            raise TypeError(f"{name}: expected a number without a gradient, got a tensor that requires one")
    elif not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise TypeError(f"{name}: expected a number, got {value!r}")


def check_integer(name: str, value: object) -> None:
    """Raise a TypeError unless `value` is an integer."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: expected an integer, got {value!r}")


def check_positive(name: str, value: float | Tensor, learnt: bool = False) -> None:
    """Raise a ValueError unless `value` is above 0, and a TypeError unless it is a number; see `check_number`."""
    check_number(name, value, learnt)
    if isinstance(value, Tensor) and value.is_meta:
        return  # its number is loaded later
    if not 0 < value < math.inf:
        got = value.item() if isinstance(value, Tensor) else value
        raise ValueError(f"{name}: expected a positive number, got {got!r}")


def check_count(name: str, value: int) -> None:
    """Raise a ValueError unless `value` is a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise a ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")


def check_max_norm(max_norm: float | None, normalize: bool = False) -> None:
    """Raise a ValueError unless `max_norm` is None or positive, and None if gradients are normalized."""
    check_flag("normalize", normalize)
    if normalize and max_norm is not None:
        raise ValueError(f"max_norm: expected None with normalize=True, got {max_norm!r}")
    if max_norm is None:
        return
    check_number("max_norm", max_norm)
    if not 0 < max_norm < math.inf:
        raise ValueError(f"max_norm: expected None or a positive number, got {max_norm!r}")


def check_temperature(temperature: float | Tensor) -> None:
    """Raise a ValueError unless `temperature` is one positive number."""
    check_positive("temperature", temperature, learnt=True)


def of_now(temperature: float | Tensor) -> float | Tensor:
    """Return a temperature, which was checked when it was set and may have been learnt since, checked again."""
    # On another device it is not fetched to be looked at.
    if isinstance(temperature, Tensor) and temperature.is_cpu and not is_traced():
        check_temperature(temperature)
    return temperature
