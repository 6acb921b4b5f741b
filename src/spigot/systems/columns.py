"""Input that lacks what a system reads is refused: its predictions would be arbitrary."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from spigot.data.sentence import Sentence
from spigot.errors import UserError
from spigot.models.encoders.base import Column

EMPTY = "_"


class InputError(UserError):
    """A sentence lacks tags or lemmas; the message is one line."""


def check_columns(sentences: Sequence[Sentence], needs: Collection[Column]) -> None:
    """Raise an InputError if a sentence lacks tags or lemmas that a system `needs`, all of them or some.

    Tokens without a letter or digit may lack them: treebanks differ in what they give to punctuation.
    """
    for sentence in sentences:
        for column in ("tags", "lemmas"):
            values = getattr(sentence, column)
            if len(values) != len(sentence):
                raise InputError(
                    f"sentence {sentence.id!r}: expected {len(sentence)} {column}, one a word, got {len(values)}"
                )
            if column in needs and all(value == EMPTY for value in values) and _has_words(sentence):
                read = " and ".join(name for name in ("tags", "lemmas") if name in needs)
                raise InputError(
                    f"sentence {sentence.id!r}: expected {read}, which this model reads beside words, got no {column}; "
                    "give it input with tags, such as CoNLL-U (spigot parse --spacy PIPELINE tags text), "
                    "or use a model of words alone"
                )


def _has_words(sentence: Sentence) -> bool:
    return any(character.isalnum() for form in sentence.forms for character in form)
