"""The nearest point of a polytope that linear constraints describe: by Clarabel (Goulart and Chen 2024), then exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...checks import BAD_LENGTH, INFEASIBLE, OK, raise_for_status
from ..runtime.arrays import mask_to_numpy, to_numpy
from ..runtime.operator import like_first, once_differentiable, operator
from ..runtime.parallel import over_batch
from . import constraints
from .constraints import NO_SOLUTION, candidates_of, project_rows, solver
from .processes import Processes

ENOUGH_WORK = 1e4
"""Rows times the square of their variables from which on it pays to hand them to other processes, as measured."""

_processes = Processes(constraints.__file__)


def _project(points: np.ndarray, valid: np.ndarray, constraints: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    """Return what `project_rows` does, by several processes if they pay."""
    if len(points) < 2 or points.size * points.shape[1] < ENOUGH_WORK or torch.get_num_threads() < 2:
        return project_rows(points, valid, *constraints)
    if not _processes.pay():
        with _processes.timed():
            return project_rows(points, valid, *constraints)
    solver("clarabel")  # if it is missing, that is said here
    parts: dict[int, tuple[np.ndarray, ...]] = {}

    def project(start: int, stop: int) -> None:
        arguments = points[start:stop], valid[start:stop], *constraints
        parts[start] = _processes.call(arguments) or project_rows(*arguments)

    over_batch(project, len(points))
    return tuple(np.concatenate(arrays) for arrays in zip(*(parts[start] for start in sorted(parts)), strict=True))


def _fake_projection(
    point: Tensor, lengths: Tensor, mask: Tensor | None, a: Tensor, b: Tensor, a_eq: Tensor, b_eq: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    rows = point.new_empty((point.size(0), a.size(0)), dtype=torch.bool)
    return like_first(point), torch.empty_like(point, dtype=torch.bool), rows


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(*output[1:])
    ctx.save_for_backward(inputs[3], inputs[5], *output[1:])


def _backward(ctx: Any, grad: Tensor, *others: Tensor) -> tuple[Tensor | None, ...]:
    return project_onto_face(grad, *ctx.saved_tensors), *[None] * 6


@operator(fake=_fake_projection, backward=_backward, save=_save)
def project_onto_constraints(
    point: Tensor, lengths: Tensor, mask: Tensor | None, a: Tensor, b: Tensor, a_eq: Tensor, b_eq: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the nearest points, and their faces: which variables are free, which inequalities tight.

    Rows are split over a few processes (see `processes.py`), since the solver does not let other threads run. A CUDA
    tensor goes to the CPU and back: there is no GPU kernel.

    The arguments are those of `linear_program_argmax`.
    """
    points, sizes = to_numpy(point.double()), to_numpy(lengths)
    candidates = mask_to_numpy(mask, 2)
    constraints = tuple(to_numpy(each) for each in (a, b, a_eq, b_eq))
    status = np.where((sizes >= 0) & (sizes <= points.shape[1]), OK, BAD_LENGTH)
    used = np.flatnonzero((status == OK) & (sizes > 0))
    valid = np.zeros(points.shape, dtype=np.bool_)
    for row in used:
        valid[row] = candidates_of(points[row], sizes[row], candidates[row if candidates.size else 0])
    out, free = np.zeros(points.shape), np.zeros(points.shape, dtype=np.bool_)
    tight = np.zeros((len(points), b.size(0)), dtype=np.bool_)
    if used.size > 0:
        out[used], free[used], tight[used], found = _project(points[used], valid[used], constraints)
        status[used[~found]] = INFEASIBLE
    raise_for_status(status, "point", NO_SOLUTION)
    return (
        torch.from_numpy(out).to(point),
        torch.from_numpy(free).to(point.device),
        torch.from_numpy(tight).to(point.device),
    )


@operator(fake=like_first, backward=once_differentiable)
def project_onto_face(grad: Tensor, a: Tensor, a_eq: Tensor, free: Tensor, tight: Tensor) -> Tensor:
    """Return the gradients along the faces that `project_onto_constraints` found: its derivative, a symmetric one."""
    values, free_rows, tight_rows = to_numpy(grad.double()), to_numpy(free), to_numpy(tight)
    left, left_eq = to_numpy(a), to_numpy(a_eq)
    out = np.zeros(values.shape)
    for row, direction in enumerate(values):
        inside = free_rows[row]
        rows = np.vstack([left_eq, left[tight_rows[row]]])[:, : inside.size][:, inside]
        along = direction[inside]
        out[row, inside] = along - np.linalg.lstsq(rows, rows @ along, rcond=None)[0]
    return torch.from_numpy(out).to(grad)
