"""Table 1 on half of PropBank: score runs of `runs.toml` on the test set, and make the table.

    python experiments/on_test.py score --data DATA --runs RUNS  # scores what is missing, of finished runs
    python experiments/on_test.py table          # rewrites it in experiments/table1-half/README.md, between its marks
    python experiments/on_test.py table --check  # fails if it is not up to date

The runs are those that start from the pipelines of which there are checkpoints. Their commands and commits are those
beside their scores on dev, in `experiments/regime`.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from collect import Split, collect, write_json
from gains import Gains
from regime import means, origin, table
from scored import score_or_rewrite

HERE = Path(__file__).parent
DEV, TEST = HERE / "regime", HERE / "table1-half"
AGAINST = {"pipeline": "pbh-again-pipeline", "no gradient": "pbh-again-warm-w0"}
WITH_GCN = {"pipeline": "pbh-gcn-pipeline", "no gradient": "pbh-gcn-warm-w0"}
SPLIT = "test=propbank/test.sdp,ewt/en_ewt-ud-test.conllu"


def half(against: dict[str, str] = AGAINST) -> dict[str, Any]:
    """Return the runs of the list that are compared with those of `against`, as one group."""
    groups = tomllib.loads((HERE / "runs.toml").read_text("utf-8"))["group"]
    groups = [group for group in groups if group["against"] == against and group["out"] == DEV.name]
    runs = {run["name"]: run for group in groups for run in group["run"]}
    seeds = sorted({seed for group in groups for seed in group["seeds"]})
    return {"run": list(runs.values()), "seeds": seeds, "against": against}


def names(group: dict[str, Any]) -> list[str]:
    """Return the names of all runs of a group, with their seeds."""
    return [f"{run['name']}-{seed}" for seed in group["seeds"] for run in group["run"]]


def finished(run: Path) -> bool:
    """Return whether there is a checkpoint, of a run that has come to its end."""
    return (run / "model.safetensors").is_file() and not (run / "state.safetensors").is_file()


def score(data: Path, runs: Path) -> None:
    """Score the runs that are finished and have no scores on the test set yet."""
    for name in [*names(half()), *names(half(WITH_GCN))]:
        record, out = DEV / f"{name}.json", TEST / f"{name}.json"
        if out.is_file() or not record.is_file() or not finished(runs / name):
            continue
        known = json.loads(record.read_text("utf-8"))
        result = {"command": known["command"], "commit": known["commit"]}
        result |= collect(runs / name, data, None, [Split.parse(SPLIT)])
        if result["history"] != known["history"]:
            raise ValueError(f"{runs / name}: expected the run of {record}, got one with another learning curve")
        write_json(out, result)
        print(out.name, flush=True)


def tables(gains: Gains) -> str:
    """Return the tables in Markdown: means over seeds, then each run."""
    groups = half(), half(WITH_GCN)
    done = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(TEST.glob("pbh-*.json"))}
    listed = [name for group in groups for name in names(group)]
    missing = [f"`{name}`" for name in listed if name not in done and (DEV / f"{name}.json").is_file()]
    parts = [each(group, done, gains, "test") for group in groups for each in (means, table)]
    if missing:
        parts.append(f"Not scored on the test set: {', '.join(missing)}.")
    return "\n\n".join(dict.fromkeys([*parts, *map(origin, done.values())]))


def main() -> int:
    """Score runs, or rewrite or check the table."""
    return score_or_rewrite(__doc__, score, TEST / "README.md", lambda gains: {"table": tables(gains)})


if __name__ == "__main__":
    sys.exit(main())
