"""The sentences of the built-in corpus, by seed and number."""

from __future__ import annotations

from itertools import count as count_from

from spigot.builtin.realization import realize
from spigot.builtin.sentences import Grammar
from spigot.builtin.sentiment import polarity
from spigot.data.sentence import Sentence

SHORTEST, LONGEST = 3, 35
"""The bounds on the number of tokens of a sentence."""
_CLEAR = 0.1


def generate(count: int, seed: int, *, id_prefix: str = "built-in") -> list[Sentence]:
    """The first `count` sentences of the corpus of a seed; sentence k depends on (seed, k) alone.

    Every sentence has a projective tree with a single root, a semantic graph and a sentiment (0 or 1).

    Raises:
        ValueError: `count` is negative.
    """
    if count < 0:
        raise ValueError(f"count: expected a number of sentences of at least 0, got {count}")
    return [sentence_at(seed, index, f"{id_prefix}-{seed}-{index + 1}") for index in range(count)]


def sentence_at(seed: int, index: int, id_: str) -> Sentence:
    """Sentence number `index` (from 0): the first draw of suitable length with a clear sentiment."""
    attempt = 0
    while True:
        root = Grammar.seeded(f"{seed}/{index}/{attempt}").sentence()
        value = polarity(root)
        if abs(value) > _CLEAR:
            sentence = realize(root, id_, sentiment=int(value > 0))
            if SHORTEST <= len(sentence) <= LONGEST:
                return sentence
        attempt += 1


def splits(
    *, train: int = 1000, dev: int = 200, test: int = 200, seed: int = 1, id_prefix: str = "built-in"
) -> dict[str, list[Sentence]]:
    """Splits of the given sizes, named "train", "dev" and "test"; no token sequence occurs twice in them.

    Test and dev come first in the corpus of the seed, so that they stay the same for any size of the others:
    test does not depend on `train` and `dev`, and dev does not depend on `train`.

    Raises:
        ValueError: a size is negative.
    """
    sizes = {"test": test, "dev": dev, "train": train}
    for name, size in sizes.items():
        if size < 0:
            raise ValueError(f"{name}: expected a number of sentences of at least 0, got {size}")
    seen: set[tuple[str, ...]] = set()
    drawn: dict[str, list[Sentence]] = {}
    indices = count_from()
    for name, size in sizes.items():
        sentences: list[Sentence] = []
        while len(sentences) < size:
            sentence = sentence_at(seed, next(indices), f"{id_prefix}-{name}-{len(sentences) + 1}")
            if sentence.forms not in seen:
                seen.add(sentence.forms)
                sentences.append(sentence)
        drawn[name] = sentences
    return {name: drawn[name] for name in ("train", "dev", "test")}
