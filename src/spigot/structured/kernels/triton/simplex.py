"""Projection onto the simplex of each column of a batch of matrices, on a GPU: twin of `kernels/simplex/columns.py`.

A program holds some columns as a whole and runs Michelot's algorithm (1986) on all of them, in the precision of the
point, until none changes.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..runtime.status import BAD_LENGTH, INFEASIBLE, OK, raise_for_status
from ..simplex.columns import project_columns_by_sorting
from .launch import OPTIONS

_OK, _BAD_LENGTH, _INFEASIBLE = map(tl.constexpr, (OK, BAD_LENGTH, INFEASIBLE))
MOST_ROWS = 16384
"""Longer columns do not fit into the registers of a program."""


@triton.jit(do_not_specialize=["rows"])
def _project_columns(  # type: ignore[no-untyped-def]
    point, lengths, mask, out, status, rows, columns,
    HAS_MASK: tl.constexpr, ARCS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    b = tl.program_id(0).to(tl.int64)
    row = tl.arange(0, ROWS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    length = tl.load(lengths + b)
    if ARCS:  # nodes 0 .. length are real, and each but ROOT chooses among the others
        proper = (length >= 0) & (length < rows)
        end = tl.where(proper, length + 1, 0)
        real = (column > 0) & (column < end)
    else:
        proper = (length >= 0) & (length <= rows)
        end = tl.where(proper, length, 0)
        real = column < tl.where(end > 0, columns, 0)
    valid = (row < end)[:, None] & real[None, :]
    if ARCS:
        valid = valid & (row[:, None] != column[None, :])
    cell = b * rows * columns + row[:, None] * columns + column[None, :]
    if HAS_MASK:
        valid = valid & (tl.load(mask + cell, valid, 0) != 0)
    value = tl.load(point + cell, valid, -float("inf"))
    valid = valid & (value != -float("inf"))
    # The comparison is False for NaN.
    broken = tl.max((valid & ~(value < float("inf"))).to(tl.int32), 0) > 0
    missing = real & (tl.max(valid.to(tl.int32), 0) == 0)
    # A column without candidates, or with NaN or +inf, is replaced by a harmless one.
    solvable = (tl.max(valid.to(tl.int32), 0) > 0) & ~broken
    value = tl.where(solvable[None, :], value, tl.where(row == 0, 0.0, -float("inf"))[:, None])
    value -= tl.max(value, 0)[None, :]
    # No other value can stay positive.
    support = value > -1.0
    left = tl.sum(support.to(tl.int32), 0)
    tau = tl.full([COLUMNS], 0.0, point.dtype.element_ty)
    changed = 1
    while changed > 0:
        tau = (tl.sum(tl.where(support, value, 0.0), 0) - 1.0) / left
        support = support & (value > tau[None, :])
        kept = tl.sum(support.to(tl.int32), 0)
        changed = tl.sum(left - kept, 0)
        left = kept
    projected = tl.maximum(value - tau[None, :], 0.0)
    projected = tl.where(valid & broken[None, :], float("nan"), tl.where(valid, projected, 0.0))
    tl.store(out + cell, projected, (row < rows)[:, None] & (column < columns)[None, :])
    tl.store(status + b, _INFEASIBLE, tl.max(missing.to(tl.int32), 0) > 0)
    tl.store(status + b, _BAD_LENGTH, (tl.program_id(1) == 0) & ~proper)


def project_columns(point: Tensor, lengths: Tensor, mask: Tensor | None, arcs: bool) -> Tensor:
    """Do what the CPU's `project_columns` does, in the precision of `point`.

    The call waits for the GPU once, at its end, to learn whether there is a sentence to refuse.
    """
    batch, rows, columns = point.shape
    if point.numel() == 0 or rows > MOST_ROWS:
        return project_columns_by_sorting(point, lengths, mask, arcs)
    out = torch.empty_like(point, memory_format=torch.contiguous_format)
    status = torch.full((batch,), OK, dtype=torch.int32, device=point.device)
    values, sizes = point.contiguous(), lengths.contiguous()
    candidates = values if mask is None else mask.contiguous()
    height = triton.next_power_of_2(rows)
    width = max(1, min(triton.next_power_of_2(columns), 2048 // height, 32))
    with torch.cuda.device_of(values):
        _project_columns[batch, triton.cdiv(columns, width)](
            values, sizes, candidates, out, status, rows, columns,
            HAS_MASK=mask is not None, ARCS=arcs, ROWS=height, COLUMNS=width,
            num_warps=max(1, min(16, height * width // 512)), **OPTIONS,
        )  # fmt: skip
    raise_for_status(status.cpu().numpy(), "point", "a simplex with no dimension", lengths)
    return out
