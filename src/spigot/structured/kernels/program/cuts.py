"""Constraints that are too many to list: a function adds those that a solution violates.

The arguments of an operator are tensors, numbers and strings, so a table maps names to these functions; it keeps them
alive. Tracing by `torch.compile` enters a function once, and the compiled graph holds its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from .constraints import TOLERANCE

Cuts: TypeAlias = Callable[[Tensor], "tuple[Any, Any] | None"]
"""From a solution, float64, `[variable]`, to A and b of constraints that it violates; None: it violates none."""

_functions: dict[str, Cuts] = {}


def cuts_name(cuts: Cuts | None) -> str:
    """Return the name of a function, which it enters into the table; empty if there is none."""
    if cuts is None:
        return ""
    name = f"{getattr(cuts, '__qualname__', type(cuts).__name__)} at {id(cuts):x}"
    _functions[name] = cuts
    return name


# The effect of `torch.compiler.assume_constant_result`, without its import of the compiler.
cuts_name._dynamo_marked_constant = True  # type: ignore[attr-defined]


def violated(name: str, solution: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the constraints, `[cut, variable]` and `[cut]`, that the named function adds for a solution.

    Raises:
        ValueError: their shapes do not fit, or the solution keeps one of them, so that it would come back forever.
    """
    if not name:
        return None
    found = _functions[name](torch.from_numpy(solution.copy()))
    if found is None:
        return None
    rows, bounds = (torch.as_tensor(each, device="cpu").detach().double().numpy() for each in found)
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
