"""What a syntactic parser learns of its training data before it is trained: words, labels."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Labels, Vocabulary
from spigot.models.config import NamedTreeStructure, SyntaxConfig
from spigot.structured import ProjectiveTree
from spigot.systems.base import Vectors, check_vectors

log = logging.getLogger(__name__)


class SyntaxWords(NamedTuple):
    """The words of a syntactic parser, and the labels of its arcs; None: it has no labels."""

    words: Vocabulary
    labels: Labels | None


def syntax_words(config: SyntaxConfig, task: Any, train: Sequence[Sentence], vectors: Vectors | None) -> SyntaxWords:
    """Return the words and labels of training sentences; `task` is a `Syntax`.

    Raises:
        ValueError: the message begins with the key of [system] that is wrong.
    """
    check_vectors(vectors, "syntax.encoder.word_dim", config.word_dim)
    count_crossing(config.structure, task, train)
    return SyntaxWords(Vocabulary.build(train, vectors or ()), task.label_names(train))


def count_crossing(structure: NamedTreeStructure, task: Any, train: Sequence[Sentence]) -> None:
    """Log how many training trees are not projective, if the parser predicts projective ones alone."""
    if structure.named_class is not ProjectiveTree:
        return
    crossing = sum(not sentence.trees[task.name].is_projective for sentence in train)
    if crossing:
        log.warning(
            "%s: %d of %d training trees are not projective; structure = { name = %r } can predict such trees",
            task.name,
            crossing,
            len(train),
            "NonProjectiveTree",
        )
