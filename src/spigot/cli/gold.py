"""Gold sentences whose annotations are in several files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from spigot.errors import UserError

if TYPE_CHECKING:
    from spigot.data.sentence import Sentence


def read_together(paths: Sequence[str], tree: str = "syntax", graph: str | None = None) -> list[Sentence]:
    """Return the sentences that all files have, with the annotations of all; stderr says how many are left out.

    `tree` and `graph` are the names of what the files hold, as for `read_sentences`. Raises UserError.
    """
    from spigot.data.readers import read_sentences
    from spigot.evaluation.matching import in_common, match

    sentences: list[Sentence] = []
    for path in paths:
        found = list(read_sentences(path, tree=tree, graph=graph))
        if not found:
            raise UserError(f"{path}: expected sentences, got none")
        if not sentences:
            sentences = found
            continue
        both = in_common(sentences, found)
        for kept, whole, file, other in zip(both, (sentences, found), (paths[0], path), (path, paths[0]), strict=True):
            if len(kept) < len(whole):
                typer.echo(f"{file}: left out {len(whole) - len(kept)} sentences that {other} does not have", err=True)
        sentences = [
            replace(one, trees={**one.trees, **two.trees}, graphs={**one.graphs, **two.graphs})
            for one, two in match(*both, paths[0], path)
        ]
    return sentences
