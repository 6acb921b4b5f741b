"""A linear-chain CRF with shared transitions, beside the usual loop and torch-struct; the k best, beside the argmax.

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


def own_loss(emissions: Tensor, transitions: Tensor, tags: Tensor) -> Tensor:
    """Return the loss of a CRF."""
    scores = spigot.LinearChainParts.shared(emissions, transitions)
    return spigot.negative_log_likelihood(scores, tags, CHAIN, reduction="mean")


def gold_score(emissions: Tensor, transitions: Tensor, tags: Tensor) -> Tensor:
    """Return the scores of sequences of tags, by index."""
    of_tags = emissions.gather(2, tags[..., None]).sum((1, 2))
    return of_tags + transitions[tags[:, :-1], tags[:, 1:]].sum(1)


def plain_loss(emissions: Tensor, transitions: Tensor, tags: Tensor) -> Tensor:
    """Return the same by a loop over positions."""
    steps = transitions.expand(len(emissions), emissions.size(1) - 1, -1, -1)
    return (plain_chain(emissions, steps, False) - gold_score(emissions, transitions, tags)).mean()


def torch_struct_loss(emissions: Tensor, transitions: Tensor, tags: Tensor) -> Tensor:
    """Return the same with the log Z of torch-struct."""
    import torch_struct

    first = torch.nn.functional.pad(emissions[:, :1], (0, 0, 0, emissions.size(1) - 2))
    potentials = transitions.T + emissions[:, 1:, :, None] + first[:, :, None]
    log_z = torch_struct.LinearChainCRF(potentials).partition
    return (log_z - gold_score(emissions, transitions, tags)).mean()


def losses(shapes: Sequence[tuple[int, int, int]], seconds: float) -> list[Row]:
    """Time the loss of a CRF with its gradient."""
    rows = []
    for batch, positions, tags in shapes:
        progress(f"CRF: {batch} of {positions} positions, {tags} tags")
        generator = torch.Generator().manual_seed(tags)
        emissions = torch.randn(batch, positions, tags, generator=generator, requires_grad=True)
        transitions = torch.randn(tags, tags, generator=generator, requires_grad=True)
        gold = torch.randint(tags, (batch, positions), generator=generator)

        def step(loss: Callable[..., Tensor], given: tuple[Tensor, ...] = (emissions, transitions, gold)) -> Any:
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
        rows.append({"shape": [batch, positions, tags], "seconds": medians(interleaved(functions, seconds))})
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
    shapes = [(2, 5, 3)] if arguments.quick else [(1, 20, 10), (32, 50, 20), (16, 100, 100), (16, 50, 200)]
    result["losses"] = losses(shapes, seconds)
    result["k_best"] = k_best(3, 5, seconds) if arguments.quick else k_best(8, 20, seconds / 2)
    print(tables.chain(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
