"""Semantic graphs: exact decoding beside scipy's assignment solver and AD³, and projections onto three polytopes.

Run `python benchmarks/graphs.py --help`. What is compared is first checked to give the same results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import tables
import torch
from common import finish, interleaved, medians, options, progress, start
from scipy.optimize import linear_sum_assignment
from torch import Tensor

import spigot
from spigot import SemanticGraphParts

BATCH = 8
LABELS = 50
DETERMINISTIC = 40
"""So many of the labels may be used once for each predicate; in a corpus it is most of them."""
LENGTHS = (10, 20, 40, 80)
Functions = dict[str, Callable[[], object]]


class DisagreementError(RuntimeError):
    """Two implementations gave different results: there is nothing to time."""


def random_scores(n: int, labels: int, dense: bool) -> SemanticGraphParts:
    """Return scores of n tokens under which half of all arcs pay (dense), or about one for each token (sparse)."""
    generator = torch.Generator().manual_seed(n)
    predicates = torch.randn(BATCH, n + 1, generator=generator)
    arcs = torch.randn(BATCH, n + 1, n + 1, generator=generator)
    scores = torch.randn(BATCH, n + 1, n + 1, labels, generator=generator)
    paid = 0.5 if dense else 1 / n
    value = (arcs + scores.amax(3)).flatten()
    arcs -= value.kthvalue(max(1, round((1 - paid) * value.numel()))).values
    return SemanticGraphParts(predicates, arcs, scores)


def by_assignment(parts: SemanticGraphParts, deterministic: Sequence[bool]) -> tuple[Tensor, Tensor]:
    """Return what `SemanticGraph.decode` does, with one call of `linear_sum_assignment` for each predicate.

    Rows are arguments; columns are the deterministic labels and, for each argument, what it has without them.
    """
    flags = np.array(deterministic)
    predicates, arcs, labels = (part.double().numpy() for part in parts)
    batch, nodes = predicates.shape
    chosen = np.zeros((batch, nodes), bool)
    arc_labels = np.full((batch, nodes, nodes), -1)
    once, often = np.flatnonzero(flags), np.flatnonzero(~flags)
    for b in range(batch):
        for i in range(nodes):
            arguments = np.array([j for j in range(1, nodes) if j != i], dtype=np.int64)
            total, found = predicates[b, i], np.full(len(arguments), -1)
            if len(arguments):
                value = arcs[b, i, arguments, None] + labels[b, i, arguments]
                apart, alone = np.full(len(arguments), -1), np.zeros(len(arguments))
                if len(often):
                    best = value[:, often].argmax(1)
                    worth = value[np.arange(len(arguments)), often[best]]
                    apart, alone = np.where(worth > 0, often[best], -1), np.maximum(worth, 0)
                gain = np.hstack([value[:, once], np.repeat(alone[:, None], len(arguments), 1)])
                rows, columns = linear_sum_assignment(gain, maximize=True)
                total += gain[rows, columns].sum()
                contested = columns < len(once)
                found = apart
                found[contested] = once[columns[contested]]
            if total > 0:
                chosen[b, i] = True
                arc_labels[b, i, arguments] = found
    return torch.from_numpy(chosen), torch.from_numpy(arc_labels)


def decoding(lengths: Sequence[int], labels: int, deterministic: int, seconds: float) -> list[dict[str, Any]]:
    """Time the best graph under sparse and dense scores; say how often AD³ finds it."""
    flags = [k < deterministic for k in range(labels)]
    exact, approximate = spigot.SemanticGraph(flags), spigot.ApproximateSemanticGraph(flags)
    rows = []
    for dense in (False, True):
        for n in lengths:
            progress(f"{'dense' if dense else 'sparse'} graphs, n = {n}")
            parts = random_scores(n, labels, dense)
            predicates, arc_labels = exact.decode(parts)
            best = exact.score_decoded(parts, predicates, arc_labels)
            _same_score("linear_sum_assignment", n, exact.score_decoded(parts, *by_assignment(parts, flags)), best)
            functions: Functions = {
                "spigot": partial(exact.decode, parts),
                "assignment": partial(by_assignment, parts, flags),
                "AD3": partial(approximate.solve, parts),
            }
            solution, iterations = approximate.solve(parts)
            rounded = exact.score_decoded(parts, *approximate.decode(parts))
            fractional = [(part * (1 - part) > 0.05).flatten(2).any(2) for part in (solution.arcs, solution.labels)]
            rows.append(
                {
                    "scores": "dense" if dense else "sparse",
                    "n": n,
                    "arcs_per_token": (arc_labels >= 0).sum().item() / (BATCH * n),
                    "seconds": {k: t / BATCH for k, t in medians(interleaved(functions, seconds)).items()},
                    "ad3_iterations": iterations.double().mean().item(),
                    "ad3_fractional": (fractional[0] | fractional[1]).double().mean().item(),
                    "ad3_score": (rounded.sum() / best.sum()).item(),
                }
            )
    return rows


def _same_score(what: str, n: int, found: Tensor, best: Tensor) -> None:
    off = (found - best).abs().max().item()
    if not off <= 1e-3:
        raise DisagreementError(f"{what}, n = {n}: the score is off spigot's by {off:.2g}")


def projections(lengths: Sequence[int], labels: int, deterministic: int, seconds: float) -> list[dict[str, Any]]:
    """Time projections of points one step of SPIGOT away from a graph."""
    flags = [k < deterministic for k in range(labels)]
    graph = spigot.SemanticGraph(flags)
    polytopes = {"LabeledArcs": graph.relaxation, "ClippedArcs": spigot.ClippedArcs(), "GraphHull": graph.hull}
    rows = []
    for n in lengths:
        progress(f"projections, n = {n}")
        graphs = graph.argmax(random_scores(n, labels, dense=False))
        generator = torch.Generator().manual_seed(n)
        point = SemanticGraphParts(*(part + 0.1 * torch.randn(part.shape, generator=generator) for part in graphs))
        functions: Functions = {name: partial(polytope.project, point) for name, polytope in polytopes.items()}
        for function in functions.values():
            function()
        times = medians(interleaved(functions, seconds))
        rows.append({"n": n, "per_second": {name: BATCH / time for name, time in times.items()}})
    return rows


def main() -> None:
    arguments = options(__doc__.splitlines()[0]).parse_args()
    result = start(arguments)
    quick = arguments.quick
    lengths = (4, 8) if quick else LENGTHS
    labels, deterministic = (6, 4) if quick else (LABELS, DETERMINISTIC)
    seconds = 0.05 if quick else 3.0
    result |= {"batch": BATCH, "labels": labels, "deterministic": deterministic}
    result["projections"] = projections(lengths, labels, deterministic, seconds)
    result["decoding"] = decoding(lengths, labels, deterministic, seconds)
    print(tables.graphs(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
