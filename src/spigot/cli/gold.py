"""Gold sentences whose annotations are in several files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import typer

from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence


def read_together(
    paths: Sequence[str],
    tree: str = "syntax",
    graph: str | None = None,
    categories: Iterable[str] = (),
    without: Sequence[Literal["trees", "graphs"]] = (),
) -> list[Sentence]:
    """Return the sentences that all files have, with the annotations of all; stderr says how many are left out.

    `tree` and `graph` are the names of what the files hold, as for `read_sentences`; `categories` those of the comments
    in CoNLL-U that are classes. Of two annotations of one name, the later file's counts. `without` says of each file
    what of it is left out; by default nothing. Raises UserError.
    """
    from spigot.data.categories import read_category
    from spigot.data.readers import read_sentences

    files: list[tuple[str, list[Sentence]]] = []
    names = list(categories)
    for number, path in enumerate(paths):
        found = list(read_sentences(path, tree=tree, graph=graph))
        for name in names:
            found = [read_category(sentence, name) for sentence in found]
        if not found:
            raise UserError(f"{path}: expected sentences, got none")
        if without:
            trees = without[number] == "trees"
            found = [replace(each, trees={}) if trees else replace(each, graphs={}) for each in found]
        files.append((path, found))
    return put_together(files)


def put_together(files: Sequence[tuple[str, list[Sentence]]]) -> list[Sentence]:
    """Return the sentences that all files have, as `read_together` does; each file has a name and its sentences."""
    from spigot.evaluation.matching import in_common, match

    sentences: list[Sentence] = []
    for number, (path, found) in enumerate(files):
        if number == 0:
            first, sentences = path, found
            continue
        both = in_common(sentences, found)
        for kept, whole, file, other in zip(both, (sentences, found), (first, path), (path, first), strict=True):
            if len(kept) < len(whole):
                typer.echo(f"{file}: left out {len(whole) - len(kept)} sentences that {other} does not have", err=True)
        sentences = [
            replace(
                one,
                trees={**one.trees, **two.trees},
                graphs={**one.graphs, **two.graphs},
                categories={**one.categories, **two.categories},
                sentiment=one.sentiment if two.sentiment is None else two.sentiment,
            )
            for one, two in match(*both, first, path)
        ]
    return sentences
