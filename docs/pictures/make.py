"""The pictures of docs/looking.md: `python docs/pictures/make.py SYNTAX JOINT` writes them beside this file.

SYNTAX is a syntactic parser, JOINT the system that began with it; docs/looking.md has the commands that train them.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from spigot.builtin import splits
from spigot.data.sentence import SEMANTICS, SYNTAX, Sentence
from spigot.drawing.parses import draw
from spigot.drawing.svg import svg
from spigot.structured import SPIGOT, StraightThrough
from spigot.systems.base import System
from spigot.systems.loading import load_system
from spigot.systems.streaming import parse_all
from spigot.view.update import Update, move_panel, step_panels, update_of

HERE = Path(__file__).parent
CAP = 1.0
"""Of both surrogates, as in the demo."""
WIDTH = 760
SHORT = 10
"""The most words of the sentence with two trees."""


def wrong_heads(sentence: Sentence, heads: Sequence[int]) -> int:
    """Return how many heads are not the sentence's own."""
    return sum(one != other for one, other in zip(heads, sentence.trees[SYNTAX].heads, strict=True))


def update(system: System, sentence: Sentence) -> Update:
    """Return the update of the loss of the sentence's graph."""
    return update_of(system, sentence, SPIGOT(max_norm=CAP), {"STE": StraightThrough(max_norm=CAP)})


def corrected(system: System, sentences: Sequence[Sentence]) -> Update:
    """Return the update of the shortest sentence in which SPIGOT's move, repeated, puts a head right."""
    for sentence, parsed in sorted(
        zip(sentences, parse_all(system.parse, sentences), strict=True), key=lambda pair: len(pair[0])
    ):
        wrong = wrong_heads(sentence, parsed.trees[SYNTAX].heads)
        if wrong:
            found = update(system, sentence)
            after = {modifier: head for head, modifier, _ in found.moves["SPIGOT"].structure}
            if after and wrong_heads(sentence, [after[m] for m in range(1, len(sentence) + 1)]) < wrong:
                return found
    raise ValueError("sentences: expected one in which SPIGOT's move puts a head right, got none")


def most_corrected(
    before: Sequence[Sentence], after: Sequence[Sentence], gold: Sequence[Sentence]
) -> tuple[int, int, int]:
    """Return the number of the short sentence with most heads put right, and how many were put right and wrong."""
    best, right, wrong = (0, 0, 0), 0, 0
    for number, sentence in enumerate(gold):
        heads = zip(*(s.trees[SYNTAX].heads for s in (sentence, before[number], after[number])), strict=True)
        changes = [(two == true) - (one == true) for true, one, two in heads]
        right, wrong = right + changes.count(1), wrong + changes.count(-1)
        if len(sentence) <= SHORT:
            best = max(best, (sum(changes), -len(sentence), number))
    return best[2], right, wrong


def trees(before: Sentence, after: Sentence, gold: Sentence) -> str:
    """Return two trees as one drawing below the words, with the gold graph above."""
    graph = gold.graphs[SEMANTICS]
    one, two = (gold.with_tree(SYNTAX, s.trees[SYNTAX]).with_graph(SEMANTICS, graph) for s in (before, after))
    names = ("before joint training", "after it")
    return draw(one, trees=[SYNTAX], graphs=[SEMANTICS], against=two, names=names, width=WIDTH)


def moves(found: Update) -> str:
    """Return what STE and SPIGOT move, one below the other."""
    panels = [move_panel(found, name, f"{name}: −∇s") for name in ("STE", "SPIGOT")]
    return svg(panels, width=WIDTH, title="What STE and SPIGOT move")


def steps(found: Update) -> str:
    """Return the step and the projection."""
    return svg(step_panels(found), width=WIDTH, title="The step and the projection")


def main(syntax: str, joint: str, out: Path = HERE) -> None:
    """Write the three pictures, and print what the page says of them."""
    gold = splits(train=0, dev=0, test=200, seed=1)["test"]
    first, second = load_system(syntax), load_system(joint)
    found = corrected(second, gold)
    (out / "steps.svg").write_text(steps(found) + "\n", "utf-8")
    (out / "moves.svg").write_text(moves(found) + "\n", "utf-8")
    print(f"{found.sentence.id}: loss {found.loss:.3f}")
    for name, move in found.moves.items():
        print(f"  {name} moves {len(move.scores)} scores; after {move.times} times loss {move.loss:.3f}")
    before, after = (parse_all(system.parse, gold) for system in (first, second))
    number, right, wrong = most_corrected(before, after, gold)
    (out / "trees.svg").write_text(trees(before[number], after[number], gold[number]) + "\n", "utf-8")
    print(f"{gold[number].id}; in all {len(gold)} sentences {right} heads put right, {wrong} made wrong")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
