"""Shortest paths under predicted costs: a model trained to predict, and models trained for their decisions.

    python experiments/decisions.py --out experiments/decisions.json      # about ten minutes on one core
    python experiments/decisions.py --table experiments/decisions.json    # the table, from the JSON file

Data, as Elmachtoub and Grigas (2022) make them: features x ~ N(0, 1)^5; the cost of an edge is
(((B x) / √5 + 3)^degree + 1) / 3.5^degree, times noise from [0.5, 1.5], where B is a random 0/1 matrix. A path leads
through a grid of 5 × 5 nodes, right and down. The model is linear, so for a degree above 1 no model is right, and it
matters which errors it makes. 200 instances to train on, 200 to develop, 2,000 to test; Adam, 300 steps of 50 of them.

The score is the regret on the test set, in percent of the costs of the best paths. Each method is tuned on the
development regret over its grid with one seed that is not among those reported. "warm" starts from the two-stage model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

import spigot
from spigot import SPIGOT, Blackbox, MonotoneAlignment, Perturbed, Surrogate, structured_argmax

NODES, FEATURES = 5, 5
SIZES = {"train": 200, "dev": 200, "test": 2000}
STEPS, BATCH = 300, 50
TUNING_SEED, FIRST_SEED = 100, 1
DEGREES = (1, 4, 8)
PATHS = MonotoneAlignment()
"""A path enters each node by one of three moves; the diagonal one is masked."""
MOVES = torch.tensor([False, True, True]).expand(NODES, NODES, 3)


class Split(NamedTuple):
    """Features `x[n, 5]`, costs `c[n, 5, 5, 3]` and the best paths `z`, shaped like them."""

    x: Tensor
    c: Tensor
    z: Tensor


Loss = Callable[[Tensor, Split], Tensor]
"""From predicted costs and the instances that they are for to a loss."""


def draw(degree: int, seed: int) -> dict[str, Split]:
    """Return the data of one seed."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randint(2, (FEATURES, NODES * NODES * 3), generator=generator).float()
    splits = {}
    for name, size in SIZES.items():
        x = torch.randn(size, FEATURES, generator=generator)
        noise = 0.5 + torch.rand(size, mixing.size(1), generator=generator)
        costs = (((x @ mixing) / FEATURES**0.5 + 3) ** degree + 1) / 3.5**degree * noise
        c = costs.view(size, NODES, NODES, 3)
        splits[name] = Split(x, c, PATHS.argmax(-c, mask=MOVES))
    return splits


def regret(predicted: Tensor, split: Split) -> float:
    """Return the regret of a data set in percent of the costs of the best paths."""
    lost = spigot.regret(predicted, split.c, PATHS, sense="min", mask=MOVES)
    return 100 * (lost.sum() / PATHS.score(split.c, split.z, mask=MOVES).sum()).item()


def two_stage(predicted: Tensor, split: Split) -> Tensor:
    """Return the squared error of the predictions."""
    return ((predicted - split.c) ** 2)[:, MOVES].mean()


def spo_plus(predicted: Tensor, split: Split) -> Tensor:
    """Return the SPO+ loss."""
    return spigot.spo_plus_loss(predicted, split.c, PATHS, sense="min", mask=MOVES, reduction="mean")


def fenchel_young(sigma: float) -> Loss:
    """Return the perturbed Fenchel-Young loss: the best paths are its targets."""

    def loss(predicted: Tensor, split: Split) -> Tensor:
        return spigot.perturbed_loss(-predicted, split.z, PATHS, sigma=sigma, samples=4, mask=MOVES, reduction="mean")

    return loss


def decide(surrogate: Surrogate) -> Loss:
    """Return the true cost of the path that is chosen, with the gradient of a surrogate."""

    def loss(predicted: Tensor, split: Split) -> Tensor:
        path = structured_argmax(-predicted, PATHS, surrogate, mask=MOVES, loss_scale=1 / len(predicted))
        return (path * split.c).sum((1, 2, 3)).mean()

    return loss


class Method(NamedTuple):
    """One row of the table: the losses that tuning chooses from, by the value of their setting."""

    losses: dict[str, Loss]
    warm: bool = False


METHODS = {
    "two-stage": Method({"": two_stage}),
    "SPO+": Method({"": spo_plus}),
    "perturbed Fenchel-Young": Method({f"σ = {s}": fenchel_young(s) for s in (0.1, 0.5, 2.0)}),
    "Perturbed": Method({f"σ = {s}": decide(Perturbed(s, samples=8)) for s in (0.1, 0.5)}),
    "Blackbox": Method({f"λ = {s}": decide(Blackbox(s)) for s in (1.0, 10.0)}),
    "SPIGOT": Method({f"η = {s}": decide(SPIGOT(s)) for s in (0.3, 1.0)}),
    "SPIGOT, warm": Method({f"η = {s}": decide(SPIGOT(s)) for s in (0.3, 1.0)}, warm=True),
    "SPO+, warm": Method({"": spo_plus}, warm=True),
}
RATES = (0.003, 0.01, 0.1)


def batches(split: Split, generator: torch.Generator) -> Iterator[Split]:
    """Yield batches, epoch after epoch."""
    while True:
        for rows in torch.randperm(len(split.x), generator=generator).split(BATCH):
            yield Split(*(part[rows] for part in split))


def train(loss: Loss, rate: float, splits: dict[str, Split], seed: int, start: nn.Linear | None = None) -> nn.Linear:
    """Return a linear model, trained."""
    torch.manual_seed(seed)
    model = nn.Linear(FEATURES, NODES * NODES * 3)
    if start is not None:
        model.load_state_dict(start.state_dict())
    optimizer, source = torch.optim.Adam(model.parameters(), rate), batches(splits["train"], torch.default_generator)
    for _, batch in zip(range(STEPS), source, strict=False):
        optimizer.zero_grad()
        loss(predictions(model, batch), batch).backward()
        optimizer.step()
    return model


def predictions(model: nn.Linear, split: Split) -> Tensor:
    """Return predicted costs, shaped like the true ones."""
    return model(split.x).view_as(split.c)


def run(seeds: int) -> list[dict[str, Any]]:
    """Return one entry for each degree, method and seed."""
    found = []
    for degree in DEGREES:
        tuning = draw(degree, TUNING_SEED)
        starts = {TUNING_SEED: train(two_stage, 0.1, tuning, TUNING_SEED)}
        for name, method in METHODS.items():
            began, scores = time.perf_counter(), {}
            for setting, rate in product(method.losses, RATES):
                start = starts[TUNING_SEED] if method.warm else None
                model = train(method.losses[setting], rate, tuning, TUNING_SEED, start)
                scores[setting, rate] = regret(predictions(model, tuning["dev"]), tuning["dev"])
            setting, rate = min(scores, key=scores.__getitem__)
            for seed in range(FIRST_SEED, FIRST_SEED + seeds):
                splits = draw(degree, seed)
                if seed not in starts:
                    starts[seed] = train(two_stage, 0.1, splits, seed)
                model = train(method.losses[setting], rate, splits, seed, starts[seed] if method.warm else None)
                lost = regret(predictions(model, splits["test"]), splits["test"])
                entry = {"degree": degree, "method": name, "setting": setting, "rate": rate, "seed": seed}
                found.append({**entry, "regret": lost})
            print(f"degree {degree}, {name}: {lost:.2f} ({time.perf_counter() - began:.0f} s)", flush=True)
    return found


def table(found: list[dict[str, Any]]) -> str:
    """Return the table of the page."""
    lines = ["| method | " + " | ".join(f"degree {degree}" for degree in DEGREES) + " |", "|---" * 4 + "|"]
    for name in METHODS:
        cells = []
        for degree in DEGREES:
            values = [e["regret"] for e in found if (e["method"], e["degree"]) == (name, degree)]
            cells.append(f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run the experiment, or print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--table", type=Path)
    arguments = parser.parse_args()
    if arguments.table is None:
        found = run(arguments.seeds)
        if arguments.out is not None:
            lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in found)
            arguments.out.write_text(f"[\n{lines}\n]\n", "utf-8")
    else:
        found = json.loads(arguments.table.read_text("utf-8"))
    print(table(found))


if __name__ == "__main__":
    main()
