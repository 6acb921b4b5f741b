"""Sum-of-gamma noise: the sum of k independent numbers has a Gumbel distribution (Niepert et al. 2021, Theorem 1).

The series Σ_i G_i / i - log(terms) / k, with G_i ~ Gamma(1/k, 1), is cut off after ten terms, as in the program
published with the paper.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numba import njit
from torch import Tensor

from ..runtime.arrays import to_numpy
from ..runtime.operator import operator
from ..runtime.parallel import over_batch
from .splitmix import uniform

TERMS = 10


@njit(nogil=True, cache=True)
def _gamma(shape, state):  # type: ignore[no-untyped-def]
    """Return a Gamma(shape, 1) number for a shape up to 1, and advance state[0] (Marsaglia & Tsang 2000)."""
    boost = (1 - uniform(state)) ** (1 / shape)
    d = shape + 2.0 / 3.0
    c = 1 / math.sqrt(9 * d)
    while True:
        x = math.sqrt(-2 * math.log(1 - uniform(state))) * math.cos(2 * math.pi * uniform(state))
        v = (1 + c * x) ** 3
        if v > 0 and math.log(1 - uniform(state)) < x * x / 2 + d - d * v + d * math.log(v):
            return d * v * boost


@njit(nogil=True, cache=True)
def _sum(start, stop, seeds, valid, sizes, terms, noise):  # type: ignore[no-untyped-def]
    state = np.empty(1, np.uint64)
    samples = seeds.shape[1]
    for b in range(start, stop):
        shift = math.log(terms) / sizes[b]
        for m in range(samples):
            state[0] = np.uint64(seeds[b, m])
            for part in range(valid.shape[1]):
                if valid[b, part]:
                    total = 0.0
                    for i in range(1, terms + 1):
                        total += _gamma(1 / sizes[b], state) / i
                    noise[b, m, part] = total - shift


def _fake(seeds: Tensor, valid: Tensor, sizes: Tensor) -> Tensor:
    return sizes.new_empty(*seeds.shape, valid.size(1))


@operator(fake=_fake)
def sum_of_gamma(seeds: Tensor, valid: Tensor, sizes: Tensor) -> Tensor:
    """Return the noise of every candidate, float64, `[batch, sample, D]`, 0 elsewhere. A CUDA tensor goes to the CPU.

    Args:
        seeds: int64, `[batch, sample]`.
        valid: which parts are candidates, bool, `[batch, D]`.
        sizes: k of each row, at least 1, float64, `[batch]`.
    """
    noise = torch.zeros(*seeds.shape, valid.size(1), dtype=torch.float64, device="cpu")
    arrays = (to_numpy(seeds), to_numpy(valid), to_numpy(sizes), TERMS, noise.numpy())
    over_batch(_sum, seeds.size(0), *arrays, work=500 * noise.numel())
    return noise.to(seeds.device)
