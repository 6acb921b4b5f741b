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

They share these arguments:

- `scores`: s, batch first; `structure`: what z runs over; `lengths` and `mask` as in `structured_argmax`.
- `target`: z*, in one of two forms, told apart by type alone. Integers (a tensor, or lists) are compact: heads, tags,
  an index, spans, columns, as `structure.compact_form` has them. Floating-point or bool tensors are 0/1 parts, shaped
  like the scores. What lies past a row's length is not read.
- `reduction`: "none" returns one loss for each row, `[batch]`, in the type of the scores; "sum" and "mean" reduce it.
- `ignore_index`: a row whose integers are all this has loss 0 and no part in the mean; its scores are not read. Only
  some of them is an error: with known parts as a mask, log Z - log Z(mask) is the loss of what is known.

A row's loss is +inf where z* has a part that `mask` or a score of -inf excludes.

Raises, beside the errors of `structure.argmax`:
    TypeError: the target is neither integers nor parts.
    ValueError: its shape does not fit, or a row of it is no structure. The latter is not checked under `torch.compile`
        and `torch.func`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from .base import MarginalStructure, Polytope, Structure, log_prob_of_integers, refuse_outside, rows_excluded
from .checks import as_lengths, check_instance, check_scores, check_structures, refuse_rows, widen
from .differentiation import Function, apply, keep
from .noise import draw_noise, draw_seeds, mean_over_samples, noise_factors, perturbed
from .parts.base import Parts, common_dtype, flatten, inner, map_parts, masked, per_row, tensors
from .parts.compact import Reading, check_parts, read_structure
from .parts.rows import over_rows
from .problem import Problem
from .results import log_partition_of, own_polytope
from .settings import check_choice, check_count, check_positive
from .surrogates.once import differentiable_once

Reduction: TypeAlias = Literal["none", "mean", "sum"]
IGNORE_INDEX = -100


@over_rows(owner="structure")
def perceptron_loss(
    scores: Parts,
    target: Any,
    structure: Structure[Parts],
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
    reduction: Reduction = "none",
    ignore_index: int = IGNORE_INDEX,
    outside: Literal["refuse", "clip"] = "refuse",
) -> Tensor:
    """Return max_z <s, z> - <s, z*> (Collins 2002); arguments, shapes and errors are those of `hinge_loss`."""
    case = _Case.of(scores, target, structure, lengths, mask, ignore_index, "perceptron_loss", outside)
    best = case.problem.argmax(case.problem.scores)
    return _reduced(F.relu(_loss(case, best)), case.excluded, case.known, scores, reduction)


@over_rows(owner="structure")
def hinge_loss(
    scores: Parts,
    target: Any,
    structure: Structure[Parts],
    cost: Parts | None = None,
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
    reduction: Reduction = "none",
    ignore_index: int = IGNORE_INDEX,
    outside: Literal["refuse", "clip"] = "refuse",
) -> Tensor:
    """Return max_z [<s, z> + cost(z)] - <s, z*> (Taskar et al. 2003).

    Args:
        scores: s, batch first, as the structure has them.
        target: z*: 0/1 parts, shaped like the scores, or integers such as heads or tags, as `structure.to_parts` takes
            them.
        structure: what z runs over.
        cost: c in cost(z) = <c, z - z*>, shaped like the scores; None means `hamming_cost` of the target, which counts
            the parts in which z and z* differ.
        lengths: the real size of each row, `[batch]`.
        mask: bool, shaped like the scores; True = candidate.
        reduction: "none", "mean" or "sum".
        ignore_index: marks a row that has no known structure.
        outside: what to do with a row of the target that is no structure: "refuse" it, or "clip" its loss, which can
            be negative, at 0. Then excluded parts of the target count as absent.

    Returns:
        `[batch]`, or one number if it is reduced, in the type of the scores. +inf where `mask` or a score of -inf
        excludes a part of z*.

    Raises:
        TypeError: the target is neither integers nor parts.
        ValueError: its shape does not fit, or a row of it is no structure; a candidate's cost is not finite.
    """
    case = _Case.of(scores, target, structure, lengths, mask, ignore_index, "hinge_loss", outside)
    problem = case.problem
    given = cost is not None
    if cost is None:
        cost = hamming_cost(case.target)
    else:
        check_parts("cost", cost, problem.scores)
        cost = cost if case.known is None else _of_known_rows(cost, case.known)
    cost = map_parts(lambda part, score: part.detach().to(score.dtype), masked(cost, problem.valid), problem.scores)
    if given:
        infinite = ~flatten(cost).isfinite().all(1)
        refuse_rows(infinite, "cost: expected finite numbers in candidate cells, got NaN or infinity")
    best = problem.argmax(map_parts(torch.add, problem.scores, cost))
    # Here Ω(z) = -cost(z), which is 0 at z*.
    rest = inner(cost, map_parts(torch.sub, best, case.target))
    return _reduced(F.relu(_loss(case, best, rest)), case.excluded, case.known, scores, reduction)


def hamming_cost(target: Parts, false_positive: float = 1.0, false_negative: float = 1.0) -> Parts:
    """Return the cost of each part too many and of each part missing, for `hinge_loss`; shaped like `target`.

    `target` is 0/1 parts, `[batch, ...]`; `structure.to_parts` makes them of integers. A part that is not in the target
    costs `false_positive`, one of the target that is missing `false_negative`. Of parts that are counted, such as
    transitions that all steps share, each use of one that the target has nowhere costs `false_positive`, and each use
    of one that it has saves `false_negative`: how often the target has it does not matter.
    """
    check_structures("target", target)
    wide = map_parts(lambda part: part if part.is_floating_point() else part.float(), target)
    there = map_parts(lambda part: part.clamp(max=1), wide)
    return map_parts(lambda part: false_positive * (1 - part) - false_negative * part, there)


@over_rows(owner="structure")
def negative_log_likelihood(
    scores: Parts,
    target: Any,
    structure: MarginalStructure[Parts],
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
    reduction: Reduction = "none",
    ignore_index: int = IGNORE_INDEX,
    outside: Literal["refuse", "clip"] = "refuse",
) -> Tensor:
    """Return -log p(z*) with p(z) ∝ exp <s, z>, the loss of conditional random fields (Lafferty et al. 2001).

    Arguments, shapes and errors are those of `hinge_loss`.

    Raises:
        TypeError: the structure has no sums.
    """
    name = "negative_log_likelihood"
    scores, problem, reading = _read(scores, target, structure, lengths, mask, ignore_index, name, outside)
    summable = problem.summable()
    if outside == "refuse":
        refuse_outside("target", structure, reading, problem.lengths)
        log_prob = log_prob_of_integers(summable, reading, scores, problem.lengths, mask)
        if log_prob is not None:
            return _reduced(-log_prob, None, reading.known, scores, reduction)
    case = _Case.read(scores, problem, reading, outside)
    wide = map_parts(widen, scores)
    if outside == "refuse" and summable.accurate is not None:
        losses = -summable.accurate.log_prob(wide, case.target, problem.lengths, mask)
    else:
        log_partition = log_partition_of(summable, wide, problem.lengths, mask)
        losses = log_partition - inner(masked(wide, case.problem.valid), case.target)
    losses = F.relu(losses) if outside == "clip" else losses
    return _reduced(losses, case.excluded, case.known, scores, reduction)


@over_rows(owner="structure")
def sparsemap_loss(
    scores: Parts,
    target: Any,
    structure: Structure[Parts],
    *,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
    reduction: Reduction = "none",
    ignore_index: int = IGNORE_INDEX,
) -> Tensor:
    """Return max_y [<s, y> - ½‖y‖²] + ½‖z*‖² - <s, z*> = ½‖s - z*‖² - ½‖s - ŷ‖² (Niculae et al. 2018).

    It is 0 as soon as z* leads by a margin, and ŷ is sparse. ŷ comes from `structure.hull`, and is as exact as that.
    Arguments, shapes and errors are those of `hinge_loss`.
    """
    case = _Case.of(scores, target, structure, lengths, mask, ignore_index, "sparsemap_loss")
    wrong = ~(flatten(masked(case.problem.scores, case.problem.valid)) < torch.inf).all(1)
    refuse_rows(wrong, "scores: NaN or +inf in a candidate cell")
    hull = own_polytope(structure, "hull")
    nearest = case.problem.project(case.problem.scores, hull)
    rest = (inner(case.target, case.target) - inner(nearest, nearest)) / 2
    return _reduced(_loss(case, nearest, rest, hull), case.excluded, case.known, scores, reduction)


@over_rows(owner="structure")
def perturbed_loss(
    scores: Parts,
    target: Any,
    structure: Structure[Parts],
    *,
    sigma: float = 1.0,
    samples: int = 8,
    noise: Literal["normal", "gumbel", "multiplicative"] = "normal",
    generator: torch.Generator | None = None,
    lengths: Tensor | None = None,
    mask: Parts | None = None,
    reduction: Reduction = "none",
    ignore_index: int = IGNORE_INDEX,
) -> Tensor:
    """Return an estimate of E max_z <s + σε, z> - <s, z*>, up to the constant Ω(z*) (Berthet et al. 2020).

    The gradient, the mean best structure of the perturbed scores minus z*, is unbiased. Shapes and errors are those of
    `hinge_loss`.

    Args:
        scores: s.
        target: z*.
        structure: what z runs over.
        sigma: σ.
        samples: of the noise, for each row.
        noise: what ε is on each part; or "multiplicative": s is multiplied by exp(σε - σ²/2), with mean 1 (Dalle et al.
            2022), and the gradient is the mean of the best structures times these factors, minus z*.
        generator: of the noise; None means torch's own.
        lengths: the real size of each row, `[batch]`.
        mask: bool, shaped like the scores; True = candidate.
        reduction: "none", "mean" or "sum".
        ignore_index: marks a row that has no known structure.
    """
    check_positive("sigma", sigma)
    check_count("samples", samples)
    check_choice("noise", noise, ("normal", "gumbel", "multiplicative"))
    case = _Case.of(scores, target, structure, lengths, mask, ignore_index, "perturbed_loss")
    problem = case.problem
    seeds = draw_seeds(problem, samples, generator)
    drawn = draw_noise(noise, seeds, problem)
    best = problem.repeat(samples).argmax(perturbed(problem, noise, sigma, seeds))
    rest = sigma * inner(drawn, best).view(-1, samples).mean(1)
    if noise == "multiplicative":
        # Here the noise is in what the scores are multiplied with.
        best, rest = map_parts(torch.mul, noise_factors(drawn, sigma), best), torch.zeros_like(rest)
    mean = mean_over_samples(best, samples)
    return _reduced(_loss(case, mean, rest, "unknown"), case.excluded, case.known, scores, reduction)


@dataclass(frozen=True)
class _Case(Generic[Parts]):
    """The arguments of a loss, checked."""

    scores: Parts
    """0 in rows without a target, whose scores are not read."""
    problem: Problem[Parts]
    """With these scores, detached."""
    target: Parts
    """0/1, typed like the problem's scores, 0 where there is no candidate."""
    known: Tensor | None
    """Which rows have a target, bool, `[batch]`; None: all."""
    excluded: Tensor | None
    """Which rows of the target have a part that is excluded, bool, `[batch]`; None: none, or such parts are absent."""

    @classmethod
    def of(
        cls,
        scores: Parts,
        target: Any,
        structure: Structure[Parts],
        lengths: Tensor | None,
        mask: Parts | None,
        ignore_index: int,
        loss: str,
        outside: str = "refuse",
    ) -> _Case[Parts]:
        scores, problem, reading = _read(scores, target, structure, lengths, mask, ignore_index, loss, outside)
        if outside == "refuse":
            refuse_outside("target", structure, reading, problem.lengths)
        return cls.read(scores, problem, reading, outside)

    @classmethod
    def read(cls, scores: Parts, problem: Problem[Parts], reading: Reading[Parts], outside: str) -> _Case[Parts]:
        """Return the case of a target that has been read, and is a structure if others are refused."""
        valid, excluded = problem.valid, None
        if outside == "refuse":
            excluded = rows_excluded(problem.structure, reading.parts, valid, problem.lengths)
        parts = map_parts(lambda part, score: part.detach().to(score.dtype), reading.parts, problem.scores)
        return cls(scores, replace(problem, candidates=valid), masked(parts, valid), reading.known, excluded)


def _read(
    scores: Parts,
    target: Any,
    structure: Structure[Parts],
    lengths: Tensor | None,
    mask: Parts | None,
    ignore_index: int,
    loss: str,
    outside: str,
) -> tuple[Parts, Problem[Parts], Reading[Parts]]:
    """Check the arguments of a loss; return the scores, the arguments with the scores detached, and the target."""
    check_choice("outside", outside, ("refuse", "clip"))
    check_scores("scores", scores)
    check_instance("structure", structure, Structure, "ProjectiveTree()")
    lengths, wide = as_lengths(lengths), map_parts(lambda part: widen(part.detach()), scores)
    reading = read_structure("target", target, wide, structure.compact_form, lengths, ignore_index)
    known = reading.known
    if known is not None:
        scores, wide = (_of_known_rows(each, known) for each in (scores, wide))
    return scores, Problem(structure, wide, lengths, mask, None, loss), reading


def _of_known_rows(parts: Parts, known: Tensor) -> Parts:
    """Return `parts` with 0 in the rows that have no target."""
    return map_parts(lambda part: part.where(per_row(known, part, torch.bool), 0), parts)


def _loss(
    case: _Case[Parts],
    prediction: Parts,
    rest: Tensor | None = None,
    moves: Polytope[Parts] | Literal["never", "unknown"] = "never",
) -> Tensor:
    """Return <s, ŷ - z*> + Ω(z*) - Ω(ŷ), where `rest` is what follows the first term; its gradient is ŷ - z*.

    `moves` says how ŷ depends on the scores: it is their projection onto a polytope, it is constant almost everywhere,
    or its derivative is not known.
    """
    problem = case.problem
    wide = map_parts(widen, masked(case.scores, problem.valid))
    if moves == "never":
        first = inner(wide, map_parts(torch.sub, prediction, case.target))
        return first if rest is None else first + rest
    kind = None if isinstance(wide, Tensor) else type(wide)
    flat = (part for parts in (wide, prediction, case.target, problem.valid) for part in tensors(parts))
    return apply(_Moving, problem.surrogate, moves, kind, problem.lengths, rest, *flat)  # type: ignore[no-any-return]


class _Moving(Function):
    """The loss <s, ŷ - z*> + rest with the gradient ŷ - z*, which has a derivative if that of ŷ is known."""

    @staticmethod
    def forward(name: str, moves: Any, kind: Any, lengths: Tensor | None, rest: Tensor, *flat: Tensor) -> Tensor:
        scores, prediction, target, _ = _fourths(flat)
        return inner(scores, tuple(map(torch.sub, prediction, target))) + rest

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.name, ctx.moves, ctx.kind, lengths, _, *flat = inputs
        keep(ctx, lengths, *flat)

    @staticmethod
    def slopes(ctx: Any, *sources: Tensor) -> tuple[Tensor, ...]:
        """Return ŷ - z*, differentiable if that is asked for."""
        lengths, *flat = ctx.saved_tensors
        scores, prediction, target, valid = _fourths(flat)
        again = torch.is_grad_enabled() and not torch.compiler.is_compiling()
        if again and ctx.moves != "unknown":
            point, mask = (parts[0] if ctx.kind is None else ctx.kind(*parts) for parts in (scores, valid))
            prediction = tensors(ctx.moves.project(point, lengths, mask))
        slopes = tuple(map(torch.sub, prediction, target))
        return differentiable_once(ctx.name, slopes, *scores, *sources) if ctx.moves == "unknown" else slopes

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slopes = _Moving.slopes(ctx, grad)
        return *[None] * 5, *(per_row(grad, slope) * slope for slope in slopes), *[None] * (3 * len(slopes))

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> Tensor:
        slopes = _Moving.slopes(ctx)
        return inner(tangents[5 : 5 + len(slopes)], slopes)


def _fourths(flat: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], ...]:
    fourth = len(flat) // 4
    return tuple(tuple(flat[begin : begin + fourth]) for begin in range(0, len(flat), fourth))


def _reduced(
    losses: Tensor, excluded: Tensor | None, known: Tensor | None, scores: Parts, reduction: Reduction
) -> Tensor:
    """Return the losses in the type of the scores: +inf for excluded targets, 0 for unknown ones; reduced."""
    check_choice("reduction", reduction, ("none", "mean", "sum"))
    if excluded is not None:
        losses = losses.masked_fill(excluded, torch.inf)
    if known is not None:
        losses = losses.masked_fill(~known, 0)
    if reduction == "sum":
        losses = losses.sum()
    elif reduction == "mean":
        losses = losses.mean() if known is None else losses.sum() / known.sum()
    return losses.to(common_dtype(scores))
