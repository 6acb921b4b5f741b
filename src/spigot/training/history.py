"""The scores of the epochs so far, and which of them is the best."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from spigot.data.files import open_output
from spigot.training.state import METRICS


class History:
    """One row per epoch, as in `metrics.jsonl`; the best one has the highest mean of the dev scores `selection`."""

    def __init__(self, selection: Sequence[str]) -> None:
        self.selection = selection
        self.rows: list[dict[str, Any]] = []

    def best(self) -> dict[str, Any] | None:
        """Return the row of the best epoch after pre-training (the earliest, if several are equal)."""
        scored = [row for row in self.rows if {*self.selection} <= {*row["dev"]} and not row["pretraining"]]
        return max(scored, key=lambda row: fmean(row["dev"][name] for name in self.selection)) if scored else None

    def add(self, row: dict[str, Any]) -> bool:
        """Add a row and return whether it is the best."""
        self.rows.append(row)
        return self.best() is row

    def write(self, folder: Path) -> None:
        """Write `metrics.jsonl`, as a whole or not at all."""
        with open_output(folder / METRICS) as file:
            file.writelines(json.dumps(row) + "\n" for row in self.rows)


class Losses:
    """The summed loss of an epoch and the number of its sentences, for each task."""

    def __init__(self, sums: dict[str, tuple[float, int]] | None = None) -> None:
        self.sums = sums or {}

    def add(self, task: str, loss: float, sentences: int) -> None:
        """Add a step: the loss of this process's sentences, and the number of sentences in all processes."""
        total, count = self.sums.get(task, (0.0, 0))
        self.sums[task] = (total + loss, count + sentences)

    def merged(self, others: list[dict[str, tuple[float, int]]]) -> dict[str, tuple[float, int]]:
        """Return the sums over all processes; the numbers of sentences are those of all processes already."""
        return {task: (sum(each[task][0] for each in others), count) for task, (_, count) in self.sums.items()}
