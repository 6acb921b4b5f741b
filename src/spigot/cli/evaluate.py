"""`spigot evaluate`: the scores of a trained system on gold files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from spigot.cli.console import emit, emit_json
from spigot.cli.device import checked_device
from spigot.cli.parse import NEEDS


def evaluate(
    run: Annotated[str, typer.Argument(help="A run's folder, or a hub id.")],
    sdp: Annotated[Path | None, typer.Option(help="Gold graphs (SDP).")] = None,
    conllu: Annotated[Path | None, typer.Option(help="Gold trees (CoNLL-U).")] = None,
    sst: Annotated[Path | None, typer.Option(help="Gold sentiments (SST).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    per_label: Annotated[bool, typer.Option("--per-label", help="F1 of each semantic label, too.")] = False,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
) -> None:
    """Parse gold files with a trained system and print scores, each with its convention."""
    from spigot.data.gold import read_gold
    from spigot.evaluation import report
    from spigot.systems.loading import load_system
    from spigot.systems.scoring import score_graphs, score_sentiment, score_trees

    given = {"sdp": sdp, "conllu": conllu, "sst": sst}
    if not any(given.values()):
        hint = ", ".join(f"--{name}" for name in given)
        raise typer.BadParameter("expected at least one of them, got none", param_hint=hint)
    # Any: which scorer fits which kind of system is checked here, by its parts.
    model: Any = load_system(run, checked_device(device))
    for option, (part, name, _) in NEEDS.items():
        if given[option] is not None and part not in model.parts:
            raise typer.BadParameter(f"{run} has no {name} to score", param_hint=f"--{option}")
    groups: dict[str, tuple[Path, int, list[report.Measure]]] = {}
    if sdp is not None:
        graphs = score_graphs(model, list(read_gold(sdp, "graph")))
        groups["graphs"] = sdp, graphs.sentences, report.graph_measures(graphs)
        if per_label:
            groups["labels"] = sdp, graphs.sentences, report.label_measures(graphs.by_label)
    if conllu is not None:
        trees = score_trees(model, list(read_gold(conllu, "tree")))
        groups["trees"] = conllu, trees.sentences, report.tree_measures(trees)
    if sst is not None:
        sentiments = score_sentiment(model, list(read_gold(sst, "sentiment")))
        groups["sentiments"] = sst, sentiments.sentences, report.sentiment_measures(sentiments)
    if as_json:
        content = {
            kind: {"gold": str(path), "sentences": sentences, "scores": report.as_json(measures)}
            for kind, (path, sentences, measures) in groups.items()
        }
        emit_json({"run": run, **content})
        return
    for kind, (path, sentences, measures) in groups.items():
        emit(f"{path}: {kind} of {sentences} sentences")
        for line in report.as_text(measures):
            emit(f"  {line}")
