"""The synthetic cluster experiment of Mihaylova, Niculae & Martins (2020), for every surrogate.

A network is to put each point into one of K clusters, of which it is told nothing, and to classify it with weights of
the cluster's own. It can do the second well only if it does the first well: so beside the accuracy on the labels, the
V-measure tells how near its clusters are to the true ones.

    python experiments/clusters.py --out experiments/clusters        # everything: about an hour on one core
    python experiments/clusters.py --published --steps 10000 --seeds 3 --out experiments/clusters-published
    python experiments/clusters.py --table experiments/clusters      # the table, from the JSON files
    python experiments/clusters.py --trace experiments/clusters/spigot-3.json       # its first seed, step by step

Data: K centres from N(0, 1)^100; x = centre + 0.1 N(0, 1); y = [w_z·x is above its mean in the cluster]; 5,000 points
to train on, 1,000 to develop, 1,000 to test. Model: z = structured_argmax(A x + a, Categorical()), logit =
Σ_k z_k (b_k·x + c_k). Adam on all points at once, 500 steps (the authors take 10,000 at lower rates).
Each surrogate is tuned on the development accuracy over six settings with one seed that is not among those reported;
ties go to the first. In testing, z is the argmax for all. `gold` is told the clusters: what the classifier can reach.
--published trains with the settings that the authors' program came to, as far as it has the estimator; there is no
tuning then. (Their STE has a step size too, to which Adam is blind; their STE-S has the diagonal of the Jacobian.)
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional as F

import spigot
from spigot import Categorical, Surrogate, structured_argmax

FEATURES, NOISE = 100, 0.1
SIZES = {"train": 5000, "dev": 1000, "test": 1000}
FIRST_SEED, TUNING_SEED = 301, 201
FEW_RATES, MANY_RATES = (3e-3, 1e-2), (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)


class Split(NamedTuple):
    """Points `x[n, 100]`, labels `y[n]` in {0, 1} and clusters `z[n]`."""

    x: Tensor
    y: Tensor
    z: Tensor


class Setting(NamedTuple):
    """One point of an estimator's grid: what its parameter is called, its value, and the learning rate."""

    parameter: str
    value: float | None
    rate: float


class Estimator(NamedTuple):
    """How to make a surrogate from the value of its own parameter, and the six settings to choose from."""

    make: Callable[[Any], Surrogate | None]
    settings: list[Setting]


def grid(make: Callable[[Any], Surrogate], parameter: str, *values: float) -> Estimator:
    """Return an estimator with three values of its parameter, at two learning rates each."""
    return Estimator(make, [Setting(parameter, value, rate) for value, rate in product(values, FEW_RATES)])


def rates(make: Callable[[Any], Surrogate | None]) -> Estimator:
    """Return an estimator that has no parameter of its own: six learning rates."""
    return Estimator(make, [Setting("", None, rate) for rate in MANY_RATES])


ESTIMATORS = {
    "gold": rates(lambda _: None),
    "detached": rates(lambda _: spigot.Detach()),
    "ste": grid(lambda cap: spigot.StraightThrough(max_norm=cap), "max_norm", 0.1, 1.0, 1e6),
    "marginal-jacobian": grid(lambda cap: spigot.MarginalJacobian(max_norm=cap), "max_norm", 0.1, 1.0, 1e6),
    "spigot": grid(lambda eta: spigot.SPIGOT(step_size=eta), "step_size", 0.1, 1.0, 2.0),
    "spigot-5-steps": grid(lambda eta: spigot.SPIGOT(step_size=eta, steps=5), "step_size", 0.1, 1.0, 2.0),
    "spigot-ce": grid(lambda eta: spigot.SPIGOTCE(step_size=eta), "step_size", 0.1, 1.0, 2.0),
    "spigot-eg": grid(lambda eta: spigot.SPIGOTEG(step_size=eta), "step_size", 0.1, 1.0, 2.0),
    "marginals": rates(lambda _: spigot.Marginals()),
    "sparsemap": grid(lambda t: spigot.SparseMAP(temperature=t), "temperature", 0.5, 1.0, 2.0),
    "gumbel": grid(lambda scale: spigot.Gumbel(scale=scale), "scale", 0.1, 0.5, 1.0),
    "perturbed": grid(lambda sigma: spigot.Perturbed(sigma=sigma, samples=5), "sigma", 0.1, 0.5, 1.0),
    "imle": grid(lambda step: spigot.IMLE(step_size=step), "step_size", 1.0, 10.0, 100.0),
    "aimle": grid(lambda scale: spigot.AIMLE(noise_scale=scale), "noise_scale", 0.1, 0.5, 1.0),
    "blackbox": grid(lambda step: spigot.Blackbox(step_size=step), "step_size", 1.0, 10.0, 100.0),
    "negative-identity": rates(lambda _: spigot.NegativeIdentity()),
    "score-function": grid(lambda count: spigot.ScoreFunction(samples=count), "samples", 2, 4, 8),
}

PUBLISHED = {
    ("ste", 3): Setting("max_norm", 1e6, 1e-3),
    ("marginal-jacobian", 3): Setting("max_norm", 1e6, 2e-3),
    ("spigot", 3): Setting("step_size", 1.0, 1e-3),
    ("spigot-ce", 3): Setting("step_size", 2.0, 2e-3),
    ("spigot-eg", 3): Setting("step_size", 0.1, 2e-3),
    ("ste", 10): Setting("max_norm", 1e6, 2e-3),
    ("spigot", 10): Setting("step_size", 0.1, 1e-4),
    ("spigot-ce", 10): Setting("step_size", 1.0, 2e-3),
    ("gold", 3): Setting("", None, 2e-3),
    ("gold", 10): Setting("", None, 2e-3),
}
"""What the authors' program was tuned to, for 10,000 steps; `gold`, which it has not, with the highest of its rates."""


def make_data(clusters: int, seed: int) -> dict[str, Split]:
    """Draw centres, class weights and points."""
    generator = torch.Generator().manual_seed(seed)
    total = sum(SIZES.values())
    centres = torch.randn(clusters, FEATURES, generator=generator)
    weights = torch.randn(clusters, FEATURES, generator=generator)
    z = torch.randint(clusters, (total,), generator=generator)
    x = centres[z] + NOISE * torch.randn(total, FEATURES, generator=generator)
    score = (x * weights[z]).sum(1)
    means = torch.stack([score[z == k].mean() for k in range(clusters)])
    y = (score > means[z]).to(x.dtype)
    pieces = zip(*(part.split(list(SIZES.values())) for part in (x, y, z)), strict=True)
    return {name: Split(*piece) for name, piece in zip(SIZES, pieces, strict=True)}


class Model(nn.Module):
    """Chooses a cluster, then classifies with that cluster's weights. Without a surrogate it is told the cluster."""

    def __init__(self, clusters: int, surrogate: Surrogate | None) -> None:
        super().__init__()
        self.encoder = nn.Linear(FEATURES, clusters)
        self.decoder = nn.Linear(FEATURES, clusters)
        self.surrogate = surrogate

    def losses(self, data: Split) -> Tensor:
        """Return the loss of each point, `[n]`."""
        experts = self.decoder(data.x)

        def downstream(z: Tensor) -> Tensor:
            return F.binary_cross_entropy_with_logits((z * experts.detach()).sum(1), data.y, reduction="none")

        if self.surrogate is None:
            z = self.told(data)
        else:
            z = structured_argmax(self.encoder(data.x), Categorical(), self.surrogate, downstream=downstream)
        return F.binary_cross_entropy_with_logits((z * experts).sum(1), data.y, reduction="none")

    def told(self, data: Split) -> Tensor:
        """Return the true clusters, one-hot."""
        return F.one_hot(data.z, self.encoder.out_features).to(data.x.dtype)

    @torch.no_grad()
    def evaluate(self, data: Split) -> dict[str, float]:
        """Return accuracy and V-measure with the hard decision; and that of the label, which z should not know."""
        from sklearn.metrics import v_measure_score  # of an extra, which tables do without

        z = self.told(data) if self.surrogate is None else Categorical().argmax(self.encoder(data.x))
        logit = (z * self.decoder(data.x)).sum(1)
        accuracy = ((logit > 0) == (data.y > 0.5)).double().mean().item()
        found = z.argmax(1).numpy()
        return {
            "accuracy": accuracy,
            "v_measure": float(v_measure_score(data.z.numpy(), found)),
            "v_measure_of_label": float(v_measure_score(data.y.numpy(), found)),
        }


def train(
    clusters: int,
    estimator: Estimator,
    setting: Setting,
    seed: int,
    steps: int,
    watch: Callable[[int, dict[str, float]], None] | None = None,
) -> dict[str, Any]:
    """Train from one seed; return the scores on dev and test. `watch` gets those on test, now and then."""
    data = make_data(clusters, seed)
    torch.manual_seed(seed)
    model = Model(clusters, estimator.make(setting.value))
    optimizer = torch.optim.Adam(model.parameters(), lr=setting.rate)
    began = time.perf_counter()
    for step in range(steps):
        if watch is not None and step in (0, steps // 10, 2 * steps // 5):
            watch(step, model.evaluate(data["test"]))
        # Summed, so that the surrogate sees each point's own gradient; Adam does not mind the scale.
        loss = model.losses(data["train"]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    seconds = time.perf_counter() - began
    return {
        "seed": seed,
        "seconds": round(seconds, 2),
        **{part: model.evaluate(data[part]) for part in ("dev", "test")},
    }


def run(name: str, clusters: int, steps: int, seeds: int, published: bool) -> dict[str, Any]:
    """Tune on one seed, unless the setting is published; then train from the others with the best setting."""
    estimator = ESTIMATORS[name]
    tuning: list[dict[str, Any]] = []
    if published:
        chosen = PUBLISHED[name, clusters]
    else:
        trials = [train(clusters, estimator, setting, TUNING_SEED, steps) for setting in estimator.settings]
        chosen = estimator.settings[max(range(len(trials)), key=lambda k: trials[k]["dev"]["accuracy"])]
        pairs = zip(estimator.settings, trials, strict=True)
        tuning = [{**setting._asdict(), **trial["dev"]} for setting, trial in pairs]
    runs = [train(clusters, estimator, chosen, FIRST_SEED + k, steps) for k in range(seeds)]
    return {
        "estimator": name,
        "surrogate": repr(estimator.make(chosen.value)),
        "clusters": clusters,
        "steps": steps,
        "chosen": chosen._asdict(),
        "tuning": tuning,
        "runs": runs,
        "command": "python experiments/clusters.py "
        + "--published " * published
        + f"--steps {steps} --seeds {seeds} --only {name} --clusters {clusters}",
        "versions": {package: version(package) for package in ("torch-spigot", "torch", "numba", "scikit-learn")},
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
    }


def table(folder: Path) -> str:
    """Return medians over the seeds, with standard errors of the means, in Markdown, and what they were made with."""

    def cell(result: dict[str, Any], key: str) -> str:
        values = [100 * row["test"][key] for row in result["runs"]]
        error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
        return f"{statistics.median(values):.1f} ± {error:.1f}"

    results = {(r["estimator"], r["clusters"]): r for r in map(json.loads, map(Path.read_text, folder.glob("*.json")))}
    sizes = sorted({clusters for _, clusters in results})
    header = ["estimator", *(f"{what}, K = {k}" for k in sizes for what in ("accuracy", "V-measure", "setting"))]
    lines = ["| " + " | ".join(header) + " |", "|---" * len(header) + "|"]
    for name in ESTIMATORS:
        found = [results.get((name, k)) for k in sizes]
        if not any(found):
            continue
        cells = [f"`{name}`"]
        for result in found:
            if result is None:
                cells += ["", "", ""]
                continue
            parameter, value, rate = result["chosen"].values()
            how = f"rate {rate:g}" + (f", {parameter} {value:g}" if parameter else "")
            cells += [cell(result, "accuracy"), cell(result, "v_measure"), how]
        lines.append("| " + " | ".join(cells) + " |")
    made = (
        f"{len(r['runs'])} seeds, {r['steps']:,} steps. "
        f"{', '.join(f'{name} {number}' for name, number in r['versions'].items())}. {r['machine']}."
        for r in results.values()
    )
    return "\n\n".join(["\n".join(lines), *dict.fromkeys(made)])


def trace(path: Path) -> None:
    """Train once more from the first seed of a result, and print the scores on test as it goes."""
    result = json.loads(path.read_text("utf-8"))

    def show(step: int, scores: dict[str, float]) -> None:
        print(f"step {step:5d}  " + "  ".join(f"{name} {100 * value:.1f}" for name, value in scores.items()))

    setting = Setting(**result["chosen"])
    ended = train(result["clusters"], ESTIMATORS[result["estimator"]], setting, FIRST_SEED, result["steps"], show)
    show(result["steps"], ended["test"])


def main() -> None:
    """Run what is asked for and not there yet, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="folder for one JSON file each; what it holds is not run again")
    parser.add_argument("--table", type=Path, help="print the table of the files in this folder")
    parser.add_argument("--trace", type=Path, help="train again what this file holds, from its first seed, and watch")
    parser.add_argument("--only", choices=ESTIMATORS, nargs="+", default=list(ESTIMATORS))
    parser.add_argument("--clusters", type=int, nargs="+", default=[3, 10])
    parser.add_argument("--published", action="store_true", help="no tuning: the settings of the authors' program")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    if arguments.table is not None:
        print(table(arguments.table))
        return
    if arguments.trace is not None:
        trace(arguments.trace)
        return
    if arguments.out is None:
        parser.error("--out: expected a folder, got none")
    arguments.out.mkdir(parents=True, exist_ok=True)
    jobs = [
        (clusters, name)
        for clusters, name in product(arguments.clusters, arguments.only)
        if not arguments.published or (name, clusters) in PUBLISHED
    ]
    for clusters, name in track(jobs, "clusters", disable=not sys.stderr.isatty()):
        path = arguments.out / f"{name}-{clusters}.json"
        if not path.exists():
            result = run(name, clusters, arguments.steps, arguments.seeds, arguments.published)
            part = path.with_suffix(".part")
            part.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
            part.rename(path)


if __name__ == "__main__":
    main()
