"""Checks of the settings of surrogates."""

from __future__ import annotations


def check_positive(name: str, value: float) -> None:
    """Raise a ValueError unless `value` is above 0."""
    if not value > 0:
        raise ValueError(f"{name}: expected a positive number, got {value!r}")


def check_max_norm(max_norm: float | None) -> None:
    """Raise a ValueError unless `max_norm` is None or positive."""
    if max_norm is not None and not max_norm > 0:
        raise ValueError(f"max_norm: expected None or a positive number, got {max_norm!r}")


def check_count(name: str, value: int) -> None:
    """Raise a ValueError unless `value` is a positive integer."""
    if not (isinstance(value, int) and value > 0):
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise a ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")
