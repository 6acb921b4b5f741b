"""Linear programs over 0/1 variables: the solution with the highest score, by HiGHS (Huangfu and Hall 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..runtime.arrays import mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from ..runtime.status import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from .constraints import NO_SOLUTION, SHARED, TOLERANCE, Constraints, Rows, candidates_of, solver
from .cuts import Cuts, cuts_of, violated


def _program(rows: Rows, variables: int) -> Any:
    """Return a solver that holds the constraints; costs and bounds are set for each row."""
    highspy = solver("highspy")
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = len(rows.bounds), variables
    model.col_cost_, model.col_lower_, model.col_upper_ = np.zeros((3, variables))
    model.row_lower_ = np.where(np.arange(len(rows.bounds)) < rows.below(), -np.inf, rows.bounds)
    model.row_upper_ = rows.bounds
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.searchsorted(rows.row, np.arange(len(rows.bounds) + 1))
    model.a_matrix_.index_, model.a_matrix_.value_ = rows.column, rows.value
    model.sense_ = highspy.ObjSense.kMaximize
    program = highspy.Highs()
    program.silent()
    settings = {
        "threads": 1,
        "parallel": "off",
        "mip_rel_gap": 0.0,
        "mip_abs_gap": 0.0,
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
        "mip_feasibility_tolerance": 1e-9,
    }
    for name, value in settings.items():
        program.setOptionValue(name, value)
    program.passModel(model)
    return program


def _maximize(program: Any, scores: np.ndarray, candidates: np.ndarray, whole: np.ndarray) -> np.ndarray | None:
    """Return the solution with the highest score, or None if there is none. `whole`: which variables are 0 or 1."""
    highspy = solver("highspy")
    columns = np.arange(len(scores), dtype=np.int32)
    kinds = np.where(whole, highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous)
    # A row must not depend on where the search for the one before ended.
    program.clearSolver()
    program.changeColsIntegrality(len(columns), columns, kinds)
    program.changeColsBounds(len(columns), columns, np.zeros(len(columns)), candidates)
    program.changeColsCost(len(columns), columns, scores)
    program.run()
    status = program.getModelStatus()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return None
    if status != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"HiGHS found no optimum of a linear program: {program.modelStatusToString(status)}")
    return np.array(program.getSolution().col_value)


def _rounded(solution: np.ndarray, candidates: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.abs(np.where(whole, solution.round(), solution.clip(0.0, candidates)))  # no -0


def _solve(
    program: Any, rows: Rows, cuts: Cuts | None, scores: np.ndarray, candidates: np.ndarray, whole: np.ndarray
) -> np.ndarray | None:
    """Return the best solution of one row, or None if there is none. The program keeps the cuts."""
    while True:
        # Many programs have 0/1 vertices, and then the relaxed problem, many times faster, is enough.
        best = _maximize(program, scores, candidates, np.zeros_like(whole))
        if best is not None:
            exact = _rounded(best, candidates, whole)
            # What is near a whole number may be needed as it is, under a large coefficient.
            if (np.abs(best - exact)[whole] > TOLERANCE).any() or not rows.kept_by(exact):
                best = _maximize(program, scores, candidates, whole)
        if best is None:
            return None
        best = _rounded(best, candidates, whole)
        if not rows.kept_by(best):
            raise RuntimeError("HiGHS found an optimum of a linear program that is no solution once rounded")
        added = violated(cuts, best)
        if added is None:
            return best
        for row, bound in zip(*added, strict=True):
            columns = np.flatnonzero(row)
            program.addRow(-np.inf, bound, len(columns), columns.astype(np.int32), row[columns])


def _argmax(
    start: int,
    stop: int,
    scores: np.ndarray,
    lengths: np.ndarray,
    mask: np.ndarray,
    constraints: Constraints,
    whole: np.ndarray,
    cuts: Cuts | None,
    out: np.ndarray,
    status: np.ndarray,
) -> None:
    program, variables = None, len(whole)
    for b in range(start, stop):
        if not 0 <= lengths[b] <= scores.shape[1]:
            status[b] = BAD_LENGTH
            continue
        valid = np.flatnonzero(candidates_of(scores[b], lengths[b], mask[b if mask.size else 0]))
        if not (scores[b, valid] < np.inf).all():
            status[b] = NOT_A_NUMBER
            continue
        if lengths[b] == 0:
            continue
        # A row may have fewer variables than the program: the others are 0.
        values, candidates = np.zeros(variables), np.zeros(variables)
        values[valid], candidates[valid] = scores[b, valid], 1.0
        # Tolerances are absolute. A power of two rounds nothing.
        values = np.ldexp(values, -np.frexp(np.abs(values).max())[1])
        if program is None or constraints.owners is not None or cuts is not None:
            rows = constraints.of_row(b)
            program = _program(rows, variables)
        best = _solve(program, rows, cuts, values, candidates, whole)
        if best is None:
            status[b] = INFEASIBLE
            continue
        out[b] = best[: scores.shape[1]]


@operator(fake=like_first, shared=(*SHARED, "whole"))
def linear_program_argmax(
    scores: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    starts: Tensor,
    columns: Tensor,
    values: Tensor,
    bounds: Tensor,
    owners: Tensor | None,
    equations: int,
    whole: Tensor,
    cuts: str,
) -> Tensor:
    """Return the solution with the highest score of each row, shaped like `scores`.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel.

    Args:
        scores: float32 or float64, `[batch, variable]`; computed in float64.
        lengths: int64, `[batch]`: how many variables are in use.
        mask: bool, shaped like `scores`; True = candidate.
        starts: int64; see `constraints.py` for this and the next five.
        columns: int64.
        values: float64.
        bounds: float64, `[set, constraint]`.
        owners: int64, `[batch]`.
        equations: how many constraints are equations.
        whole: bool, `[variable]`: which variables are 0 or 1, and nothing between.
        cuts: the name of a function; see `cuts.py`.
    """
    out = np.zeros(scores.shape)
    status = np.full(scores.size(0), OK)
    constraints = Constraints.of(starts, columns, values, bounds, owners, equations)
    candidates = mask_to_numpy(mask, 2)
    given = to_numpy(scores.double()), to_numpy(lengths), candidates
    over_batch(_argmax, scores.size(0), *given, constraints, to_numpy(whole), cuts_of(cuts), out, status)
    raise_for_status(status, "scores", NO_SOLUTION, lengths)
    return torch.from_numpy(out).to(scores)
