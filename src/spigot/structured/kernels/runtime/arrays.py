"""Tensors as kernels take them, and back.

A call to torch takes about as long as a kernel needs for ten tokens, so these functions call torch only where
necessary.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_numpy(tensor: Tensor) -> np.ndarray:
    """Return a contiguous array with the values of `tensor`, sharing its memory if it can."""
    array = tensor.numpy(force=True)
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


_NO_MASK = {dim: np.empty((1,) + (0,) * (dim - 1), dtype=np.bool_) for dim in (2, 3, 4)}


def mask_to_numpy(mask: Tensor | None, dim: int = 3) -> np.ndarray:
    """Return a mask as kernels take it; without one, an array without cells, which allows all."""
    return _NO_MASK[dim] if mask is None else to_numpy(mask)


def lengths_to_numpy(lengths: Tensor | None, batch: int, full: int | tuple[int, int]) -> np.ndarray:
    """Return int64 lengths; None means full rows. (numpy makes these several times faster than torch.)"""
    if lengths is not None:
        return to_numpy(lengths)
    array = np.empty(batch if isinstance(full, int) else (batch, 2), dtype=np.int64)
    array[...] = full
    return array


def like_scores(array: np.ndarray, scores: Tensor) -> Tensor:
    """Return an array as a tensor on the device and in the type of `scores`."""
    tensor = torch.from_numpy(array)
    return tensor if scores.is_cpu and tensor.dtype is scores.dtype else tensor.to(scores)
