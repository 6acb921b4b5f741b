"""The nearest point of a polytope that linear constraints describe: by Clarabel (Goulart and Chen 2024), then exact."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..runtime.arrays import mask_to_numpy, to_numpy
from ..runtime.operator import like_first, operator
from ..runtime.status import BAD_LENGTH, INFEASIBLE, OK, raise_for_status
from .constraints import NO_SOLUTION, SHARED, Constraints, Rows, candidates_of, solver


class Program(NamedTuple):
    """The quadratic program of a projection, all but the point."""

    constraints: Rows
    a: np.ndarray
    a_eq: np.ndarray
    quadratic: Any
    """The identity, as Clarabel takes it."""
    linear: Any
    """Equations, inequalities and the box: linear · z + slacks = right."""
    right: np.ndarray

    @classmethod
    def of(cls, constraints: Rows, size: int) -> Program:
        """Return the program of points with so many variables, all of them candidates."""
        sparse = solver("scipy.sparse")
        a, a_eq = np.split(constraints.dense(size), [constraints.below()])
        b, b_eq = np.split(constraints.bounds, [constraints.below()])
        box = np.eye(size)
        return cls(
            constraints,
            a,
            a_eq,
            sparse.identity(size, format="csc"),
            sparse.csc_matrix(np.vstack([a_eq, a, -box, box])),
            np.concatenate([b_eq, b, np.zeros(size), np.ones(size)]),
        )


def _solve(point: np.ndarray, program: Program) -> Any:
    """Return Clarabel's solution: the nearest point, slacks and multipliers; None if there is none."""
    clarabel = solver("clarabel")
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    equations = program.constraints.equations
    cones = [clarabel.ZeroConeT(equations), clarabel.NonnegativeConeT(len(program.right) - equations)]
    solution = clarabel.DefaultSolver(program.quadratic, -point, program.linear, program.right, cones, settings).solve()
    solved = clarabel.SolverStatus
    if solution.status in (solved.PrimalInfeasible, solved.AlmostPrimalInfeasible):
        return None
    if solution.status not in (solved.Solved, solved.AlmostSolved):
        raise RuntimeError(f"Clarabel found no nearest point: {solution.status}")
    return solution


def _nearest_on_face(point: np.ndarray, program: Program) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the nearest point, which variables are free and which inequalities are tight there."""
    solution = _solve(point, program)
    if solution is None:
        return None
    constraints, a, a_eq = program.constraints, program.a, program.a_eq
    b, b_eq = np.split(constraints.bounds, [constraints.below()])
    rough = np.clip(solution.x, 0.0, 1.0)
    # Slack and multiplier are complements: an inequality is tight if its multiplier is the larger one.
    tight = (np.array(solution.z) > np.array(solution.s))[len(b_eq) :]
    tight, at_zero, at_one = np.split(tight, [len(b), len(b) + len(point)])
    free = ~(at_zero | at_one)
    # On the face so found, the nearest point solves linear equations: exact, where the solver is good to 1e-8 or so.
    exact = np.where(free, point, at_one.astype(np.float64))
    rows, goal = np.vstack([a_eq, a[tight]]), np.concatenate([b_eq, b[tight]])
    exact[free] += np.linalg.lstsq(rows[:, free], goal - rows @ exact, rcond=None)[0]
    inside = (exact >= -1e-12).all() and (exact <= 1 + 1e-12).all() and constraints.kept_by(exact)
    near = np.linalg.norm(exact - point) <= (1 + 1e-9) * np.linalg.norm(rough - point) + 1e-6
    return (np.clip(exact, 0.0, 1.0) if inside and near else rough), free, tight


def _inside(rows: Rows, variables: np.ndarray, size: int) -> Rows:
    """Return the constraints on some variables, numbered anew; the others are 0."""
    number = np.full(max(size, 1 + int(rows.column.max(initial=-1))), -1)
    number[variables] = np.arange(len(variables))
    kept = number[rows.column] >= 0
    return rows._replace(row=rows.row[kept], column=number[rows.column[kept]], value=rows.value[kept])


def _project_rows(
    points: np.ndarray, valid: np.ndarray, used: np.ndarray, constraints: Constraints
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearest points, and their faces.

    Args:
        points: `[batch, variable]`; NaN or +inf at a candidate makes its row NaN.
        valid: bool, shaped like `points`: which variables are candidates.
        used: the rows to project.
        constraints: on these variables, and on others that are 0.

    Returns:
        The points, which of their variables are free, which inequalities are tight, and whether there is a point at all
        (bool, `[batch]`).
    """
    inequalities = constraints.bounds.shape[1] - constraints.equations
    out, free = np.zeros(points.shape), np.zeros(points.shape, dtype=np.bool_)
    tight, found = np.zeros((len(points), inequalities), dtype=np.bool_), np.ones(len(points), dtype=np.bool_)
    shared = constraints.of_row(0) if constraints.owners is None else None
    before, program = np.empty(0, dtype=np.int64), None
    for row in used:
        values, inside = points[row], np.flatnonzero(valid[row])
        # Rows with the same constraints on the same variables have the same program.
        if program is None or shared is None or not np.array_equal(inside, before):
            rows = _inside(constraints.of_row(row) if shared is None else shared, inside, len(values))
            before, program = inside, Program.of(rows, len(inside))
        if inside.size == 0:
            found[row] = program.constraints.kept_by(values[inside])
        elif not np.isfinite(values[inside]).all():
            out[row, inside] = np.nan
        else:
            solution = _nearest_on_face(values[inside], program)
            found[row] = solution is not None
            if solution is not None:
                out[row, inside], free[row, inside], tight[row] = solution
    return out, free, tight, found


def _fake_projection(
    point: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    starts: Tensor,
    columns: Tensor,
    values: Tensor,
    bounds: Tensor,
    owners: Tensor | None,
    equations: int,
) -> tuple[Tensor, Tensor, Tensor]:
    rows = point.new_empty((point.size(0), bounds.size(1) - equations), dtype=torch.bool)
    return like_first(point), torch.empty_like(point, dtype=torch.bool), rows


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(*output[1:])
    ctx.equations = inputs[8]
    ctx.save_for_backward(*inputs[3:8], *output[1:])


def _backward(ctx: Any, grad: Tensor, *others: Tensor) -> tuple[Tensor | None, ...]:
    arguments: list[Any] = [grad, *ctx.saved_tensors]
    arguments.insert(6, ctx.equations)
    return project_onto_face(*arguments), *[None] * 8


@operator(
    fake=_fake_projection,
    backward=_backward,
    save=_save,
    jvp="symmetric",
    shared=SHARED,
)
def project_onto_constraints(
    point: Tensor,
    lengths: Tensor,
    mask: Tensor | None,
    starts: Tensor,
    columns: Tensor,
    values: Tensor,
    bounds: Tensor,
    owners: Tensor | None,
    equations: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the nearest points, and their faces: which variables are free, which inequalities tight.

    Rows are solved one after another: the solver lets no other thread run. A CUDA tensor goes to the CPU and back:
    there is no GPU kernel. The matrix of one row at a time is held densely.

    The arguments are those of `linear_program_argmax`.
    """
    points, sizes = to_numpy(point.double()), to_numpy(lengths)
    candidates = mask_to_numpy(mask, 2)
    constraints = Constraints.of(starts, columns, values, bounds, owners, equations)
    status = np.where((sizes >= 0) & (sizes <= points.shape[1]), OK, BAD_LENGTH)
    used = np.flatnonzero((status == OK) & (sizes > 0))
    valid = np.zeros(points.shape, dtype=np.bool_)
    for row in used:
        valid[row] = candidates_of(points[row], sizes[row], candidates[row if candidates.size else 0])
    out, free, tight, found = _project_rows(points, valid, used, constraints)
    status[~found] = INFEASIBLE
    raise_for_status(status, "point", NO_SOLUTION, lengths)
    return (
        torch.from_numpy(out).to(point),
        torch.from_numpy(free).to(point.device),
        torch.from_numpy(tight).to(point.device),
    )


def _save_face(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.equations = inputs[6]
    ctx.save_for_backward(*inputs[1:6], *inputs[7:])


def _backward_of_face(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    # Linear and symmetric.
    arguments: list[Any] = [grad, *ctx.saved_tensors]
    arguments.insert(6, ctx.equations)
    return project_onto_face(*arguments), *[None] * 8


@operator(fake=like_first, backward=_backward_of_face, save=_save_face, jvp="symmetric", shared=SHARED)
def project_onto_face(
    grad: Tensor,
    starts: Tensor,
    columns: Tensor,
    values: Tensor,
    bounds: Tensor,
    owners: Tensor | None,
    equations: int,
    free: Tensor,
    tight: Tensor,
) -> Tensor:
    """Return the gradients along the faces that `project_onto_constraints` found: its derivative, a symmetric one."""
    directions, free_rows, tight_rows = to_numpy(grad.double()), to_numpy(free), to_numpy(tight)
    constraints = Constraints.of(starts, columns, values, bounds, owners, equations)
    out, shared = np.zeros(directions.shape), constraints.of_row(0) if owners is None else None
    for row, direction in enumerate(directions):
        inside = np.flatnonzero(free_rows[row])
        own = _inside(constraints.of_row(row) if shared is None else shared, inside, len(direction))
        kept = np.concatenate([tight_rows[row], np.ones(equations, dtype=np.bool_)])
        rows, along = own.dense(len(inside))[kept], direction[inside]
        out[row, inside] = along - np.linalg.lstsq(rows, rows @ along, rcond=None)[0]
    return torch.from_numpy(out).to(grad)
