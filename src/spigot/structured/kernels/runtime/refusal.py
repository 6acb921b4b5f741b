"""An error that depends on values, as an operator: so it is raised within the transforms of `torch.func`, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .operator import operator


class RowsError(ValueError):
    """An error in rows of a batch; the message names the first."""

    def __init__(self, reason: str, rows: Sequence[int]) -> None:
        super().__init__(f"{reason} (row {rows[0]} of the batch, counting from 0)")
        self.rows = rows
        """All such rows."""


def _fake(bad: Tensor, message: str) -> Tensor:
    return torch.empty_like(bad)


@operator(fake=_fake)
def refuse(bad: Tensor, message: str) -> Tensor:
    """Raise a ValueError with `message` for the rows where `bad` (bool, `[batch]`) is True; return a copy.

    Under `vmap` rows are counted through all that it maps over.
    """
    refuse_now(bad, message)
    return bad.clone()


def refuse_now(bad: Tensor, message: str) -> Any:
    """Do the same for a tensor whose values are at hand; of one without values (meta) nothing is known."""
    if not bad.is_meta and bool(bad.any()):
        raise RowsError(message, bad.nonzero()[:, 0].tolist())
