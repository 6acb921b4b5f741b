"""Vocabularies: the strings of the training data and their indices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spigot.data.sentence import NO_LABEL, SEMANTICS, SYNTAX, TOP, Sentence
from spigot.data.spelling import variants

UNKNOWN, ROOT, END = "_unk_", "_root_", "_end_"
SPECIAL = (UNKNOWN, ROOT, END)
UNKNOWN_ROLE = "_UNKROLE_"


class Tokens(NamedTuple):
    """A batch of sentences, as words and as indices.

    `words`, `lemmas` and `tags` are `[batch, n + 1]` (int64): ROOT at 0, the tokens at 1..length, the end
    marker right after them, padding (the unknown symbol) behind. `lengths[batch]` counts tokens alone, and
    n = the longest length + 1 is the number of nodes. `forms` are the words as written, without ROOT.
    """

    words: Tensor
    lemmas: Tensor
    tags: Tensor
    lengths: Tensor
    forms: tuple[tuple[str, ...], ...]

    def to(self, device: torch.device | str) -> Tokens:
        """Return the batch on another device."""
        return self._each(lambda column: column.to(device, non_blocking=True), self.forms)

    def rows(self, rows: slice) -> Tokens:
        """Return some sentences of the batch, with its padding."""
        return self._each(lambda column: column[rows], self.forms[rows])

    def _each(self, change: Callable[[Tensor], Tensor], forms: tuple[tuple[str, ...], ...]) -> Tokens:
        return Tokens(change(self.words), change(self.lemmas), change(self.tags), change(self.lengths), forms)


class Index:
    """Strings and their indices; unseen strings map to 0, the unknown symbol."""

    def __init__(self, strings: Iterable[str]) -> None:
        self.strings = list(strings)
        if not all(isinstance(string, str) for string in self.strings):
            raise ValueError("strings: expected text, got something else")
        self._ids = {string: k for k, string in enumerate(self.strings)}
        if len(self._ids) != len(self.strings):
            raise ValueError("strings: expected every string once, got duplicates")

    def __len__(self) -> int:
        return len(self.strings)

    def __getitem__(self, string: str) -> int:
        return self._ids.get(string, 0)

    def __contains__(self, string: str) -> bool:
        return string in self._ids


class Vocabulary:
    """The words, lemmas and tags of a training corpus.

    Words are lower-cased forms. `counts[k]` is the number of times that word k occurs in the training data; word
    dropout depends on it. Words whose vectors are not trained follow the trained words: the words of the vector
    file that do not occur in the training data (count 0), or all its words if the vectors are frozen.

    `characters` are those of the words as they are written; characters that occur once are unknown.

    `resources` is what encoders need besides, such as a tokenizer, in JSON types.

    A word or lemma that does not occur in the training data is also looked up by other spellings (see `variants`).
    """

    def __init__(
        self,
        words: Sequence[str],
        counts: Sequence[int],
        lemmas: Sequence[str],
        tags: Sequence[str],
        vector_words: Sequence[str] = (),
        characters: Sequence[str] = (UNKNOWN,),
        resources: Mapping[str, Any] | None = None,
    ) -> None:
        total = len(words) + len(vector_words)
        if len(counts) not in (len(words), total):
            raise ValueError(f"counts: expected one for each of {len(words)} words, got {len(counts)}")
        self.trained_words = len(words)
        self.words = Index([*words, *vector_words])
        self.counts = np.zeros(total, np.int64)
        self.counts[: len(counts)] = counts
        self.lemmas = Index(lemmas)
        self.tags = Index(tags)
        self.characters = Index(characters)
        self.resources = dict(resources or {})

    @classmethod
    def build(
        cls,
        sentences: Iterable[Sentence],
        vector_words: Iterable[str] = (),
        freeze_vectors: bool = False,
        min_count: int = 1,
    ) -> Vocabulary:
        """Collect the strings of training sentences; `vector_words` are added behind the trained ones.

        With `freeze_vectors`, words of the training sentences that have a vector are not trained either. Words that
        occur less than `min_count` times never are.
        """
        words: Counter[str] = Counter()
        lemmas: Counter[str] = Counter()
        tags: Counter[str] = Counter()
        characters: Counter[str] = Counter()
        for sentence in sentences:
            for form in sentence.forms:
                characters.update(form)
            words.update(form.lower() for form in sentence.forms)
            lemmas.update(sentence.lemmas)
            tags.update(sentence.tags)
        words = Counter({word: count for word, count in words.items() if count >= min_count})
        for symbol in SPECIAL:  # a token may be spelled like a special symbol
            for counter in (words, lemmas, tags):
                counter.pop(symbol, None)
        fixed = dict.fromkeys(
            word for word in vector_words if (freeze_vectors or word not in words) and word not in SPECIAL
        )
        counts = [words.get(word, 0) for word in fixed] if freeze_vectors else []
        trained = {word: count for word, count in words.items() if word not in fixed}
        return cls(
            [*SPECIAL, *trained],
            [0, 0, 0, *trained.values(), *counts],
            [*SPECIAL, *lemmas],
            [*SPECIAL, *tags],
            list(fixed),
            [UNKNOWN, *(character for character, count in characters.items() if count > 1)],
        )

    def encode(
        self, sentences: Sequence[Sentence], dropout: float = 0.0, random: np.random.Generator | None = None
    ) -> tuple[Tokens, Tensor]:
        """Turn sentences into indices.

        Returns the tokens and `dropped[batch, n + 1]` (bool): which tokens word dropout chose to make
        unknown, with probability dropout / (dropout + count), a count of at least 1 (Kiperwasser & Goldberg 2016).
        The tokens are not changed yet: the encoder decides which columns of a dropped token become unknown.
        """
        lengths = np.fromiter((len(s) for s in sentences), np.int64, len(sentences))
        width = int(lengths.max(initial=0)) + 2
        columns = np.zeros((3, len(sentences), width), np.int64)
        for row, sentence in enumerate(sentences):
            n = len(sentence)
            columns[0, row, 1 : n + 1] = [self._word(form.lower()) for form in sentence.forms]
            if len(self.lemmas) > len(SPECIAL):
                columns[1, row, 1 : n + 1] = [self._lemma(lemma) for lemma in sentence.lemmas]
            if len(self.tags) > len(SPECIAL):
                columns[2, row, 1 : n + 1] = [self.tags[tag] for tag in sentence.tags]
            columns[:, row, 0] = SPECIAL.index(ROOT)
            columns[:, row, n + 1] = SPECIAL.index(END)
        dropped = np.zeros(columns.shape[1:], bool)
        if dropout > 0 and random is not None:
            position = np.arange(width)
            token = (position >= 1) & (position <= lengths[:, None])
            # A word without a count keeps its vector and its tag as often as one seen once: when it is read in earnest
            # they are there, and a network that never saw them in training would read noise.
            chance = dropout / (dropout + np.maximum(self.counts[columns[0]], 1))
            dropped = token & (random.random(chance.shape) < chance)
        words, lemmas, tags = torch.from_numpy(columns)
        forms = tuple(sentence.forms for sentence in sentences)
        return Tokens(words, lemmas, tags, torch.from_numpy(lengths), forms), torch.from_numpy(dropped)

    def holds(self, column: str) -> bool:
        """Return whether anything is known of a column ("words", "lemmas", "tags"): in training it was not empty."""
        return any(string not in (*SPECIAL, "_") for string in getattr(self, column).strings)

    def without(self, columns: Collection[str]) -> Vocabulary:
        """Return the vocabulary without its lemmas or tags, for what does not read them."""
        kept = {"lemmas": self.lemmas.strings, "tags": self.tags.strings}
        kept |= {column: [*SPECIAL] for column in columns}
        return Vocabulary.from_dict({**self.to_dict(), **kept})

    def with_tags(self, tags: Sequence[str]) -> Vocabulary:
        """Return the vocabulary with other tags, numbered in this order behind the special symbols."""
        return Vocabulary.from_dict({**self.to_dict(), "tags": [*SPECIAL, *tags]})

    def _word(self, form: str) -> int:
        known = self.words[form]
        if self.counts[known] == 0:
            for other in variants(form):
                if self.counts[self.words[other]] > 0:
                    return self.words[other]
        return known

    def _lemma(self, lemma: str) -> int:
        if lemma in self.lemmas:
            return self.lemmas[lemma]
        lowered = lemma.lower()
        spellings = [lowered, *variants(lowered)]
        for other in spellings:
            if other in self.lemmas:
                return self.lemmas[other]
        # Some treebanks give punctuation no lemma.
        punctuation = any(not any(map(str.isalnum, other)) for other in spellings)
        return self.lemmas["_"] if punctuation else 0

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` needs, in JSON types."""
        trained = self.trained_words
        counted = self.counts if self.counts[trained:].any() else self.counts[:trained]
        resources = {"resources": self.resources} if self.resources else {}
        return resources | {
            "words": self.words.strings[:trained],
            "counts": counted.tolist(),
            "lemmas": self.lemmas.strings,
            "tags": self.tags.strings,
            "vector_words": self.words.strings[trained:],
            "characters": self.characters.strings,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Vocabulary:
        """Rebuild a vocabulary from `to_dict`."""
        return cls(**content)


class Roles:
    """The labels of semantic arcs; 0 stands for rare ones, 1 is `TOP`.

    `deterministic[k]` is true if no training predicate has two arguments with role k.
    """

    def __init__(self, names: Sequence[str], deterministic: Sequence[bool]) -> None:
        self.names = Index(names)
        self.deterministic = tuple(bool(flag) for flag in deterministic)
        if len(self.deterministic) != len(self.names):
            raise ValueError(
                f"deterministic: expected one flag for each of {len(self.names)} roles, got {len(self.deterministic)}"
            )

    @classmethod
    def build(cls, sentences: Iterable[Sentence], min_count: int = 1, graph: str = SEMANTICS) -> Roles:
        """Collect the roles of the graphs of this name; those with fewer than `min_count` arcs become unknown."""
        counts: Counter[str] = Counter()
        repeated: set[str] = set()
        for sentence in sentences:
            arcs = sentence.graphs[graph].arcs if graph in sentence.graphs else ()
            uses = Counter((arc.head, arc.label) for arc in arcs)
            repeated.update(label for (_, label), count in uses.items() if count > 1)
            counts.update(arc.label for arc in arcs)
        counts.pop(UNKNOWN_ROLE, None)
        counts.pop(TOP, None)
        common = [role for role, count in counts.most_common() if count >= min_count]
        names = [UNKNOWN_ROLE, TOP, *common]
        return cls(names, [False, TOP not in repeated, *(role not in repeated for role in common)])

    def __len__(self) -> int:
        return len(self.names)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` needs, in JSON types."""
        return {"names": self.names.strings, "deterministic": list(self.deterministic)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Roles:
        """Rebuild roles from `to_dict`."""
        return cls(**content)


class Labels:
    """The labels of syntactic arcs, by number; `labels[name]` is -1 for one that is not known."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self._numbers = {name: k for k, name in enumerate(self.names)}

    @classmethod
    def build(cls, sentences: Iterable[Sentence], tree: str = SYNTAX) -> Labels:
        """Collect the labels of the trees of this name, the most frequent first; "_" is none."""
        counts = Counter(label for s in sentences if tree in s.trees for label in s.trees[tree].labels)
        counts.pop(NO_LABEL, None)
        return cls([label for label, _ in counts.most_common()])

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> int:
        return self._numbers.get(name, -1)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` needs, in JSON types."""
        return {"names": self.names}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Labels:
        """Rebuild labels from `to_dict`."""
        return cls(**content)
