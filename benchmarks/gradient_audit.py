"""Print the tables of docs/surrogates.md: an audit of every surrogate on four structures.

    python benchmarks/gradient_audit.py [--instances 50] [--repeats 32] [--plot FOLDER]

The loss is a random network with one hidden layer, which reads the structure and a random vector of the instance: not
linear, not convex, and with the best structure anywhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

import spigot
from spigot import LinearChainParts, Parts, SemanticGraphParts
from spigot.structured.parts.base import flatten, masked

HIDDEN, WIDTH = 16, 8


def instances(count: int, generator: torch.Generator) -> dict[str, tuple[Parts, spigot.Structure]]:
    """Return scores from a standard normal distribution for each of the four structures."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator)

    return {
        "Categorical, 10 categories": (normal(10), spigot.Categorical()),
        "ProjectiveTree, 4 tokens (30 trees)": (normal(5, 5), spigot.ProjectiveTree()),
        "LinearChain, 4 positions, 3 tags (81 sequences)": (
            LinearChainParts(normal(4, 3), normal(3, 3, 3)),
            spigot.LinearChain(),
        ),
        "SemanticGraph, 2 tokens, 2 labels, one of them deterministic (144 graphs)": (
            SemanticGraphParts(normal(3), normal(3, 3), normal(3, 3, 2)),
            spigot.SemanticGraph([False, True]),
        ),
    }


def random_loss(scores: Parts, structure: spigot.Structure, generator: torch.Generator) -> Callable[[Parts], Tensor]:
    """Return a random network from structures over these scores to one loss for each row."""
    valid = structure.part_mask(scores)
    parts = flatten(valid)
    size = int(parts.sum(1).amax())
    first = torch.randn(parts.size(1), HIDDEN, generator=generator) * (2 / size) ** 0.5
    context = torch.randn(len(parts), WIDTH, generator=generator) @ torch.randn(WIDTH, HIDDEN, generator=generator)
    last = torch.randn(HIDDEN, generator=generator)
    return lambda z: torch.tanh(flatten(masked(z, valid)) @ first + context / WIDTH**0.5) @ last


def main() -> None:
    """Run the audits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=32)
    parser.add_argument("--plot", type=Path, help="folder for one picture a structure")
    arguments = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    for title, (scores, structure) in instances(arguments.instances, generator).items():
        loss = random_loss(scores, structure, generator)
        found = spigot.audit(scores, structure, loss, repeats=arguments.repeats)
        print(f"### {title}\n\n{found}\n", flush=True)
        if arguments.plot is not None:
            arguments.plot.mkdir(parents=True, exist_ok=True)
            found.plot(str(arguments.plot / f"{type(structure).__name__}.svg"))


if __name__ == "__main__":
    main()
