"""Train and score the runs of `runs.toml`, one after another, until all are done.

    python experiments/run.py --data DATA --runs RUNS            # trains what is missing
    python experiments/run.py --data DATA --runs RUNS --list     # says how far each run is

DATA is the folder of the data, RUNS one for checkpoints and logs (NAME/, NAME.log). A run that is done has its scores
in `experiments/OUT/NAME.json` and is skipped; one that was interrupted goes on where it was saved; one that starts from
another run waits for that. Where a run stands is read from files alone, so that the runner can be killed at any time:
SIGTERM and Ctrl-C let the running ones save first, and after SIGKILL they go on to their end by themselves, holding a
lock that the next runner sees.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spigot.data.conllu import read_conllu

HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Run:
    """One training run; its settings may name others as RUNS/NAME, files as DATA/FILE."""

    name: str
    recipe: str
    data: str
    settings: tuple[str, ...]
    splits: tuple[str, ...]
    out: str

    @property
    def needs(self) -> set[str]:
        """Runs (and files of ids) that have to be there first."""
        return set(re.findall(r"RUNS/([\w.-]+)", " ".join(self.settings)))

    @property
    def command(self) -> list[str]:
        """What trains it, as it is written beside its scores."""
        sets = [part for setting in ("data.root=DATA", *self.settings) for part in ("--set", setting)]
        return ["train", self.recipe, "--data", self.data, *sets, "--out", f"RUNS/{self.name}"]


def read_runs(path: Path) -> tuple[list[Run], dict[str, Any]]:
    """Return the runs in the order in which they are to be done, and how to make the files of ids."""
    content = tomllib.loads(path.read_text("utf-8"))
    runs: list[Run] = []
    for group in content["group"]:
        for seed in group["seeds"]:
            for run in group["run"]:
                settings = [text.replace("SEED", str(seed)) for text in (*group["set"], *run.get("set", []))]
                name, splits = f"{run['name']}-{seed}", tuple(group["splits"])
                runs.append(Run(name, run["recipe"], group["data"], tuple(settings), splits, group["out"]))
    return runs, content.get("ids", {})


class Runner:
    """Knows where each run stands, and does the next thing for it."""

    def __init__(self, runs: list[Run], data: Path, folder: Path) -> None:
        self.runs, self.data, self.folder = runs, data, folder
        self.stop = False
        folder.mkdir(parents=True, exist_ok=True)

    def result(self, run: Run) -> Path:
        """Return the file that a finished run's scores are in."""
        return HERE / run.out / f"{run.name}.json"

    def trained(self, name: str) -> bool:
        """Tell whether a run has come to its end: training then prints the best epoch's scores, as JSON."""
        path = self.folder / f"{name}.out"
        there = (self.folder / name / "metrics.jsonl").is_file() and path.is_file()
        return there and path.read_text().rstrip().endswith("}")

    def state(self, run: Run) -> str:
        """Return "done", "runs", "waits for ...", or what is next: "score", "resume" or "start"."""
        if self.result(run).is_file():
            return "done"
        if self._lock(run) is None:
            return "runs"
        missing = sorted(n for n in run.needs if not (self.trained(n) or (self.folder / n).is_file()))
        if missing:
            return f"waits for {', '.join(missing)}"
        if self.trained(run.name):
            return "score"
        return "resume" if (self.folder / run.name / "state.safetensors").is_file() else "start"

    def work(self, jobs: int) -> None:
        """Do all there is to do, `jobs` processes at a time."""
        children: dict[str, subprocess.Popen[bytes]] = {}
        failed: set[str] = set()

        def stop(*_: Any) -> None:
            if not self.stop:
                self.stop = True
                for child in children.values():
                    child.terminate()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        while True:
            for name in [name for name, child in children.items() if child.poll() is not None]:
                if children.pop(name).returncode and not self.stop:
                    failed.add(name)
                    print(f"{name} failed: see {name}.log", flush=True)
            states = [(run, self.state(run)) for run in self.runs if run.name not in failed]
            ready = [(run, todo) for run, todo in states if todo in ("start", "resume", "score")]
            busy = sum(state == "runs" for _, state in states)
            if not (children if self.stop else ready or busy):
                return
            for run, todo in ready[: 0 if self.stop else max(0, jobs - busy)]:
                print(f"{time.strftime('%H:%M')} {todo} {run.name}", flush=True)
                child = self._begin(run, todo)
                if child is not None:
                    children[run.name] = child
                    if self.stop:  # since a moment ago
                        child.terminate()
            time.sleep(5)

    def _begin(self, run: Run, todo: str) -> subprocess.Popen[bytes] | None:
        lock = self._lock(run)
        if lock is None:
            return None
        folder = self.folder / run.name
        log, out, commits = (self.folder / f"{run.name}.{ending}" for ending in ("log", "out", "commits"))
        if todo == "score":
            command = [str(HERE / "collect.py"), str(folder), "--root", str(self.data), "--out", str(self.result(run))]
            command += ["--command", " ".join(["spigot", *run.command])]
            command += ["--commit", ", ".join(commits.read_text().split())]
            command += [part for split in run.splits for part in ("--split", split)]
        else:
            if todo == "start":
                # Whatever is there was killed before it was saved for the first time.
                shutil.rmtree(folder, ignore_errors=True)
                for path in (log, out, commits):
                    path.unlink(missing_ok=True)
            known = commits.read_text().split() if commits.is_file() else []
            commits.write_text("\n".join(dict.fromkeys([*known, code_commit()])) + "\n")
            places = {"DATA": str(self.data), "RUNS": str(self.folder)}
            words = [re.sub(r"\b(DATA|RUNS)\b", lambda match: places[match[0]], word) for word in run.command]
            command = ["-m", "spigot", *words, *(["--resume"] if todo == "resume" else [])]
        # The code of this checkout trains, whatever is installed.
        source = os.pathsep.join(filter(None, (str(HERE.parent / "src"), os.environ.get("PYTHONPATH"))))
        with lock, log.open("ab") as errors, out.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                stdout=output,
                stderr=errors,
                env=os.environ | ONE_THREAD | {"PYTHONPATH": source},
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )

    def _lock(self, run: Run) -> Any:
        """Return a lock on a run, which the process that works on it inherits; None if one has it."""
        lock = (self.folder / f"{run.name}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock


def code_commit() -> str:
    """Return the last commit that changed what trains, marked if the tree has changes that are in none."""
    git = ["git", "-C", str(HERE.parent)]
    commit = subprocess.run([*git, "log", "-1", "--format=%h", "--", "src", "recipes"], capture_output=True, text=True)
    changes = subprocess.run([*git, "status", "--porcelain", "--", "src", "recipes"], capture_output=True, text=True)
    return (commit.stdout.strip() or "unknown") + ("-changed" if changes.stdout else "")


def write_ids(path: Path, trees: Path, divisor: int) -> None:
    """Write the ids of the sentences whose id has a CRC-32 divisible by `divisor`: a sample that is always the same."""
    if not path.is_file():
        ids = [s.id for s in read_conllu(trees) if zlib.crc32(s.id.encode()) % divisor == 0]
        part = path.with_name(path.name + ".part")
        part.write_text("\n".join(ids) + "\n", "utf-8")
        os.replace(part, path)


def main() -> None:
    """Run the list, or say how far it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--file", type=Path, default=HERE / "runs.toml", help="the list; by default runs.toml")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time, each with one thread")
    parser.add_argument("--only", default="", metavar="PATTERN", help="of the names of the runs to do")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    runs, ids = read_runs(arguments.file)
    runs = [run for run in runs if re.search(arguments.only, run.name)]
    runner = Runner(runs, arguments.data.resolve(), arguments.runs.resolve())
    for name, how in ids.items():
        write_ids(runner.folder / name, runner.data / how["trees"], how["divisor"])
    if not arguments.list:
        runner.work(arguments.jobs)
    width = max((len(run.name) for run in runs), default=0)
    for run in runs:
        metrics = runner.folder / run.name / "metrics.jsonl"
        rows = [json.loads(line) for line in metrics.read_text("utf-8").splitlines()] if metrics.is_file() else []
        last = "".join(f"  {name} {100 * value:.1f}" for name, value in rows[-1]["dev"].items()) if rows else ""
        print(f"{run.name:{width}} {len(rows):2} epochs{last:20} {runner.state(run)}")


if __name__ == "__main__":
    main()
