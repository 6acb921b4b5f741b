"""What a kernel reports about each row, and the error that it becomes.

Kernels read every candidate cell anyway, so they check values: they write one status for each row, and
`raise_for_status` turns it into an error.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .refusal import RowsError

OK, BAD_LENGTH, NOT_A_NUMBER, INFEASIBLE = 0, 1, 2, 3
"""What a kernel may report about a row."""


def raise_for_status(status: np.ndarray, name: str, infeasible: str, lengths: Tensor | None) -> None:
    """Raise a `RowsError` if there are rows on which a kernel gave up.

    Args:
        status: one of `OK`, `BAD_LENGTH`, `NOT_A_NUMBER`, `INFEASIBLE` for each row.
        name: what the caller calls the scores.
        infeasible: what does not exist, such as "no projective tree".
        lengths: those of the rows, one or several each; None: all are full.
    """
    if not np.count_nonzero(status):  # several times faster than `any`
        return
    rows = np.flatnonzero(status).tolist()
    got = None if lengths is None else lengths[rows[0]].tolist()
    reason = {
        BAD_LENGTH: f"lengths: out of range for the shape of {name}, got {got}"
        " (ROOT, where there is one, does not count)",
        NOT_A_NUMBER: f"{name}: NaN or +inf in a candidate cell",
        INFEASIBLE: f"{name}: {infeasible} over the candidates that mask and -inf scores leave",
    }[int(status[rows[0]])]
    raise RowsError(reason, rows)
