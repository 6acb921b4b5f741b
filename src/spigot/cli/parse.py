"""`spigot parse`: sentences in, trees, graphs and sentiments out, as a stream."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from spigot.cli.device import checked_device

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence

SENTIMENTS = ("negative", "positive")
NEEDS = {
    "conllu": ("syntax", "syntactic parser", "trees"),
    "sdp": ("semantics", "semantic parser", "graphs"),
    "sst": ("sentiment", "sentiment classifier", "labels"),
}
"""Formats: the part of a system that has something to write in it, and how to call both."""


def parse(
    run: Annotated[str, typer.Argument(help="A run's folder, or a hub id.")],
    file: Annotated[str, typer.Argument(help="Sentences; - is standard input.")] = "-",
    to: Annotated[Literal["sdp", "conllu", "sst", "json"], typer.Option(help="Output format.")] = "sdp",
    source: Annotated[
        Literal["conllu", "conllx", "sdp", "sst", "text"] | None,
        typer.Option("--from", help="Input format; by default the file's name or first lines tell."),
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
            help="Sentences read ahead, to parse those of about equal length together; 1 answers each as it comes. By "
            "default 1 at a terminal, else 512.",
            show_default=False,
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cpu",
) -> None:
    """Parse sentences with a trained system; memory does not grow with the size of the input.

    A system that ends in a sentiment tells it with its probability: in JSON, and in comments in SDP.
    """
    from spigot.data.readers import read_sentences
    from spigot.systems.loading import load_system
    from spigot.systems.streaming import PARSING_WINDOW, parse_stream

    model = load_system(run, checked_device(device))
    if to in NEEDS and NEEDS[to][0] not in model.parts:
        _, part, output = NEEDS[to]
        raise typer.BadParameter(f"{run} has no {part}: no {output} to write", param_hint="--to")
    if spacy is not None:
        from spigot.data.raw import read_raw

        sentences = read_raw(file, spacy)
    else:
        sentences = read_sentences(file, source)
    if window is None:
        window = 1 if file == "-" and sys.stdin.isatty() else PARSING_WINDOW
    _writer(to)(_at_once(parse_stream(model, sentences, batch_tokens, window)))


def _at_once(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """Pass sentences on, and see that each is on its way before the next is asked for, which may be long in coming."""
    for sentence in sentences:
        yield sentence
        sys.stdout.flush()


def _writer(to: str) -> Callable[[Iterable[Sentence]], None]:
    from spigot.data.conllu import write_conllu
    from spigot.data.sdp import write_sdp
    from spigot.data.sst import write_sst

    if to == "json":
        return _write_json
    if to == "sdp":
        return lambda sentences: write_sdp(sentences, "-", comments=_comments)
    write = write_sst if to == "sst" else write_conllu
    return lambda sentences: write(sentences, "-")


def _comments(s: Sentence) -> list[str]:
    if s.sentiment is None or s.probability is None:
        return []
    return [f"sentiment = {SENTIMENTS[s.sentiment]}", f"probability = {s.probability:.4f}"]


def _write_json(sentences: Iterable[Sentence]) -> None:
    """One object a line; heads and arcs count tokens from 1, and 0 is ROOT (arcs from it mark tops)."""
    from spigot.data.files import open_output

    with open_output("-") as output:
        for s in sentences:
            output.write(_as_json(s) + "\n")


def _as_json(s: Sentence) -> str:
    content: dict[str, object] = {"id": s.id, "forms": s.forms, "lemmas": s.lemmas, "tags": s.tags}
    if s.sentiment is not None and s.probability is not None:
        content["sentiment"] = SENTIMENTS[s.sentiment]
        content["probability"] = round(s.probability, 6)
    for tree in s.trees.values():
        content["heads"] = tree.heads
    for graph in s.graphs.values():
        content["predicates"] = sorted(graph.predicates)
        content["arcs"] = graph.arcs
    return json.dumps(content, ensure_ascii=False)
