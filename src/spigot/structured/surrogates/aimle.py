"""Adaptive I-MLE (Minervini, Franceschi & Niepert 2023)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn

from ..differentiation import is_traced
from ..noise import draw_seeds, mean_over_samples, perturbed
from ..parts.base import Parts, flatten, map_parts, masked, per_row, tensors
from ..problem import Problem
from ..settings import check_choice, check_count, check_flag, check_number, check_positive
from .base import CustomSurrogate, Saved
from .capping import norms
from .imle import shifted_argmax


class AdaptedStrength(nn.Module):
    """The state of `AIMLE`: α and the running mean of the density, float64 scalars."""

    strength: Tensor
    density: Tensor

    def __init__(self, strength: float, density: float) -> None:
        super().__init__()
        self.register_buffer("strength", torch.tensor(strength, dtype=torch.float64))
        self.register_buffer("density", torch.tensor(density, dtype=torch.float64))

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> AdaptedStrength:
        # Half precision, as of `model.bfloat16()`, would round the small changes of α away.
        before = dict(self.named_buffers())
        super()._apply(fn, recurse)
        for name, value in before.items():
            moved = getattr(self, name)
            setattr(self, name, moved.double() if value.is_meta else value.to(moved.device))
        return self


@dataclass(frozen=True)
class AIMLE(CustomSurrogate):
    """`IMLE` with a step size relative to the scores, which adapts during training.

        λ  = α ‖s‖ / ‖∇ẑ‖, for each row
        ∇s = 1/(Mλ) Σ_m argmax_z <s + τε_m, z> - argmax_z <s - λ∇ẑ + τε_m, z>

    After each backward pass α grows by `rate` if the running mean of the number of parts of a sample with a gradient is
    below `density`; otherwise it shrinks by `rate`, but stays above 0. If all scores of a row are 0, ‖s‖ counts as 1.

    Args:
        noise, noise_scale, samples, generator: as in `IMLE`.
        symmetric: a central difference, from s + λ∇ẑ to s - λ∇ẑ, divided by 2λ: one more argmax for each sample.
        strength: the initial α.
        density: the target for the number of parts of a sample with a gradient.
        rate: the change of α after each backward pass; 0 keeps α constant.
        decay: the weight of the old running mean, from 0 to below 1.

    Attributes:
        state: α and the running mean. They belong to this object and are in the `state_dict` of each `StructuredArgmax`
            that holds it. Each process has its own. Under `torch.compile` and `torch.func` they are read, but never
            updated.
    """

    relaxes = True

    noise: Literal["sum-of-gamma", "gumbel", "none"] = "sum-of-gamma"
    noise_scale: float = 1.0
    samples: int = 1
    generator: torch.Generator | None = None
    symmetric: bool = False
    strength: float = 1.0
    density: float = 1.0
    rate: float = 1e-3
    decay: float = 0.9
    state: AdaptedStrength = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_choice("noise", self.noise, ("sum-of-gamma", "gumbel", "none"))
        for name in ("noise_scale", "strength", "density"):
            check_positive(name, getattr(self, name))
        check_count("samples", self.samples)
        check_flag("symmetric", self.symmetric)
        for name in ("rate", "decay"):
            check_number(name, getattr(self, name))
        if not self.rate >= 0:
            raise ValueError(f"rate: expected a number from 0 on, got {self.rate!r}")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay: expected a number from 0 to below 1, got {self.decay!r}")
        object.__setattr__(self, "state", AdaptedStrength(self.strength, self.density))

    def forward(self, problem: Problem[Parts]) -> tuple[Parts, Saved]:
        """Return the (mean) sample; save the samples and their perturbed scores."""
        scores = perturbed(problem, self.noise, self.noise_scale, draw_seeds(problem, self.samples, self.generator))
        structures = problem.repeat(self.samples).argmax(scores)
        return mean_over_samples(structures, self.samples), (structures, scores)

    def backward(self, problem: Problem[Parts], output: Parts, saved: Saved, grad_output: Parts) -> Parts:
        """Return the difference quotient, and adapt α."""
        back, scores = saved
        slope, size = (norms(tensors(parts)) for parts in (grad_output, masked(problem.scores, problem.valid)))
        step = self.state.strength * size.where(size > 0, torch.ones_like(size)) / slope
        step = step.where(slope > 0, torch.ones_like(step))
        # In float64: of a tiny gradient λ is too large for float32, though λ∇ẑ is only as long as the scores.
        shift = map_parts(lambda part: (per_row(step, part, step.dtype) * part).to(part.dtype), grad_output)
        ahead = shifted_argmax(problem, scores, map_parts(torch.neg, shift), self.samples)
        if self.symmetric:
            back, step = shifted_argmax(problem, scores, shift, self.samples), 2 * step
        difference = map_parts(torch.sub, back, ahead)
        self._adapt(difference)
        mean = mean_over_samples(difference, self.samples)
        return map_parts(lambda part: (part / per_row(step, part, step.dtype)).to(part.dtype), mean)

    def _adapt(self, difference: Parts) -> None:
        changed = flatten(difference).count_nonzero(1)
        if is_traced() or changed.is_meta or not changed.numel():
            return
        # On the device of the state: to fetch the numbers would wait for a GPU in each backward pass.
        strength, density = self.state.strength, self.state.density
        density.copy_(self.decay * density + (1 - self.decay) * changed.double().mean().to(density))
        lower = torch.where(strength > self.rate, strength - self.rate, strength)
        strength.copy_(torch.where(density < self.density, strength + self.rate, lower))
