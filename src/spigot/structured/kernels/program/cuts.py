"""Constraints that are too many to list: a function adds those that a solution violates.

The arguments of an operator are tensors, numbers and strings, so a table maps names to these functions. Tracing by
`torch.compile` enters a function once; the compiled graph holds its name, and the table keeps it alive. That of a call
is forgotten after it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .constraints import TOLERANCE

Cuts: TypeAlias = Callable[[Tensor], "tuple[Any, Any] | None"]
"""From a solution, float64, `[variable]`, to A and b of constraints that it violates; None: it violates none."""

_functions: dict[str, Cuts] = {}
_calls = count()


def cuts_name(cuts: Cuts | None, traced: bool) -> str:
    """Return the name of a function, which it enters into the table; empty if there is none."""
    if cuts is None:
        return ""
    kind = getattr(cuts, "__qualname__", type(cuts).__name__)
    name = f"{kind} at {id(cuts):x}" if traced else f"call {next(_calls)}"
    _functions[name] = cuts
    return name


# The effect of `torch.compiler.assume_constant_result`, without its import of the compiler.
cuts_name._dynamo_marked_constant = True  # type: ignore[attr-defined]


def cuts_of(name: str) -> Cuts | None:
    """Return the function of a name."""
    return _functions[name] if name else None


def forget(name: str) -> None:
    """Take a function out of the table."""
    _functions.pop(name, None)


def violated(cuts: Cuts | None, solution: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the constraints, `[cut, variable]` and `[cut]`, that a function adds for a solution.

    Raises:
        TypeError: the function returns something else.
        ValueError: their shapes do not fit, or the solution keeps one of them, so that it would come back forever.
    """
    if cuts is None:
        return None
    found = cuts(torch.from_numpy(solution.copy()))
    if found is None:
        return None
    try:
        rows, bounds = (torch.as_tensor(each, device="cpu").detach().double().numpy() for each in found)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"cuts: expected None, or A and b, numbers both, got {found!r}") from None
    if rows.ndim != 2 or rows.shape[1] != len(solution) or bounds.shape != rows.shape[:1]:
        shapes = f"{list(rows.shape)} and {list(bounds.shape)}"
        raise ValueError(f"cuts: expected A and b of shapes [cut, {len(solution)}] and [cut], got {shapes}")
    if not len(rows):
        return None
    kept = rows @ solution <= bounds + TOLERANCE * (1 + np.abs(bounds))
    if kept.any():
        raise ValueError(
            f"cuts: expected constraints that the solution violates, got one that it keeps (cut {kept.argmax()})"
        )
    return rows, bounds
