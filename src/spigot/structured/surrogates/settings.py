"""Checks of the settings of surrogates."""

from __future__ import annotations

import math

from torch import Tensor

from ..checks import check_flag, check_number
from ..differentiation import is_traced


def check_positive(name: str, value: float | Tensor, learnt: bool = False) -> None:
    """Raise a ValueError unless `value` is above 0, and a TypeError unless it is a number; see `check_number`."""
    check_number(name, value, learnt)
    if isinstance(value, Tensor) and value.is_meta:
        return  # its number is loaded later
    if not 0 < value < math.inf:
        got = value.item() if isinstance(value, Tensor) else value
        raise ValueError(f"{name}: expected a positive number, got {got!r}")


def check_temperature(temperature: float | Tensor) -> None:
    """Raise a ValueError unless `temperature` is one positive number."""
    check_positive("temperature", temperature, learnt=True)


def of_now(temperature: float | Tensor) -> float | Tensor:
    """Return a temperature, which was checked when it was set and may have been learnt since, checked again."""
    # On another device it is not fetched to be looked at.
    if isinstance(temperature, Tensor) and temperature.is_cpu and not is_traced():
        check_temperature(temperature)
    return temperature


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


def check_count(name: str, value: int) -> None:
    """Raise a ValueError unless `value` is a positive integer."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise a ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")
