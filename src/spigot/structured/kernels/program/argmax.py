"""Linear programs over 0/1 variables: the solution with the highest score, by HiGHS (Huangfu and Hall 2018)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...checks import BAD_LENGTH, INFEASIBLE, NOT_A_NUMBER, OK, raise_for_status
from ..runtime.arrays import mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.parallel import over_batch
from .constraints import NO_SOLUTION, TOLERANCE, candidates_of, satisfies, solver


def _program(a: np.ndarray, b: np.ndarray, a_eq: np.ndarray, b_eq: np.ndarray) -> Any:
    """Return a solver that holds the constraints; costs and bounds are set for each row."""
    highspy = solver("highspy")
    rows = np.vstack([a, a_eq])
    row, column = np.nonzero(rows)
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = rows.shape
    model.col_cost_, model.col_lower_, model.col_upper_ = np.zeros((3, rows.shape[1]))
    model.row_lower_ = np.concatenate([np.full(len(b), -np.inf), b_eq])
    model.row_upper_ = np.concatenate([b, b_eq])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.searchsorted(row, np.arange(len(rows) + 1))
    model.a_matrix_.index_, model.a_matrix_.value_ = column, rows[row, column]
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


def _maximize(program: Any, scores: np.ndarray, candidates: np.ndarray, integer: bool) -> np.ndarray | None:
    """Return the solution with the highest score, or None if there is none."""
    highspy = solver("highspy")
    columns = np.arange(len(scores), dtype=np.int32)
    kind = highspy.HighsVarType.kInteger if integer else highspy.HighsVarType.kContinuous
    # A row must not depend on where the search for the one before ended.
    program.clearSolver()
    program.changeColsIntegrality(len(columns), columns, np.full(len(columns), kind))
    program.changeColsBounds(len(columns), columns, np.zeros(len(columns)), candidates)
    program.changeColsCost(len(columns), columns, scores)
    program.run()
    status = program.getModelStatus()
    if status in (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible):
        return None
    if status != highspy.HighsModelStatus.kOptimal:
        raise RuntimeError(f"HiGHS found no optimum of a linear program: {program.modelStatusToString(status)}")
    return np.array(program.getSolution().col_value)


def _argmax(
    start: int,
    stop: int,
    scores: np.ndarray,
    lengths: np.ndarray,
    mask: np.ndarray,
    constraints: tuple[np.ndarray, ...],
    out: np.ndarray,
    status: np.ndarray,
) -> None:
    program, variables = _program(*constraints), constraints[0].shape[1]
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
        # Many programs have 0/1 vertices, and then the relaxed problem, many times faster, is enough.
        best = _maximize(program, values, candidates, integer=False)
        if best is not None and (np.abs(best - best.round()) > TOLERANCE).any():
            best = _maximize(program, values, candidates, integer=True)
        if best is None:
            status[b] = INFEASIBLE
            continue
        best = np.abs(best.round())  # no -0
        if not satisfies(best, *constraints):
            raise RuntimeError("HiGHS found an optimum of a linear program that is no solution once rounded")
        out[b] = best[: scores.shape[1]]


@operator(fake=like_first, shared=("a", "b", "a_eq", "b_eq"))
def linear_program_argmax(
    scores: Tensor, lengths: Tensor, mask: Tensor | None, a: Tensor, b: Tensor, a_eq: Tensor, b_eq: Tensor
) -> Tensor:
    """Return the 0/1 solution with the highest score of each row, shaped like `scores`.

    A CUDA tensor goes to the CPU and back: there is no GPU kernel.

    Args:
        scores: float32 or float64, `[batch, variable]`; computed in float64.
        lengths: int64, `[batch]`: how many variables are in use.
        mask: bool, shaped like `scores`; True = candidate.
        a: float64, `[constraint, variable]`, as are the three others.
        b: `[constraint]`.
        a_eq: `[equation, variable]`.
        b_eq: `[equation]`.
    """
    out = np.zeros(scores.shape)
    status = np.full(scores.size(0), OK)
    constraints = tuple(to_numpy(each) for each in (a, b, a_eq, b_eq))
    candidates = mask_to_numpy(mask, 2)
    arguments = (to_numpy(scores.double()), to_numpy(lengths), candidates, constraints, out, status)
    over_batch(_argmax, scores.size(0), *arguments)
    raise_for_status(status, "scores", NO_SOLUTION)
    return torch.from_numpy(out).to(scores)
