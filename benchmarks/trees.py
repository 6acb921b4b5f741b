"""Trees: Eisner's algorithm, inside-outside, arborescences and projections, beside other implementations.

Run `python benchmarks/trees.py --help`. What is compared is first checked to give the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from math import comb, log
from typing import Any

import numpy as np
import peak
import tables
import torch
from baselines import plain_loop, plain_torch, plain_torch_argmax, supar_crf
from common import finish, interleaved, medians, options, progress, start
from torch import Tensor

import spigot

BATCH = 32
LENGTHS = (10, 20, 40, 80, 160)
Functions = dict[str, Callable[[], Tensor]]


class DisagreementError(RuntimeError):
    """Two implementations gave different results: there is nothing to time."""


def projective(lengths: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """Time argmax, log Z with its gradient, and marginals with theirs, on one batch of each length."""
    crf = supar_crf()
    if crf is None:
        progress("supar is not installed: it is left out (see benchmarks/README.md)")
    rows = []
    for n in lengths:
        generator = torch.Generator().manual_seed(n)
        scores = torch.randn(BATCH, n + 1, n + 1, generator=generator)
        towards = torch.randn(BATCH, n + 1, n + 1, generator=generator)
        towards[:, :, 0] = 0
        towards.diagonal(0, 1, 2).zero_()
        for task, functions in _tasks(crf, scores, towards).items():
            progress(f"{task}, n = {n}")
            # Rounding may decide between trees that are equally good for all that matters.
            difference = _agree(task, n, functions, weight=scores if task == "argmax" else None)
            times = interleaved(functions, seconds)
            rows.append(
                {
                    "task": task,
                    "n": n,
                    "seconds": medians(times),
                    "repeats": {name: len(values) for name, values in times.items()},
                    "largest_difference": difference,
                }
            )
    return rows


def _tasks(crf: Any, scores: Tensor, towards: Tensor) -> dict[str, Functions]:
    """Return for each task the implementations, which all return `[batch, head, modifier]`."""
    tree = spigot.ProjectiveTree(single_root=True)
    # supar's scores are [batch, modifier, head].
    transposed = scores.mT.contiguous()

    def leaf(values: Tensor) -> Tensor:
        return values.clone().requires_grad_()

    def gradient(of: Tensor, x: Tensor, towards: Tensor | None = None, twice: bool = False) -> Tensor:
        return torch.autograd.grad(of, x, towards, create_graph=twice)[0]

    def spigot_sum() -> Tensor:
        x = leaf(scores)
        return gradient(tree.log_partition(x).sum(), x)

    def spigot_marginals() -> Tensor:
        x = leaf(scores)
        return gradient(tree.marginals(x), x, towards)

    def torch_sum() -> Tensor:
        x = leaf(scores)
        return gradient(plain_torch(x, maximum=False).sum(), x)

    def torch_marginals() -> Tensor:
        x = leaf(scores)
        return gradient(gradient(plain_torch(x, maximum=False).sum(), x, twice=True), x, towards)

    def supar_argmax() -> Tensor:
        heads = crf(leaf(transposed), multiroot=False).argmax
        heads[:, 0] = -1
        return spigot.heads_to_arcs(heads)

    def supar_sum() -> Tensor:
        x = leaf(transposed)
        return gradient(crf(x, multiroot=False).log_partition.sum(), x).mT

    def supar_marginals() -> Tensor:
        x = leaf(transposed)
        return gradient(crf(x, multiroot=False).marginals, x, towards.mT).mT

    tasks: dict[str, Functions] = {
        "argmax": {
            "spigot": lambda: tree.argmax(scores),
            "loop": lambda: plain_loop(scores),
            "torch": lambda: plain_torch_argmax(scores),
            "supar": supar_argmax,
        },
        "log Z and gradient": {"spigot": spigot_sum, "torch": torch_sum, "supar": supar_sum},
        "marginals and gradient": {"spigot": spigot_marginals, "torch": torch_marginals, "supar": supar_marginals},
    }
    if crf is None:
        for functions in tasks.values():
            del functions["supar"]
    return tasks


def _agree(what: str, n: int, functions: Functions, tolerance: float = 1e-3, weight: Tensor | None = None) -> float:
    """Return the largest difference of any result from spigot's; raise DisagreementError if it is too large.

    With `weight`, results are arcs, one for each token, and their total weights are compared.
    """
    results = {name: function().detach() for name, function in functions.items()}
    if weight is not None:
        for name, arcs in results.items():
            if not (arcs[:, :, 1:].sum(1) == 1).all():
                raise DisagreementError(f"{what}, n = {n}: {name} does not give each token one head")
        results = {name: (arcs * weight).sum((1, 2)) for name, arcs in results.items()}
    difference = 0.0
    for name, result in results.items():
        off = (result - results["spigot"]).abs().max().item()
        if not off <= tolerance:
            raise DisagreementError(f"{what}, n = {n}: {name} is off spigot's result by {off:.2g}")
        difference = max(difference, off)
    return difference


def operations(n: int) -> int:
    """Return how many additions and maxima Eisner's recurrence takes for n tokens and a single child of ROOT.

    One of each for every i < k < j in three charts, of which ROOT needs two alone; and for every i < j two of each, for
    the arcs between i and j. Reading the scores and tracing the tree back are not counted.
    """
    nodes = n + 1
    pairs = 2 * comb(nodes, 2) + 2 * comb(nodes, 3) + comb(nodes, 3) - comb(nodes - 1, 2)
    return 2 * pairs


def efficiency(lengths: Sequence[int], seconds: float) -> dict[str, Any]:
    """Set the speed of the argmax on one thread against what the core can do."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    progress("clock, additions and maxima of one core")
    before = peak.measure(seconds)
    tree = spigot.ProjectiveTree(single_root=True)
    rows: list[dict[str, Any]] = []
    for n in lengths:
        progress(f"operations a second, n = {n}")
        scores = torch.randn(BATCH, n + 1, n + 1, generator=torch.Generator().manual_seed(n))
        functions: Functions = {"argmax": partial(tree.argmax, scores), "marginals": partial(tree.marginals, scores)}
        for function in functions.values():
            function()
        times = medians(interleaved(functions, seconds))
        count = operations(n)
        rows.append({"n": n, "operations": count, "seconds": {k: t / BATCH for k, t in times.items()}})
    after = peak.measure(seconds)
    torch.set_num_threads(threads)
    best = {key: max(getattr(before, key), getattr(after, key)) for key in peak.Peak._fields}
    for row in rows:
        row["operations_per_second"] = row["operations"] / row["seconds"]["argmax"]
    for shorter, longer in pairwise(rows):
        step = log(longer["n"] / shorter["n"])
        longer["exponent"] = {k: log(longer["seconds"][k] / shorter["seconds"][k]) / step for k in longer["seconds"]}
    return {"peak": best, "rows": rows}


def nonprojective(lengths: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """Time the maximum arborescence against ufal.chu_liu_edmonds, a compiled program for one sentence at a time."""
    from ufal.chu_liu_edmonds import chu_liu_edmonds

    several, single = (spigot.NonProjectiveTree(single_root=flag) for flag in (False, True))
    rows = []
    for n in lengths:
        progress(f"arborescence, n = {n}")
        # No two trees tie.
        scores = torch.randn(BATCH, n + 1, n + 1, dtype=torch.float64, generator=torch.Generator().manual_seed(n))
        matrices = [np.ascontiguousarray(matrix) for matrix in scores.mT.numpy()]

        def ufal(matrices: Sequence[np.ndarray] = matrices) -> list[list[int]]:
            return [chu_liu_edmonds(matrix)[0] for matrix in matrices]

        def one_at_a_time(rows: Sequence[Tensor] = scores.split(1)) -> list[Tensor]:
            return [several.argmax(row) for row in rows]

        heads: Functions = {
            "spigot": partial(_heads, partial(several.argmax, scores)),
            "ufal": partial(_heads, ufal),
            "one at a time": partial(_heads, one_at_a_time),
        }
        trees: dict[str, Callable[[], object]] = {
            "spigot": partial(several.argmax, scores),
            "ufal": ufal,
            "spigot, one at a time": one_at_a_time,
            "spigot, single root": partial(single.argmax, scores),
        }
        _agree("arborescence", n, heads, 0)
        trees["spigot, single root"]()
        rows.append({"n": n, "seconds": medians(interleaved(trees, seconds))})
    return rows


def _heads(parse: Callable[[], Tensor | list[Tensor] | list[list[int]]]) -> Tensor:
    """Return the heads of tokens in what `parse` returns: arcs, or a list of arcs or heads."""
    result = parse()
    if isinstance(result, Tensor):
        return spigot.arcs_to_heads(result)[:, 1:]
    if isinstance(result[0], Tensor):
        return spigot.arcs_to_heads(torch.cat(result))[:, 1:]
    return torch.tensor(result)[:, 1:]


def projections(shapes: Sequence[tuple[int, int]], lengths: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """Time the projections onto `Simplex` and `SingleHead`, forward alone and with gradient, against sparsemax."""
    from entmax import sparsemax

    def with_gradient(function: Callable[[Tensor], Tensor], point: Tensor, towards: Tensor) -> Tensor:
        x = point.clone().requires_grad_()
        return torch.autograd.grad(function(x), x, towards)[0]

    def rows_by_sparsemax(sizes: Tensor | None, x: Tensor) -> Tensor:
        if sizes is not None:
            x = x.masked_fill(torch.arange(x.size(1)) >= sizes[:, None], -torch.inf)
        return sparsemax(x, dim=-1)

    def heads_by_sparsemax(sizes: Tensor | None, x: Tensor) -> Tensor:
        # The column of ROOT, which has no head, is left out.
        node = torch.arange(x.size(-1))
        barred = node[:, None] == node
        if sizes is None:
            heads = sparsemax(x.masked_fill(barred, -torch.inf)[:, :, 1:], dim=1)
        else:
            # Columns past the end keep ROOT, since sparsemax must choose something, and are set to 0 then.
            past = node > sizes[:, None]
            heads = sparsemax(x.masked_fill(barred | past[:, :, None], -torch.inf)[:, :, 1:], dim=1)
            heads = heads.masked_fill(past[:, None, 1:], 0)
        return torch.nn.functional.pad(heads, (1, 0))

    rows = []
    cases: list[tuple[str, Tensor, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = []
    for ragged in (False, True):
        suffix = ", ragged" if ragged else ""
        for shape in shapes:
            generator = torch.Generator().manual_seed(shape[0])
            point = torch.randn(shape, generator=generator)
            sizes = torch.randint(1, shape[1] + 1, shape[:1], generator=generator) if ragged else None
            ours = partial(spigot.Simplex().project, lengths=sizes)
            cases.append((f"Simplex{suffix}", point, ours, partial(rows_by_sparsemax, sizes)))
        for n in lengths:
            generator = torch.Generator().manual_seed(n)
            point = torch.randn(BATCH, n + 1, n + 1, generator=generator)
            sizes = torch.randint(1, n + 1, (BATCH,), generator=generator) if ragged else None
            heads = partial(spigot.SingleHead().project, lengths=sizes)
            cases.append((f"SingleHead{suffix}", point, heads, partial(heads_by_sparsemax, sizes)))
    for name, point, ours, theirs in cases:
        progress(f"{name} {list(point.shape)}")
        towards = torch.randn(point.shape, generator=torch.Generator().manual_seed(1))
        forward: Functions = {"spigot": partial(ours, point), "entmax": partial(theirs, point)}
        both: Functions = {
            "spigot": partial(with_gradient, ours, point, towards),
            "entmax": partial(with_gradient, theirs, point, towards),
        }
        row: dict[str, Any] = {"polytope": name, "shape": list(point.shape)}
        for key, functions in (("seconds", forward), ("seconds_with_gradient", both)):
            _agree(name, point.size(-1), functions, 1e-5)
            row[key] = medians(interleaved(functions, seconds))
        rows.append(row)
    return rows


def main() -> None:
    arguments = options(__doc__.splitlines()[0]).parse_args()
    result = start(arguments)
    quick = arguments.quick
    lengths = (5, 10) if quick else LENGTHS
    seconds = 0.05 if quick else 3.0
    result["batch"] = BATCH
    # First what the machine must be calm for.
    result["efficiency"] = efficiency(lengths if quick else (*LENGTHS, 320), seconds)
    result["nonprojective"] = nonprojective((5, 10) if quick else (20, 40, 60, 80, 100), seconds / 2)
    shapes = [(32, 10), (64, 16)] if quick else [(32, 10), (256, 32), (1024, 64), (4096, 128)]
    result["projections"] = projections(shapes, lengths, seconds / 4)
    result["projective"] = projective(lengths, seconds)
    print(tables.trees(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
