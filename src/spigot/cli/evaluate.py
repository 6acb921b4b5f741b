"""`spigot evaluate`: the scores of a trained system on gold files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spigot.cli.console import emit, emit_json
from spigot.cli.device import DeviceOption, MixedPrecisionOption, checked_device
from spigot.cli.kernels import announce_compilation

if TYPE_CHECKING:
    from spigot.systems.base import System


def evaluate(
    run: Annotated[
        str,
        typer.Argument(metavar="model", help="An installed model, a run's folder, or hf://OWNER/NAME on the hub."),
    ],
    sdp: Annotated[Path | None, typer.Option(help="Gold graphs: SDP, or another format.")] = None,
    conllu: Annotated[Path | None, typer.Option(help="Gold trees: CoNLL-U, or another format.")] = None,
    sst: Annotated[Path | None, typer.Option(help="Gold sentiments: SST, or JSON.")] = None,
    gold: Annotated[
        list[str] | None,
        typer.Option("--gold", metavar="TASK=FILE", help="Gold sentences of the task of this name; once a task."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    per_label: Annotated[bool, typer.Option("--per-label", help="Add the F1 of each label.")] = False,
    mixed_precision: MixedPrecisionOption = "no",
    device: DeviceOption = "cpu",
) -> None:
    """Parse gold files with a trained system and print scores, each with its convention."""
    from spigot.evaluation import report
    from spigot.precision import computing
    from spigot.systems.loading import load_system

    announce_compilation()
    formats = {"sdp": sdp, "conllu": conllu, "sst": sst}
    if not any(formats.values()) and not gold:
        hint = ", ".join(f"--{name}" for name in (*formats, "gold"))
        raise typer.BadParameter("expected at least one of them, got none", param_hint=hint)
    model = load_system(run, checked_device(device))
    files = {_of_format(model, run, name): path for name, path in formats.items() if path is not None}
    for item in gold or ():
        name, path = _named(model, run, item)
        if name in files:
            raise typer.BadParameter(f"expected one file for {name}, got {files[name]} and {path}", param_hint="--gold")
        files[name] = path
    groups: dict[str, tuple[Path, int, list[report.Measure]]] = {}
    for name, path in files.items():
        task = model.tasks[name]
        sentences = list(task.read_gold(path))
        with computing(mixed_precision, model.device):
            score = model.score(name, sentences)
        own = name if name != task.kind else task.outputs
        groups[own] = path, len(sentences), task.measures(score)
        labels = task.label_measures(score) if per_label else []
        if labels:
            groups[f"{own}.labels"] = path, len(sentences), labels
    if as_json:
        content = {
            group: {"gold": str(path), "sentences": count, "scores": report.as_json(measures)}
            for group, (path, count, measures) in groups.items()
        }
        emit_json({"run": run, **content})
        return
    for group, (path, count, measures) in groups.items():
        emit(f"{path}: {group} of {count} sentences")
        for line in report.as_text(measures):
            emit(f"  {line}")


def _of_format(model: System, run: str, option: str) -> str:
    """Return the name of the task that reads a format."""
    from spigot.tasks import TASKS

    found = [name for name, task in model.tasks.items() if task.format == option]
    if not found:
        part = next(task.part_name for task in TASKS.values() if task.format == option)
        raise typer.BadParameter(
            f"expected a system with a {part}, got {run}, which has none", param_hint=f"--{option}"
        )
    if len(found) > 1:
        raise typer.BadParameter(f"expected --gold TASK=FILE for one of {', '.join(found)}", param_hint=f"--{option}")
    return found[0]


def _named(model: System, run: str, item: str) -> tuple[str, Path]:
    name, equals, path = item.partition("=")
    if not equals or name not in model.tasks:
        message = f"expected TASK=FILE with a task of {run} ({', '.join(model.tasks)}), got {item!r}"
        raise typer.BadParameter(message, param_hint="--gold")
    return name, Path(path)
