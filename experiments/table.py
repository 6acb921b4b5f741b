"""Make the README's table of results from the JSON files of `experiments/table1`.

python experiments/table.py          # rewrites README.md between its markers
python experiments/table.py --check  # fails if README.md is not up to date
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"


ROWS = {
    "neurbo": ("`neurbo`", "no syntax"),
    "pipeline": ("`pipeline`", "pre-trained, frozen"),
    "sa": ("`sa`", "from scratch"),
    "ste": ("`ste`", "from scratch"),
    "spigot": ("`spigot`", "from scratch"),
    "spigot-warm": ("`spigot`", "pre-trained"),
}
"""What each file of `table1` is: the recipe, and how its syntactic parser starts."""


def rows(folder: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the title, the start and the content of each run that is there."""
    paths = {name: folder / f"{name}.json" for name in ROWS}
    return [(*ROWS[name], json.loads(path.read_text("utf-8"))) for name, path in paths.items() if path.is_file()]


def points(value: float | None) -> str:
    """Render a share as points of 100."""
    return "–" if value is None else f"{100 * value:.1f}"


def table(runs: list[tuple[str, str, dict[str, Any]]]) -> str:
    """Return the table in Markdown, with what is needed to read it."""
    lines = [
        "| system | syntax starts | UF | LF | UAS | UF ood | LF ood | UAS ood | LF against `pipeline`: p, p ood |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for title, start, run in runs:
        test, ood = run["scores"]["test"], run["scores"]["ood"]
        p = [part["lf_against_pipeline"]["p_value"] for part in (test, ood) if "lf_against_pipeline" in part]
        cells = [title, start]
        cells += [points(part.get(key)) for part in (test, ood) for key in ("uf", "lf", "uas")]
        lines.append("| " + " | ".join([*cells, ", ".join(f"{value:.4f}" for value in p)]) + " |")
    first = runs[0][2]
    versions = ", ".join(f"{name} {number}" for name, number in first["versions"].items())
    seeds = sorted({run["seed"] for *_, run in runs})
    lines += [
        "",
        f"Seeds: {seeds}. {versions}. {first['machine']}. Commands and learning curves: `experiments/table1/`.",
    ]
    return "\n".join(lines)


def main() -> int:
    """Rewrite or check the README."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = README.read_text("utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    new = f"{before}{BEGIN}\n{table(rows(HERE / 'table1'))}\n{END}{after}"
    if check:
        return int(new != text)
    README.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
