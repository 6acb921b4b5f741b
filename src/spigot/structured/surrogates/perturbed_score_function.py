"""The score-function estimator for structures without sums: over the argmax of perturbed scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from ..noise import draw_seeds, perturbed
from ..parts.base import Parts, map_parts
from ..problem import Problem
from .base import CustomSurrogate, Saved
from .perturbed import along_noise, check_perturbation
from .score_function import check_baseline, weights_of_losses


@dataclass(frozen=True)
class PerturbedScoreFunction(CustomSurrogate):
    """Forward: argmax_z <s + σε, z>, a sample. Backward: an unbiased estimate of the gradient of E[loss].

        ∇s = 1/(σM) Σ_m (loss(z_m) - b_m) ν'(ε_m)        with ε ~ exp(-ν)

    It needs the argmax alone, and the loss of each sample, which need not be differentiable (Williams 1992, with the
    distribution of Berthet et al. 2020). `ScoreFunction` is quieter where the structure has sums. The gradient for the
    output is not used: `downstream` evaluates the loss of each row M times, and the estimate is of the gradient of
    `downstream(z).sum()`.

    Args:
        sigma, noise: as in `Perturbed`.
        samples: M; the output is the first sample.
        baseline: as in `ScoreFunction`.
        generator: of the noise; None means torch's default. Not supported under `torch.compile`.
    """

    needs_downstream = True

    sigma: float = 1.0
    samples: int = 4
    noise: Literal["normal", "gumbel", "multiplicative"] = "normal"
    baseline: Literal["leave-one-out", "none"] = "leave-one-out"
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        check_perturbation(self.sigma, self.samples, self.noise)
        check_baseline(self.baseline, self.samples)

    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the first sample; save the seeds of the noise and all samples."""
        seeds = draw_seeds(problem, self.samples, self.generator)
        drawn = problem.repeat(self.samples).argmax(perturbed(problem, self.noise, self.sigma, seeds))
        return map_parts(lambda part: part[:: self.samples].clone(), drawn), (seeds, drawn)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the estimate, 0 where there is no candidate."""
        seeds, drawn = saved
        weights = weights_of_losses(problem, drawn, self.samples, self.baseline)
        return along_noise(problem, self.noise, self.sigma, seeds, weights)
