"""Sentences that must have an annotation: what training and evaluation read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from os import PathLike
from typing import Literal

from spigot.data.errors import DataError
from spigot.data.files import display_name
from spigot.data.readers import read_sentences
from spigot.data.sentence import Sentence


def read_gold(path: str | PathLike[str], annotation: Literal["tree", "graph", "sentiment"]) -> Iterator[Sentence]:
    """Yield the sentences of a file, whose format `read_sentences` finds out; empty ones are left out.

    Raises:
        DataError: a sentence lacks the annotation, or there is no sentence at all; see also `read_sentences`.
    """
    name = display_name(os.fspath(path))
    empty = True
    for sentence in read_sentences(path):
        found = {"tree": sentence.trees, "graph": sentence.graphs, "sentiment": sentence.sentiment is not None}
        if not found[annotation]:
            raise DataError(name, None, f"sentence {sentence.id!r}: expected a {annotation}, got none")
        if len(sentence):
            empty = False
            yield sentence
    if empty:
        raise DataError(name, None, "expected sentences, got none")
