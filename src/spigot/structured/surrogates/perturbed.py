"""Differentiable perturbed optimizers (Berthet et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..checks import refuse_rows
from ..noise import Noise, draw_noise, draw_seeds, mean_over_samples, perturbed
from ..parts.base import Parts, flatten, inner, map_parts, masked, per_row
from ..problem import Problem
from ..settings import check_choice, check_count, check_positive
from .base import CustomSurrogate, Saved


def leave_one_out(values: Tensor) -> Tensor:
    """Return each value minus the mean of the others in its row, `[batch, samples]`."""
    samples = values.size(1)
    return (values - values.mean(1, keepdim=True)) * (samples / (samples - 1))


def check_perturbation(sigma: float, samples: int, noise: str) -> None:
    """Check the settings that surrogates with perturbed scores have in common."""
    check_positive("sigma", sigma)
    check_count("samples", samples)
    check_choice("noise", noise, ("normal", "gumbel", "multiplicative"))


def along_noise(problem: Problem[Parts], kind: Noise, sigma: float, seeds: Tensor, weights: Tensor) -> Parts:
    """Return 1/(σM) Σ_m w_m ν'(ε_m), which estimates the gradient of E[w], where w depends on the perturbed scores.

    Args:
        problem: of `batch` rows.
        kind: of the noise: "normal", "gumbel" or "multiplicative".
        sigma: σ.
        seeds: of the noise, `[batch, sample]`.
        weights: w of each sample, `[batch, sample]`.
    """
    noise, samples = draw_noise(kind, seeds, problem), seeds.size(1)
    if kind == "multiplicative":
        zero = map_parts(lambda score, valid: (score == 0) & valid, problem.scores, problem.valid)
        refuse_rows(flatten(zero).any(1), "scores: expected none that is 0 under multiplicative noise, got one")
        repeated = map_parts(lambda part: part.repeat_interleave(samples, 0), problem.scores)
        noise = map_parts(torch.div, noise, repeated)
    elif kind == "gumbel":
        noise = map_parts(lambda part: 1 - torch.exp(-part), noise)
    products = map_parts(lambda slope: slope * per_row(weights.flatten() / sigma, slope), noise)
    return masked(mean_over_samples(products, samples), problem.valid)


@dataclass(frozen=True)
class Perturbed(CustomSurrogate):
    """Forward: the mean of argmax_z <s + σε, z> over samples of the noise ε, an estimate of E[argmax].
    Backward: an unbiased estimate of that expectation's Jacobian, transposed, times ∇ẑ.

        ∇s = 1/(σM) Σ_m <∇ẑ, z_m> ν'(ε_m)        with ε ~ exp(-ν), from the M samples of the forward pass

    It needs the argmax alone. The output is fractional unless there is one sample.

    Args:
        sigma: σ.
        samples: M.
        noise: "normal" (ν' = ε) or "gumbel" (ν' = 1 - exp(-ε)), which are added; or "multiplicative", for an argmax
            that needs scores of one sign, such as shortest paths: the scores are multiplied by exp(σε - σ²/2) with
            normal ε, which is positive and has mean 1, and ν'(ε) = ε / s (Dalle et al. 2022). Then no score may be 0.
        baseline: "leave-one-out" subtracts from each <∇ẑ, z_m> the mean of the others, which only reduces the variance;
            "none" subtracts nothing. A single sample has no baseline.
        generator: of the noise; None means torch's default. Not supported under `torch.compile`.
    """

    relaxes = True

    sigma: float = 1.0
    samples: int = 8
    noise: Literal["normal", "gumbel", "multiplicative"] = "normal"
    baseline: Literal["leave-one-out", "none"] = "leave-one-out"
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        check_perturbation(self.sigma, self.samples, self.noise)
        check_choice("baseline", self.baseline, ("leave-one-out", "none"))

    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the mean of the samples; save the seeds of their noise and the samples."""
        seeds = draw_seeds(problem, self.samples, self.generator)
        structures = problem.repeat(self.samples).argmax(perturbed(problem, self.noise, self.sigma, seeds))
        return mean_over_samples(structures, self.samples), (seeds, structures)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the estimate, 0 where there is no candidate."""
        seeds, structures = saved
        repeated = map_parts(lambda part: part.double().repeat_interleave(self.samples, 0), grad_output)
        # In float64, so that padding does not change a row's sum.
        weights = inner(repeated, structures).view(seeds.shape)
        if self.baseline == "leave-one-out" and self.samples > 1:
            weights = leave_one_out(weights)
        return along_noise(problem, self.noise, self.sigma, seeds, weights)
