"""One call of the layer, as a surrogate sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic

import torch
from torch import Tensor

from .base import MarginalStructure, Polytope, Structure
from .differentiation import is_transformed
from .parts.base import Parts, like, map_parts, masked, tensors
from .results import argmax_of, differentiable, marginals_of, part_mask_of, returned, sample_of
from .shapes import Lengths, PerRow


@dataclass(frozen=True)
class Problem(Generic[Parts]):
    """The scores, the structure and the other arguments of one call.

    Scores are float32 or float64. Methods that take other scores use the same candidates.
    """

    structure: Structure[Parts]
    scores: Parts
    lengths: Lengths | None = None
    mask: Parts | None = None
    downstream: Callable[[Parts], Tensor] | None = None
    """From (relaxed) structures to the loss of each row, `[batch]`, or its sum."""
    surrogate: str = "the surrogate"
    """The name of the surrogate, for error messages."""
    loss: str = "downstream"
    """What the caller calls `downstream`, for error messages."""
    candidates: Parts | None = None
    """The value of `valid`, if it is known already."""

    @property
    def valid(self) -> Parts:
        """Which parts may be chosen, bool, shaped like the scores."""
        if self.candidates is not None:
            return self.candidates
        return part_mask_of(self.structure, self.scores, self.lengths, self.mask)

    def argmax(self, scores: Parts | None = None) -> Parts:
        """Return the highest-scoring structures."""
        mask, scores = (self.mask, self.scores) if scores is None else (self.valid, scores)
        return argmax_of(self.structure, scores, self.lengths, mask)

    def summable(self) -> MarginalStructure[Parts]:
        """Return the structure if it is a `MarginalStructure`; else raise a TypeError."""
        if not isinstance(self.structure, MarginalStructure):
            raise TypeError(
                f"structure: {self.surrogate} needs a MarginalStructure, got {type(self.structure).__name__}"
            )
        return self.structure

    def marginals(self, scores: Parts | None = None) -> Parts:
        """Return the marginals; see `MarginalStructure.marginals`."""
        mask, scores = (self.mask, self.scores) if scores is None else (self.valid, scores)
        return marginals_of(self.summable(), scores, self.lengths, mask)

    def scores_at(self, temperature: float | Tensor) -> Parts:
        """Return the scores divided by a temperature; differentiable in it, too, if it is a tensor of one number."""
        if not isinstance(temperature, Tensor):
            return map_parts(lambda part: part / temperature, self.scores)
        # What stands where there is no candidate, a NaN perhaps, must not reach the temperature's gradient.
        return map_parts(lambda part: part / temperature.to(part), masked(self.scores, self.valid))

    def sample(self, seeds: Tensor) -> Parts:
        """Return one exact sample of the Gibbs distribution for each row; see `MarginalStructure.sample_seeded`."""
        return sample_of(self.summable(), self.scores, seeds, self.lengths, self.mask)

    def project(self, point: Parts, polytope: Polytope[Parts]) -> Parts:
        """Return the nearest point of `polytope` over the candidates."""
        nearest = returned(polytope, "project", polytope.project(point, self.lengths, self.valid), point)
        return differentiable(polytope, "project", nearest, point)

    def gradient_at(self, structures: Parts) -> Parts:
        """Return the gradient of `downstream` at (relaxed) structures, 0 where there is no candidate."""
        if is_transformed():

            def total_of(*parts: Tensor) -> Tensor:
                return self._losses(like(structures, parts)).sum()

            given = tensors(structures)
            grads = torch.func.grad(total_of, tuple(range(len(given))))(*given)
            return masked(like(structures, grads), self.valid)
        with torch.enable_grad():
            leaves = map_parts(lambda part: part.detach().requires_grad_(), structures)
            losses = self._losses(leaves)
            if not losses.requires_grad:
                raise self._no_losses("one without a gradient")
            total = losses.sum()
        gradients = torch.autograd.grad(total, tensors(leaves), allow_unused=True, materialize_grads=True)
        return masked(map_parts(lambda _, gradient: gradient, structures, gradients), self.valid)

    def loss_at(self, structures: Parts) -> PerRow:
        """Return `downstream` of (relaxed) structures, one loss for each row, `[batch]`."""
        losses = self._losses(structures)
        rows = tensors(structures)[0].size(0)
        if losses.shape != (rows,):
            raise ValueError(f"{self.loss}: expected one loss for each row, shape [{rows}], got {list(losses.shape)}")
        return losses

    def _losses(self, structures: Parts) -> Tensor:
        """Return what `downstream` returns, a tensor."""
        losses = self.required_downstream()(structures)
        if not isinstance(losses, Tensor):
            raise self._no_losses(type(losses).__name__)
        return losses

    def _no_losses(self, got: str) -> TypeError:
        return TypeError(f"{self.loss}: expected a tensor of losses that comes from the structures, got {got}")

    def repeat(self, times: int) -> Problem[Parts]:
        """Return the problem with each row repeated: row b becomes the rows b · times to (b + 1) · times - 1."""
        return replace(
            self,
            structure=self.structure.map_rows(lambda setting: _repeated(setting, times)),
            scores=_repeated(self.scores, times),
            lengths=None if self.lengths is None else _repeated(self.lengths, times),
            mask=_repeated(self.valid, times),
            downstream=None,
            candidates=None,
        )

    def required_downstream(self) -> Callable[[Parts], Tensor]:
        """Return `downstream` if there is one; else raise a ValueError."""
        if self.downstream is None:
            raise ValueError(
                f"{self.loss}: {self.surrogate} evaluates the loss again; expected a function from structures to the "
                "loss of each row, got None"
            )
        return self.downstream


def _repeated(parts: Parts, times: int) -> Parts:
    return map_parts(lambda part: part.repeat_interleave(times, 0), parts)
