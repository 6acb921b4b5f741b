"""Which words a skeleton's tokens are: skeletons have tags alone, and their tokens are not always those of UD.

Sentences of a document pair up in order, and so do the tokens of two sentences with as many tokens and nearly the
same tags. Elsewhere the cheapest monotone alignment decides, found by dynamic programming: of sentences (one to one,
one to two, two to one, or left out) in a document with another number of them, and of tokens (one to one, or one to a
group of up to six) in a sentence with another number of them, or with tags that differ in three places or more.

A pair of tokens costs a point unless its tags are equal. A group costs a point, and half a point more if the single
token's tag is not in the group. Each place where the group does not look cut costs another: a space between two of
the group's words, or a piece (letters and digits, or one other sign) that the single word lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from operator import ne
from typing import NamedTuple

LONGEST_GROUP = 6
SUSPECT = 3
"""So many differing tags may mean that a split and a merge hide behind equal numbers of tokens."""
_PIECE = re.compile(r"[^\W_]+|[\W_]")
_INFINITE = float("inf")


class Words(NamedTuple):
    """One sentence of UD as the alignment sees it; `glued[k]`: no space after word k (from 0)."""

    forms: tuple[str, ...]
    tags: tuple[str, ...]
    glued: tuple[bool, ...]


class Group(NamedTuple):
    """Items first_start..first_end - 1 of one side belong to second_start..second_end - 1 of the other (from 0)."""

    first_start: int
    first_end: int
    second_start: int
    second_end: int


def align_sentences(skeletons: Sequence[Sequence[str]], sentences: Sequence[Words]) -> list[Group]:
    """Return groups of skeletons (as tags) and UD sentences that belong together, in order."""
    first, second = len(skeletons), len(sentences)
    if first == second:
        return [Group(k, k + 1, k, k + 1) for k in range(first)]
    band = abs(first - second) + 1

    def cost(group: Group) -> float:
        if abs(group.first_start - group.second_start) > band:
            return _INFINITE
        tags = [tag for k in range(group.first_start, group.first_end) for tag in skeletons[k]]
        words = joined(sentences[group.second_start : group.second_end])
        if not tags or not words.forms:
            return len(tags) + len(words.forms)
        groups = align_tokens(tags, words)
        if groups is None:
            return 1.0 + max(len(tags), len(words.forms))
        return sum(_token_cost(tags, words, part) for part in groups)

    groups = _cheapest(first, second, [(1, 1), (1, 2), (2, 1), (1, 0), (0, 1)], cost)
    return [] if groups is None else groups


def align_tokens(tags: Sequence[str], words: Words) -> list[Group] | None:
    """Return groups of skeleton tokens and words, in order; None if no alignment of such groups exists."""
    if len(tags) == len(words.forms) and sum(map(ne, tags, words.tags)) < SUSPECT:
        return [Group(k, k + 1, k, k + 1) for k in range(len(tags))]
    moves = [(1, 1)]
    for size in range(2, LONGEST_GROUP + 1):
        moves += [(1, size), (size, 1)]
    return _cheapest(len(tags), len(words.forms), moves, lambda group: _token_cost(tags, words, group))


def joined(sentences: Sequence[Words]) -> Words:
    """Return several sentences as one."""
    return Words(
        tuple(form for sentence in sentences for form in sentence.forms),
        tuple(tag for sentence in sentences for tag in sentence.tags),
        tuple(glued for sentence in sentences for glued in sentence.glued),
    )


def _token_cost(tags: Sequence[str], words: Words, group: Group) -> float:
    ours, theirs = tags[group.first_start : group.first_end], words.tags[group.second_start : group.second_end]
    if len(ours) == len(theirs) == 1:
        return float(ours[0] != theirs[0])
    if len(theirs) == 1:
        form = words.forms[group.second_start]
        missing = max(0, len(ours) - len(_PIECE.findall(form)))
    else:
        missing = sum(not glued for glued in words.glued[group.second_start : group.second_end - 1])
    return 1 + missing + 0.5 * (not set(ours) & set(theirs))


def _cheapest(
    first: int, second: int, moves: Sequence[tuple[int, int]], cost: Callable[[Group], float]
) -> list[Group] | None:
    """Return the cheapest sequence of groups that covers both sides; of equals, the one with the earlier moves."""
    best: dict[tuple[int, int], tuple[float, Group | None]] = {(0, 0): (0.0, None)}
    for i in range(first + 1):
        for j in range(second + 1):
            for di, dj in moves:
                before = best.get((i - di, j - dj))
                if before is None:
                    continue
                group = Group(i - di, i, j - dj, j)
                total = before[0] + cost(group)
                if total < best.get((i, j), (_INFINITE, None))[0]:
                    best[i, j] = total, group
    if (first, second) not in best:
        return None
    return list(_backwards(best, first, second))[::-1]


def _backwards(best: dict[tuple[int, int], tuple[float, Group | None]], i: int, j: int) -> Iterator[Group]:
    while (group := best[i, j][1]) is not None:
        yield group
        i, j = group.first_start, group.second_start
