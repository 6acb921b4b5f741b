"""Training speed of the five systems at published sizes, the cost of a SPIGOT step, and where its time goes.

Run `python benchmarks/training.py --help`. Steps are those of `spigot train`: word dropout, encoding, loss,
backward, clipping and Adam included, evaluation left out.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean, median
from typing import Any
from unittest import mock

import tables
import torch
from common import finish, options, progress, start
from torch.profiler import ProfilerActivity, profile, record_function

from spigot import SPIGOT, ProjectiveTree, StraightThrough, Surrogate
from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Vocabulary
from spigot.structured.structures.semantic_graph import SemanticGraph
from spigot.tasks import semantics, syntax
from spigot.training import build, loop
from spigot.training.config import Recipe
from spigot.training.plan import Step
from spigot.training.recipe import load_recipe

SYSTEMS = ("neurbo", "pipeline", "sa", "ste", "spigot")
BUDGETS = (1, 256, 512)
"""Tokens in a batch; 1 makes batches of one sentence."""

WATCHED = (
    (ProjectiveTree, "argmax", "decoding trees"),
    (SemanticGraph, "decode", "decoding graphs"),
    (SPIGOT, "backward", "projection"),
    (Vocabulary, "encode", "data"),
    (syntax, "gold_heads", "data"),
    (semantics, "gold_graphs", "data"),
)
CATEGORIES = (
    ("LSTM, backward", ("MkldnnRnnLayerBackward", "mkldnn_rnn_layer_backward", "LstmBackward")),
    ("LSTM, forward", ("aten::lstm", "mkldnn_rnn_layer")),
    ("optimiser and clipping", ("Optimizer.", "_fused_adam", "_foreach_")),
    ("tanh", ("tanh", "TanhBackward")),
    (
        "matrix products",
        ("aten::linear", "addmm", "aten::mm", "bmm", "matmul", "MmBackward", "BmmBackward", "AddmmBackward"),
    ),
)
"""What the events of torch's profiler, outermost first, are called in the table."""


class Bench:
    """A system in training, and a sample of each of its corpora."""

    def __init__(self, name: str, data: Sequence[str], described: str | None, folder: Path) -> None:
        self.name = name
        self.recipe: Recipe = load_recipe(f"paper/{name}", data, described)
        self.trainer = loop.Trainer(self.recipe, folder / name, device="cpu")
        self.trainer.model.train()
        self.tasks: list[str] = ["semantics"] if self.recipe.system.syntax is None else ["syntax", "semantics"]
        self.number = 0

    def sentences(self, task: str) -> list[Sentence]:
        return self.trainer.corpora.train[task]

    def steps(self, task: str, budget: int, count: int) -> list[Step]:
        """Return batches of `count` sentences, spread evenly over the corpus sorted by length."""
        ordered = sorted(self.sentences(task), key=len)
        sample = [ordered[(2 * k + 1) * len(ordered) // (2 * count)] for k in range(count)]
        batches = make_batches([len(sentence) for sentence in sample], budget)
        # A fixed shuffle: lengths mixed, as in training.
        order = torch.randperm(len(batches), generator=torch.Generator().manual_seed(0)).tolist()
        return [Step(task, [sample[k] for k in batches[place]], batches[place]) for place in order]

    def update(self, step: Step) -> None:
        """Make one step of joint training; in a pipeline, of training each parser in turn."""
        self.number += 1
        position = 0.0 if step.task == "syntax" else float(self.recipe.intermediate.pretrain_epochs)
        self.trainer.updates.update(self.trainer._batch(step), 0, self.number, position)

    def run(self, steps: Sequence[Step]) -> float:
        """Return the seconds that the steps take."""
        syntax = self.trainer.model.syntax
        frozen = self.recipe.intermediate.frozen and all(step.task == "semantics" for step in steps)
        if syntax is not None and frozen:
            syntax.requires_grad_(False).eval()
        began = time.perf_counter()
        for step in steps:
            self.update(step)
        passed = time.perf_counter() - began
        if syntax is not None and frozen:
            syntax.requires_grad_(True).train()
        return passed


def throughput(
    benches: Sequence[Bench], budgets: Sequence[int], counts: Sequence[int], rounds: int
) -> list[dict[str, Any]]:
    """Measure sentences a second, every system and size of batch once a round."""
    seconds: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for number in range(rounds):
        for budget, count in zip(budgets, counts, strict=True):
            for bench in benches:
                progress(f"round {number + 1}/{rounds}: {bench.name}, {budget} tokens a batch")
                for task in bench.tasks:
                    seconds[bench.name, budget, task].append(bench.run(bench.steps(task, budget, count)))
    rows = []
    for bench in benches:
        for budget, count in zip(budgets, counts, strict=True):
            times = {task: seconds[bench.name, budget, task] for task in bench.tasks}
            per_sentence = {task: [t / count for t in times[task]] for task in bench.tasks}
            sizes = {task: len(bench.sentences(task)) for task in bench.tasks}
            # An epoch has every sentence of each corpus once.
            epochs = [sum(sizes[task] * per_sentence[task][k] for task in sizes) for k in range(rounds)]
            rates = [sum(sizes.values()) / epoch for epoch in epochs]
            rows.append(
                {
                    "system": bench.name,
                    "batch_tokens": budget,
                    "sentences_per_second": median(rates),
                    "rounds": rates,
                    "by_task": {task: 1 / median(per_sentence[task]) for task in bench.tasks},
                    "sentences_per_batch": mean(
                        len(step.sentences) for task in bench.tasks for step in bench.steps(task, budget, count)
                    ),
                }
            )
    return rows


def step_cost(bench: Bench, rival: Surrogate, budget: int, count: int, passes: int) -> dict[str, Any]:
    """Compare semantic steps with two surrogates in one model, on identical batches.

    The rival comes twice, as "ste" and "ste again": the difference of these two is what chance does.
    """
    layer = bench.trainer.model.parse_layer
    own = layer.surrogate
    arms = {"ste": rival, "spigot": own, "ste again": rival}
    names = list(arms)
    steps = bench.steps("semantics", budget, count)
    seconds: dict[str, list[list[float]]] = {name: [[] for _ in steps] for name in arms}
    for number in range(passes):
        progress(f"SPIGOT and STE, {budget} tokens a batch, pass {number + 1}/{passes}")
        for k, step in enumerate(steps):
            for name in names:
                layer.surrogate = arms[name]
                began = time.perf_counter()
                bench.update(step)
                seconds[name][k].append(time.perf_counter() - began)
            names.append(names.pop(0))
    layer.surrogate = own
    ratios = {
        name: median(median(mine) / median(base) for mine, base in zip(seconds[name], seconds["ste"], strict=True))
        for name in arms
    }
    total = {name: sum(median(times) for times in per_batch) for name, per_batch in seconds.items()}
    return {
        "batch_tokens": budget,
        "batches": len(steps),
        "passes": passes,
        "seconds_per_step": {name: total[name] / len(steps) for name in arms},
        "median_ratio_to_ste": {name: ratios[name] for name in ("spigot", "ste again")},
        "total_ratio_to_ste": {name: total[name] / total["ste"] for name in ("spigot", "ste again")},
    }


@contextmanager
def watched(
    around: Callable[[str, Callable[[], Any]], Any], methods: Sequence[tuple[Any, str, str]] = WATCHED
) -> Iterator[None]:
    """Run every call of `methods` as `around(label, call)`."""

    def wrap(original: Callable[..., Any], label: str) -> Callable[..., Any]:
        return lambda *args, **kwargs: around(label, lambda: original(*args, **kwargs))

    with ExitStack() as stack:
        for owner, name, label in methods:
            stack.enter_context(mock.patch.object(owner, name, wrap(getattr(owner, name), label)))
        yield


def shares(bench: Bench, budget: int, count: int) -> dict[str, Any]:
    """Measure which part of a joint step decoding and projection are, with clocks around them."""
    progress(f"decoding and projection, {budget} tokens a batch")
    steps = _mixed(bench, budget, count)
    spent: dict[str, float] = {label: 0.0 for _, _, label in WATCHED}

    def clock(label: str, call: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        try:
            return call()
        finally:
            spent[label] += time.perf_counter() - began

    with watched(clock):
        total = bench.run(steps)
    return {
        "batch_tokens": budget,
        "steps": len(steps),
        "seconds_per_step": total / len(steps),
        "share": {label: seconds / total for label, seconds in spent.items()},
    }


def where(bench: Bench, budget: int, count: int) -> dict[str, Any]:
    """Break a joint step down by kind of work, with torch's profiler."""
    progress(f"profile, {budget} tokens a batch")
    steps = _mixed(bench, budget, count)

    def label_it(label: str, call: Callable[[], Any]) -> Any:
        with record_function(f"spigot: {label}"):
            return call()

    with watched(label_it), profile(activities=[ProfilerActivity.CPU]) as profiler:
        total = bench.run(steps)
    spent: dict[str, float] = defaultdict(float)
    for event in profiler.events():
        if event.cpu_parent is None:
            _attribute(event, None, spent)
    spent["Python and the profiler itself"] = total - sum(spent.values())
    return {
        "batch_tokens": budget,
        "steps": len(steps),
        "seconds": total,
        "share": {k: v / total for k, v in spent.items()},
    }


def _attribute(event: Any, category: str | None, spent: dict[str, float]) -> None:
    """Add the time of an event and what is below it; the outermost event with a category decides."""
    if category is None:
        if event.name.startswith("spigot: "):
            category = event.name.removeprefix("spigot: ")
        else:
            category = next((c for c, names in CATEGORIES if any(name in event.name for name in names)), None)
    spent[category or "other torch operations"] += event.self_cpu_time_total / 1e6
    for child in event.cpu_children:
        _attribute(child, category, spent)


def _mixed(bench: Bench, budget: int, count: int) -> list[Step]:
    return [step for task in bench.tasks for step in bench.steps(task, budget, count)]


def read_once(read: Callable[..., Any]) -> Callable[..., Any]:
    """Return `read`, which reads for the same arguments, lists among them, but once."""
    found: dict[str, Any] = {}

    def call(*arguments: Any) -> Any:
        key = repr(arguments)
        if key not in found:
            found[key] = read(*arguments)
        return found[key]

    return call


def main() -> None:
    parser = options(__doc__.splitlines()[0])
    parser.add_argument("--root", metavar="DATA", help="folder of the treebanks; without it, the built-in corpus")
    arguments = parser.parse_args()
    result = start(arguments)
    quick = arguments.quick
    if arguments.root is None:
        size = 100 if quick else 1000
        data = [
            f"data.builtin={{train={{syntax={size}, semantics={size}}}, dev=20}}",
            "tasks.semantics.min_role_count=1",
        ]
        described = None
    else:
        data, described = [f"data.root={arguments.root}"], "data/redwoods-quarter"
    # Read once for all systems.
    readers = ((loop, "load_corpora"), (build, "read_vectors"))
    once = [mock.patch.object(module, name, read_once(getattr(module, name))) for module, name in readers]
    with tempfile.TemporaryDirectory() as folder, once[0], once[1]:
        benches = []
        for name in SYSTEMS:
            progress(f"{name}: loading, and some steps to leave the first chaos behind")
            bench = Bench(name, data, described, Path(folder))
            for task in bench.tasks:
                bench.run(bench.steps(task, 512, 32 if quick else 512)[: 2 if quick else 10])
            benches.append(bench)
        spigot = benches[SYSTEMS.index("spigot")]
        corpora = {task: spigot.sentences(task) for task in spigot.tasks}
        result["corpus"] = "built-in" if arguments.root is None else "redwoods, quarter"
        result["mean_length"] = mean(len(s) for sentences in corpora.values() for s in sentences)
        result["parameters"] = sum(p.numel() for p in spigot.trainer.model.parameters())
        counts = (4, 8, 8) if quick else (64, 192, 192)
        result["throughput"] = throughput(benches, BUDGETS, counts, 1 if quick else 3)
        rival = StraightThrough(max_norm=None)
        result["step_cost"] = [
            step_cost(spigot, rival, budget, 4 if quick else count, 1 if quick else passes)
            for budget, count, passes in ((1, 48, 5), (256, 256, 5))
        ]
        result["shares"] = [shares(spigot, budget, 4 if quick else count) for budget, count in ((1, 48), (256, 256))]
        result["where"] = [where(spigot, budget, 4 if quick else count) for budget, count in ((1, 48), (256, 128))]
    print(tables.training(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
