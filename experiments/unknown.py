"""What training through a parser does to unknown words: UAS of sentences with a word that it has not, and of others.

    python experiments/unknown.py RUNS/NAME ... --trees RUNS/inside-test.conllu --out experiments/sizes/unknown.json

Each RUNS/NAME is a run of a syntactic below a semantic parser. Its sentences with unknown words are parsed once more,
with the row of unknown words in the second of the parser's tables of words (the published one has two) at zero. Figures
of other runs in the file are kept.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from collect import environment, write_json

import spigot
from spigot.data.conllu import read_conllu
from spigot.data.sentence import Sentence
from spigot.evaluation.attachment import AttachmentScore, attachment


def uas(predicted: Sequence[Sentence], gold: Sequence[Sentence]) -> float:
    """Return the share of right heads."""
    return sum(map(attachment, gold, predicted), AttachmentScore()).uas


def measure(run: Path, gold: Sequence[Sentence]) -> dict[str, float]:
    """Return how many sentences have unknown words and how many have none, and UAS in both and without the row."""
    nlp = spigot.load(run)
    syntax: Any = nlp.system.syntax
    known = {*syntax.vocabulary.words.strings[: syntax.vocabulary.trained_words]}
    parts: tuple[list[Sentence], list[Sentence]] = ([], [])
    for sentence in gold:
        parts[known.issuperset(map(str.lower, sentence.forms))].append(sentence)
    unknown, others = parts
    found = {"unknown": len(unknown), "known": len(others)}
    scores = {"uas known": uas([*nlp.stream(others)], others), "uas unknown": uas([*nlp.stream(unknown)], unknown)}
    with torch.no_grad():
        syntax.encoder.second.weight[0] = 0
    return found | scores | {"uas at zero": uas([*nlp.stream(unknown)], unknown)}


def main() -> None:
    """Measure the runs, and write their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--trees", type=Path, required=True, help="gold trees, CoNLL-U")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    gold = list(read_conllu(arguments.trees))
    figures = json.loads(arguments.out.read_text("utf-8"))["runs"] if arguments.out.is_file() else {}
    for run in arguments.runs:
        figures[run.name] = measure(run, gold)
        print(run.name, {key: round(value, 4) for key, value in figures[run.name].items()}, flush=True)
    write_json(arguments.out, {"runs": figures, **environment()})


if __name__ == "__main__":
    main()
