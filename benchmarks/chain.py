"""A linear-chain CRF beside the usual loop and torch-struct; the k best structures beside repeated argmaxes.

Run `python benchmarks/chain.py --help`. What is compared is first checked to give the same results.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import tables
import torch
from common import finish, interleaved, medians, options, progress, start
from structures import agree, plain_chain
from torch import Tensor

import spigot

CHAIN = spigot.LinearChain()
Row = dict[str, Any]


def own_loss(emissions: Tensor, transitions: Tensor, target: Any) -> Tensor:
    """Return the loss of a CRF."""
    if transitions.dim() == 2:
        scores = spigot.LinearChainParts.shared(emissions, transitions)
    else:
        scores = spigot.LinearChainParts(emissions, transitions)
    return spigot.negative_log_likelihood(scores, target, CHAIN, reduction="mean")


def gold_score(emissions: Tensor, transitions: Tensor, target: Any) -> Tensor:
    """Return the scores of sequences, given by tags or by parts."""
    if isinstance(target, spigot.LinearChainParts):
        return (emissions * target.emissions).sum((1, 2)) + (transitions * target.transitions).sum((1, 2, 3))
    of_tags = emissions.gather(2, target[..., None]).sum((1, 2))
    if transitions.dim() == 2:
        return of_tags + transitions[target[:, :-1], target[:, 1:]].sum(1)
    rows, steps = torch.arange(len(target))[:, None], torch.arange(transitions.size(1))
    return of_tags + transitions[rows, steps, target[:, :-1], target[:, 1:]].sum(1)


def plain_loss(emissions: Tensor, transitions: Tensor, target: Any) -> Tensor:
    """Return the same by a loop over positions."""
    steps = transitions
    if transitions.dim() == 2:
        steps = transitions.expand(len(emissions), emissions.size(1) - 1, -1, -1)
    return (plain_chain(emissions, steps, False) - gold_score(emissions, transitions, target)).mean()


def torch_struct_loss(emissions: Tensor, transitions: Tensor, target: Any) -> Tensor:
    """Return the same with the log Z of torch-struct."""
    import torch_struct

    first = torch.nn.functional.pad(emissions[:, :1], (0, 0, 0, emissions.size(1) - 2))
    potentials = transitions.mT + emissions[:, 1:, :, None] + first[:, :, None]
    log_z = torch_struct.LinearChainCRF(potentials).partition
    return (log_z - gold_score(emissions, transitions, target)).mean()


def losses(cases: Sequence[tuple[str, str, tuple[int, int, int]]], seconds: float) -> list[Row]:
    """Time the loss of a CRF with its gradient."""
    rows = []
    for kind, form, (batch, positions, tags) in cases:
        progress(f"CRF: {batch} of {positions} positions, {tags} tags; {kind} transitions, {form}")
        generator = torch.Generator().manual_seed(tags)
        emissions = torch.randn(batch, positions, tags, generator=generator, requires_grad=True)
        shape = (tags, tags) if kind == "shared" else (batch, positions - 1, tags, tags)
        transitions = torch.randn(shape, generator=generator, requires_grad=True)
        gold = torch.randint(tags, (batch, positions), generator=generator)
        target: Any = gold if form == "tags" else spigot.tags_to_chains(gold, tags)

        def step(loss: Callable[..., Tensor], given: tuple[Any, ...] = (emissions, transitions, target)) -> Any:
            return torch.autograd.grad(loss(*given), given[:2])

        functions: dict[str, Callable[[], Any]] = {
            "spigot": partial(step, own_loss),
            "plain torch": partial(step, plain_loss),
        }
        # torch-struct multiplies matrices of all steps: the others take it gigabytes.
        if importlib.util.find_spec("torch_struct") is not None and batch * positions * tags**3 < 1e8:
            functions["torch-struct"] = partial(step, torch_struct_loss)
        for name, function in functions.items():
            for own, other in zip(functions["spigot"](), function(), strict=True):
                agree(f"gradients of {name}", own, other)
        row: Row = {"transitions": kind, "target": form, "shape": [batch, positions, tags]}
        rows.append(row | {"seconds": medians(interleaved(functions, seconds))})
    return rows


def k_best(k: int, size: int, seconds: float) -> list[Row]:
    """Time the k best structures beside k calls of an argmax."""
    generator = torch.Generator().manual_seed(k)

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    cases: list[tuple[spigot.Structure[Any], Any]] = [
        (spigot.Categorical(), randn(4, size)),
        (spigot.KSubset(3), randn(4, size)),
        (CHAIN, spigot.LinearChainParts(randn(4, size, 5), randn(4, size - 1, 5, 5))),
        (spigot.ProjectiveTree(), randn(4, size + 1, size + 1)),
        (spigot.NonProjectiveTree(), randn(4, size + 1, size + 1)),
        (spigot.BinaryTree(), randn(4, size, size)),
        (spigot.Matching(), randn(4, size, size)),
        (spigot.SemiMarkov(), spigot.SegmentationParts(randn(4, size, 4, 3), randn(4, size - 1, 3, 3))),
    ]
    rows = []
    for structure, scores in cases:
        progress(f"{k} best: {structure}")

        def again(structure: spigot.Structure[Any] = structure, scores: Any = scores) -> None:
            for _ in range(k):
                structure.argmax(scores)

        functions = {"k best": partial(structure.top_k, scores, k), "k argmaxes": again}
        first = structure.top_k(scores, k)
        agree("the best", first[1][:, 0], structure.score(scores, structure.argmax(scores)))
        again()
        rows.append({"structure": repr(structure), "k": k, "seconds": medians(interleaved(functions, seconds))})
    return rows


def main() -> None:
    arguments = options(__doc__.splitlines()[0]).parse_args()
    result = start(arguments)
    warnings.filterwarnings("ignore", message=".*arg_constraints.*")
    seconds = 0.02 if arguments.quick else 1.5
    shapes = [(2, 5, 3)] if arguments.quick else [(1, 20, 10), (32, 50, 20), (16, 100, 100), (4, 50, 200)]
    kinds = ("shared", "tags"), ("of each step", "tags"), ("of each step", "parts")
    result["losses"] = losses([(*kind, shape) for kind in kinds for shape in shapes], seconds)
    result["k_best"] = k_best(3, 5, seconds) if arguments.quick else k_best(8, 20, seconds / 2)
    print(tables.chain(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
