"""Random numbers that depend on a row's own seed and candidates, not on its padding or its neighbours.

Every row draws one seed, in order. All its random numbers are a function of that seed and of the rank of a part among
the row's candidates (splitmix64; Steele, Lea and Flood 2014). Kernels draw from the same seeds with
`kernels/numerics/splitmix.py`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .checks import kind_of

_STEP, _MIX_1, _MIX_2 = (word - 2**64 for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def draw_row_seeds(rows: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return one seed for each row of `rows`, int64, `[batch]`, on their device; None means torch's own generator."""
    if generator is None:
        # Not `generator=None`, with which `torch.compile` takes no batch of another size.
        return torch.randint(2**63 - 1, rows.shape[:1], device=rows.device)
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator: expected a torch.Generator, got {kind_of(generator)}")
    return torch.randint(2**63 - 1, rows.shape[:1], generator=generator, device=generator.device).to(rows.device)


def uniform(seeds: Tensor, valid: Tensor) -> Tensor:
    """Return float64 numbers from the open interval (0, 1).

    Args:
        seeds: int64, `[batch]` or `[batch, sample]`.
        valid: which parts are candidates, bool, `[batch, D]`; ignore the numbers of others.

    Returns:
        `[batch, D]` or `[batch, sample, D]`.
    """
    ranks = valid.cumsum(1)
    bits = mix(seeds.unsqueeze(-1) + (ranks if seeds.dim() == 1 else ranks[:, None]) * _STEP)
    return (_shifted(bits, 12).double() + 0.5) * 2.0**-52


def gumbel(seeds: Tensor, valid: Tensor) -> Tensor:
    """Return Gumbel noise of location 0 and scale 1; see `uniform`.

    The part with the largest log-probability plus noise is an exact sample.
    """
    return -(-uniform(seeds, valid).log()).log()


def mix(words: Tensor) -> Tensor:
    """Hash each word (int64): the result of a seed is another, independent seed."""
    words = (words ^ _shifted(words, 30)) * _MIX_1
    words = (words ^ _shifted(words, 27)) * _MIX_2
    return words ^ _shifted(words, 31)


def _shifted(words: Tensor, by: int) -> Tensor:
    """Shift right as if the numbers were unsigned."""
    return (words >> by) & ((1 << (64 - by)) - 1)
