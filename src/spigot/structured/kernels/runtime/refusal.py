"""An error that depends on values, as an operator: so it is raised within the transforms of `torch.func`, too."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .operator import operator


def _fake(bad: Tensor, message: str) -> Tensor:
    return torch.empty_like(bad)


@operator(fake=_fake)
def refuse(bad: Tensor, message: str) -> Tensor:
    """Raise a ValueError with `message` for the first row where `bad` (bool, `[batch]`) is True; return a copy.

    Under `vmap` rows are counted through all that it maps over.
    """
    refuse_now(bad, message)
    return bad.clone()


def refuse_now(bad: Tensor, message: str) -> Any:
    """Do the same for a tensor whose values are at hand."""
    if bool(bad.any()):
        raise ValueError(f"{message} (row {int(bad.nonzero()[0])} of the batch, counting from 0)")
