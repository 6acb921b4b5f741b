"""Measures the gradients of surrogates on small instances, whose structures can all be enumerated."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..base import Structure
from ..checks import as_lengths, check_function, check_instance, check_scores
from ..layer import structured_argmax
from ..parts.base import Parts, flatten, like, map_parts, masked, tensors, unflatten
from ..parts.rows import check_rows
from ..problem import Problem
from ..settings import check_count
from ..shapes import Lengths
from ..surrogates.aimle import AIMLE
from ..surrogates.base import Surrogate, check_surrogate
from ..surrogates.blackbox import Blackbox
from ..surrogates.gumbel import Gumbel
from ..surrogates.imle import IMLE
from ..surrogates.marginal_jacobian import MarginalJacobian
from ..surrogates.marginals import Marginals
from ..surrogates.negative_identity import NegativeIdentity
from ..surrogates.perturbed import Perturbed
from ..surrogates.perturbed_score_function import PerturbedScoreFunction
from ..surrogates.score_function import ScoreFunction
from ..surrogates.simple import SIMPLE
from ..surrogates.sparsemap import SparseMAP
from ..surrogates.spigot import SPIGOT
from ..surrogates.spigot_ce import SPIGOTCE
from ..surrogates.spigot_eg import SPIGOTEG
from ..surrogates.straight_through import StraightThrough
from .enumeration import all_structures
from .table import Audit, AuditRow

_LENGTHS = 2.0 ** torch.arange(-8, 4.5, 0.5, device="cpu")
"""The lengths of the steps that are tried until the decision changes, in norms of the scores."""


def default_surrogates(structure: Structure[Parts]) -> dict[str, Surrogate]:
    """Return the surrogates that `audit` compares by default, by name: all that work with the structure."""
    check_instance("structure", structure, Structure, "ProjectiveTree()")
    everything: dict[str, Surrogate] = {
        "StraightThrough": StraightThrough(),
        "NegativeIdentity": NegativeIdentity(),
        "SPIGOT": SPIGOT(),
        "SPIGOT (hull)": SPIGOT(polytope="hull"),
        "SparseMAP": SparseMAP(),
        "Blackbox": Blackbox(),
        "Perturbed": Perturbed(),
        "IMLE": IMLE(),
        "AIMLE": AIMLE(),
        "SPIGOTCE": SPIGOTCE(),
        "SPIGOTEG": SPIGOTEG(),
        "MarginalJacobian": MarginalJacobian(),
        "Marginals": Marginals(),
        "Gumbel": Gumbel(),
        "SIMPLE": SIMPLE(),
        "ScoreFunction": ScoreFunction(),
        "PerturbedScoreFunction": PerturbedScoreFunction(),
    }
    return {name: surrogate for name, surrogate in everything.items() if surrogate.serves(structure)}


def audit(
    scores: Parts,
    structure: Structure[Parts],
    loss: Callable[[Parts], Tensor],
    surrogates: Mapping[str, Surrogate] | None = None,
    *,
    lengths: Lengths | None = None,
    mask: Parts | None = None,
    repeats: int = 32,
    seed: int = 0,
    limit: int = 10_000,
) -> Audit:
    """Compare gradients of surrogates with the exact gradient of the expected loss, and with the best decision.

    All structures of all instances are listed. `cosine` leaves out instances with the same loss for all structures.
    `descent`, `better`, `worse` and `silent` leave out instances whose decision is already the best.

    Args:
        scores: `[batch, ...]`: many small instances.
        structure: one with an exact argmax; it needs no marginals.
        loss: a differentiable function from (relaxed) structures to the loss of each row, `[batch]`; row b always
            belongs to instance b.
        surrogates: by name; None means `default_surrogates(structure)`.
        lengths: the real size of each instance, `[batch]`.
        mask: bool, shaped like the scores; True = candidate.
        repeats: how often each gradient is drawn, at least 2.
        seed: of torch's generator. Surrogates with a `generator` of their own keep it.
        limit: the largest number of structures of one instance.

    Raises:
        ValueError: an instance has more than `limit` structures, or none; `loss` does not return `[batch]`.
        TypeError: a surrogate that needs marginals with a structure that has none; or an argument of the wrong type.
    """
    check_scores("scores", scores)
    check_instance("structure", structure, Structure, "ProjectiveTree()")
    check_rows(structure, scores)
    check_function("loss", loss, "structures to the loss of each row")
    if surrogates is not None:
        check_instance("surrogates", surrogates, Mapping, '{"SPIGOT": SPIGOT()}')
        for name, how in surrogates.items():
            check_surrogate(f"surrogates[{name!r}]", how)
    check_count("repeats", repeats)
    check_count("limit", limit)
    if repeats < 2:
        raise ValueError(f"repeats: expected at least 2, got {repeats}")
    if not len(tensors(scores)[0]):
        raise ValueError("scores: expected one instance at least, got an empty batch")
    problem = Problem(structure, map_parts(torch.detach, scores), as_lengths(lengths), mask, loss, "audit", "loss")
    problem.gradient_at(problem.argmax())  # an error if there is none
    exact, way = _truth(problem, limit)
    surrogates = default_surrogates(structure) if surrogates is None else surrogates
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        rows = [_measure(name, copy.deepcopy(how), problem, exact, way, repeats) for name, how in surrogates.items()]
    return Audit(tuple(rows))


def _truth(problem: Problem[Parts], limit: int) -> tuple[Tensor, Tensor]:
    """Return the gradient of the expected loss and ẑ - z*, float64, `[batch, D]`."""
    structures = [
        flatten(s)
        for s in all_structures(problem.structure, problem.scores, problem.lengths, problem.mask, limit=limit)
    ]
    most = max(len(s) for s in structures)
    # Shorter lists repeat their last structure, with probability 0.
    padded = torch.stack([torch.cat([s, s[-1:].expand(most - len(s), -1)]) for s in structures])
    real = torch.tensor([[v < len(s) for v in range(most)] for s in structures], device=padded.device)
    with torch.no_grad():
        of_each = [problem.loss_at(unflatten(padded[:, v], problem.scores)) for v in range(most)]
    losses = torch.stack(of_each, 1).double()
    each, scores = padded.double(), flatten(masked(problem.scores, problem.valid)).double()
    p = torch.einsum("bvd,bd->bv", each, scores).masked_fill(~real, -torch.inf).softmax(1)
    mean = (p * losses).sum(1, keepdim=True)
    exact = torch.einsum("bv,bvd->bd", p * (losses - mean), each)
    best = each[torch.arange(len(each), device=each.device), losses.argmin(1)]
    return exact, flatten(problem.argmax()).double() - best


def _measure(
    name: str, surrogate: Surrogate, problem: Problem[Parts], exact: Tensor, way: Tensor, repeats: int
) -> AuditRow:
    drawn = torch.stack([_gradient(surrogate, problem) for _ in range(repeats)], 1)
    mean = drawn.mean(1)
    variance = drawn.var(1).sum(1)
    # The variance of the mean of the draws is not bias.
    bias = ((mean - exact).square().sum(1) - variance / repeats).sum().clamp_min(0)
    size = exact.square().sum()
    angles = torch.cosine_similarity(mean, exact, dim=1)[exact.abs().amax(1) > 1e-9]
    open_rows = way.any(1)
    to_best = torch.cosine_similarity(drawn, way[:, None], dim=2)[drawn.any(2) & open_rows[:, None]]
    change = [_next_decision(problem, drawn[:, 0])]
    for m in range(1, repeats):
        change.append(change[0] if torch.equal(drawn[:, m], drawn[:, 0]) else _next_decision(problem, drawn[:, m]))
    changes = torch.stack(change, 1)[open_rows]
    shares = [changes < 0, changes > 0, changes.isnan()]
    return AuditRow(
        name,
        (bias / size).sqrt().item(),
        (variance.sum() / size).sqrt().item(),
        angles.mean().item(),
        to_best.mean().item(),
        *(share.double().mean().item() for share in shares),
    )


def _gradient(surrogate: Surrogate, problem: Problem[Parts]) -> Tensor:
    """Return one gradient of a surrogate, float64, `[batch, D]`."""
    leaves = map_parts(lambda part: part.detach().clone().requires_grad_(), problem.scores)
    output = structured_argmax(
        leaves,
        problem.structure,
        surrogate,
        lengths=problem.lengths,
        mask=problem.mask,
        downstream=problem.downstream,
    )
    total = problem.loss_at(output).sum()
    grads = torch.autograd.grad(total, tensors(leaves), allow_unused=True, materialize_grads=True)
    return flatten(like(leaves, grads)).double()


def _next_decision(problem: Problem[Parts], grad: Tensor) -> Tensor:
    """Return the change of the loss at the first other decision along -grad, `[batch]`; NaN if there is none."""
    scores = masked(problem.scores, problem.valid)
    reach = flatten(scores).double().norm(dim=1)
    reach = reach.where(reach > 0, torch.ones_like(reach)) / grad.norm(dim=1).clamp_min(1e-300)
    now = problem.argmax()
    change = torch.full_like(reach, torch.nan)
    with torch.no_grad():
        before = problem.loss_at(now)
        for length in _LENGTHS.tolist():
            step = unflatten(grad * (length * reach)[:, None], problem.scores)
            after = problem.argmax(map_parts(lambda at, by: at - by.to(at.dtype), problem.scores, step))
            moved = (flatten(after) != flatten(now)).any(1) & change.isnan() & grad.any(1)
            change = torch.where(moved, (problem.loss_at(after) - before).double(), change)
    return change
