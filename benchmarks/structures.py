"""Matchings, chains and subsets, beside scipy and the same recurrences in plain torch.

Run `python benchmarks/structures.py --help`. What is compared is first checked to give the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tables
import torch
from common import finish, interleaved, medians, options, progress, start
from scipy.optimize import linear_sum_assignment
from torch import Tensor

import spigot

BATCH = 32
Row = dict[str, Any]
Functions = dict[str, Callable[[], Any]]


class DisagreementError(RuntimeError):
    """Two implementations gave different results: there is nothing to time."""


def agree(what: str, ours: Tensor, theirs: Tensor) -> None:
    """Raise DisagreementError if two results are not the same but for rounding."""
    if not torch.allclose(ours, theirs, rtol=1e-4, atol=1e-4):
        raise DisagreementError(f"{what}: the results differ by {(ours - theirs).abs().max().item():.2g}")


def scipy_matching(scores: Tensor) -> Tensor:
    """Return the best matchings, 0/1, as scipy finds them, one after another."""
    matched = torch.zeros_like(scores)
    arrays = scores.numpy()
    for b, array in enumerate(arrays):
        rows, columns = linear_sum_assignment(array, maximize=True)
        matched[b, rows, columns] = 1
    return matched


def matchings(sizes: Sequence[int], seconds: float) -> list[Row]:
    """Time the matchings of a batch, in one call and in one for each; of scipy, its bare call too."""
    matching = spigot.Matching()
    rows = []
    for n in sizes:
        for kind in ("normal", "ties"):
            progress(f"matching, n = {n}, {kind}")
            generator = torch.Generator().manual_seed(n)
            scores = torch.randn(BATCH, n, n, generator=generator)
            if kind == "ties":
                scores = torch.randint(0, 100, (BATCH, n, n), generator=generator).float()
            ours, theirs = matching.argmax(scores), scipy_matching(scores)
            agree("matching", (ours * scores).sum((1, 2)), (theirs * scores).sum((1, 2)))
            singles, arrays = list(scores.split(1)), list(scores.double().numpy())

            def one_by_one(singles: Sequence[Tensor] = singles) -> None:
                for single in singles:
                    matching.argmax(single)

            def scipy_one_by_one(singles: Sequence[Tensor] = singles) -> None:
                for single in singles:
                    scipy_matching(single)

            def bare(arrays: Sequence[Any] = arrays) -> None:
                for array in arrays:
                    linear_sum_assignment(array, maximize=True)

            functions: Functions = {
                "spigot": partial(matching.argmax, scores),
                "spigot, one at a time": one_by_one,
                "scipy": partial(scipy_matching, scores),
                "scipy, one at a time": scipy_one_by_one,
                "scipy, bare": bare,
            }
            rows.append({"n": n, "scores": kind, "seconds": medians(interleaved(functions, seconds))})
    return rows


def projections(sizes: Sequence[int], seconds: float) -> list[Row]:
    """Time the projection onto the doubly stochastic matrices, forward and with gradient."""
    birkhoff, rows = spigot.Birkhoff(), []
    for n in sizes:
        progress(f"Birkhoff, n = {n}")
        point = torch.randn(BATCH, n, n, generator=torch.Generator().manual_seed(n))
        leaf = point.clone().requires_grad_()
        projected = birkhoff.project(point)
        for dim in (1, 2):
            agree("sums of rows and columns", projected.sum(dim), torch.ones(BATCH, n))

        def with_gradient(leaf: Tensor = leaf, point: Tensor = point) -> Tensor:
            return torch.autograd.grad(birkhoff.project(leaf), leaf, point)[0]

        with_gradient()
        functions: Functions = {"forward": partial(birkhoff.project, point), "with gradient": with_gradient}
        rows.append({"n": n, "seconds": medians(interleaved(functions, seconds))})
    return rows


def plain_chain(emissions: Tensor, transitions: Tensor, maximum: bool) -> Tensor:
    """Return the best score, or log Z, of chains by the usual loop over positions; argmax or marginals by gradient."""
    total = emissions[:, 0]
    # Views made at once: the gradient of an index writes a tensor as large as all transitions, for each step.
    for transition, emission in zip(transitions.unbind(1), emissions[:, 1:].unbind(1), strict=True):
        terms = total[:, :, None] + transition
        total = (terms.amax(1) if maximum else terms.logsumexp(1)) + emission
    return total.amax(1) if maximum else total.logsumexp(1)


def chains(shapes: Sequence[tuple[int, int, int]], seconds: float) -> list[Row]:
    """Time Viterbi, log Z with its gradient (forward-backward), and marginals with theirs."""
    chain = spigot.LinearChain()
    rows = []
    for batch, positions, tags in shapes:
        generator = torch.Generator().manual_seed(tags)
        emissions = torch.randn(batch, positions, tags, generator=generator)
        transitions = torch.randn(batch, positions - 1, tags, tags, generator=generator)
        scores = spigot.LinearChainParts(emissions, transitions)
        towards = spigot.LinearChainParts(torch.rand_like(emissions), torch.rand_like(transitions))

        def leaves(dtype: torch.dtype = torch.float32, scores: spigot.LinearChainParts = scores) -> list[Tensor]:
            return [part.to(dtype, copy=True).requires_grad_() for part in scores]

        def torch_gradient(maximum: bool, dtype: torch.dtype = torch.float32) -> tuple[Tensor, ...]:
            given = leaves(dtype)
            return torch.autograd.grad(plain_chain(*given, maximum).sum(), given)

        def torch_twice(
            dtype: torch.dtype = torch.float32, towards: spigot.LinearChainParts = towards
        ) -> tuple[Tensor, ...]:
            given = leaves(dtype)
            marginals = torch.autograd.grad(plain_chain(*given, False).sum(), given, create_graph=True)
            return torch.autograd.grad(marginals, given, tuple(part.to(dtype) for part in towards))

        def sums() -> tuple[Tensor, ...]:
            given = leaves()
            return torch.autograd.grad(chain.log_partition(spigot.LinearChainParts(*given)).sum(), given)

        def twice(towards: spigot.LinearChainParts = towards) -> tuple[Tensor, ...]:
            given = leaves()
            return torch.autograd.grad(chain.marginals(spigot.LinearChainParts(*given)), given, tuple(towards))

        tasks: dict[str, Functions] = {
            "Viterbi": {"spigot": partial(chain.argmax, scores), "torch": partial(torch_gradient, True)},
            "log Z and gradient": {"spigot": sums, "torch": partial(torch_gradient, False)},
            "marginals and gradient": {"spigot": twice, "torch": torch_twice},
        }
        for task, functions in tasks.items():
            progress(f"{task}, {batch} chains of {positions} positions, {tags} tags")
            # In double precision: over long chains plain torch is off by 1e-3 in single precision.
            for mine, other in zip(functions["spigot"](), functions["torch"](dtype=torch.float64), strict=True):
                agree(task, mine.double(), other)
            functions["torch"]()
            times = medians(interleaved(functions, seconds))
            rows.append({"task": task, "batch": batch, "positions": positions, "tags": tags, "seconds": times})
    return rows


def plain_subset(scores: Tensor, k: int) -> Tensor:
    """Return log e_k by the usual loop over candidates; marginals by gradient."""
    lowest = -1e30
    total = torch.cat([scores.new_zeros(len(scores), 1), scores.new_full((len(scores), k), lowest)], 1)
    for score in scores.unbind(1):
        total = torch.cat([total[:, :1], torch.logaddexp(total[:, 1:], total[:, :-1] + score[:, None])], 1)
    return total[:, k]


def subsets(shapes: Sequence[tuple[int, int, int]], seconds: float) -> list[Row]:
    """Time argmax, marginals and projection of subsets."""
    rows = []
    for batch, size, k in shapes:
        progress(f"{k} of {size}, batch of {batch}")
        scores = torch.randn(batch, size, generator=torch.Generator().manual_seed(size))
        structure, leaf = spigot.KSubset(k), scores.double().requires_grad_()

        def by_torch(leaf: Tensor = leaf, k: int = k) -> Tensor:
            return torch.autograd.grad(plain_subset(leaf, k).sum(), leaf)[0]

        agree("marginals of subsets", structure.marginals(scores), by_torch().float())
        functions: Functions = {
            "argmax": partial(structure.argmax, scores),
            "marginals": partial(structure.marginals, scores),
            "marginals, torch": by_torch,
            "projection": partial(structure.relaxation.project, scores),
        }
        for function in functions.values():
            function()
        rows.append({"batch": batch, "size": size, "k": k, "seconds": medians(interleaved(functions, seconds))})
    return rows


def main() -> None:
    arguments = options(__doc__.splitlines()[0]).parse_args()
    result = start(arguments) | {"batch": BATCH}
    quick = arguments.quick
    seconds = 0.02 if quick else 1.0
    result["matchings"] = matchings((5, 10) if quick else (5, 10, 20, 50, 100), seconds)
    result["projections"] = projections((5, 10) if quick else (5, 10, 20, 40, 80), seconds)
    shapes = [(2, 5, 3)] if quick else [(1, 20, 10), (32, 20, 10), (32, 50, 50), (8, 100, 100)]
    result["chains"] = chains(shapes, seconds)
    result["subsets"] = subsets([(2, 8, 3)] if quick else [(1, 20, 3), (32, 50, 10), (256, 200, 20)], seconds)
    print(tables.structures(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
