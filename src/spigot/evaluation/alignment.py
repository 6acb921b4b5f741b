"""Align the words of two files that cut the same text into unlike sentences and tokens, as CoNLL 2018 does.

The files have the same characters once white space is left out. Sentences and tokens are spans of these characters,
and are right where both files have the same span. Words are aligned where their spans are equal. The words inside a
multiword token need not spell it, so they have no spans of their own: within a multiword span, the union of multiword
tokens that overlap, words are aligned by the longest common subsequence of their forms in lower case (Zeman et al.
2018; https://universaldependencies.org/conll18/evaluation.html).

Here only words that lie in a multiword span are aligned in it. The task's script may let others into the subsequence
where the tokens around the span are cut in unlike ways, and so differ in a word or two there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from spigot.data.blocks import source_of
from spigot.data.errors import DataError, shown
from spigot.data.sentence import Sentence
from spigot.data.surface import surface_tokens
from spigot.evaluation.counts import Counts
from spigot.evaluation.matching import Path, unlike_code_points

Span: TypeAlias = tuple[int, int]
"""(start, end) in the characters of the whole file, white space left out."""
Names: TypeAlias = tuple[int, ...]
"""For each token of a sentence its name, a number, at the token's place from 1; names[0] = 0 is ROOT."""


@dataclass(frozen=True)
class Alignment:
    """The words of two files by names that both share.

    The gold words are 1, 2, 3, ... through the file. A system's word has the name of the gold word that it is aligned
    with, or one that no other word has. So an arc is the same in both files if its two names are.
    """

    gold: list[Names]
    """One for each gold sentence."""
    system: list[Names]
    sentences: Counts
    tokens: Counts | None
    """Tokens of the text; None unless both files are CoNLL-U, which alone tells them from words."""
    words: Counts


def align(
    gold: Sequence[Sentence], system: Sequence[Sentence], gold_path: Path = "gold", system_path: Path = "system"
) -> Alignment:
    """Align two files in time linear in their length (in a multiword span, in the product of its numbers of words).

    Raises:
        DataError: the characters differ, or a form has none; the message names file, sentence and token.
    """
    ours, theirs = _read(gold, gold_path), _read(system, system_path)
    if ours.characters != theirs.characters:
        raise DataError(system_path, None, _difference(ours, theirs, gold_path))
    pairs = dict(_aligned_words(ours, theirs))
    names = [pairs.get(word, word - len(theirs.words)) for word in range(len(theirs.words))]
    return Alignment(
        gold=_by_sentence(range(1, len(ours.words) + 1), gold),
        system=_by_sentence(names, system),
        sentences=Counts.of(set(ours.sentences), set(theirs.sentences)),
        tokens=Counts.of(set(ours.tokens), set(theirs.tokens)) if _know_tokens(gold) and _know_tokens(system) else None,
        words=Counts(len(ours.words), len(theirs.words), len(pairs)),
    )


_AROUND = 20
"""Characters before and behind a difference that its message shows."""


class _Word(NamedTuple):
    span: Span
    """That of its token."""
    form: str
    """In lower case; the characters of the span, unless the word is in a multiword token."""
    multiword: bool


class _File(NamedTuple):
    """A file as characters and spans of them."""

    ids: list[str]
    characters: str
    sentences: list[Span]
    tokens: list[Span]
    words: list[_Word]


def _read(sentences: Sequence[Sentence], path: Path) -> _File:
    file = _File([sentence.id for sentence in sentences], "", [], [], [])
    parts: list[str] = []
    end = 0
    for sentence in sentences:
        first = end
        for number, token in enumerate(surface_tokens(sentence), 1):
            form = _squeezed(token.form)
            if not form:
                name = f"sentence {sentence.id!r}"
                message = f"{name}: expected token {number} to be more than white space, got {shown(token.form)}"
                raise DataError(path, None, message)
            span = end, end + len(form)
            end += len(form)
            parts.append(form)
            file.tokens.append(span)
            words = map(_squeezed, token.words) if token.multiword else [form]
            file.words.extend(_Word(span, word.lower(), token.multiword) for word in words)
        file.sentences.append((first, end))
    return file._replace(characters="".join(parts))


def _squeezed(form: str) -> str:
    return "".join(form.split())


def _difference(ours: _File, theirs: _File, gold_path: Path) -> str:
    """Return where the characters of two files begin to differ, what was expected there and what came."""
    both = zip(ours.characters, theirs.characters, strict=False)
    shorter = min(len(ours.characters), len(theirs.characters))
    place = next((place for place, (one, other) in enumerate(both) if one != other), shorter)
    (here, span), (there, gold_span) = _where(theirs, place), _where(ours, place)
    start = max(gold_span[0], place - _AROUND)
    expected, found = (
        "the end of the file" if place == len(file.characters) else shown(file.characters[start : place + _AROUND])
        for file in (ours, theirs)
    )
    note = unlike_code_points(ours.characters[slice(*gold_span)], theirs.characters[slice(*span)])
    return f"{here}: expected {expected}, as in {gold_path} ({there}), got {found}{note}"


def _where(file: _File, place: int) -> tuple[str, Span]:
    """Return the sentence and the token of a character, as text, and the token's span."""
    if place == len(file.characters):
        return "at the end", (place, place)
    sentence = bisect_right(file.sentences, place, key=_start) - 1
    token = bisect_right(file.tokens, place, key=_start) - 1
    first = bisect_left(file.tokens, _start(file.sentences[sentence]), key=_start)
    return f"sentence {file.ids[sentence]!r}, token {token - first + 1}", file.tokens[token]


def _start(span: Span) -> int:
    return span[0]


def _by_sentence(names: Sequence[int], sentences: Sequence[Sentence]) -> list[Names]:
    remaining = iter(names)
    return [(0, *(next(remaining) for _ in sentence.forms)) for sentence in sentences]


def _know_tokens(sentences: Sequence[Sentence]) -> bool:
    return all(source_of(sentence, "conllu") is not None for sentence in sentences)


def _aligned_words(ours: _File, theirs: _File) -> Iterator[tuple[int, int]]:
    """Yield (index of the system's word, name of the gold word) for each aligned pair."""
    unions = _multiword_spans([word.span for word in (*ours.words, *theirs.words) if word.multiword])
    golds, systems = _by_place(ours.words, unions), _by_place(theirs.words, unions)
    for place, mine in systems.items():
        gold = golds.get(place, [])
        forms = [ours.words[index].form for index in gold], [theirs.words[index].form for index in mine]
        for g, s in _common_subsequence(*forms):
            yield mine[s], gold[g] + 1


def _multiword_spans(spans: list[Span]) -> list[Span]:
    """Return the unions of the spans of multiword tokens that overlap, in order."""
    unions: list[Span] = []
    for start, end in sorted(spans):
        if unions and start < unions[-1][1]:
            unions[-1] = unions[-1][0], max(end, unions[-1][1])
        else:
            unions.append((start, end))
    return unions


def _by_place(words: Sequence[_Word], unions: list[Span]) -> dict[Span, list[int]]:
    """Return the indices of words by the multiword span that they lie in, or else by their own span."""
    starts = [start for start, _ in unions]
    places: dict[Span, list[int]] = defaultdict(list)
    for index, word in enumerate(words):
        start, end = word.span
        around = bisect_right(starts, start) - 1
        places[unions[around] if around >= 0 and end <= unions[around][1] else word.span].append(index)
    return places


def _common_subsequence(ours: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    """Return the pairs of a longest common subsequence; of several, one that leaves out `ours` first."""
    if list(ours) == list(theirs):
        return [(k, k) for k in range(len(ours))]
    length = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]  # of the rests from each place on
    for i in reversed(range(len(ours))):
        for k in reversed(range(len(theirs))):
            same = ours[i] == theirs[k]
            length[i][k] = length[i + 1][k + 1] + 1 if same else max(length[i + 1][k], length[i][k + 1])
    pairs = []
    i = k = 0
    while i < len(ours) and k < len(theirs):
        if ours[i] == theirs[k]:
            pairs.append((i, k))
            i, k = i + 1, k + 1
        elif length[i][k] == length[i + 1][k]:
            i += 1
        else:
            k += 1
    return pairs
