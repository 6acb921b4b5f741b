"""How many right heads, and how many wrong ones, the gold semantic graph links: what a better tree alone brings.

python experiments/linked.py RUNS/outside.sdp RUNS/outside.conllu RUNS/predictions/pbo-gcn-joint-1/ood.syntax.conllu
"""

from __future__ import annotations

import argparse

from spigot.cli.gold import read_together
from spigot.data.conllu import read_conllu
from spigot.data.sentence import Sentence
from spigot.evaluation.changes import linked_heads
from spigot.evaluation.counts import ZERO, Counts


def of_kind(gold: Sentence, system: Sentence, right: bool) -> Counts:
    """Return the tokens whose head is right, or wrong, as counts whose F1 is the share of them that is linked."""
    heads = zip(gold.trees["syntax"].heads, system.trees["syntax"].heads, strict=True)
    kept = {token for token, (one, other) in enumerate(heads, 1) if (one == other) == right}
    arcs = [arc for arc in gold.graphs["semantics"].arcs if arc.head]
    ends = {(arc.head, arc.modifier) for arc in arcs} | {(arc.modifier, arc.head) for arc in arcs}
    linked = sum((head, token) in ends for token, head in enumerate(system.trees["syntax"].heads, 1) if token in kept)
    return Counts(len(kept), len(kept), linked)


def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gold", nargs="+", help="files with the gold graphs and trees")
    parser.add_argument("parsed", help="the predicted trees")
    arguments = parser.parse_args()
    gold = read_together(arguments.gold)
    found = {sentence.id: sentence for sentence in read_conllu(arguments.parsed)}
    pairs = [(sentence, found[sentence.id]) for sentence in gold]
    for name, right in (("right", True), ("wrong", False)):
        print(f"{name} heads: {100 * sum((of_kind(*pair, right) for pair in pairs), ZERO).f1:.1f} % linked")
    print(f"all heads: {100 * sum((linked_heads(*pair) for pair in pairs), ZERO).f1:.1f} % linked")


if __name__ == "__main__":
    main()
