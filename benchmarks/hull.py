"""SPIGOT with the exact convex hull of the trees, beside SPIGOT with its relaxation; and SparseMAP.

Run `python benchmarks/hull.py --help`. What is timed is the layer, forward and backward.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import tables
import torch
from common import finish, interleaved, medians, options, progress, start
from torch import Tensor

import spigot

BATCH = 32
TREES = {"projective": spigot.ProjectiveTree(), "nonprojective": spigot.NonProjectiveTree()}
GRADIENTS = (1.0, 0.01)


def layer(scores: Tensor, tree: spigot.Structure, surrogate: spigot.Surrogate, gradient: Tensor) -> Tensor:
    """Return the gradient for the scores, given the one for the layer's output."""
    leaf = scores.clone().requires_grad_()
    return torch.autograd.grad(spigot.structured_argmax(leaf, tree, surrogate), leaf, gradient)[0]


def layers(lengths: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """Time the layer with each surrogate, and count the steps of the active set, for gradients of each size."""
    surrogates = {
        "single head": spigot.SPIGOT(),
        "hull": spigot.SPIGOT(polytope="hull"),
        "SparseMAP": spigot.SparseMAP(),
    }
    rows = []
    for name, tree in TREES.items():
        for n in lengths:
            generator = torch.Generator().manual_seed(n)
            scores, direction = torch.randn(2, BATCH, n + 1, n + 1, generator=generator)
            chosen, hull = tree.argmax(scores), spigot.Hull(tree)
            sparse = hull.solve(scores)
            for size in GRADIENTS:
                progress(f"{name}, n = {n}, gradient of {size}")
                gradient = size * direction
                functions = {key: partial(layer, scores, tree, each, gradient) for key, each in surrogates.items()}
                # This is the warming up, too.
                found = {key: function().flatten(1) for key, function in functions.items()}
                exact = hull.solve(chosen - gradient, start=chosen)
                rows.append(
                    {
                        "trees": name,
                        "n": n,
                        "gradient": size,
                        "steps": exact.steps.double().mean().item(),
                        "most_steps": int(exact.steps.max()),
                        "vertices": (exact.weights > 0).sum(1).double().mean().item(),
                        "gap": exact.gap.max().item(),
                        "sparsemap_steps": sparse.steps.double().mean().item(),
                        "cosine": torch.cosine_similarity(found["hull"], found["single head"]).mean().item(),
                        "seconds": medians(interleaved(functions, seconds)),
                    }
                )
    return rows


def main() -> None:
    arguments = options(__doc__.splitlines()[0]).parse_args()
    result = start(arguments)
    result["batch"] = BATCH
    result["layers"] = layers((5, 10) if arguments.quick else (10, 20, 30, 40), 0.05 if arguments.quick else 3.0)
    print(tables.hull(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
