"""One sentence: from predicates with spans to arcs between head words.

An arc goes from a predicate's word to the head word of each of its arguments and carries the role. Which word heads
a span is what the UD tree says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from spigot.corpora.propbank.skeleton import Predicate
from spigot.data.sentence import TOP, Arc, Graph

PREDICATE_ROLES = ("V", "C-V")
AUXILIARIES = frozenset({"be.03", "have.01", "do.01", "get.03"})
"""Rolesets of auxiliaries: without arguments they are no predicates here."""
INTERRUPTED = "-DSP"
"""The suffix of a span that its own predicate interrupts."""


class Syntax(NamedTuple):
    """The UD tree of a sentence; token m is at index m - 1."""

    heads: tuple[int, ...]
    labels: tuple[str, ...]
    punctuation: tuple[bool, ...]

    def depth(self, token: int) -> int:
        """Return how many arcs lie between a token and ROOT."""
        depth = 0
        while token:
            token, depth = self.heads[token - 1], depth + 1
        return depth


class SpanError(ValueError):
    """A span that ends inside a word, or goes beyond the sentence."""


def head_of(tokens: Iterable[int], syntax: Syntax) -> int:
    """Return the head word of some tokens: the one whose head in the tree lies outside them.

    Of several, one that is no punctuation; of these the highest in the tree; of these an `xcomp` (the predicate of
    a small clause: "let [me know]"); of these the first.
    """
    inside = set(tokens)
    return min(
        (token for token in inside if syntax.heads[token - 1] not in inside),
        key=lambda token: (
            syntax.punctuation[token - 1],
            syntax.depth(token),
            syntax.labels[token - 1] != "xcomp",
            token,
        ),
    )


def role_graph(predicates: Sequence[Predicate], words_of: Sequence[Sequence[int]], syntax: Syntax) -> Graph:
    """Return the graph of a sentence.

    Args:
        predicates: rolesets and spans, over the skeleton's tokens.
        words_of: `words_of[k - 1]`: the words, from 1, of the skeleton's token k; tokens that together are one word
            have the same.
        syntax: the tree of the words.

    Raises:
        SpanError: a span ends inside a word or reaches into another sentence.
    """
    arguments: dict[int, dict[int, str]] = {}
    frames: dict[int, str] = {}
    for predicate, word in _predicate_words(predicates, words_of, syntax):
        found = arguments.setdefault(word, {})
        frames.setdefault(word, predicate.roleset)
        for role, start, end in predicate.spans:
            if role not in PREDICATE_ROLES:
                head = head_of(_words(start, end, words_of), syntax)
                if head != word:
                    found.setdefault(head, role.removesuffix(INTERRUPTED))
    n = len(syntax.heads)
    frames = {w: roleset for w, roleset in frames.items() if arguments[w] or roleset not in AUXILIARIES}
    arcs = [Arc(head, modifier, role) for head, found in arguments.items() for modifier, role in found.items()]
    heads = frozenset(arc.head for arc in arcs)
    if heads:
        top = min(heads, key=lambda token: (syntax.depth(token), token))
        arcs.append(Arc(0, top, TOP))
    return Graph(tuple(sorted(arcs)), heads, tuple(frames.get(token, "_") for token in range(1, n + 1)))


def _predicate_words(
    predicates: Sequence[Predicate], words_of: Sequence[Sequence[int]], syntax: Syntax
) -> list[tuple[Predicate, int]]:
    """Return each predicate with its word: the highest in the tree of its V and C-V tokens.

    Predicates with the same roleset may share a word and become one. Of others that would share a word, the one
    whose roleset stands there keeps it, and the rest stay on the words of their own rolesets.
    """
    highest = []
    for predicate in predicates:
        own = {
            w for role, start, end in predicate.spans if role in PREDICATE_ROLES for w in _words(start, end, words_of)
        }
        highest.append(head_of(own or words_of[predicate.token - 1], syntax))
    keepers: dict[int, Predicate] = {}
    for predicate, word in zip(predicates, highest, strict=True):
        if word not in keepers or word in words_of[predicate.token - 1]:
            keepers[word] = predicate
    return [
        (predicate, word if keepers[word].roleset == predicate.roleset else words_of[predicate.token - 1][0])
        for predicate, word in zip(predicates, highest, strict=True)
    ]


def _words(start: int, end: int, words_of: Sequence[Sequence[int]]) -> set[int]:
    """Return the words of tokens start..end."""
    words = {word for token in range(start, end + 1) for word in words_of[token - 1]}
    outside = {word for token in (start - 1, end + 1) if 1 <= token <= len(words_of) for word in words_of[token - 1]}
    if words & outside:
        raise SpanError(f"the span of tokens {start} to {end} ends inside a word")
    return words
