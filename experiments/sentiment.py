"""Table 2: score the runs of the second system and make its table.

    python experiments/sentiment.py score RUNS --root DATA --out experiments/table2
    python experiments/sentiment.py table          # rewrites it in experiments/README.md, between its marks
    python experiments/sentiment.py table --check  # fails if it is not up to date

RUNS holds one folder for each system and seed, NAME-SEED, as `spigot train modern/sentiment-NAME --set
training.seed=SEED` leaves it. `score` writes one JSON file for each system: its scores on test for each seed, the
learning curves, settings and versions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collect import machine
from marks import rewrite
from scipy.stats import ttest_1samp, ttest_rel

from spigot.data.sdp import read_sdp
from spigot.data.sst import read_sst
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment

HERE = Path(__file__).parent

ROWS = {
    "dan": ("bag of vectors (DAN)", "–", "–"),
    "bilstm": ("BILSTM", "–", "–"),
    "pipeline": ("PIPELINE", "none", "–"),
    "ste": ("STE", "straight-through", "none"),
    "ste-capped": ("STE, capped", "straight-through", "5/32"),
    "spigot-uncapped": ("SPIGOT, no cap", "SPIGOT", "none"),
    "spigot": ("SPIGOT", "SPIGOT", "5/32"),
}
"""What each file of `table2` is: the system, the gradient into the parser, the cap on its norm."""


def score(name: str, runs: Path, root: Path, command: str) -> dict[str, Any]:
    """Score all seeds of a system."""
    test = list(read_sst(root / "sst" / "test.tsv"))
    graphs = list(read_sdp(root / "redwoods" / "test.sdp"))
    result: dict[str, Any] = {"system": name, "command": command, "runs": []}
    folders = [path for path in runs.glob(f"{name}-[0-9]*") if path.is_dir()]
    for folder in sorted(folders, key=lambda path: int(path.name.rpartition("-")[2])):
        if not (folder / "model.safetensors").is_file() or (folder / "state.safetensors").is_file():
            continue
        model = SemanticsThenSentiment.from_pretrained(folder)
        history = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
        best = max(history, key=lambda row: row["dev"]["accuracy"])
        row = {
            "seed": int(folder.name.rpartition("-")[2]),
            "test": model.score("sentiment", test).accuracy,
            "dev": best["dev"]["accuracy"],
            "epoch": best["epoch"],
            "history": history,
        }
        if model.semantics is not None:
            row["lf"] = model.score("semantics", graphs).lf
        result["runs"].append(row)
        recipe = json.loads((folder / "recipe.json").read_text("utf-8"))
        # Where things lay on one machine means nothing on another.
        recipe["data"].pop("root", None)
        if "init" in recipe.get("intermediate", {}):
            recipe["intermediate"]["init"] = Path(recipe["intermediate"]["init"]).name
        recipe["training"].pop("seed", None)
        result["recipe"] = recipe
    result["conventions"] = "test, dev: accuracy over sentences; lf: labelled F1 of the parser on the DM test set"
    result["versions"] = {package: version(package) for package in ("torch-spigot", "torch", "numba", "numpy")}
    result["machine"] = machine()
    return result


def table(folder: Path) -> str:
    """Return the table in Markdown: mean and standard deviation over seeds, and a paired t-test against `pipeline`."""
    results = {
        name: json.loads(path.read_text("utf-8")) for name in ROWS if (path := folder / f"{name}.json").is_file()
    }
    accuracy = {name: {run["seed"]: run["test"] for run in result["runs"]} for name, result in results.items()}
    lines = [
        "| system | gradient into the parser | cap | dev accuracy | test accuracy | seeds "
        "| p against PIPELINE | parser LF |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        runs = result["runs"]
        cells = [
            *ROWS[name],
            spread([run["dev"] for run in runs]),
            spread([run["test"] for run in runs]),
            str(len(runs)),
        ]
        both = sorted(accuracy[name].keys() & accuracy.get("pipeline", {}).keys())
        p = None
        if name != "pipeline" and len(both) > 1:
            p = ttest_rel([accuracy[name][seed] for seed in both], [accuracy["pipeline"][seed] for seed in both]).pvalue
        cells += ["" if p is None else f"{p:.3f}", spread([run["lf"] for run in runs]) if "lf" in runs[0] else "–"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", effects(accuracy)]
    first = next(iter(results.values()))
    versions = ", ".join(f"{package} {number}" for package, number in first["versions"].items())
    lines += ["", f"{versions}. {first['machine']}. Commands, seeds and learning curves: `experiments/table2/`."]
    return "\n".join(lines)


def effects(accuracy: dict[str, dict[int, float]]) -> str:
    """Say what projection and cap each do in the 2 x 2 of gradients, averaged over the other; paired over seeds."""
    square = {
        "projection": (("spigot", "ste-capped"), ("spigot-uncapped", "ste")),
        "cap": (("spigot", "spigot-uncapped"), ("ste-capped", "ste")),
    }
    sentences = []
    for what, ((a, b), (c, d)) in square.items():
        seeds = sorted(set.intersection(*(set(accuracy.get(name, ())) for name in (a, b, c, d))))
        if len(seeds) > 1:
            gains = [
                (accuracy[a][seed] - accuracy[b][seed] + accuracy[c][seed] - accuracy[d][seed]) / 2 for seed in seeds
            ]
            p = ttest_1samp(gains, 0).pvalue
            sentences.append(f"The {what} is worth {spread(gains)} points (p {p:.3f}).")
    return " ".join(sentences)


def spread(values: list[float]) -> str:
    """Render shares as points of 100: mean and standard deviation."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"{100 * statistics.mean(values):.1f} ± {100 * deviation:.1f}"


def main() -> int:
    """Score runs, or rewrite or check the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    scoring = commands.add_parser("score", help="score runs")
    scoring.add_argument("runs", type=Path)
    scoring.add_argument("--root", type=Path, required=True)
    scoring.add_argument("--out", type=Path, required=True)
    tables = commands.add_parser("table", help="rewrite the table")
    tables.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.command == "score":
        arguments.out.mkdir(parents=True, exist_ok=True)
        for name in ROWS:
            command = (
                f"spigot train modern/sentiment-{name} --data data/sst --set data.root=DATA --set training.seed=SEED"
            )
            if name not in ("dan", "bilstm"):
                command += " --set intermediate.init=runs/neurbo --set intermediate.pretrain_epochs=0"
            result = score(name, arguments.runs, arguments.root, f"{command} --out RUNS/{name}-SEED")
            if result["runs"]:
                (arguments.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        return 0
    return rewrite(HERE / "README.md", {"table2": table(HERE / "table2")}, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
