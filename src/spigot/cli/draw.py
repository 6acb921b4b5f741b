"""`spigot draw`: trees and graphs as pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spigot.cli.names import short_names
from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence

PICTURES = {".png", ".pdf", ".jpg", ".jpeg", ".gif", ".webp", ".eps"}
"""Endings of pictures that are not drawn, and no names of folders."""


def draw(
    source: Annotated[
        str,
        typer.Argument(help="A file of parsed sentences, - is standard input; or a model, which parses SENTENCES."),
    ],
    sentences: Annotated[
        str, typer.Argument(help="What a model parses: sentences, or raw text; - is standard input.")
    ] = "-",
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            help="NAME.svg for one sentence, NAME.html for a page of all, or a folder for one SVG file each; "
            "- is standard output, as SVG.",
        ),
    ] = "-",
    tree: Annotated[list[str] | None, typer.Option(help="Draw this tree; by default all.")] = None,
    graph: Annotated[
        list[str] | None,
        typer.Option(help="Draw this graph; by default all. In CoNLL-U whose DEPS no comment names, the name of DEPS."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(help="Another parse of the same sentences, or another model: what changed is dashed."),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="With --against: one parse above the words, the other below.")
    ] = False,
    tokenized: Annotated[
        bool,
        typer.Option("--tokenized", help="The text that a model parses has a sentence a line, blanks between tokens."),
    ] = False,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Draw the sentence with this id.")] = None,
    width: Annotated[int, typer.Option(min=100, help="Greatest width in pixels; longer sentences are wrapped.")] = 900,
) -> None:
    """Draw sentences with their trees and graphs: trees below the words, graphs above."""
    from spigot.drawing.parses import draw as drawing
    from spigot.drawing.parses import draw_words

    read = partial(_read, tree=tree[0] if tree else None, graph=graph[0] if graph else None)
    if tokenized and _is_file(source):
        raise typer.BadParameter(f"expected a model beside it, got the file {source}", param_hint="--tokenized")
    first = read(source) if _is_file(source) else _parse(source, partial(_given, sentences, tokenized))
    if not first:
        raise UserError(f"{source if _is_file(source) else sentences}: expected sentences, got none")
    pairs: list[tuple[Sentence, Sentence | None]] = [(sentence, None) for sentence in first]
    if against is not None:
        from spigot.evaluation.matching import match

        other = read(against) if _is_file(against) else _parse(against, first)
        pairs = list(match(first, other, source, against))
    names = short_names(source, *([] if against is None else [against]))
    chosen = _chosen(pairs, ids, source)
    bare = sum(map(_is_bare, chosen))
    bare = bare if bare < len(chosen) else 0  # where no sentence has anything, that is an error
    both = (names[0], names[-1])
    drawings = (
        (
            pair[0],
            draw_words(pair[0], width)
            if bare and _is_bare(pair)
            else drawing(pair[0], trees=tree, graphs=graph, against=pair[1], names=both, apart=apart, width=width),
        )
        for pair in chosen
    )
    _write(out, drawings, len(chosen), names[0])
    if bare:
        some = f"{bare} of {len(chosen)} sentences"
        typer.echo(f"spigot: {source}: {some} have neither a tree nor a graph: of these the words are drawn", err=True)


def _is_bare(pair: tuple[Sentence, Sentence | None]) -> bool:
    """Return whether neither parse of a sentence has a tree or a graph."""
    return not any(each.trees or each.graphs for each in pair if each is not None)


def _is_file(name: str) -> bool:
    from spigot.data.readers import FORMAT_OF_EXTENSION

    return (
        name == "-"
        or (Path(name).exists() and not Path(name).is_dir())
        or Path(name.removesuffix(".gz")).suffix in FORMAT_OF_EXTENSION
    )


def _read(path: str, tree: str | None = None, graph: str | None = None) -> list[Sentence]:
    """Return the sentences of a file, with its tree and graph under these names; without one DEPS is not read."""
    from spigot.data.readers import read_sentences
    from spigot.data.sentence import SYNTAX

    return list(read_sentences(path, tree=tree or SYNTAX, graph=graph))


def _parse(model: str, sentences: Sequence[Sentence] | Callable[[str], Sequence[Sentence]]) -> list[Sentence]:
    """Return what a model says of sentences, which may be read by the rules for its language."""
    from spigot.systems.parser import load
    from spigot.systems.streaming import parse_all

    parser = load(model)
    return parse_all(parser.parse_batch, sentences(parser.language) if callable(sentences) else sentences)


def _given(path: str, tokenized: bool, language: str) -> list[Sentence]:
    """Return the sentences of a file that a model parses; raw text is cut as by `spigot parse`."""
    from spigot.data.plain import read_plain
    from spigot.data.raw import read_raw
    from spigot.data.readers import read_sentences
    from spigot.data.spacy_docs import BLANK

    return list(read_sentences(path, text=read_plain if tokenized else partial(read_raw, pipeline=BLANK + language)))


def _chosen(
    pairs: list[tuple[Sentence, Sentence | None]], ids: list[str] | None, source: str
) -> list[tuple[Sentence, Sentence | None]]:
    if not ids:
        return pairs
    by_id = {sentence.id: (sentence, other) for sentence, other in pairs}
    for name in ids:
        if name not in by_id:
            raise typer.BadParameter(f"expected the id of a sentence in {source}, got {name!r}", param_hint="--id")
    return [by_id[name] for name in ids]


def _write(out: str, drawings: Iterator[tuple[Sentence, str]], count: int, title: str) -> None:
    from spigot.data.files import open_output, write_text
    from spigot.drawing.page import page

    name = out.removesuffix(".gz")
    if name.endswith(".html"):
        with open_output(out) as file:
            file.writelines(page(title, ((s.id, _caption(s), svg) for s, svg in drawings)))
    elif out == "-" or name.endswith(".svg"):
        if count > 1:
            message = f"expected --id, or --out NAME.html or a folder, for {count} sentences, got {out!r}"
            raise typer.BadParameter(message, param_hint="--out")
        with open_output(out) as file:
            file.writelines(svg + "\n" for _, svg in drawings)
    elif Path(name).suffix.lower() in PICTURES:
        raise typer.BadParameter(f"expected NAME.svg, NAME.html or a folder, got {out!r}", param_hint="--out")
    else:
        made = list(drawings)  # an error in one leaves no folder with the others
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        taken: set[str] = set()
        for sentence, svg in made:
            write_text(folder / f"{_file_name(sentence.id, taken)}.svg", svg + "\n")


def _caption(sentence: Sentence) -> str:
    """Return the text of a sentence and its classes."""
    return " · ".join([" ".join(sentence.forms), *(f"{name}: {each}" for name, each in sentence.categories.items())])


def _file_name(name: str, taken: set[str]) -> str:
    """Return the name of a sentence's file, which no other sentence has."""
    stem = found = re.sub(r"[^\w.-]", "_", name) or "_"
    number = 1
    while found.casefold() in taken:
        number += 1
        found = f"{stem}-{number}"
    taken.add(found.casefold())
    return found
