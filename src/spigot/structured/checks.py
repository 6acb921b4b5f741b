"""What every structure and polytope asks of its arguments, and the errors when it does not get it.

Shapes and types are checked here, before any kernel runs. Values are checked by the kernels, which read every
candidate cell anyway: they report one status for each row, and `raise_for_status` turns it into an error.
"""

from __future__ import annotations

from typing import overload

import numpy as np
import torch
from torch import Tensor

OK, BAD_LENGTH, NOT_A_NUMBER, INFEASIBLE = 0, 1, 2, 3
"""What a kernel may report about a row."""


def widen(scores: Tensor) -> Tensor:
    """Return `scores` in the precision that they are computed in: float64 as it is, all others as float32."""
    # `float` would return the same tensor, but not at once.
    return scores if scores.dtype in (torch.float32, torch.float64) else scores.float()


def narrow(result: Tensor, scores: Tensor) -> Tensor:
    """Return what was computed from `widen(scores)` in the precision of `scores`."""
    return result if result.dtype is scores.dtype else result.to(scores.dtype)


def constant(scores: Tensor) -> Tensor:
    """Return `scores` without their place in autograd."""
    return scores.detach() if scores.requires_grad else scores


@overload
def lengths_or_none(values: Tensor, lengths: Tensor) -> Tensor: ...
@overload
def lengths_or_none(values: Tensor, lengths: None) -> None: ...
def lengths_or_none(values: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Return `lengths`, if there are any, as int64 on the device of `values`."""
    return None if lengths is None else lengths.to(device=values.device, dtype=torch.int64)


def check_arguments(
    name: str, values: Tensor, shape: str, lengths: Tensor | None = None, mask: Tensor | None = None
) -> None:
    """Check the types and shapes of one call.

    Args:
        name: what the caller calls `values`, for the message.
        values: the scores, or the point to project.
        shape: the axes of `values`, such as "batch head modifier". If a head and a modifier are among them, the two
            have the same size.
        lengths: integers, `[batch]`.
        mask: bool, shaped like `values`.

    Raises:
        TypeError: a tensor of the wrong dtype.
        ValueError: a tensor of the wrong shape.
    """
    axes = shape.split()
    if not isinstance(values, Tensor) or not values.is_floating_point():
        raise TypeError(f"{name}: expected a floating-point tensor, got {_kind(values)}")
    if values.dim() != len(axes):
        raise ValueError(f"{name}: expected shape [{', '.join(axes)}], got {list(values.shape)}")
    if "head" in axes and values.size(axes.index("head")) != values.size(axes.index("modifier")):
        raise ValueError(f"{name}: expected as many heads as modifiers, ROOT included, got {list(values.shape)}")
    if "head" in axes and values.size(axes.index("head")) == 0:
        raise ValueError(f"{name}: expected at least the node ROOT, got {list(values.shape)}")
    if lengths is not None:
        if lengths.dtype not in (torch.int64, torch.int32):
            raise TypeError(f"lengths: expected integers, got {lengths.dtype}")
        if lengths.shape != values.shape[:1]:
            raise ValueError(f"lengths: expected shape [{values.size(0)}], got {list(lengths.shape)}")
    if mask is not None:
        if mask.dtype is not torch.bool:
            raise TypeError(f"mask: expected bool, got {mask.dtype}")
        if mask.shape != values.shape:
            raise ValueError(f"mask: expected the shape of {name}, {list(values.shape)}, got {list(mask.shape)}")


def lengths_or_full(values: Tensor, lengths: Tensor | None, full: int) -> Tensor:
    """Return `lengths` as int64 on the device of `values`; None means that every row is `full` long."""
    if lengths is None:
        return torch.full((values.size(0),), full, dtype=torch.int64, device=values.device)
    return lengths_or_none(values, lengths)


def refuse_rows(bad: Tensor, message: str) -> None:
    """Raise a ValueError with `message` that names the first row where `bad` (bool, `[batch]`) is True.

    Left out under `torch.compile`, which has no place for errors that depend on values.
    """
    if not torch.compiler.is_compiling() and bool(bad.any()):
        raise ValueError(f"{message} (row {int(bad.nonzero()[0])} of the batch, counting from 0)")


def raise_for_status(status: np.ndarray, name: str, infeasible: str) -> None:
    """Raise a ValueError for the first row on which a kernel gave up.

    Args:
        status: one of `OK`, `BAD_LENGTH`, `NOT_A_NUMBER`, `INFEASIBLE` for each row.
        name: what the caller calls the scores.
        infeasible: what does not exist, such as "no projective tree".
    """
    if not np.count_nonzero(status):  # several times faster than `any`
        return
    row = int(np.flatnonzero(status)[0])
    reason = {
        BAD_LENGTH: f"lengths: out of range for the shape of {name}",
        NOT_A_NUMBER: f"{name}: NaN or +inf in a candidate cell",
        INFEASIBLE: f"{name}: {infeasible} over the candidates that mask and -inf scores leave",
    }[int(status[row])]
    raise ValueError(f"{reason} (row {row} of the batch, counting from 0)")


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
