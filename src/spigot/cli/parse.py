"""`spigot parse`: read sentences, write trees, graphs and sentiments, as a stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from spigot.cli.device import checked_device
from spigot.cli.kernels import announce_compilation
from spigot.cli.selection import MAX_LENGTH, in_shard, parse_shard, short_enough
from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence
    from spigot.systems.base import System
    from spigot.tasks.base import Task


def parse(
    run: Annotated[str, typer.Argument(help="A run's folder, or hf://OWNER/NAME on the hub.")],
    file: Annotated[str, typer.Argument(help="Sentences; - is standard input.")] = "-",
    to: Annotated[
        str | None,
        typer.Option(
            help="Output: json, a format (sdp, conllu, sst) or the name of a task; by default sdp, or what the system "
            "predicts if that is no graph.",
            metavar="OUTPUT",
        ),
    ] = None,
    source: Annotated[
        Literal["conllu", "conllx", "conll2009", "sdp", "sdp2014", "mrp", "sst", "text"] | None,
        typer.Option("--from", help="Input format; by default taken from the file's name or first lines."),
    ] = None,
    spacy: Annotated[
        str | None,
        typer.Option(help="Read raw text through this spaCy pipeline (en_core_web_sm, or blank:en)."),
    ] = None,
    batch_tokens: Annotated[int, typer.Option(min=1, help="Tokens parsed at a time.")] = 2048,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Sentences read ahead, to parse those of about equal length together; 1 parses each at once. "
            "Default: 1 at a terminal, else 512.",
            show_default=False,
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N", help="Parse every N-th sentence from the I-th on; ids are those in the whole input."
        ),
    ] = None,
    max_length: Annotated[
        int,
        typer.Option(
            "--max-length",
            min=1,
            help="Sentences of more tokens are left out, and named on stderr: memory grows with the square of the "
            "length (1 GB for 1000 tokens and 50 labels).",
        ),
    ] = MAX_LENGTH,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
) -> None:
    """Parse sentences with a trained system; memory does not grow with the size of the input.

    JSON holds all predictions. SDP holds graphs, and sentiments as comments.
    """
    from spigot.data.readers import read_sentences
    from spigot.systems.loading import load_system
    from spigot.systems.streaming import PARSING_WINDOW, parse_stream

    announce_compilation()
    if shard is not None:
        parse_shard(shard)  # before anything is loaded
    model = load_system(run, checked_device(device))
    if to is None:
        formats = [task.format for task in model.tasks.values()]
        to = "sdp" if "sdp" in formats else formats[0]
    write = _write_json(model) if to == "json" else _write_task(model, _task(model, run, to))
    if spacy is not None:
        from spigot.data.raw import read_raw

        sentences = read_raw(file, spacy)
    else:
        sentences = read_sentences(file, source)
    if window is None:
        window = 1 if file == "-" and sys.stdin is not None and sys.stdin.isatty() else PARSING_WINDOW
    good = _UntilError(short_enough(in_shard(sentences, shard), max_length))
    write(_at_once(parse_stream(model.parse, good, batch_tokens, window)))
    if good.error is not None:
        raise good.error


class _UntilError(Iterator["Sentence"]):
    """The sentences before the first malformed one, and its error: those read ahead of it are still parsed."""

    def __init__(self, sentences: Iterator[Sentence]) -> None:
        self.sentences = sentences
        self.started = False
        self.error: UserError | None = None

    def __next__(self) -> Sentence:
        try:
            sentence = next(self.sentences)
        except UserError as error:
            if not self.started:
                raise  # there is nothing to write, not even a header
            self.error = error
            raise StopIteration from None
        self.started = True
        return sentence


def _at_once(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """Yield sentences; each is flushed before the next is read, which may take long."""
    for sentence in sentences:
        yield sentence
        sys.stdout.flush()


def _task(model: System, run: str, to: str) -> Task:
    """Return the task of a system that has this name or format."""
    from spigot.tasks import TASKS

    found = [task for task in model.tasks.values() if to in (task.name, task.format)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(task.name for task in found)
        raise typer.BadParameter(f"expected {names}, got {to!r} (the format of all of them)", param_hint="--to")
    for kind, task in TASKS.items():
        if to in (kind, task.format):
            raise typer.BadParameter(
                f"expected a system with a {task.part_name}, got {run}, which has none", param_hint="--to"
            )
    names = ", ".join(dict.fromkeys(name for task in model.tasks.values() for name in (task.format, task.name)))
    raise typer.BadParameter(f"expected json, {names}, got {to!r}", param_hint="--to")


def _write_task(model: System, task: Task) -> Callable[[Iterable[Sentence]], None]:
    """Return a function that writes a task's predictions, with those of other tasks as comments."""
    others = [other for other in model.tasks.values() if other is not task]

    def comments(sentence: Sentence) -> list[str]:
        return [line for other in others for line in other.comments(sentence)]

    return lambda sentences: task.write(sentences, "-", comments)


def _write_json(model: System) -> Callable[[Iterable[Sentence]], None]:
    """Return a function that writes one JSON object per line."""
    from spigot.data.files import open_output

    def write(sentences: Iterable[Sentence]) -> None:
        with open_output("-") as output:
            for s in sentences:
                content = {"id": s.id, "forms": s.forms, "lemmas": s.lemmas, "tags": s.tags}
                for task in model.tasks.values():
                    content |= _predictions(task, s)
                output.write(json.dumps(content, ensure_ascii=False) + "\n")

    return write


def _predictions(task: Task, sentence: Sentence) -> dict[str, Any]:
    """Return a task's predictions, in their own object if the task's name is not that of its kind."""
    content = task.as_json(sentence)
    return content if task.name == task.kind else {task.name: content}
