"""What training through a parser does to unknown words: UAS of sentences with a word that it has not, and of others.

    python experiments/unknown.py RUNS/NAME RUNS/inside-test.conllu

RUNS/NAME is a run of a syntactic below a semantic parser. The second line is of the same parser, with the row of
unknown words in the second of its tables of words (the published parser has two) at zero.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import spigot
from spigot.data.conllu import SYNTAX, read_conllu
from spigot.data.sentence import Sentence


def uas(predicted: Sequence[Sentence], gold: Sequence[Sentence]) -> float:
    """Return the share of right heads, in percent."""
    pairs = [
        zip(p.trees[SYNTAX].heads, g.trees[SYNTAX].heads, strict=True) for p, g in zip(predicted, gold, strict=True)
    ]
    right = [head == truth for pair in pairs for head, truth in pair]
    return 100 * sum(right) / len(right)


def main() -> None:
    """Parse the sentences of a treebank twice, and print four figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("trees", type=Path)
    arguments = parser.parse_args()
    nlp = spigot.load(arguments.run)
    syntax: Any = nlp.system.syntax
    gold = list(read_conllu(arguments.trees))
    known = {*syntax.vocabulary.words.strings[: syntax.vocabulary.trained_words]}
    has_unknown = [not known.issuperset(map(str.lower, sentence.forms)) for sentence in gold]
    for label in ("as trained", "unknown words at zero"):
        if label != "as trained":
            with torch.no_grad():
                syntax.encoder.second.weight[0] = 0
        predicted = list(nlp.stream(gold))
        cells = []
        for wanted, called in ((True, "with unknown words"), (False, "without")):
            chosen = [
                pair
                for pair, found in zip(zip(predicted, gold, strict=True), has_unknown, strict=True)
                if found == wanted
            ]
            cells.append(f"{uas(*zip(*chosen, strict=True)):.1f} UAS in {len(chosen)} sentences {called}")
        print(f"{label}: {', '.join(cells)}")


if __name__ == "__main__":
    main()
