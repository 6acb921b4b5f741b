"""The set {z : 0 <= z <= 1, A z <= b, Aeq z = beq} of a 0/1 linear program, and its optional solvers.

Variables that a row's `lengths` or `mask` rule out are 0. The solvers (`pip install 'torch-spigot[lp]'`) are imported
when first needed.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

NO_SOLUTION = "no solution of the linear constraints"
TOLERANCE = 1e-6
"""How far a solution may violate a constraint, relative to the size of the terms."""


def solver(name: str) -> Any:
    """Import one of the optional solvers."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"linear programs need {name}: pip install 'torch-spigot[lp]'") from error


def candidates_of(values: np.ndarray, length: int, mask: np.ndarray) -> np.ndarray:
    """Return which variables of one row are not ruled out (bool, `[variable]`)."""
    return (np.arange(values.size) < length) & (values != -np.inf) & (mask if mask.size else True)


def satisfies(point: np.ndarray, a: np.ndarray, b: np.ndarray, a_eq: np.ndarray, b_eq: np.ndarray) -> bool:
    """Whether `point`, which is not negative, keeps the constraints."""
    slack = TOLERANCE * (1 + np.abs(b) + np.abs(a) @ point)
    slack_eq = TOLERANCE * (1 + np.abs(b_eq) + np.abs(a_eq) @ point)
    return bool((a @ point <= b + slack).all() and (np.abs(a_eq @ point - b_eq) <= slack_eq).all())
