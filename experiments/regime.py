"""Make the tables of `experiments/regime/README.md` from the JSON files beside it, in the order of `runs.toml`, and
from those of `gradients.py` in `experiments/regime/gradients`, by name.

python experiments/regime.py          # rewrites the tables between their markers
python experiments/regime.py --check  # fails if they are not up to date
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "regime" / "README.md"
BEGIN, END = "<!-- {0}:begin -->", "<!-- {0}:end -->"
HEAD = "| run | UAS | UAS by epoch | UF | LF | LF by epoch | LF − pipeline | p |\n|---|---|---|---|---|---|---|---|"

SHOWN = ("treebank", "STE", "SPIGOT, cap 1")
GRADIENTS_HEAD = (
    "| parser, sentences | UAS | confidence | gradient | norm on scores | norm on parameters | cosine, treebank "
    "| cosine, confidence | between batches | tokens reached | of these wrong | right heads pushed down |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def points(value: float) -> str:
    """Render a share as points of 100."""
    return f"{100 * value:.2f}".replace("-", "−")


def curve(run: dict[str, Any], score: str) -> str:
    """Render a score after each epoch of joint training (of pre-training too, in its run)."""
    values = [row["dev"].get(score) for row in run["history"]]
    known = [value for value in values if value is not None]
    # A frozen parser's score is the same in each epoch.
    shown = list(dict.fromkeys(known)) if len(set(known[-2:])) == 1 else known
    return " ".join(f"{100 * value:.0f}" for value in shown)


def row(label: str, run: dict[str, Any]) -> str:
    """Return the row of a run that is done."""
    dev = run["scores"]["dev"]
    test = next((value for key, value in dev.items() if key.startswith("lf_against_")), None)
    cells = [label, points(dev["uas"]) if "uas" in dev else "–", curve(run, "uas") or "–"]
    cells += [points(dev["uf"]), points(dev["lf"]), curve(run, "lf")]
    if test is None:
        cells += ["", ""]
    else:
        low, high = test["interval"]
        cells += [f"{points(test['difference'])} [{points(low)}, {points(high)}]", f"{test['p_value']:.2g}"]
    return f"| {' | '.join(cells)} |"


def tables() -> str:
    """Return the tables in Markdown; what has not been run yet is named below them."""
    parts: list[str] = []
    for group in tomllib.loads((HERE / "runs.toml").read_text("utf-8"))["group"]:
        if group["out"] != README.parent.name:
            continue
        done: dict[str, dict[str, Any]] = {}
        rows, missing = [], []
        for seed in group["seeds"]:
            for run in group["run"]:
                name = f"{run['name']}-{seed}"
                label = run["label"] + (f", seed {seed}" if len(group["seeds"]) > 1 else "")
                path = README.parent / f"{name}.json"
                if path.is_file():
                    done[name] = json.loads(path.read_text("utf-8"))
                    rows.append(row(label, done[name]))
                else:
                    missing.append(f"`{name}`")
        parts.append(f"**{group['title']}** (dev, seed {', '.join(map(str, group['seeds']))})")
        if rows:
            first = next(iter(done.values()))
            versions = ", ".join(f"{name} {number}" for name, number in first["versions"].items())
            commits = sorted({run["commit"] for run in done.values()})
            parts.append("\n".join([HEAD, *rows]))
            parts.append(f"Commit {', '.join(commits)}. {versions}. {first['machine']}.")
        parts.append("Not yet run: " + (", ".join(missing) or "nothing") + ".")
    return "\n\n".join(parts)


def gradients() -> str:
    """Return the table of gradients in Markdown."""
    lines = [GRADIENTS_HEAD]
    for path in sorted((README.parent / "gradients").glob("*.json")):
        found = json.loads(path.read_text("utf-8"))
        first = [found["title"], points(found["uas"]), f"{found['confidence']:.2f}"]
        for name in SHOWN:
            row = found["gradients"][name]
            low, middle, high = (f"{value:.2g}" if value < 10 else f"{value:.0f}" for value in row["norms"].values())
            numbers = [row["cosine_with_treebank"], row["cosine_with_confidence"], row["cosine_between_batches"]]
            shares = [row[key] for key in ("tokens_reached", "reached_that_are_wrong", "right_heads_pushed_down")]
            cells = [*first, name, f"{row['norm_on_scores']:.2f}", f"{middle} ({low} to {high})"]
            cells += [f"{number:.2f}".replace("-", "−") for number in numbers]
            cells += [f"{100 * share:.0f} %" for share in shares]
            lines.append(f"| {' | '.join(cells)} |")
            first = ["", "", ""]
    return "\n".join(lines)


def main() -> int:
    """Rewrite or check the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    new = text = README.read_text("utf-8")
    for name, content in (("tables", tables()), ("gradients", gradients())):
        begin, end = BEGIN.format(name), END.format(name)
        before, rest = new.split(begin)
        _, after = rest.split(end)
        new = f"{before}{begin}\n{content}\n{end}{after}"
    if check:
        return int(new != text)
    README.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
