"""Square matrices of pairs, `[batch, row, column]`."""

from __future__ import annotations

from torch import Tensor

from ..checks import check_arguments, lengths_or_none, widen


def square_arguments(
    name: str, values: Tensor, lengths: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Check the arguments of one call, and return them as kernels take them.

    `name` is what the caller calls `values`.
    """
    check_arguments(name, values, "batch row column", lengths, mask)
    if values.size(1) != values.size(2):
        raise ValueError(f"{name}: expected as many columns as rows, got {list(values.shape)}")
    return widen(values), lengths_or_none(values, lengths), mask
