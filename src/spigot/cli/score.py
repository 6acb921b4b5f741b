"""`spigot score`: compare a system's output with a gold file, without a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from spigot.cli.console import emit, emit_json
from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence
    from spigot.evaluation.counts import Counts
    from spigot.evaluation.punctuation import PunctuationRule
    from spigot.evaluation.report import Measure
    from spigot.evaluation.significance import Comparison


def score(
    gold: Annotated[str, typer.Argument(help="Gold file (SDP, CoNLL-U, JSON, ...), also .gz; - is standard input.")],
    system: Annotated[str, typer.Argument(help="File with a system's predictions, in any of these formats.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    per_label: Annotated[bool, typer.Option("--per-label", help="Add the F1 of each label.")] = False,
    file_format: Annotated[
        Literal["conllu", "conllx", "conll2009", "sdp", "sdp2014", "mrp", "json"] | None,
        typer.Option("--format", help="Format of the files, if their names do not show it."),
    ] = None,
    align: Annotated[
        bool,
        typer.Option(
            "--align", help="Align the words of files that cut the same text into other sentences and tokens."
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            help="The tree or graph to score, where a file has several; a file's only one may have another name."
        ),
    ] = None,
    against: Annotated[str | None, typer.Option(help="Another system's file to compare with.")] = None,
    punctuation: Annotated[
        Literal["forms", "tags"],
        typer.Option(help="How UAS without punctuation recognises it: by form or by gold tag."),
    ] = "forms",
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of the test and the interval of --against.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the test and the interval of --against.")] = 0,
) -> None:
    """Score a system's trees or graphs against gold ones.

    Sentences are matched by id. Trees give UAS and LAS, and the accuracy of tags and lemmas that both files have;
    graphs labelled and unlabelled F1; of a file with both, graphs are scored. Graphs in CoNLL-U are those that the
    comment `# graphs = NAME` names.

    With --align the files need the same characters alone, white space left out: ids do not count, and precision, recall
    and F1 of sentences, tokens, words and arcs are those of CoNLL 2018.
    """
    from spigot.data.readers import read_sentences
    from spigot.evaluation.punctuation import PUNCTUATION_RULES
    from spigot.evaluation.report import as_text, comparison_text

    paths = [gold, system] if against is None else [gold, system, against]
    if paths.count("-") > 1:
        raise UserError(f"-: expected standard input for one file only, got it for {paths.count('-')}")
    if align and against is not None:
        raise typer.BadParameter("expected no --align, as its test pairs sentences, got both", param_hint="--against")
    golds, *systems = [list(read_sentences(path, file_format)) for path in paths]
    rule = PUNCTUATION_RULES[punctuation]
    results = [
        _score(golds, sentences, gold, path, rule, name, align)
        for path, sentences in zip(paths[1:], systems, strict=True)
    ]
    comparison = _compare(results, rounds, seed) if against is not None else {}
    if as_json:
        objects = [result.as_json(per_label) for result in results]
        emit_json({"gold": gold, **objects[0], **_against_json(objects, comparison)})
        return
    for result in results:
        emit(f"{result.system}: {result.sentences} sentences, scored against {gold}")
        for line in as_text([*result.measures, *(result.labels if per_label else [])]):
            emit(line)
    for name, difference in comparison.items():
        emit(comparison_text(name, difference))


@dataclass(frozen=True)
class _Result:
    """Scores of one system."""

    system: str
    sentences: int
    measures: list[Measure]
    labels: list[Measure]
    details: dict[str, Any]
    comparable: dict[str, list[Counts]]
    """For each score that systems are compared by, the counts of each sentence."""

    def as_json(self, per_label: bool) -> dict[str, Any]:
        from spigot.evaluation.report import as_json

        value = {
            "system": self.system,
            "sentences": self.sentences,
            **self.details,
            "scores": as_json(self.measures),
        }
        return {**value, "labels": as_json(self.labels)} if per_label else value


def _score(
    golds: Sequence[Sentence],
    systems: Sequence[Sentence],
    gold: str,
    system: str,
    rule: PunctuationRule,
    name: str | None,
    align: bool,
) -> _Result:
    from spigot.data.errors import DataError
    from spigot.evaluation.matching import match

    if not golds:
        raise DataError(gold, None, "expected sentences, got none")
    graphs = bool(golds[0].graphs) if name is None else _is_graph(name, golds, systems, gold, system)
    golds = [_only(sentence, graphs, name, gold) for sentence in golds]
    systems = [_only(sentence, graphs, name, system) for sentence in systems]
    if align:
        return _score_aligned(golds, systems, gold, system, rule, graphs)
    try:
        pairs = match(golds, systems, gold, system)
    except DataError as error:
        raise error.with_note("for other sentences and tokens of the same text: --align") from None
    return _score_graphs(pairs, system) if graphs else _score_trees(pairs, system, rule)


def _is_graph(name: str, golds: Sequence[Sentence], systems: Sequence[Sentence], gold: str, system: str) -> bool:
    """Return whether the name is that of a graph, in the gold file or else in the system's: one of them has it."""
    known = []
    for path, sentences in ((gold, golds), (system, systems)):
        trees, graphs = ({key for s in sentences for key in getattr(s, kind)} for kind in ("trees", "graphs"))
        if name in trees | graphs:
            return name in graphs
        if names := [*sorted(trees), *sorted(graphs)]:
            known.append(f"{', '.join(names)}, which {path} has")
    expected = f"one of {'; '.join(known)}" if known else f"trees or graphs in {gold} and {system}"
    raise typer.BadParameter(f"expected {expected}, got {name!r}", param_hint="--name")


def _only(sentence: Sentence, graph: bool, name: str | None, path: str) -> Sentence:
    """Return a sentence with the graph or tree to score alone, under the default name."""
    from spigot.data.errors import DataError
    from spigot.data.sentence import SEMANTICS, SYNTAX

    kind, held = ("graph", sentence.graphs) if graph else ("tree", sentence.trees)
    if not held:
        raise DataError(path, None, f"sentence {sentence.id!r}: expected a {kind}, got none")
    if name not in held and len(held) > 1:
        known = ", ".join(held)
        raise DataError(path, None, f"sentence {sentence.id!r}: expected one {kind}, got {known} (--name says which)")
    found: Any = held[name] if name is not None and name in held else next(iter(held.values()))
    trees, graphs = ({}, {SEMANTICS: found}) if graph else ({SYNTAX: found}, {})
    return replace(sentence, trees=trees, graphs=graphs)


def _score_graphs(pairs: Iterable[tuple[Sentence, Sentence]], system: str) -> _Result:
    from spigot.evaluation.graph_f1 import GraphScore, graph_score
    from spigot.evaluation.report import graph_measures, label_measures

    scores = [graph_score(*pair) for pair in pairs]
    total = sum(scores, GraphScore())
    comparable = {"UF": [s.unlabelled for s in scores], "LF": [s.labelled for s in scores]}
    details = {"kind": "graphs"}
    return _Result(system, total.sentences, graph_measures(total), label_measures(total.by_label), details, comparable)


def _score_trees(pairs: Iterable[tuple[Sentence, Sentence]], system: str, rule: PunctuationRule) -> _Result:
    from spigot.evaluation.attachment import AttachmentScore, attachment
    from spigot.evaluation.report import label_measures, tag_measures, tree_measures
    from spigot.evaluation.tagging import TagScore, columns_of_both, tagging

    pairs = list(pairs)
    scores = [attachment(*pair, rule) for pair in pairs]
    total = sum(scores, AttachmentScore())
    comparable = {"UAS": [s.head_counts for s in scores]}
    if total.has_labels:
        comparable["LAS"] = [s.label_counts for s in scores]
    details = {
        "kind": "trees",
        "punctuation": {"rule": rule.name, "description": rule.description, "tokens": total.punctuation},
    }
    measures = tree_measures(total, rule)
    for name, column in columns_of_both(*zip(*pairs, strict=True)).items():
        measures += tag_measures(sum((tagging(*pair, column) for pair in pairs), TagScore()), column, name)
    return _Result(system, total.sentences, measures, label_measures(total.by_label), details, comparable)


def _score_aligned(
    golds: Sequence[Sentence],
    systems: Sequence[Sentence],
    gold: str,
    system: str,
    rule: PunctuationRule,
    graphs: bool,
) -> _Result:
    from spigot.evaluation import aligned_report as report
    from spigot.evaluation.aligned_attachment import aligned_attachment
    from spigot.evaluation.aligned_graph_f1 import aligned_graph_score
    from spigot.evaluation.aligned_tagging import aligned_tagging
    from spigot.evaluation.alignment import align
    from spigot.evaluation.tagging import columns_of_both

    alignment = align(golds, systems, gold, system)
    measures = report.alignment_measures(alignment)
    details: dict[str, Any] = {"kind": "graphs" if graphs else "trees", "aligned": True}
    if graphs:
        found = aligned_graph_score(golds, systems, alignment)
        measures += report.aligned_graph_measures(found)
        by_label = found.whole.by_label
    else:
        score = aligned_attachment(golds, systems, alignment, rule)
        measures += report.aligned_tree_measures(score, rule)
        for name, column in columns_of_both(golds, systems).items():
            tags = aligned_tagging(golds, systems, alignment, column)
            measures.append(report.aligned_tag_measure(name, tags, column))
        by_label = score.by_label
        left_out = {"gold": score.punctuation.gold, "system": score.punctuation.system}
        details["punctuation"] = {"rule": rule.name, "description": rule.description, "words": left_out}
    return _Result(system, len(systems), measures, report.aligned_label_measures(by_label), details, {})


def _compare(results: list[_Result], rounds: int, seed: int) -> dict[str, Comparison]:
    from spigot.evaluation.significance import compare

    ours, theirs = (result.comparable for result in results)
    return {name: compare(ours[name], theirs[name], rounds, seed) for name in ours if name in theirs}


def _against_json(objects: list[dict[str, Any]], comparison: dict[str, Comparison]) -> dict[str, Any]:
    from spigot.evaluation.report import comparison_json

    if len(objects) < 2:
        return {}
    other = {key: objects[1][key] for key in ("system", "scores", "labels") if key in objects[1]}
    return {"against": other, "comparison": {name: comparison_json(c) for name, c in comparison.items()}}
