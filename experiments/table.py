"""The tables of `experiments/README.md`: Table 1 on a quarter of Redwoods, and the synthetic clusters.

They are made from the JSON files of `table1`, `clusters` and `clusters-published`.

python experiments/table.py          # rewrites them between their marks
python experiments/table.py --check  # fails if they are not up to date
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from clusters import table as clusters
from marks import rewrite

HERE = Path(__file__).parent

ROWS = {
    "neurbo": ("`neurbo`", "no syntax"),
    "pipeline": ("`pipeline`", "pre-trained, frozen"),
    "sa": ("`sa`", "from scratch"),
    "ste": ("`ste`", "from scratch"),
    "spigot": ("`spigot`", "from scratch"),
    "ste-warm": ("`ste`", "pre-trained"),
    "spigot-warm": ("`spigot`", "pre-trained"),
}
"""What the files NAME-SEED.json of `table1` are: the recipe, and how its syntactic parser starts."""

Runs = dict[int, dict[str, Any]]
"""From a seed to the content of its file."""


def read(folder: Path) -> dict[str, Runs]:
    """Return the runs of each system that is there."""
    systems: dict[str, Runs] = {}
    for name in ROWS:
        found = [json.loads(path.read_text("utf-8")) for path in folder.glob(f"{name}-[0-9]*.json")]
        if found:
            systems[name] = {run["seed"]: run for run in sorted(found, key=lambda run: run["seed"])}
    return systems


def points(values: list[float | None]) -> str:
    """Render shares as points of 100: their mean and standard deviation."""
    known = [100 * value for value in values if value is not None]
    if not known:
        return "–"
    return f"{mean(known):.1f}" + (f" ± {stdev(known):.1f}" if len(known) > 1 else "")


def against(runs: Runs, others: Runs, part: str) -> str:
    """Render how much better LF is than in the other system, over the seeds that both have."""
    gains = [
        run["scores"][part]["lf"] - others[seed]["scores"][part]["lf"] for seed, run in runs.items() if seed in others
    ]
    return points(gains).replace("-", "−") if gains else "–"


def table(systems: dict[str, Runs]) -> str:
    """Return the table in Markdown, with what is needed to read it."""
    lines = [
        "| system | syntax starts | UF | LF | UAS | UF ood | LF ood | UAS ood | LF − `pipeline` | ood | p < 0.05 |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, runs in systems.items():
        cells = [*ROWS[name]]
        for part in ("test", "ood"):
            cells += [points([run["scores"][part].get(key) for run in runs.values()]) for key in ("uf", "lf", "uas")]
        if name == "pipeline" or "pipeline" not in systems:
            cells += ["", "", ""]
        else:
            cells += [against(runs, systems["pipeline"], part) for part in ("test", "ood")]
            tests = [run["scores"]["test"].get("lf_against_pipeline") for run in runs.values()]
            cells.append(f"{sum(test is not None and test['p_value'] < 0.05 for test in tests)} of {len(tests)}")
        lines.append("| " + " | ".join(cells) + " |")
    first = next(iter(next(iter(systems.values())).values()))
    versions = ", ".join(f"{name} {number}" for name, number in first["versions"].items())
    seeds = sorted({seed for runs in systems.values() for seed in runs})
    lines += [
        "",
        f"Mean and standard deviation over seeds {', '.join(map(str, seeds))}. The last column counts the seeds for "
        "which LF on the test set differs from `pipeline`'s (paired permutation test). "
        f"{versions}. {first['machine']}. Commands and learning curves: `experiments/table1/`.",
    ]
    return "\n".join(lines)


def main() -> int:
    """Rewrite or check the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    tables = {name: clusters(HERE / name) for name in ("clusters", "clusters-published")}
    return rewrite(HERE / "README.md", {"table1": table(read(HERE / "table1")), **tables}, check)


if __name__ == "__main__":
    sys.exit(main())
