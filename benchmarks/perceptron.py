"""The perceptron that scores arcs, with the package's tanh and with torch's.

Run `python benchmarks/perceptron.py --help`. Sizes are those of the published parsers.
"""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

import tables
import torch
from common import finish, interleaved, medians, options, progress, start
from torch import Tensor, nn

from spigot.models.scorers.perceptron import ArcScorer
from spigot.models.tanh import Tanh

INPUT, HIDDEN = 400, 100
TOKENS = 1024


def with_torch(scorer: ArcScorer) -> ArcScorer:
    """Return a copy of a scorer with torch's tanh."""
    copy = deepcopy(scorer)
    for k, layer in enumerate(copy.layers):
        if isinstance(layer, Tanh):
            copy.layers[k] = nn.Tanh()
    return copy


def score(scorer: ArcScorer, states: Tensor) -> Tensor:
    """Score all arcs without gradients."""
    with torch.no_grad():
        scores: Tensor = scorer(states)
    return scores


def train(scorer: ArcScorer, states: Tensor, gradient: Tensor) -> Tensor:
    """Score all arcs, and return the gradient for the states."""
    leaf = states.clone().requires_grad_()
    scorer(leaf).backward(gradient)
    assert leaf.grad is not None
    return leaf.grad


def measure(tokens: int, n: int, seconds: float) -> list[dict[str, Any]]:
    """Time scorers of a gradient for all arcs, and for one arc of a hundred as a hinge loss has it."""
    generator = torch.Generator().manual_seed(n)
    states = torch.randn(tokens // n, n + 1, INPUT, generator=generator)
    every = torch.randn(tokens // n, n + 1, n + 1, 1, generator=generator)
    few = every * (torch.rand(every.shape, generator=generator) < 0.01)
    rows = []
    for gradients, gradient in {"all arcs": every, "one arc of a hundred": few}.items():
        progress(f"{gradients}, sentences of {n} tokens")
        ours = ArcScorer(INPUT, HIDDEN, few_gradients=gradients != "all arcs")
        scorers = {"spigot": ours, "torch": with_torch(ours)}
        calls = {
            "scores": {name: partial(score, scorer, states) for name, scorer in scorers.items()},
            "scores and gradients": {
                name: partial(train, scorer, states, gradient) for name, scorer in scorers.items()
            },
        }
        for what, functions in calls.items():
            found = {name: call() for name, call in functions.items()}
            torch.testing.assert_close(found["spigot"], found["torch"], rtol=1e-3, atol=1e-3)
            rows.append(
                {"n": n, "gradients": gradients, "what": what, "seconds": medians(interleaved(functions, seconds))}
            )
    return rows


def main() -> None:
    arguments = options(__doc__.splitlines()[0]).parse_args()
    result = start(arguments)
    tokens, seconds = (60, 0.05) if arguments.quick else (TOKENS, 3.0)
    result["tokens"] = tokens
    result["rows"] = [row for n in (10, 25) for row in measure(tokens, n, seconds)]
    print(tables.perceptron(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
