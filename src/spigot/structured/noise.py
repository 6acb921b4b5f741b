"""Noise for perturbed scores, drawn so that a row's noise does not depend on its neighbours or its padding.

Every row of a batch draws one seed, in order. All its noise is a function of that seed, of the number of the sample and
of the rank of the part among the row's candidates (splitmix64; Steele, Lea and Flood 2014). So it can also be drawn
again where it is needed, instead of being kept.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from .kernels.numerics.sum_of_gamma import sum_of_gamma
from .parts.base import Parts, flatten, map_parts, tensors, unflatten
from .problem import Problem

Noise: TypeAlias = Literal["gumbel", "normal", "sum-of-gamma", "none"]

_STEP, _MIX_1, _MIX_2 = (word - 2**64 for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def draw_seeds(problem: Problem[Parts], samples: int, generator: torch.Generator | None) -> Tensor:
    """Return one seed for each sample of each row, int64, `[batch, sample]`."""
    scores = tensors(problem.scores)[0]
    device = scores.device if generator is None else generator.device
    of_rows = torch.randint(2**63 - 1, (scores.size(0), 1), generator=generator, device=device).to(scores.device)
    return _hash(of_rows + torch.arange(samples, device=scores.device))


def draw_noise(kind: Noise, seeds: Tensor, problem: Problem[Parts]) -> Parts:
    """Return noise for each seed, `[batch · sample, ...]`, the samples of a row side by side; 0 for no candidate.

    Args:
        kind: "gumbel" (location 0, scale 1), "normal" (mean 0, variance 1), "none" (zeros) or "sum-of-gamma" (Niepert
            et al. 2021): k independent copies of it add up to one Gumbel number, where k is the number of parts of
            the structure with the highest score.
        seeds: from `draw_seeds`, `[batch, sample]`.
        problem: of `batch` rows.
    """
    valid = flatten(problem.valid)
    if kind == "gumbel":
        noise = -(-_uniform(seeds, valid).log()).log()
    elif kind == "normal":
        noise = torch.special.ndtri(_uniform(seeds, valid))
    elif kind == "sum-of-gamma":
        sizes = flatten(problem.argmax()).double().sum(1).clamp_min(1)
        noise = sum_of_gamma(seeds, valid, sizes)
    else:
        noise = torch.zeros(*seeds.shape, valid.size(1), device=valid.device)
    noise = noise.masked_fill(~valid[:, None], 0).flatten(0, 1)
    return unflatten(noise.to(tensors(problem.scores)[0].dtype), problem.scores)


def perturbed(problem: Problem[Parts], kind: Noise, scale: float, seeds: Tensor) -> Parts:
    """Return the scores with noise added, one row for each seed: `[batch · sample, ...]`."""
    repeated = map_parts(lambda part: part.repeat_interleave(seeds.size(1), 0), problem.scores)
    return map_parts(lambda score, noise: score + scale * noise, repeated, draw_noise(kind, seeds, problem))


def mean_over_samples(parts: Parts, samples: int) -> Parts:
    """Return the mean of each row's samples, which lie side by side."""
    return map_parts(lambda part: part.unflatten(0, (part.size(0) // samples, samples)).mean(1), parts)


def per_row(values: Tensor, part: Tensor) -> Tensor:
    """Return `values`, one for each row of `part`, in its type and in a shape to multiply it with."""
    return values.to(part.dtype).view(-1, *[1] * (part.dim() - 1))


def _uniform(seeds: Tensor, valid: Tensor) -> Tensor:
    """Return float64 numbers from the open interval (0, 1), `[batch, sample, D]`."""
    bits = _hash(seeds[:, :, None] + valid.cumsum(1)[:, None] * _STEP)
    return (_shifted(bits, 12).double() + 0.5) * 2.0**-52


def _hash(bits: Tensor) -> Tensor:
    bits = (bits ^ _shifted(bits, 30)) * _MIX_1
    bits = (bits ^ _shifted(bits, 27)) * _MIX_2
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Shift right as if the numbers were unsigned."""
    return (bits >> by) & ((1 << (64 - by)) - 1)
