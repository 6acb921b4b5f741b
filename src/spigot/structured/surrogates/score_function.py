"""The score-function estimator (REINFORCE; Williams 1992)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..noise import draw_seeds, mean_over_samples
from ..parts.base import Parts, map_parts, masked, per_row
from ..problem import Problem
from ..settings import check_choice, check_count
from .base import CustomSurrogate, Saved
from .perturbed import leave_one_out


def check_baseline(baseline: str, samples: int) -> None:
    """Check the baseline of a score-function estimator."""
    check_choice("baseline", baseline, ("leave-one-out", "none"))
    if baseline == "leave-one-out" and samples < 2:
        raise ValueError(f'samples: expected at least 2 for baseline="leave-one-out", got {samples}')


def weights_of_losses(problem: Problem[Parts], drawn: Parts, samples: int, baseline: str) -> Tensor:
    """Return each sample's loss minus its baseline, float64, `[batch, sample]`; a row's samples lie side by side."""
    with torch.no_grad():
        each = [map_parts(lambda part, m=m: part[m::samples], drawn) for m in range(samples)]
        losses = torch.stack([problem.loss_at(structures) for structures in each], 1).double()
    return leave_one_out(losses) if baseline == "leave-one-out" else losses


@dataclass(frozen=True)
class ScoreFunction(CustomSurrogate):
    """Forward: an exact sample of p(z) ∝ exp <s, z>. Backward: an unbiased estimate of the gradient of E[loss].

        ∇s = 1/M Σ_m (loss(z_m) - b_m) (z_m - E[z])

    The gradient for the output is not used: `downstream` evaluates the loss of each row M times, and the estimate is of
    the gradient of `downstream(z).sum()`. A row's samples depend on its own seeds and candidates alone.

    Args:
        samples: M; the output is the first sample.
        baseline: b_m: "leave-one-out" is the mean loss of the other samples; "none" is 0.
        generator: of the samples; None means torch's default. Not supported under `torch.compile`.
    """

    needs_marginals = True
    needs_downstream = True

    samples: int = 4
    baseline: Literal["leave-one-out", "none"] = "leave-one-out"
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        check_count("samples", self.samples)
        check_baseline(self.baseline, self.samples)

    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the first sample; save all samples."""
        seeds = draw_seeds(problem, self.samples, self.generator)
        drawn = problem.repeat(self.samples).sample(seeds.flatten())
        return map_parts(lambda part: part[:: self.samples].clone(), drawn), (drawn,)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the estimate, 0 where there is no candidate."""
        (drawn,) = saved
        weights = weights_of_losses(problem, drawn, self.samples, self.baseline)

        def weighted(part: Tensor, marginal: Tensor) -> Tensor:
            return per_row(weights.flatten(), part) * (part - marginal.repeat_interleave(self.samples, 0))

        products = map_parts(weighted, drawn, problem.marginals())
        return masked(mean_over_samples(products, self.samples), problem.valid)
