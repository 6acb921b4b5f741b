"""Train and score the runs of a list in order, until all are done.

    python experiments/run.py --data DATA --runs RUNS            # trains what is missing of runs.toml
    python experiments/run.py --data DATA --runs RUNS --list     # prints the state of each run

DATA is the folder of the data, RUNS a folder for checkpoints and logs (NAME/, NAME.log). A finished run has its scores
in `experiments/OUT/NAME.json` and is skipped. An interrupted run resumes from its last save. A run that starts from
another one waits for its checkpoint; `--scores FOLDER` names another place for the scores, to train what has scores
here but no checkpoint. The state of a run is read from files alone, so the runner may be killed at any time: SIGTERM
and Ctrl-C let the training processes save first; after SIGKILL they continue to their end, and hold a lock that the
next runner sees.

A run's name and settings may have the word SEED, and those that each of the group's `values` gives. A group without
`out` has runs that others start from, and that are not scored. A run with a `script` of this folder, in place of a
recipe, makes the file RUNS/NAME.
"""

from __future__ import annotations

import argparse
import fcntl
import itertools
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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.sdp import read_sdp, write_sdp

HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Run:
    """One training run, or a script; its settings may name other runs as RUNS/NAME, and files as DATA/FILE."""

    name: str
    recipe: str
    data: str
    settings: tuple[str, ...]
    splits: tuple[str, ...]
    out: str
    script: tuple[str, ...] = ()

    @property
    def needs(self) -> set[str]:
        """The runs and files of this folder that must exist first."""
        return set(re.findall(r"RUNS/([\w.-]+)", " ".join([*self.settings, *self.script]))) - {self.name}

    @property
    def command(self) -> list[str]:
        """The arguments of `spigot` that train it, as they are written beside its scores; or those of python."""
        if self.script:
            return list(self.script)
        sets = [part for setting in ("data.root=DATA", *self.settings) for part in ("--set", setting)]
        data = ["--data", self.data] if self.data else []
        return ["train", self.recipe, *data, *sets, "--out", f"RUNS/{self.name}"]


KEYS = {
    "the list": ({"group"}, {"ids", "files"}),
    "a file": ({"of", "ids", "keep"}, set[str]()),
    "a file of ids": ({"trees", "divisor"}, {"remainder"}),
    "a group": ({"seeds", "run"}, {"title", "data", "set", "values", "splits", "out", "against", "square"}),
    "a run": ({"name", "recipe"}, {"label", "set"}),
    "a script": ({"name", "script"}, set[str]()),
}
"""The keys that each part of a list must have, and those that it may have."""


TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("recipe", "label", "title", "data", "out", "trees"), ("text", lambda v: type(v) is str)),
    "name": ("letters, digits, . and -", lambda v: type(v) is str and bool(re.fullmatch(r"[\w.-]*\w[\w.-]*", v))),
    **dict.fromkeys(("set", "script", "of"), ("a list of texts", lambda v: is_list(v, str))),
    **dict.fromkeys(("run", "group"), ("tables", lambda v: is_list(v, dict) and bool(v))),
    "values": ("a list of tables", lambda v: is_list(v, dict) and bool(v)),
    "seeds": ("a list of whole numbers", lambda v: is_list(v, int) and bool(v)),
    "splits": ("a list of texts NAME=FILE", lambda v: is_list(v, str) and all("=" in text for text in v)),
}
"""What the value of a key must be."""


def is_list(value: Any, kind: type) -> bool:
    """Return whether a value is a list of this type."""
    return type(value) is list and all(type(each) is kind for each in value)


def check_keys(part: str, given: Any) -> None:
    """Raise a ValueError unless a part of a list has the keys of `KEYS`, with values as in `TYPES`."""
    needed, others = KEYS[part]
    if not isinstance(given, dict):
        raise ValueError(f"{part}: expected a table, got {given!r}")
    called = given.get("name", given.get("title"))
    name = part if called is None else f"{part} ({called})"
    for key in sorted(needed - given.keys()):
        raise ValueError(f"{name}: expected a key {key!r}, got {', '.join(given) or 'none'}")
    for key in sorted(given.keys() - needed - others):
        raise ValueError(f"{name}: expected one of {', '.join(sorted(needed | others))}, got the key {key!r}")
    for key in sorted(TYPES.keys() & given.keys()):
        expected, fits = TYPES[key]
        if not fits(given[key]):
            raise ValueError(f"{name}: {key}: expected {expected}, got {given[key]!r}")


def read_runs(path: Path) -> tuple[list[Run], dict[str, Any]]:
    """Return the runs in their order, and how to make the files of ids and those with part of a corpus.

    Raises:
        ValueError: the list is not TOML, a key is missing or unknown, or two runs have one name.
    """
    content = tomllib.loads(path.read_text("utf-8"))
    check_keys("the list", content)
    for part, tables in (("a file", content.get("files", {})), ("a file of ids", content.get("ids", {}))):
        for how in tables.values():
            check_keys(part, how)
    runs: list[Run] = []
    for group in content["group"]:
        check_keys("a group", group)
        for run in group["run"]:
            check_keys("a script" if "script" in run else "a run", run)
        splits, out = tuple(group.get("splits", ())), group.get("out", "")
        for seed, values, run in itertools.product(group["seeds"], group.get("values", [{}]), group["run"]):
            words = {**values, "SEED": seed}
            if "script" in run:
                made = tuple(put_in(word, words) for word in run["script"])
                runs.append(Run(put_in(run["name"], words), "", "", (), (), "", made))
                continue
            settings = tuple(put_in(text, words) for text in (*group.get("set", []), *run.get("set", [])))
            name = f"{put_in(run['name'], words)}-{seed}"
            runs.append(Run(name, run["recipe"], group.get("data", ""), settings, splits, out))
    names = [run.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{name}: expected one run of this name, got {names.count(name)}")
    return runs, {key: content.get(key, {}) for key in ("ids", "files")}


def put_in(text: str, words: Mapping[str, Any]) -> str:
    """Return a text with words in the place of their names."""
    return re.sub("|".join(map(re.escape, words)), lambda match: str(words[match[0]]), text)


class Runner:
    """Reads the state of each run from files, and starts what comes next."""

    def __init__(self, runs: list[Run], data: Path, folder: Path, scores: Path = HERE) -> None:
        self.runs, self.data, self.folder, self.scores = runs, data, folder, scores
        self.stop = False

    def result(self, run: Run) -> Path:
        """Return the file with the scores of a finished run, or the one that a script makes."""
        return self.folder / run.name if run.script else self.scores / run.out / f"{run.name}.json"

    def trained(self, name: str) -> bool:
        """Return whether a run is finished: training then prints the scores of the best epoch as JSON."""
        path = self.folder / f"{name}.out"
        there = (self.folder / name / "metrics.jsonl").is_file() and path.is_file()
        return there and path.read_text().rstrip().endswith("}")

    def state(self, run: Run) -> str:
        """Return "done", "runs", "waits for ...", or the next step: "score", "resume" or "start"."""
        if self.result(run).is_file() or (not run.script and not run.out and self.trained(run.name)):
            return "done"
        if (self.folder / f"{run.name}.lock").is_file() and self._lock(run) is None:
            return "runs"
        missing = sorted(n for n in run.needs if not (self.trained(n) or (self.folder / n).is_file()))
        if missing:
            return f"waits for {', '.join(missing)}"
        if self.trained(run.name):
            return "score"
        return "resume" if (self.folder / run.name / "state.safetensors").is_file() else "start"

    def work(self, jobs: int) -> bool:
        """Start the next steps, `jobs` processes at a time, until nothing is left; return whether none failed."""
        self.folder.mkdir(parents=True, exist_ok=True)
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
                return not failed
            for run, todo in ready[: 0 if self.stop else max(0, jobs - busy)]:
                print(f"{time.strftime('%H:%M')} {todo} {run.name}", flush=True)
                child = self._begin(run, todo)
                if child is not None:
                    children[run.name] = child
                    if self.stop:  # the signal came while the process started
                        child.terminate()
            time.sleep(5)

    def _begin(self, run: Run, todo: str) -> subprocess.Popen[bytes] | None:
        lock = self._lock(run)
        if lock is None:
            return None
        folder = self.folder / run.name
        log, out, commits, trained_by = (
            self.folder / f"{run.name}.{ending}" for ending in ("log", "out", "commits", "command")
        )
        listed = " ".join(["spigot", *run.command])
        told = trained_by.read_text("utf-8").strip() if trained_by.is_file() and todo != "start" else listed
        if told != listed:
            print(f"{run.name}: trained with other settings than the list's: {told}", file=sys.stderr, flush=True)
        if todo == "score":
            command = [str(HERE / "collect.py"), str(folder), "--root", str(self.data), "--out", str(self.result(run))]
            command += ["--command", told]
            command += ["--commit", ", ".join(commits.read_text().split())]
            command += ["--predictions", str(self.folder / "predictions" / run.name)]
            command += [part for split in run.splits for part in ("--split", self._in_place(split))]
        else:
            if todo == "start":
                # Files left by a process that was killed before its first save.
                shutil.rmtree(folder, ignore_errors=True)
                for path in (log, out, commits):
                    path.unlink(missing_ok=True)
                trained_by.write_text(f"{told}\n", "utf-8")
            known = commits.read_text().split() if commits.is_file() else []
            commits.write_text("\n".join(dict.fromkeys([*known, code_commit()])) + "\n")
            words = [self._in_place(word) for word in run.command]
            command = ["-m", "spigot", *words, *(["--resume"] if todo == "resume" else [])]
            if run.script:
                command = [str(HERE / words[0]), *words[1:]]
        # Train with the code of this checkout, not with an installed version; recipes may name classes of this folder.
        source = os.pathsep.join(filter(None, (str(HERE.parent / "src"), str(HERE), os.environ.get("PYTHONPATH"))))
        with lock, log.open("ab") as errors, out.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                stdout=output,
                stderr=errors,
                env=os.environ | ONE_THREAD | {"PYTHONPATH": source},
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )

    def _in_place(self, word: str) -> str:
        places = {"DATA": str(self.data), "RUNS": str(self.folder)}
        return re.sub(r"\b(DATA|RUNS)\b", lambda match: places[match[0]], word)

    def _lock(self, run: Run) -> Any:
        """Return a lock on a run, which the started process inherits; None if another process holds it."""
        lock = (self.folder / f"{run.name}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return None
        return lock


def code_commit() -> str:
    """Return the last commit that changed `src` or `recipes`, with "-changed" if there are uncommitted changes."""
    git = ["git", "-C", str(HERE.parent)]
    commit = subprocess.run([*git, "log", "-1", "--format=%h", "--", "src", "recipes"], capture_output=True, text=True)
    changes = subprocess.run([*git, "status", "--porcelain", "--", "src", "recipes"], capture_output=True, text=True)
    return (commit.stdout.strip() or "unknown") + ("-changed" if changes.stdout else "")


def write_ids(path: Path, trees: Path, divisor: int, remainder: int = 0) -> None:
    """Write the ids whose CRC-32, divided by `divisor`, leaves `remainder`: the same sample each time."""
    if not path.is_file():
        ids = [s.id for s in read_conllu(trees) if zlib.crc32(s.id.encode()) % divisor == remainder]
        part = path.with_name(path.name + ".part")
        part.write_text("\n".join(ids) + "\n", "utf-8")
        os.replace(part, path)


def write_part(path: Path, corpora: Sequence[Path], pattern: str, keep: bool) -> None:
    """Write the sentences of some corpora whose ids match a pattern, or those whose ids do not."""
    if path.is_file():
        return
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            if path.suffix == ".sdp":
                write_sdp((s for c in corpora for s in read_sdp(c) if bool(re.search(pattern, s.id)) == keep), file)
            else:
                write_conllu(
                    (s for c in corpora for s in read_conllu(c) if bool(re.search(pattern, s.id)) == keep), file
                )
    except BaseException:
        part.unlink()
        raise
    os.replace(part, path)


def main() -> int:
    """Run the list, or print the state of its runs.

    Returns the exit code: 1 if a run failed, or waits for another list, 2 for wrong input.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--file", type=Path, default=HERE / "runs.toml", help="the list of runs; by default runs.toml")
    parser.add_argument("--scores", type=Path, default=HERE, metavar="FOLDER", help="by default this script's folder")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time, each with one thread")
    parser.add_argument("--only", default="", metavar="PATTERN", help="only runs whose name matches")
    parser.add_argument("--list", action="store_true", help="print the state of each run, and start nothing")
    arguments = parser.parse_args()
    try:
        return follow(arguments)
    except re.error as error:
        problem = f"--only: expected a pattern, got {arguments.only!r}: {error}"
    except ValueError as error:
        problem = str(error) if str(error).startswith("--") else f"{arguments.file}: {error}"
    except OSError as error:
        problem = f"{error.filename}: {(error.strerror or str(error)).lower()}"
    print(f"run.py: error: {problem}", file=sys.stderr)
    return 2


def follow(arguments: argparse.Namespace) -> int:
    """Do what the command line says; return the exit code."""
    runs, made = read_runs(arguments.file)
    runs = [run for run in runs if re.search(arguments.only, run.name)]
    if not runs:
        raise ValueError(f"--only: expected a pattern that a run's name matches, got {arguments.only!r}")
    if not arguments.data.is_dir():
        raise ValueError(f"--data: expected a folder, got {arguments.data}")
    runner = Runner(runs, arguments.data.resolve(), arguments.runs.resolve(), arguments.scores.resolve())
    done = True
    if not arguments.list:
        runner.folder.mkdir(parents=True, exist_ok=True)
        for name, how in made["ids"].items():
            write_ids(runner.folder / name, runner.data / how["trees"], how["divisor"], how.get("remainder", 0))
        for name, how in made["files"].items():
            corpora = [runner.data / corpus for corpus in how["of"]]
            write_part(runner.folder / name, corpora, how["ids"], how["keep"])
        done = runner.work(arguments.jobs)
    width = max(len(run.name) for run in runs)
    for run in runs:
        metrics = runner.folder / run.name / "metrics.jsonl"
        rows = [json.loads(line) for line in metrics.read_text("utf-8").splitlines()] if metrics.is_file() else []
        last = "".join(f"  {name} {100 * value:.1f}" for name, value in rows[-1]["dev"].items()) if rows else ""
        state = runner.state(run)
        print(f"{run.name:{width}} {len(rows):2} epochs{last:20} {state}")
        done = done and (arguments.list or runner.stop or state == "done")
    gone = [run for run in runs if run.out and runner.result(run).is_file() and not runner.trained(run.name)]
    if gone:
        where = f"{len(gone)} of these have their scores in {runner.scores}, and no checkpoint in {arguments.runs}"
        print(f"{where}; with --scores FOLDER they are made again", file=sys.stderr)
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
