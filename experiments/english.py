"""Make the table of `experiments/english/README.md` from the JSON files beside it.

python experiments/english.py          # rewrites the table between its marks
python experiments/english.py --check  # fails if it is not up to date
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from marks import rewrite

README = Path(__file__).parent / "english" / "README.md"
RUNS = {
    "shipped": "`models/en`, in half precision",
    "one-piece": "its recipe, from the start",
    "same-size": "the same sizes",
    "wider": "wider",
    "published-parsers": "published parsers, each alone",
    "published": "published architecture, joint",
    "minilm": "MiniLM, rate too low",
    "minilm-all": "MiniLM, rate 3e-4, four epochs",
    "minilm-syntax": "MiniLM, tree alone",
}
COLUMNS = [("ud test", "UAS"), ("ud test", "LAS"), ("dm test", "LF"), ("dm ood", "LF"), ("pb test", "LF")]


def row(label: str, run: dict[str, Any]) -> str:
    """Return a row of the table in Markdown."""
    scores = [f"{run['scores'][part][score]:.1f}" if part in run["scores"] else "–" for part, score in COLUMNS]
    accuracy = run["history"][-1]["dev"].get("accuracy")
    cells = [label, f"{run['parameters'] / 1e6:.1f} M", *scores, "–" if accuracy is None else f"{100 * accuracy:.1f}"]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """Return the table and the commands in Markdown."""
    found = {name: json.loads((README.parent / f"{name}.json").read_text("utf-8")) for name in RUNS}
    head = ["run", "parameters", *(f"{score}, {part}" for part, score in COLUMNS), "tags, dev"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [row(RUNS[name], run) for name, run in found.items()]
    lines += [
        "",
        *(
            f"- {RUNS[name]}: `{run['command']}`. Commit {run['commit']}, seed {run['seed']}. {run['machine']}."
            for name, run in found.items()
        ),
    ]
    return "\n".join(lines)


def main() -> int:
    """Rewrite or check the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    return rewrite(README, {"runs": table()}, parser.parse_args().check)


if __name__ == "__main__":
    sys.exit(main())
