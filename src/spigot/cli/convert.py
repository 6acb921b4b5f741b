"""`spigot convert`: sentences from one file format to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence

FORMATS = "conllu, conllx, conll2009, sdp, sdp-companion, sdp2014, mrp, json, sst, text"


def convert(
    source: Annotated[str, typer.Argument(metavar="IN", help="File to read; - is standard input.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="File to write; - is standard output.")],
    from_: Annotated[
        str | None, typer.Option("--from", metavar="FORMAT", help=f"{FORMATS}; by default IN's name or lines tell.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FORMAT", help="The same formats; by default OUT's name tells.")
    ] = None,
    tree: Annotated[
        str | None,
        typer.Option(help="The tree to write, where a sentence has several; its name, where IN does not name it."),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(help="The graph to write, where a sentence has several; its name, where IN does not name it."),
    ] = None,
) -> None:
    """Convert trees and graphs between file formats; a .gz name is packed.

    CoNLL-U holds a single graph in the column DEPS, several in MISC; a comment names them. What the target format
    cannot hold is counted on stderr.
    """
    from spigot.data.conllu import with_own_name
    from spigot.data.errors import WriteError
    from spigot.data.readers import FORMAT_OF_EXTENSION, READERS, read_sentences
    from spigot.data.sentence import SEMANTICS, SYNTAX
    from spigot.data.writers import WRITERS, fitting

    if from_ == "sdp-companion":
        from_ = "sdp"  # its reader sees the columns of the tree
    if from_ is not None and from_ not in READERS:
        raise typer.BadParameter(f"expected one of {FORMATS}, got {from_!r}", param_hint="--from")
    if to is None:
        to = FORMAT_OF_EXTENSION.get(PurePath(target.removesuffix(".gz")).suffix)
        if to is None:
            raise typer.BadParameter(f"expected one of {FORMATS}, since {target} does not tell", param_hint="--to")
    if to not in WRITERS:
        raise typer.BadParameter(f"expected one of {FORMATS}, got {to!r}", param_hint="--to")
    lost: Counter[str] = Counter()
    written: Counter[str] = Counter()
    # The check above says that it is one of the reader's formats.
    sentences = read_sentences(source, from_, tree=tree or SYNTAX, graph=graph or SEMANTICS)  # type: ignore[arg-type]
    if graph is None:
        sentences = map(with_own_name, sentences)
    try:
        WRITERS[to](_counted(fitting(sentences, to, lost, tree, graph), written), target)
    except WriteError as error:
        raise UserError(f"{target}: {error}") from None
    typer.echo(f"{target}: {written['sentences']} sentences", err=True)
    if things := [f"{count} {name}" for name, count in sorted(lost.items()) if count]:
        typer.echo(f"{target}: {to} does not hold {', '.join(things)} of {source}", err=True)


def _counted(sentences: Iterable[Sentence], written: Counter[str]) -> Iterator[Sentence]:
    for sentence in sentences:
        written["sentences"] += 1
        yield sentence
