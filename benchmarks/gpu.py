"""The kernels on a CUDA device: trees, chains and projections, in batches of 32 to 1,024.

Run `python benchmarks/gpu.py --help`. A few rows of each batch are first checked against the CPU. Without a CUDA
device, or without triton, there is nothing to measure: one line, and exit code 2.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import torch
from common import duration, finish, interleaved, medians, options, progress, start, table
from torch import Tensor

import spigot
from spigot.structured.kernels.simplex.columns import project_columns_by_sorting

BATCHES = (32, 128, 512, 1024)
LENGTHS = (10, 20, 40, 80, 160)
TAGS = 32
CHECKED = 4
Task = Callable[..., Tensor]


class DisagreementError(RuntimeError):
    """The GPU's results are not the CPU's: there is nothing to time."""


def gradient(function: Task, towards: Tensor | None, scores: Tensor, *others: Tensor) -> Tensor:
    """Return the gradient of <towards, function(scores)>, or of the sum of the results."""
    leaf = scores.clone().requires_grad_()
    result = function(leaf, *others)
    weight = torch.ones_like(result) if towards is None else towards[: len(scores)].to(result)
    return torch.autograd.grad(result, leaf, weight)[0]


def best_tags(emissions: Tensor, transitions: Tensor) -> Tensor:
    return spigot.LinearChain().argmax(spigot.LinearChainParts(emissions, transitions)).emissions


def by_sorting(point: Tensor) -> Tensor:
    lengths = torch.full((point.size(0),), point.size(1) - 1, device=point.device)
    return project_columns_by_sorting(point, lengths, None, True)


def tasks(batch: int, n: int) -> dict[str, tuple[Task, tuple[Tensor, ...], float]]:
    """Return for each task a function, its arguments on the CPU, and how far off the GPU may be."""
    generator = torch.Generator().manual_seed(n)
    scores, towards = torch.randn(2, batch, n + 1, n + 1, generator=generator)
    towards[:, :, 0] = 0
    towards.diagonal(0, 1, 2).zero_()
    chain = torch.randn(batch, n, TAGS, generator=generator), torch.randn(batch, n - 1, TAGS, TAGS, generator=generator)
    tree, heads = spigot.ProjectiveTree(single_root=True), spigot.SingleHead()
    # Differences add up over a sentence.
    loose = 1e-5 * n
    return {
        "argmax": (tree.argmax, (scores,), 0),
        "log Z and gradient": (partial(gradient, tree.log_partition, None), (scores,), loose),
        "marginals and gradient": (partial(gradient, tree.marginals, towards), (scores,), loose),
        "single head": (heads.project, (scores,), 1e-5),
        "single head and gradient": (partial(gradient, heads.project, towards), (scores,), 1e-5),
        "single head, by sorting": (by_sorting, (scores,), 1e-5),
        f"Viterbi, {TAGS} tags": (best_tags, chain, 0),
    }


def check(name: str, function: Task, arguments: Sequence[Tensor], device: torch.device, tolerance: float) -> float:
    """Return by how much the GPU's results for the first rows differ from the CPU's, at most."""
    rows = [x[:CHECKED] for x in arguments]
    off = (function(*(x.to(device) for x in rows)).cpu() - function(*rows)).abs().max().item()
    if not off <= tolerance:
        raise DisagreementError(f"{name}: off the CPU's result by {off:.2g}")
    return off


def measure(batch: int, n: int, device: torch.device, seconds: float) -> list[dict[str, Any]]:
    """Time all tasks on one batch, side by side. A call ends when the GPU has done its work."""
    rows, functions = [], {}
    for name, (function, arguments, tolerance) in tasks(batch, n).items():
        progress(f"{name}, batch of {batch}, n = {n}")
        off = check(name, function, arguments, device, tolerance)
        there = [x.to(device) for x in arguments]

        def call(function: Task = function, there: Sequence[Tensor] = there) -> None:
            function(*there)
            torch.cuda.synchronize(device)

        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        call()
        peak = torch.cuda.max_memory_allocated(device) - before
        functions[name] = call
        rows.append({"task": name, "batch": batch, "n": n, "largest_difference": off, "peak_bytes": peak})
    times = interleaved(functions, seconds)
    for row in rows:
        row["seconds"] = medians(times)[row["task"]]
        row["repeats"] = len(times[row["task"]])
    return rows


def describe(rows: Sequence[dict[str, Any]]) -> str:
    """Return the results as a table."""
    return table(
        ["task", "batch", "n", "time", "a sentence", "peak memory"],
        [
            [
                row["task"],
                row["batch"],
                row["n"],
                duration(row["seconds"]),
                duration(row["seconds"] / row["batch"]),
                f"{row['peak_bytes'] / 2**20:,.1f} MiB",
            ]
            for row in sorted(rows, key=lambda row: (row["task"], row["batch"], row["n"]))
        ],
    )


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, metavar="N", help="sentences in a batch")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS, metavar="N", help="tokens in a sentence")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each task is repeated (default 1)")
    arguments = parser.parse_args()
    for missing, what in ((not torch.cuda.is_available(), "CUDA device"), (find_spec("triton") is None, "triton")):
        if missing:
            print(f"benchmarks/gpu.py: no {what}: there is nothing to measure", file=sys.stderr)
            raise SystemExit(2)
    result = start(arguments)
    device = torch.device("cuda", torch.cuda.current_device())
    properties = torch.cuda.get_device_properties(device)
    result["device"] = {"name": properties.name, "memory_bytes": properties.total_memory}
    result["versions"] |= {"triton": version("triton"), "cuda": torch.version.cuda}
    quick = arguments.quick
    result["rows"] = [
        row
        for batch in ((4, 8) if quick else arguments.batches)
        for n in ((5, 10) if quick else arguments.lengths)
        for row in measure(batch, n, device, 0.05 if quick else arguments.seconds)
    ]
    print(describe(result["rows"]))
    finish(arguments, result)


if __name__ == "__main__":
    main()
