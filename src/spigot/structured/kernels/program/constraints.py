"""The set {z : 0 <= z <= 1, A z <= b, Aeq z = beq} of a linear program, and its optional solvers.

Variables that a row's `lengths` or `mask` rule out are 0. The solvers (`pip install 'torch-spigot[lp]'`) are imported
when first needed.

Operators take A above Aeq as one matrix in compressed rows (`starts`, `columns`, `values`), and b before beq as
`bounds[set, constraint]`, the last `equations` of which are equations. The matrix is that of all sets of constraints,
or those of the sets one after the other; the bounds, too, are for all sets or for each. `owners[batch]` says which set
each row of a batch has; None: all have the first.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..runtime.arrays import to_numpy

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


SHARED = ("starts", "columns", "values", "bounds")
"""Arguments of operators that all rows have in common."""


class Rows(NamedTuple):
    """The constraints of one row of a batch, as the entries of their matrix."""

    row: np.ndarray
    column: np.ndarray
    value: np.ndarray
    bounds: np.ndarray
    equations: int

    def below(self) -> int:
        """Return the number of inequalities, which come first."""
        return len(self.bounds) - self.equations

    def dense(self, variables: int) -> np.ndarray:
        """Return the matrix, `[constraint, variable]`."""
        cells = np.bincount(self.row * variables + self.column, self.value, len(self.bounds) * variables)
        return cells.reshape(len(self.bounds), variables)

    def kept_by(self, point: np.ndarray) -> bool:
        """Whether `point`, which is not negative, keeps the constraints."""
        terms = self.value * point[self.column]
        left, size = (np.bincount(self.row, each, len(self.bounds)) for each in (terms, np.abs(terms)))
        over = left - self.bounds
        over[self.below() :] = np.abs(over[self.below() :])
        return bool((over <= TOLERANCE * (1 + np.abs(self.bounds) + size)).all())


class Constraints(NamedTuple):
    """The constraints of a batch."""

    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    bounds: np.ndarray
    owners: np.ndarray | None
    equations: int

    @classmethod
    def of(
        cls, starts: Tensor, columns: Tensor, values: Tensor, bounds: Tensor, owners: Tensor | None, equations: int
    ) -> Constraints:
        """Return what an operator was given, as arrays."""
        own = None if owners is None else to_numpy(owners)
        return cls(to_numpy(starts), to_numpy(columns), to_numpy(values), to_numpy(bounds), own, equations)

    def of_row(self, b: int) -> Rows:
        """Return the constraints of row b of a batch."""
        count = self.bounds.shape[1]
        owner = 0 if self.owners is None else self.owners[b]
        first = owner * count if len(self.starts) - 1 > count else 0
        starts = self.starts[first : first + count + 1]
        entries = slice(starts[0], starts[-1])
        row = np.repeat(np.arange(count), np.diff(starts))
        bounds = self.bounds[owner if len(self.bounds) > 1 else 0]
        return Rows(row, self.columns[entries], self.values[entries], bounds, self.equations)
