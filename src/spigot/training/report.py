"""The progress of a run on stderr: a progress bar, and one line per epoch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column


class Report:
    """Prints the progress of a run; nothing if `quiet`, as in all processes but the first."""

    def __init__(self, console: Console | None = None, quiet: bool = False) -> None:
        self.console = console or Console(stderr=True)
        self.quiet = quiet

    def line(self, text: str) -> None:
        """Print one line."""
        if not self.quiet:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def track(self, items: Iterable[Any], title: str, total: int, done: int) -> Iterator[tuple[Any, Meter]]:
        """Yield each item with a meter for its losses, under a progress bar with loss and speed."""
        meter = Meter()
        columns = (
            TextColumn("{task.description}"),
            BarColumn(20),
            MofNCompleteColumn(table_column=Column(min_width=len(f"{total}/{total}"), no_wrap=True)),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(table_column=Column(min_width=7, no_wrap=True)),
        )
        hidden = self.quiet or not self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=hidden) as bar:
            task = bar.add_task(title, total=total, completed=done, state="")
            for item in items:
                yield item, meter
                bar.update(task, advance=1, state=str(meter))

    def epoch(self, row: dict[str, Any], best: bool) -> None:
        """Print the line of a finished epoch."""
        parts = [f"epoch {row['epoch']}"]
        parts += [f"loss {task} {value:.3f}" for task, value in row["loss"].items()]
        parts += [f"dev {name.upper()} {100 * value:.2f}" for name, value in row["dev"].items()]
        parts.append(f"{row['sentences_per_second']:.0f} sentences/s")
        self.line("  ".join(parts) + ("  (best so far)" if best else ""))


class Meter:
    """Running means of the losses of an epoch, and its speed."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.sentences = 0
        self.sums: dict[str, tuple[float, int]] = {}

    def add(self, task: str, loss: float, sentences: int) -> None:
        """Add a step's summed loss."""
        total, count = self.sums.get(task, (0.0, 0))
        self.sums[task] = (total + loss, count + sentences)
        self.sentences += sentences

    @property
    def speed(self) -> float:
        """Sentences per second since the start."""
        return self.sentences / max(time.perf_counter() - self.start, 1e-9)

    def __str__(self) -> str:
        means = "  ".join(f"{task} {total / max(count, 1):.3f}" for task, (total, count) in self.sums.items())
        return f"{means}  {self.speed:.0f} sentences/s"
