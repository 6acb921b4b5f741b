"""Trees of a treebank's own sentences, each by a parser that has not seen it.

    python experiments/jackknife.py TREES.conllu RECIPE --set KEY=VALUE ... --folds 5 --jobs 5 --out FILE.conllu

The sentences are dealt into folds. For each fold a parser is trained on the others (`spigot train RECIPE`, with
`data.syntax.train` set), and parses the fold (`spigot parse`). FILE has all sentences in their order; the runs and the
folds are in FILE.folds/.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.sentence import Sentence


def spigot(arguments: Sequence[str], out: Path, log: Path) -> None:
    """Run the program, with what it prints in `out`. Raises CalledProcessError."""
    with out.open("wb") as output, log.open("ab") as errors:
        subprocess.run([sys.executable, "-m", "spigot", *arguments], check=True, stdout=output, stderr=errors)


def parse_fold(sentences: Sequence[Sentence], fold: int, folds: int, recipe: Sequence[str], work: Path) -> Path:
    """Train on the other folds, and return the file with this one parsed."""
    rest, held, run, parsed = (work / f"{fold}{name}" for name in (".train.conllu", ".conllu", "", ".parsed.conllu"))
    log = work / f"{fold}.log"
    write_conllu((s for number, s in enumerate(sentences) if number % folds != fold), rest)
    write_conllu((s for number, s in enumerate(sentences) if number % folds == fold), held)
    shutil.rmtree(run, ignore_errors=True)  # of a script that was stopped
    spigot(["train", *recipe, "--set", f"data.syntax.train={rest}", "--out", str(run)], work / f"{fold}.json", log)
    spigot(["parse", str(run), str(held)], parsed, log)
    return parsed


def main() -> None:
    """Train and parse, a few folds at a time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trees", type=Path)
    parser.add_argument("recipe", help="of a system with the task syntax")
    parser.add_argument("--data")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    recipe = [arguments.recipe, *(["--data", arguments.data] if arguments.data else [])]
    recipe += [word for setting in arguments.set for word in ("--set", setting)]
    sentences = list(read_conllu(arguments.trees))
    work = arguments.out.with_name(arguments.out.name + ".folds")
    work.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        folds = range(arguments.folds)
        files = list(pool.map(lambda fold: parse_fold(sentences, fold, arguments.folds, recipe, work), folds))
    parsed = {sentence.id: sentence for file in files for sentence in read_conllu(file)}
    part = arguments.out.with_name(arguments.out.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        write_conllu((parsed[sentence.id] for sentence in sentences), file)
    os.replace(part, arguments.out)


if __name__ == "__main__":
    main()
