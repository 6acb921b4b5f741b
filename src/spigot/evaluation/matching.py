"""Pair the sentences of a gold file with those of a system's output."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from unicodedata import normalize

from spigot.data.errors import DataError
from spigot.data.sentence import Sentence

Path = str | PathLike[str]


def match(
    gold: Iterable[Sentence],
    system: Iterable[Sentence],
    gold_path: Path = "gold",
    system_path: Path = "system",
) -> list[tuple[Sentence, Sentence]]:
    """Pair sentences by id, in gold order.

    If the ids differ and one side has no ids in its file, pair by position; readers number the sentences of such
    files 1, 2, 3, ...

    Raises DataError that names file and sentence for a missing, additional or repeated sentence, and for
    different tokens.
    """
    golds, systems = list(gold), list(system)
    same_ids = {sentence.id for sentence in golds} == {sentence.id for sentence in systems}
    if not same_ids and not (_has_ids(golds) and _has_ids(systems)):
        pairs = _by_position(golds, systems, gold_path, system_path)
    else:
        pairs = _by_id(golds, systems, gold_path, system_path)
    for number, (one, other) in enumerate(pairs, 1):
        _same_tokens(one, other, number, gold_path, system_path)
    return pairs


def in_common(ours: list[Sentence], theirs: list[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """Return the sentences of each side whose ids the other one has, too.

    Both sides are returned whole if one has no ids in its file, or if they have no id in common: `match` then pairs by
    position or says what is wrong.
    """
    ids = {sentence.id for sentence in ours} & {sentence.id for sentence in theirs}
    if not ids or not (_has_ids(ours) and _has_ids(theirs)):
        return ours, theirs
    return [s for s in ours if s.id in ids], [s for s in theirs if s.id in ids]


def _has_ids(sentences: list[Sentence]) -> bool:
    return any(sentence.id != str(number) for number, sentence in enumerate(sentences, 1))


def _by_position(
    golds: list[Sentence], systems: list[Sentence], gold_path: Path, system_path: Path
) -> list[tuple[Sentence, Sentence]]:
    if len(golds) != len(systems):
        raise DataError(
            system_path,
            None,
            f"expected {len(golds)} sentences, as in {gold_path}, got {len(systems)} (matched in order, since the ids "
            "of one file only count 1, 2, 3, ...)",
        )
    return list(zip(golds, systems, strict=True))


def _by_id(
    golds: list[Sentence], systems: list[Sentence], gold_path: Path, system_path: Path
) -> list[tuple[Sentence, Sentence]]:
    ours, theirs = _index(golds, gold_path), _index(systems, system_path)
    for key in ours:
        if key not in theirs:
            missing = sum(other not in theirs for other in ours)
            raise DataError(system_path, None, f"sentence {key!r} of {gold_path} is missing{_more(missing)}")
    for key in theirs:
        if key not in ours:
            extra = sum(other not in ours for other in theirs)
            raise DataError(system_path, None, f"sentence {key!r} is not in {gold_path}{_more(extra)}")
    return [(sentence, theirs[key]) for key, sentence in ours.items()]


def _index(sentences: list[Sentence], path: Path) -> dict[str, Sentence]:
    table: dict[str, Sentence] = {}
    for number, sentence in enumerate(sentences, 1):
        if sentence.id in table:
            raise DataError(path, None, f"sentence {sentence.id!r}: expected once, got again as number {number}")
        table[sentence.id] = sentence
    return table


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


def _same_tokens(one: Sentence, other: Sentence, number: int, gold_path: Path, system_path: Path) -> None:
    name = f"sentence {one.id!r}" if one.id == other.id else f"sentence {one.id!r} (number {number})"
    if len(one) != len(other):
        raise DataError(system_path, None, f"{name}: expected {len(one)} tokens, as in {gold_path}, got {len(other)}")
    for token, (form, found) in enumerate(zip(one.forms, other.forms, strict=True), 1):
        if form != found:
            message = f"{name}: expected token {token} to be {form!r}, as in {gold_path}, got {found!r}"
            raise DataError(system_path, None, message + unlike_code_points(form, found))


def unlike_code_points(form: str, found: str) -> str:
    """Return the code points by which two forms differ that look the same; "" for others."""
    if normalize("NFKC", form) != normalize("NFKC", found):
        return ""
    start = next(k for k in range(len(form) + 1) if form[: k + 1] != found[: k + 1])
    ours, theirs = (
        " ".join(f"U+{ord(character):04X}" for character in text[start : start + 4]) for text in (form, found)
    )
    return f": they differ from character {start + 1}, {ours or 'nothing'} against {theirs or 'nothing'}"
