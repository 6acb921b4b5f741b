"""How often the confidences of a model are right: a table of bins, and the expected calibration error.

    python experiments/calibration.py MODEL --gold TASK=FILE [--gold TASK=FILE ...] [--bins 10] [--out FILE.json]

MODEL is what `spigot.load` takes, FILE gold sentences of the task, in any format that the task reads; their tags and
lemmas are kept, for models that read some. A task may have several files. A decision is right if gold has it: a head, a
label beside the right head (given its head, as its confidence is), an arc of a graph, a label of a right arc, a tag.
The error (ECE, Naeini et al. 2015) is the mean of |mean confidence - share of right ones| over bins of equal width,
weighted by their decisions. How well confidences rank is another matter: see how many of the surest 80 % are right.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

import spigot
from spigot.data.sentence import Sentence


class Bin(NamedTuple):
    """The decisions whose confidence lies between two bounds."""

    low: float
    high: float
    decisions: int
    confidence: float
    """Their mean confidence."""
    right: float
    """The share of them that is right."""


Decision = tuple[float, bool]
"""A confidence, and whether the decision was right."""


def bins_of(decisions: Sequence[Decision], number: int) -> list[Bin]:
    """Return bins of equal width from 0 to 1; those without decisions are left out."""
    held: list[list[Decision]] = [[] for _ in range(number)]
    for confidence, right in decisions:
        held[min(int(confidence * number), number - 1)].append((confidence, right))
    return [
        Bin(k / number, (k + 1) / number, len(each), *(sum(column) / len(each) for column in zip(*each, strict=True)))
        for k, each in enumerate(held)
        if each
    ]


def calibration_error(bins: Iterable[Bin]) -> float:
    """Return the expected calibration error."""
    bins = list(bins)
    total = sum(each.decisions for each in bins)
    return sum(each.decisions * abs(each.confidence - each.right) for each in bins) / total if total else 0.0


def right_of_surest(decisions: Sequence[Decision], share: float) -> float:
    """Return how many of the surest decisions are right, as a share of them."""
    surest = sorted(decisions, key=lambda decision: decision[0], reverse=True)
    return mean(right for _, right in surest[: max(1, round(share * len(surest)))])


def decisions_of(name: str, gold: Sentence, parsed: Sentence) -> Iterator[tuple[str, Decision]]:
    """Yield what kind of decision it is ("arcs", "labels") and the decision, for each one of an annotation."""
    confidence = parsed.confidences[name]
    if name in parsed.trees:
        ours, theirs = parsed.trees[name], gold.trees[name]
        right = [a == b for a, b in zip(ours.heads, theirs.heads, strict=True)]
        labelled = [a == b for a, b in zip(ours.labels, theirs.labels, strict=True)]
    elif name in parsed.graphs:
        known = {(arc.head, arc.modifier): arc.label for arc in gold.graphs[name].arcs}
        arcs = parsed.graphs[name].arcs
        right = [(arc.head, arc.modifier) in known for arc in arcs]
        labelled = [known.get((arc.head, arc.modifier)) == arc.label for arc in arcs]
    else:
        right = []
        labelled = [a == b for a, b in zip(parsed.tags, gold.tags, strict=True)]
    for kind, numbers, outcomes in (("arcs", confidence.arcs, right), ("labels", confidence.labels, labelled)):
        for k, number in enumerate(numbers):
            if kind == "arcs" or not right or right[k]:  # a label's confidence is given its arc
                yield kind, (number, outcomes[k])


def table(bins: Sequence[Bin]) -> str:
    """Return the bins as a Markdown table."""
    lines = ["| confidence | decisions | mean confidence | right |", "|---|---:|---:|---:|"]
    lines += [f"| {b.low:.1f} to {b.high:.1f} | {b.decisions:,} | {b.confidence:.3f} | {b.right:.3f} |" for b in bins]
    return "\n".join(lines)


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Return what is known of each kind of decision in each file as a Markdown table."""
    lines = ["| data | decisions | number | mean confidence | right | ECE | right of the surest 80 % |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|")
    for row in rows:
        shares = (row[key] for key in ("confidence", "right", "ece", "right_of_surest"))
        what = f"{row['task']}, {row['kind']}"
        lines.append(
            f"| {row['gold']} | {what} | {row['decisions']:,} | {' | '.join(f'{100 * x:.1f}' for x in shares)} |"
        )
    return "\n".join(lines)


def measured(decisions: Sequence[Decision], bins: Sequence[Bin]) -> dict[str, Any]:
    """Return the row of `summary` for some decisions."""
    return {
        "decisions": len(decisions),
        "confidence": mean(confidence for confidence, _ in decisions),
        "right": mean(right for _, right in decisions),
        "ece": calibration_error(bins),
        "right_of_surest": right_of_surest(decisions, 0.8),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print tables for each task and kind of decision."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("model")
    options.add_argument("--gold", action="append", required=True, metavar="TASK=FILE")
    options.add_argument("--bins", type=int, default=10)
    options.add_argument("--out", type=Path)
    given = options.parse_args(arguments)
    parser = spigot.load(given.model)
    rows: list[dict[str, Any]] = []
    for item in given.gold:
        name, _, path = item.partition("=")
        if name not in parser.system.tasks:
            options.error(f"--gold: expected a task of the model ({', '.join(parser.system.tasks)}), got {name!r}")
        gold = list(parser.system.tasks[name].read_gold(Path(path)))
        found: dict[str, list[Decision]] = {}
        for sentence, parse in zip(gold, parser.stream(gold, confidence=True), strict=True):
            for kind, decision in decisions_of(name, sentence, parse.sentence):
                found.setdefault(kind, []).append(decision)
        shown = "/".join(Path(path).parts[-2:])  # where somebody keeps the data is nobody else's business
        for kind, decisions in found.items():
            bins = bins_of(decisions, given.bins)
            row = {"task": name, "gold": shown, "sentences": len(gold), "kind": kind} | measured(decisions, bins)
            rows.append(row | {"bins": [each._asdict() for each in bins]})
            print(f"{name}, {kind}, {shown}\n\n{table(bins)}\n")
    print(summary(rows))
    if given.out is not None:
        versions = {package: version(package) for package in ("torch-spigot", "torch")}
        content = {"model": given.model, "versions": versions, "rows": rows}
        given.out.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
