"""`spigot compare`: where two systems differ, in trees and in graphs (the paper's Table 3 and Figure 2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from spigot.cli.console import emit, emit_json
from spigot.cli.device import DeviceOption, checked_device
from spigot.cli.names import short_names

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence
    from spigot.evaluation.significance import Comparison

    Triple = tuple[Sentence, Sentence, Sentence]

KINDS = {
    "to_head": "(a) the new head is a head in the graph",
    "to_modifier": "(b) the new head is a modifier in the graph",
    "from_modifier": "(c) the old head was a modifier in the graph",
    "related": "(a), (b) or (c)",
    "unrelated": "the rest",
    "put_right": "put right",
    "made_wrong": "made wrong",
}


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A system with trees and graphs: the one before.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The one after.")],
    sdp: Annotated[str, typer.Option(help="Gold graphs.")],
    conllu: Annotated[str, typer.Option(help="Gold trees. Sentences that are not in both files are left out.")],
    tree: Annotated[str, typer.Option(help="The name of the systems' trees.")] = "syntax",
    graph: Annotated[str, typer.Option(help="The name of the systems' graphs.")] = "semantics",
    draw: Annotated[
        str | None, typer.Option(metavar="NAME.html", help="Draw the sentences with other trees: changed arcs dashed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the tests and intervals.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the tests and intervals.")] = 0,
    device: DeviceOption = "cpu",
) -> None:
    """Compare two systems on the sentences where their trees are the same, and where not."""
    from spigot.evaluation.changes import Changes, changed_heads, split

    if draw is not None and not draw.endswith(".html"):
        raise typer.BadParameter(f"expected NAME.html, got {draw!r}", param_hint="--draw")
    named = checked_device(device)
    triples = _parsed(first, second, _gold(sdp, conllu, tree, graph), tree, graph, named)
    groups = {**split(triples, tree), "ALL": triples}
    scores = {name: _scores(group, tree, graph, rounds, seed) for name, group in groups.items()}
    changes = sum((changed_heads(*triple, tree, graph) for triple in groups["DIFF"]), Changes())
    if draw is not None:
        _draw(draw, groups["DIFF"], tree, graph, short_names(first, second))
    if as_json:
        content = {name: {"sentences": len(groups[name]), **_json(scores[name])} for name in groups}
        counts = {"changed": changes.changed, **{kind: getattr(changes, kind) for kind in KINDS}}
        emit_json({"before": first, "after": second, "groups": content, "changed_heads": counts})
        return
    from spigot.evaluation.report import comparison_text

    emit(f"{second} against {first}; linked: heads that are a head or modifier of the token in the gold graph")
    for name, group in groups.items():
        emit(f"{name}: {len(group)} sentences")
        for score, comparison in scores[name].items():
            emit(f"  {comparison_text(score, comparison)}")
    emit(f"changed heads: {changes.changed}")
    for kind, text in KINDS.items():
        count = getattr(changes, kind)
        share = f"  {100 * count / changes.changed:5.1f} %" if changes.changed else ""
        emit(f"  {count:6d}{share}  {text}")


def _gold(sdp: str, conllu: str, tree: str, graph: str) -> list[Sentence]:
    from spigot.cli.gold import read_together
    from spigot.data.errors import DataError

    # SDP files may hold trees, and CoNLL-U files graphs in DEPS.
    gold = read_together([conllu, sdp], tree, graph, without=["graphs", "trees"])
    for sentence in gold:
        for path, kind, held, name in ((conllu, "tree", sentence.trees, tree), (sdp, "graph", sentence.graphs, graph)):
            if name not in held:
                raise DataError(path, None, f"sentence {sentence.id!r}: expected a {kind}, got none")
    return gold


def _parsed(first: str, second: str, gold: list[Sentence], tree: str, graph: str, device: str) -> list[Triple]:
    from spigot.systems.loading import load_system
    from spigot.systems.parser import bare
    from spigot.systems.streaming import parse_all

    # A system gets no gold annotation: what it does not predict is then missing, not right.
    given = [bare(sentence) for sentence in gold]
    parses = []
    for argument, source in (("A", first), ("B", second)):
        parsed = parse_all(load_system(source, device).parse, given)
        for kind, held, name in (("tree", parsed[0].trees, tree), ("graph", parsed[0].graphs, graph)):
            if name not in held:
                message = f"expected a system with a {kind} {name!r}, got {source} ({', '.join(held) or 'none'})"
                raise typer.BadParameter(message, param_hint=argument)
        parses.append(parsed)
    return list(zip(gold, *parses, strict=True))


def _scores(triples: list[Triple], tree: str, graph: str, rounds: int, seed: int) -> dict[str, Comparison]:
    """Return the comparison of B with A in each score; none for a group without sentences."""
    from spigot.evaluation.changes import counts_of_both
    from spigot.evaluation.significance import compare as compared

    if not triples:
        return {}
    counts = counts_of_both(triples, tree, graph)
    return {name: compared(after, before, rounds, seed) for name, (before, after) in counts.items()}


def _json(scores: dict[str, Comparison]) -> dict[str, Any]:
    """Return comparisons as JSON objects; the scores are those before and after, their difference is what is gained."""
    from spigot.evaluation.report import comparison_json

    rows = {name: comparison_json(comparison) for name, comparison in scores.items()}
    return {name: {"before": row.pop("second"), "after": row.pop("first"), **row} for name, row in rows.items()}


def _draw(out: str, triples: list[Triple], tree: str, graph: str, names: tuple[str, ...]) -> None:
    """Draw each sentence: the gold graph above, the two trees below; its text says what was put right."""
    from spigot.data.files import open_output
    from spigot.drawing.page import page
    from spigot.drawing.parses import draw
    from spigot.evaluation.changes import changed_heads

    def drawings() -> Any:
        for gold, first, second in triples:
            old, new = (gold.with_tree(tree, parse.trees[tree]) for parse in (first, second))
            svg = draw(old, trees=[tree], graphs=[graph], against=new, names=(names[0], names[1]))
            found = changed_heads(gold, first, second, tree, graph)
            heads = f"changed heads {found.changed}, put right {found.put_right}, made wrong {found.made_wrong}"
            yield gold.id, f"{heads} · {' '.join(gold.forms)}", svg

    with open_output(out) as file:
        file.writelines(page(f"{names[0]} and {names[1]}", drawings()))
