"""What a syntactic parser learns of its training data before it is trained: words, labels."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Labels, Vocabulary
from spigot.models.config import NamedTreeStructure, SyntaxConfig
from spigot.models.syntactic_parser import SyntacticParser
from spigot.structured import ProjectiveTree
from spigot.systems.base import Vectors, check_vectors

log = logging.getLogger(__name__)


class SyntaxWords(NamedTuple):
    """The words of a syntactic parser, and the labels of its arcs; None: it has no labels."""

    words: Vocabulary
    labels: Labels | None


def syntax_words(config: SyntaxConfig, task: Any, train: Sequence[Sentence], vectors: Vectors | None) -> SyntaxWords:
    """Return the words and labels of training sentences; `task` is a `Syntax`. A task without a loss needs no trees.

    Raises:
        ValueError: the message begins with the key of [system] that is wrong.
    """
    check_vectors(vectors, "syntax.encoder.word_dim", config.word_dim)
    count_crossing(config.structure, task, train)
    return SyntaxWords(Vocabulary.build(train, vectors or ()), task.label_names(train))


def start_of_syntax(
    config: SyntaxConfig | None,
    task: Any,
    train: Sequence[Sentence],
    vectors: Mapping[str, Vectors],
    start: nn.Module | None,
) -> SyntaxWords | tuple[None, None]:
    """Return the words and labels of the parser in a larger system; None twice: there is no parser.

    `start` is a trained parser or None, the other arguments are those of `syntax_words`.

    Raises:
        ValueError: the message begins with the key of [system] that is wrong.
    """
    if config is None:
        return None, None
    if not isinstance(start, SyntacticParser):
        return syntax_words(config, task, train, vectors.get("syntax"))
    count_crossing(config.structure, task, train)
    if task.labels and start.labels is None:
        raise ValueError(f"{task.name}: expected a trained parser with labels, or tasks.{task.name}.labels = false")
    return SyntaxWords(start.vocabulary, start.labels if task.labels else None)


def count_crossing(structure: NamedTreeStructure, task: Any, train: Sequence[Sentence]) -> None:
    """Log how many training trees are not projective, if the parser predicts projective ones alone."""
    if structure.named_class is not ProjectiveTree or not task.has_loss:
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
