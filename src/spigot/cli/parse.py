"""`spigot parse`: read sentences or raw text, write trees, graphs and sentiments, as a stream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from spigot.cli.device import DeviceOption, MixedPrecisionOption, checked_device
from spigot.cli.kernels import announce_compilation
from spigot.cli.selection import in_shard, name_left_out, one_after_another, parse_shard
from spigot.data.lengths import MAX_LENGTH, short_enough
from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.data.files import Readable
    from spigot.data.sentence import Sentence
    from spigot.systems.parser import Parser
    from spigot.tasks.base import Task

Write = Callable[[Iterable["Sentence"]], None]


def parse(
    run: Annotated[
        str,
        typer.Argument(metavar="model", help="An installed model, a run's folder, or hf://OWNER/NAME on the hub."),
    ],
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="file", help="Sentences or raw text; - is standard input, which is the default."),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="Output: conllu, sdp, mrp, json, text (a drawing), sst, or the name of a task; by default conllu, or "
            "sst of a system that predicts sentiments alone.",
            metavar="OUTPUT",
        ),
    ] = None,
    source: Annotated[
        Literal["conllu", "conllx", "conll2009", "sdp", "sdp2014", "mrp", "json", "sst", "text"] | None,
        typer.Option("--from", help="Input format; by default taken from each file's name or first lines."),
    ] = None,
    tokenized: Annotated[
        bool, typer.Option("--tokenized", help="Text has one sentence a line, its tokens between blanks.")
    ] = False,
    spacy: Annotated[
        str | None,
        typer.Option(
            help="The spaCy pipeline that reads raw text, tags it and cuts it (en_core_web_sm); by default rules for "
            "the model's language (blank:en)."
        ),
    ] = None,
    lines: Annotated[
        bool | None,
        typer.Option(
            "--lines/--paragraphs",
            help="Whether each line of raw text ends a paragraph, or blank lines do. Default: lines with --window 1.",
            show_default=False,
        ),
    ] = None,
    confidence: Annotated[
        bool,
        typer.Option("--confidence", help="Add the confidence of each head, arc, label and class (conllu and json)."),
    ] = False,
    keep_deps: Annotated[
        bool,
        typer.Option("--keep-deps", help="Keep the column DEPS of CoNLL-U input beside new heads and several graphs."),
    ] = False,
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
    mixed_precision: MixedPrecisionOption = "no",
    device: DeviceOption = "cpu",
) -> None:
    """Parse sentences or raw text with a trained system; memory does not grow with the size of the input.

    The sentences of several files are written one after another. Ids that are their running numbers, as of sentences
    without one, go on from file to file, all others stay; offsets are those in each file.

    CoNLL-U and JSON hold all predictions: CoNLL-U a single graph in DEPS, several in MISC. SDP holds one graph, MRP a
    line for each.
    """
    from spigot.data.plain import read_plain
    from spigot.data.raw import read_raw
    from spigot.data.readers import read_sentences
    from spigot.data.spacy_docs import BLANK
    from spigot.systems.parser import load
    from spigot.systems.streaming import PARSING_WINDOW, parse_stream

    announce_compilation()
    if shard is not None:
        parse_shard(shard)  # before anything is loaded
    if tokenized and (spacy is not None or lines is not None):
        raise typer.BadParameter("expected no --spacy and no --lines beside it", param_hint="--tokenized")
    if tokenized and source not in (None, "text"):
        raise typer.BadParameter(f"expected text beside --tokenized, got {source}", param_hint="--from")
    parser = load(run, checked_device(device), mixed_precision)
    write = _writer(parser, run, to, keep_deps, confidence)
    paths = files or ["-"]
    if window is None:
        window = 1 if paths == ["-"] and sys.stdin is not None and sys.stdin.isatty() else PARSING_WINDOW
    at_once = window == 1

    def raw(text: Readable) -> Iterator[Sentence]:
        if tokenized:
            # Ids that are numbers of lines do not go on from file to file.
            return read_plain(text) if len(paths) == 1 else _numbered(read_plain(text))
        by_line = at_once if lines is None else lines
        return read_raw(text, spacy or BLANK + parser.language, by_line=by_line, at_once=at_once)

    sentences = one_after_another(
        raw(file) if spacy is not None else read_sentences(file, source, text=raw) for file in paths
    )
    named = partial(name_left_out, longest=max_length)
    good = _UntilError(short_enough(in_shard(sentences, shard), max_length, named))
    write(_at_once(parse_stream(lambda batch: parser.parse_batch(batch, confidence), good, batch_tokens, window)))
    if good.error is not None:
        raise good.error


def _numbered(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    return (replace(sentence, id=str(number)) for number, sentence in enumerate(sentences, 1))


class _UntilError(Iterator["Sentence"]):
    """The sentences before the first malformed one or missing file, and its error: those read before are parsed."""

    def __init__(self, sentences: Iterator[Sentence]) -> None:
        self.sentences = sentences
        self.started = False
        self.error: UserError | OSError | None = None

    def __next__(self) -> Sentence:
        try:
            sentence = next(self.sentences)
        except (UserError, OSError) as error:
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


def _writer(parser: Parser, run: str, to: str | None, keep_deps: bool, confidence: bool) -> Write:
    """Return a function that writes predictions to standard output."""
    from spigot.data.conllu import write_parses
    from spigot.data.files import open_output
    from spigot.data.json_lines import write_json_lines
    from spigot.data.mrp import write_mrp
    from spigot.systems.parse import write_drawings

    tasks = list(parser.system.tasks.values())
    outputs = {task.outputs for task in tasks}
    if to is None:
        to = "sst" if outputs == {"sentiments"} else "conllu"
    for option, given, able in (
        ("--confidence", confidence, ("conllu", "json")),
        ("--keep-deps", keep_deps, ("conllu",)),
    ):
        if given and to not in able:
            raise typer.BadParameter(f"expected --to {' or '.join(able)} beside it, got {to}", param_hint=option)
    graphs = [task.name for task in tasks if task.outputs == "graphs"]
    if keep_deps and len(graphs) == 1:
        message = f"expected a model whose graph is not written to DEPS, got one with the graph {graphs[0]}"
        raise typer.BadParameter(message, param_hint="--keep-deps")

    def as_conllu(sentences: Iterable[Sentence]) -> None:
        write_parses(sentences, "-", parser.tree, keep_deps, parser.comments)

    def as_text(sentences: Iterable[Sentence]) -> None:
        with open_output("-") as file:
            write_drawings(sentences, file.write)

    if to == "json":
        return lambda sentences: write_json_lines(sentences, "-")
    if to == "conllu" and outputs != {"sentiments"}:
        return as_conllu
    if to == "text" and outputs & {"trees", "graphs", "categories"}:
        return as_text
    if to == "mrp" and "graphs" in outputs:
        return lambda sentences: write_mrp(sentences, "-", graph=None)
    return _write_task(parser, _task(parser, run, to))


def _task(parser: Parser, run: str, to: str) -> Task:
    """Return the task of a system that has this name or format."""
    from spigot.tasks import TASKS

    tasks = list(parser.system.tasks.values())
    found = [task for task in tasks if to == task.name] or [task for task in tasks if to == task.format]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(task.name for task in found)
        raise typer.BadParameter(f"expected {names}, got {to!r} (the format of all of them)", param_hint="--to")
    for kind, task in TASKS.items():
        if to in (kind, task.format) or (to in ("mrp", "text") and task.format == "sdp"):
            raise typer.BadParameter(
                f"expected a system with a {task.part_name}, got {run}, which has none", param_hint="--to"
            )
    names = ", ".join(dict.fromkeys(["conllu", "sdp", "mrp", "json", "text", *(task.name for task in tasks)]))
    raise typer.BadParameter(f"expected {names}, got {to!r}", param_hint="--to")


def _write_task(parser: Parser, task: Task) -> Write:
    """Return a function that writes a task's predictions, with those of other tasks as comments."""
    return lambda sentences: task.write(sentences, "-", partial(parser.comments, but=task))
