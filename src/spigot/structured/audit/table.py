"""The results of an audit, as a table and as a plot."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class AuditRow:
    """The measures of one surrogate, over all instances.

    G is its gradient for the scores of an instance, ∇ the gradient of the expected loss E[loss(z)] under
    p(z) ∝ exp <s, z>, ẑ the decision and z* the structure with the smallest loss.
    """

    surrogate: str
    bias: float
    """‖E[G] - ∇‖ / ‖∇‖, which depends on the size of G and on its direction. Root mean squares over instances."""
    spread: float
    """Standard deviation of G over its own randomness / ‖∇‖: the root of the total variance over instances."""
    cosine: float
    """Cosine of the angle between E[G] and ∇: the mean over instances."""
    descent: float
    """Cosine of the angle between G and ẑ - z*: the mean over gradients other than 0."""
    better: float
    """Share of gradients for which the first other decision along -G has a smaller loss."""
    worse: float
    """Share of gradients for which it has a larger loss."""
    silent: float
    """Share of gradients that lead to no other decision, mostly because they are 0."""


@dataclass(frozen=True)
class Audit:
    """A table with one row for each surrogate: `print` or `plot` it."""

    rows: tuple[AuditRow, ...]

    def __getitem__(self, surrogate: str) -> AuditRow:
        """Return the row of one surrogate."""
        return {row.surrogate: row for row in self.rows}[surrogate]

    def __str__(self) -> str:
        """Return the table in Markdown."""
        lines = [[field.name for field in fields(AuditRow)]]
        lines += [[row.surrogate, *(f"{value:.2f}" for value in astuple(row)[1:])] for row in self.rows]
        first = max(len(line[0]) for line in lines)
        cells = [[line[0].ljust(first), *(cell.rjust(7) for cell in line[1:])] for line in lines]
        cells.insert(1, ["-" * first, *["-" * 6 + ":"] * (len(lines[0]) - 1)])
        return "\n".join("| " + " | ".join(line) + " |" for line in cells)

    def plot(self, path: str) -> None:
        """Plot the shares and the cosines into a file (.png, .svg, .pdf).

        Raises:
            ImportError: matplotlib is not installed.
        """
        try:
            pyplot: Any = import_module("matplotlib.pyplot")
        except ImportError as error:
            raise ImportError("Audit.plot: expected matplotlib to be installed (pip install matplotlib)") from error
        names = [row.surrogate for row in self.rows][::-1]
        figure, (steps, angles) = pyplot.subplots(1, 2, sharey=True, figsize=(9, 1 + 0.3 * len(names)), layout="tight")
        left = [0.0] * len(names)
        for share, colour in (("better", "tab:green"), ("silent", "lightgrey"), ("worse", "tab:red")):
            values = [getattr(row, share) for row in self.rows][::-1]
            steps.barh(names, values, left=left, color=colour, label=share)
            left = [start + value for start, value in zip(left, values, strict=True)]
        steps.set_xlabel("where a step leads")
        steps.legend(ncols=3, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1))
        for measure, marker in (("cosine", "o"), ("descent", "x")):
            angles.plot([getattr(row, measure) for row in self.rows][::-1], names, marker, label=measure)
        angles.axvline(0, color="lightgrey", zorder=0)
        angles.set_xlim(-1.05, 1.05)
        angles.set_xlabel("cosine of the angle")
        angles.legend(ncols=2, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1))
        figure.savefig(path)
        pyplot.close(figure)
