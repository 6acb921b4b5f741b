"""Losses between scores and a target structure, all of one form.

    L(s; z*) = Ω*(s) + Ω(z*) - <s, z*>        with the gradient ŷ(s) - z*

(Fenchel-Young losses; Blondel, Martins & Niculae 2020.) Ω* is a maximum over structures z or their convex hull, and ŷ
is where it is reached:

| loss                      | Ω*(s)                  | ŷ(s)                                |
|---------------------------|------------------------|-------------------------------------|
| `perceptron_loss`         | max_z <s, z>           | the argmax                          |
| `hinge_loss`              | max_z <s, z> + cost(z) | the cost-augmented argmax           |
| `negative_log_likelihood` | log Σ_z exp <s, z>     | the marginals                       |
| `sparsemap_loss`          | max_y <s, y> - ½‖y‖²   | the projection of s onto the hull   |
| `perturbed_loss`          | E max_z <s + σε, z>    | the mean argmax of perturbed scores |

Each takes scores and a target of the same shape, batch first, and returns one loss for each row, `[batch]`, in the
type of the scores. `lengths` and `mask` are as in `structured_argmax`. The target is 0/1 and taken to be a structure;
parts of it that are no candidates count as absent. Errors are those of `structure.argmax`.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from .base import MarginalStructure, Structure
from .checks import widen
from .noise import draw_noise, draw_seeds, mean_over_samples
from .parts.base import Parts, inner, map_parts, masked, tensors
from .problem import Problem
from .surrogates.settings import check_choice, check_count, check_positive


def perceptron_loss(
    scores: Parts,
    target: Parts,
    structure: Structure[Parts],
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
) -> Tensor:
    """Return max_z <s, z> - <s, z*> (Collins 2002), cut at 0 where z* is no structure."""
    return hinge_loss(scores, target, structure, map_parts(torch.zeros_like, target), lengths=lengths, mask=mask)


def hinge_loss(
    scores: Parts,
    target: Parts,
    structure: Structure[Parts],
    cost: Parts | None = None,
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
) -> Tensor:
    """Return max_z [<s, z> + cost(z)] - <s, z*>, cut at 0 where z* is no structure (Taskar et al. 2003).

    Args:
        scores: s.
        target: z*.
        structure: what z runs over.
        cost: c in cost(z) = <c, z - z*>, shaped like the scores; None means `hamming_cost(target)`, which counts the
            parts in which z and z* differ.
        lengths: the real size of each row, `[batch]`.
        mask: bool, shaped like the scores; True = candidate.
    """
    problem = _problem(scores, structure, lengths, mask, "hinge_loss")
    target = _target(target, problem)
    cost = hamming_cost(target) if cost is None else cost
    cost = map_parts(lambda part, score: part.detach().to(score.dtype), masked(cost, problem.valid), problem.scores)
    best = problem.argmax(map_parts(torch.add, problem.scores, cost))
    # Here Ω(z) = -cost(z), which is 0 at z*.
    return F.relu(_loss(scores, target, best, inner(cost, map_parts(torch.sub, best, target)), problem))


def hamming_cost(target: Parts, false_positive: float = 1.0, false_negative: float = 1.0) -> Parts:
    """Return the cost of each part too many and of each part missing, for `hinge_loss`; shaped like `target`."""
    return map_parts(lambda part: false_positive * (1 - part) - false_negative * part, target)


def negative_log_likelihood(
    scores: Parts,
    target: Parts,
    structure: MarginalStructure[Parts],
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
) -> Tensor:
    """Return -log p(z*) with p(z) ∝ exp <s, z>, the loss of conditional random fields (Lafferty et al. 2001).

    It is +inf where z* has a part that is no candidate.

    Raises:
        TypeError: the structure has no sums.
    """
    problem = _problem(scores, structure, lengths, mask, "negative_log_likelihood")
    return -problem.summable().log_prob(scores, target, lengths, mask)


def sparsemap_loss(
    scores: Parts,
    target: Parts,
    structure: Structure[Parts],
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
) -> Tensor:
    """Return max_y [<s, y> - ½‖y‖²] + ½‖z*‖² - <s, z*> = ½‖s - z*‖² - ½‖s - ŷ‖² (Niculae et al. 2018).

    It is 0 as soon as z* leads by a margin, and ŷ is sparse. ŷ comes from `structure.hull`, and is as exact as that.
    """
    problem = _problem(scores, structure, lengths, mask, "sparsemap_loss")
    target = _target(target, problem)
    nearest = problem.project(problem.scores, structure.hull)
    return _loss(scores, target, nearest, (inner(target, target) - inner(nearest, nearest)) / 2, problem)


def perturbed_loss(
    scores: Parts,
    target: Parts,
    structure: Structure[Parts],
    *,
    sigma: float = 1.0,
    samples: int = 8,
    noise: Literal["normal", "gumbel"] = "normal",
    generator: torch.Generator | None = None,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
) -> Tensor:
    """Return an estimate of E max_z <s + σε, z> - <s, z*>, up to the constant Ω(z*) (Berthet et al. 2020).

    The gradient, the mean best structure of the perturbed scores minus z*, is unbiased.

    Args:
        scores: s.
        target: z*.
        structure: what z runs over.
        sigma: σ.
        samples: of the noise, for each row.
        noise: what ε is on each part.
        generator: of the noise; None means torch's own.
        lengths: the real size of each row, `[batch]`.
        mask: bool, shaped like the scores; True = candidate.
    """
    check_positive("sigma", sigma)
    check_count("samples", samples)
    check_choice("noise", noise, ("normal", "gumbel"))
    problem = _problem(scores, structure, lengths, mask, "perturbed_loss")
    drawn = draw_noise(noise, draw_seeds(problem, samples, generator), problem)
    repeated = problem.repeat(samples)
    best = repeated.argmax(map_parts(lambda score, by: score + sigma * by, repeated.scores, drawn))
    from_noise = sigma * inner(drawn, best).view(-1, samples).mean(1)
    return _loss(scores, _target(target, problem), mean_over_samples(best, samples), from_noise, problem)


def _problem(
    scores: Parts, structure: Structure[Parts], lengths: Tensor | None, mask: Parts | None, loss: str
) -> Problem[Parts]:
    return Problem(structure, map_parts(lambda part: widen(part.detach()), scores), lengths, mask, None, loss)


def _target(target: Parts, problem: Problem[Parts]) -> Parts:
    target = map_parts(lambda part, score: part.detach().to(score.dtype), target, problem.scores)
    return masked(target, problem.valid)


def _loss(scores: Parts, target: Parts, prediction: Parts, rest: Tensor, problem: Problem[Parts]) -> Tensor:
    """Return <s, ŷ - z*> + Ω(z*) - Ω(ŷ), where `rest` is what follows the first term; its gradient is ŷ - z*."""
    wide = map_parts(widen, masked(scores, problem.valid))
    total = inner(wide, map_parts(torch.sub, prediction, target)) + rest
    return total.to(tensors(scores)[0].dtype)
