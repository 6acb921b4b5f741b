"""What the two operators on 0/1 linear programs do without torch.

The set is {z : 0 <= z <= 1, A z <= b, Aeq z = beq}; variables that a row's `lengths` or `mask` rule out are 0. The
solvers are optional (`pip install 'torch-spigot[lp]'`) and imported when first needed.

This file is also a program (see `processes.py`), and imports nothing of its package, so that it starts fast.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from typing import Any

import numpy as np

NO_SOLUTION = "no solution of the linear constraints"
TOLERANCE = 1e-6
"""By how much, relative to the size of its terms, a solution may miss a constraint."""


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


def _solve(point: np.ndarray, a: np.ndarray, b: np.ndarray, a_eq: np.ndarray, b_eq: np.ndarray) -> Any:
    """Return Clarabel's solution: the nearest point, slacks and multipliers; None if there is none."""
    clarabel, sparse = solver("clarabel"), solver("scipy.sparse")
    size = len(point)
    box = np.vstack([-np.eye(size), np.eye(size)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    solution = clarabel.DefaultSolver(
        sparse.identity(size, format="csc"),
        -point,
        sparse.csc_matrix(np.vstack([a_eq, a, box])),
        np.concatenate([b_eq, b, np.zeros(size), np.ones(size)]),
        [clarabel.ZeroConeT(len(b_eq)), clarabel.NonnegativeConeT(len(b) + 2 * size)],
        settings,
    ).solve()
    solved = clarabel.SolverStatus
    if solution.status in (solved.PrimalInfeasible, solved.AlmostPrimalInfeasible):
        return None
    if solution.status not in (solved.Solved, solved.AlmostSolved):
        raise RuntimeError(f"Clarabel found no nearest point: {solution.status}")
    return solution


def _nearest_on_face(
    point: np.ndarray, a: np.ndarray, b: np.ndarray, a_eq: np.ndarray, b_eq: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the nearest point, which variables are free and which inequalities are tight there."""
    solution = _solve(point, a, b, a_eq, b_eq)
    if solution is None:
        return None
    rough = np.clip(solution.x, 0.0, 1.0)
    # Of slack and multiplier, complements, the larger one tells whether an inequality is tight.
    tight = (np.array(solution.z) > np.array(solution.s))[len(b_eq) :]
    tight, at_zero, at_one = np.split(tight, [len(b), len(b) + len(point)])
    free = ~(at_zero | at_one)
    # On the face so found, the nearest point solves linear equations: exact, where the solver is good to 1e-8 or so.
    exact = np.where(free, point, at_one.astype(np.float64))
    rows, goal = np.vstack([a_eq, a[tight]]), np.concatenate([b_eq, b[tight]])
    exact[free] += np.linalg.lstsq(rows[:, free], goal - rows @ exact, rcond=None)[0]
    inside = (exact >= -1e-12).all() and (exact <= 1 + 1e-12).all() and satisfies(exact, a, b, a_eq, b_eq)
    near = np.linalg.norm(exact - point) <= (1 + 1e-9) * np.linalg.norm(rough - point) + 1e-6
    return (np.clip(exact, 0.0, 1.0) if inside and near else rough), free, tight


def project_rows(
    points: np.ndarray, valid: np.ndarray, a: np.ndarray, b: np.ndarray, a_eq: np.ndarray, b_eq: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearest points, and their faces.

    Args:
        points: `[row, variable]`; NaN or +inf at a candidate makes its row NaN.
        valid: bool, shaped like `points`: which variables are candidates.
        a: `[constraint, variable]`; variables past the last column of `points` are 0.
        b: `[constraint]`.
        a_eq: `[equation, variable]`.
        b_eq: `[equation]`.

    Returns:
        The points, which of their variables are free, which inequalities are tight, and whether there is a point at all
        (bool, `[row]`).
    """
    out, free = np.zeros(points.shape), np.zeros(points.shape, dtype=np.bool_)
    tight, found = np.zeros((len(points), len(b)), dtype=np.bool_), np.ones(len(points), dtype=np.bool_)
    for row, values in enumerate(points):
        inside = np.flatnonzero(valid[row])
        constraints = a[:, inside], b, a_eq[:, inside], b_eq
        if inside.size == 0:
            found[row] = satisfies(values[inside], *constraints)
        elif not np.isfinite(values[inside]).all():
            out[row, inside] = np.nan
        else:
            solution = _nearest_on_face(values[inside], *constraints)
            found[row] = solution is not None
            if solution is not None:
                out[row, inside], free[row, inside], tight[row] = solution
    return out, free, tight, found


def serve() -> None:
    """Answer calls of `project_rows`, pickled on the standard input, until it ends."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that nothing that a library prints gets among them
    while True:
        try:
            arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: Any = project_rows(*arguments)
        except Exception as error:  # the caller's to handle: it is raised there
            answer = error
        pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()


if __name__ == "__main__":
    serve()
