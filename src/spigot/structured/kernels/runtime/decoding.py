"""The common part of the operators that find one best 0/1 matrix for each row of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from .arrays import lengths_to_numpy, like_scores, mask_to_numpy, to_numpy
from .parallel import over_batch
from .status import raise_for_status


def decode(
    kernel: Callable[..., None],
    scores: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    *settings: Any,
    full: int | tuple[int, int],
    work: float,
    name: str,
    infeasible: str,
) -> Tensor:
    """Return what `kernel` finds, shaped like `scores`.

    Args:
        kernel: `(start, stop, scores, lengths, mask, *settings, out, status)`, which sets cells of `out` to 1.
        scores: float32 or float64, `[batch, row, column]`.
        lengths: int64, `[batch]` or, with two for each row, `[batch, 2]`; None: all are `full`.
        mask: bool, shaped like `scores`; None: all may be chosen.
        settings: what else the kernel takes.
        full: the length of a row without padding.
        work: see `over_batch`.
        name: what the caller calls `scores`, for errors.
        infeasible: the message for a row without a solution, such as "no projective tree".
    """
    values = to_numpy(scores)
    batch = len(values)
    out = np.zeros(values.shape, values.dtype)
    status = np.zeros(batch, np.int64)
    sizes = lengths_to_numpy(lengths, batch, full)
    over_batch(kernel, batch, values, sizes, mask_to_numpy(mask), *settings, out, status, work=work)
    raise_for_status(status, name, infeasible, lengths)
    return like_scores(out, scores)
