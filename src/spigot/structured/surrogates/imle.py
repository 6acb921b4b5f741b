"""Implicit maximum likelihood (Niepert, Minervini & Franceschi 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from ..noise import draw_seeds, mean_over_samples, perturbed
from ..parts.base import Parts, map_parts
from ..problem import Problem
from ..settings import check_choice, check_count, check_flag, check_positive
from .base import CustomSurrogate, Saved
from .capping import capped


@dataclass(frozen=True)
class IMLE(CustomSurrogate):
    """Forward: argmax_z <s + τε, z>, a perturb-and-MAP sample (the mean of them if there are several).
    Backward: the sample minus the sample with the same noise after a step of the scores down the gradient.

        ∇s = 1/M Σ_m argmax_z <s + τε_m, z> - argmax_z <s - λ∇ẑ + τε_m, z>

    It needs the argmax alone: 2M calls. Without noise it is λ times `Blackbox`, and as little linear in ∇ẑ: the scale
    of the loss changes λ. Tell the layer (`loss_scale`), or set `normalize`.

    Args:
        step_size: λ.
        noise: the noise on each part: "sum-of-gamma", "gumbel" or "none". The sum of k numbers of "sum-of-gamma" has
            a Gumbel distribution, where k is the number of parts of a structure: so the score of each structure gets
            Gumbel noise.
        noise_scale: τ.
        samples: M.
        generator: of the noise; None means torch's default. Not supported under `torch.compile`.
        normalize: scale ∇ẑ of each row to an L2 norm of 1 before the step: then ∇s depends neither on the scale of the
            loss nor on the size of the batch.
    """

    relaxes = True

    step_size: float = 1.0
    noise: Literal["sum-of-gamma", "gumbel", "none"] = "sum-of-gamma"
    noise_scale: float = 1.0
    samples: int = 1
    generator: torch.Generator | None = None
    normalize: bool = False

    def __post_init__(self) -> None:
        check_positive("step_size", self.step_size)
        check_flag("normalize", self.normalize)
        check_choice("noise", self.noise, ("sum-of-gamma", "gumbel", "none"))
        check_positive("noise_scale", self.noise_scale)
        check_count("samples", self.samples)

    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the (mean) sample, and the perturbed scores."""
        scores = perturbed(problem, self.noise, self.noise_scale, draw_seeds(problem, self.samples, self.generator))
        return mean_over_samples(problem.repeat(self.samples).argmax(scores), self.samples), (scores,)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the difference of the two means."""
        (scores,) = saved
        shift = map_parts(lambda part: -self.step_size * part, capped(grad_output, None, self.normalize))
        ahead = shifted_argmax(problem, scores, shift, self.samples)
        return map_parts(torch.sub, output, mean_over_samples(ahead, self.samples))


def shifted_argmax(problem: Problem[Parts], perturbed: Parts, shift: Parts, samples: int) -> Parts:
    """Return the best structures of perturbed scores, `samples` for each row, plus the row's `shift`."""
    scores = map_parts(lambda part, by: part + by.repeat_interleave(samples, 0), perturbed, shift)
    return problem.repeat(samples).argmax(scores)
