"""Decision-focused learning: predicted costs or rewards, judged by the decisions that they lead to.

A model predicts a cost (or reward) for each part; the decision is the structure with the least predicted cost. What
counts is its true cost. `structured_argmax` maximises: costs go into it as `-costs`.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from .base import Structure
from .checks import check_instance, check_scores, refuse_rows
from .losses import Reduction, hinge_loss
from .parts.base import Parts, common_dtype, flatten, inner, map_parts, masked
from .parts.compact import check_parts
from .parts.rows import over_rows
from .results import argmax_of, part_mask_of
from .settings import check_choice

Sense: TypeAlias = Literal["min", "max"]


@over_rows("predicted", "structure")
def spo_plus_loss(
    predicted: Parts,
    true: Parts,
    structure: Structure[Parts],
    *,
    sense: Sense = "min",
    lengths: Tensor | None = None,
    mask: Parts | None = None,
    reduction: Reduction = "none",
) -> Tensor:
    """Return the SPO+ loss (Elmachtoub & Grigas 2022), a convex bound on `regret`.

    For costs c and predictions ĉ it is max_z <c - 2ĉ, z> + <2ĉ, z*> - <c, z*> with z* the best decision under c: the
    `hinge_loss` of -2ĉ with the cost c. Its subgradient for ĉ is 2 (z* - z*(2ĉ - c)).

    Args:
        predicted: ĉ, as the structure's scores.
        true: c, shaped like them.
        structure: the decisions.
        sense: "min" if these are costs, "max" if they are rewards.
        lengths: the real size of each row, `[batch]`.
        mask: bool, shaped like the scores; True = candidate.
        reduction: "none", "mean" or "sum".

    Returns:
        `[batch]`, or one number if it is reduced.

    Raises:
        TypeError: `predicted` or `true` are no floating-point parts.
        ValueError: their shapes differ, or do not fit the structure; a candidate's true cost is not finite (a part that
            no decision may take is for `mask`).
    """
    sign = _checked(predicted, true, structure, sense, lengths, mask)
    cost = map_parts(lambda part: sign * part.detach(), true)
    best = argmax_of(structure, map_parts(lambda part: -part, cost), lengths, mask)
    scores = map_parts(lambda part: -2 * sign * part, predicted)
    return hinge_loss(scores, best, structure, cost, lengths=lengths, mask=mask, reduction=reduction)


@over_rows("predicted", "structure")
def regret(
    predicted: Parts,
    true: Parts,
    structure: Structure[Parts],
    *,
    sense: Sense = "min",
    lengths: Tensor | None = None,
    mask: Parts | None = None,
) -> Tensor:
    """Return how much worse each row's decision under `predicted` is than the best one, in true costs, `[batch]`.

    At least 0, and not differentiable. Divided by the sum of the best decisions' true costs it is the normalised regret
    of a data set. Arguments are those of `spo_plus_loss`.
    """
    sign = _checked(predicted, true, structure, sense, lengths, mask)
    costs, guesses = (map_parts(lambda part: sign * part.detach(), given) for given in (true, predicted))
    decided, best = (argmax_of(structure, map_parts(lambda p: -p, given), lengths, mask) for given in (guesses, costs))
    real = masked(costs, part_mask_of(structure, costs, lengths, mask))
    return inner(real, map_parts(lambda ours, theirs: ours - theirs, decided, best)).to(common_dtype(predicted))


def _checked(
    predicted: Parts, true: Parts, structure: Any, sense: str, lengths: Tensor | None, mask: Parts | None
) -> float:
    """Check arguments, and return the sign that makes costs of them."""
    check_instance("structure", structure, Structure, "ProjectiveTree()")
    check_scores("predicted", predicted)
    check_parts("true", true, predicted)
    check_choice("sense", sense, ("min", "max"))
    real = masked(true, part_mask_of(structure, map_parts(torch.zeros_like, true), lengths, mask))
    infinite = ~flatten(map_parts(torch.detach, real)).isfinite().all(1)
    refuse_rows(infinite, "true: expected finite numbers in candidate cells, got NaN or infinity")
    return 1.0 if sense == "min" else -1.0
