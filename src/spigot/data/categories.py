"""The class of a sentence, wherever its file has it."""

from __future__ import annotations

from .conllu import comment_of
from .sentence import SENTIMENTS, Sentence


def category_of(sentence: Sentence, name: str) -> str | None:
    """Return the class of a name, or "negative" or "positive" by the sentence's sentiment; None if it has neither."""
    if name in sentence.categories or sentence.sentiment is None:
        return sentence.categories.get(name)
    return SENTIMENTS[sentence.sentiment]


def read_category(sentence: Sentence, name: str) -> Sentence:
    """Return a sentence with the class that a comment of its CoNLL-U gives it: `# NAME = CLASS`.

    Raises:
        DataError: two comments of the name give different classes.
    """
    found = comment_of(sentence, name)
    return sentence if found is None else sentence.with_category(name, found)
