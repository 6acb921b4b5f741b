"""Differentiable perturbed optimizers (Berthet et al. 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..noise import draw_noise, draw_seeds, mean_over_samples, per_row, perturbed
from ..parts.base import Parts, inner, map_parts, masked
from ..problem import Problem
from .base import CustomSurrogate, Saved
from .settings import check_choice, check_count, check_positive


def leave_one_out(values: Tensor) -> Tensor:
    """Return each value minus the mean of the others in its row, `[batch, samples]`."""
    samples = values.size(1)
    return (values - values.mean(1, keepdim=True)) * (samples / (samples - 1))


@dataclass(frozen=True)
class Perturbed(CustomSurrogate):
    """Forward: the mean of argmax_z <s + σε, z> over samples of the noise ε, an estimate of E[argmax].
    Backward: an unbiased estimate of that expectation's Jacobian, transposed, times ∇ẑ.

        ∇s = 1/(σM) Σ_m <∇ẑ, z_m> ν'(ε_m)        with ε ~ exp(-ν), from the M samples of the forward pass

    It needs the argmax alone. The output is fractional unless there is one sample.

    Args:
        sigma: σ.
        samples: M.
        noise: "normal" (ν' = ε) or "gumbel" (ν' = 1 - exp(-ε)).
        baseline: "leave-one-out" subtracts from each <∇ẑ, z_m> the mean of the others, which only reduces the variance;
            "none" subtracts nothing. A single sample has no baseline.
        generator: of the noise; None means torch's default. Not supported under `torch.compile`.
    """

    relaxes = True

    sigma: float = 1.0
    samples: int = 8
    noise: Literal["normal", "gumbel"] = "normal"
    baseline: Literal["leave-one-out", "none"] = "leave-one-out"
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        check_positive("sigma", self.sigma)
        check_count("samples", self.samples)
        check_choice("noise", self.noise, ("normal", "gumbel"))
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

        def weighted(noise: Tensor) -> Tensor:
            slope = noise if self.noise == "normal" else 1 - torch.exp(-noise)
            return slope * per_row(weights.flatten() / self.sigma, slope)

        products = map_parts(weighted, draw_noise(self.noise, seeds, problem))
        return masked(mean_over_samples(products, self.samples), problem.valid)
