"""Noise for perturbed scores: that of a row depends neither on its neighbours nor on its padding.

It is a function of the row's seeds (see `seeds.py`). So it can be drawn again where it is needed instead of being kept.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from .kernels.numerics.sum_of_gamma import sum_of_gamma
from .parts.base import Parts, flatten, map_parts, tensors, unflatten
from .problem import Problem
from .seeds import draw_row_seeds, gumbel, mix, uniform

Noise: TypeAlias = Literal["gumbel", "normal", "multiplicative", "sum-of-gamma", "none"]


def draw_seeds(problem: Problem[Parts], samples: int, generator: torch.Generator | None) -> Tensor:
    """Return one seed for each sample of each row, int64, `[batch, sample]`."""
    of_rows = draw_row_seeds(tensors(problem.scores)[0], generator)
    return mix(of_rows[:, None] + torch.arange(samples, device=of_rows.device))


def draw_noise(kind: Noise, seeds: Tensor, problem: Problem[Parts]) -> Parts:
    """Return noise for each seed, `[batch · sample, ...]`, the samples of a row side by side; 0 for no candidate.

    Args:
        kind: "gumbel" (location 0, scale 1), "normal" and "multiplicative" (mean 0, variance 1), "none" (zeros) or
            "sum-of-gamma" (Niepert et al. 2021): k independent copies of it add up to one Gumbel number, where k is the
            number of parts of the structure with the highest score.
        seeds: from `draw_seeds`, `[batch, sample]`.
        problem: of `batch` rows.
    """
    valid = flatten(problem.valid)
    if kind == "gumbel":
        noise = gumbel(seeds, valid)
    elif kind in ("normal", "multiplicative"):
        noise = torch.special.ndtri(uniform(seeds, valid))
    elif kind == "sum-of-gamma":
        sizes = flatten(problem.argmax()).double().sum(1).clamp_min(1)
        noise = sum_of_gamma(seeds, valid, sizes)
    else:
        noise = torch.zeros(*seeds.shape, valid.size(1), device=valid.device)
    noise = noise.masked_fill(~valid[:, None], 0).flatten(0, 1)
    return unflatten(noise.to(tensors(problem.scores)[0].dtype), problem.scores)


def perturbed(problem: Problem[Parts], kind: Noise, scale: float, seeds: Tensor) -> Parts:
    """Return the scores with noise added, one row for each seed: `[batch · sample, ...]`.

    Noise that is "multiplicative" multiplies them, by `noise_factors`.
    """
    repeated = map_parts(lambda part: part.repeat_interleave(seeds.size(1), 0), problem.scores)
    noise = draw_noise(kind, seeds, problem)
    if kind == "multiplicative":
        return map_parts(torch.mul, repeated, noise_factors(noise, scale))
    return map_parts(lambda score, by: score + scale * by, repeated, noise)


def noise_factors(noise: Parts, scale: float) -> Parts:
    """Return exp(scale · ε - scale² / 2) of normal noise ε: positive, with mean 1 (Dalle et al. 2022)."""
    return map_parts(lambda part: torch.exp(scale * part - scale**2 / 2), noise)


def mean_over_samples(parts: Parts, samples: int) -> Parts:
    """Return the mean of each row's samples, which lie side by side."""
    return map_parts(lambda part: part.unflatten(0, (part.size(0) // samples, samples)).mean(1), parts)
