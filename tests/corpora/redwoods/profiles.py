"""Profiles of the grammar with sentences written for these tests."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

Tree: TypeAlias = "tuple[str, *tuple[Tree, ...]] | tuple[str, str]"
"""A derivation: (rule, daughters ...), or (lexical entry, its words)."""

FIELDS = {
    "item": ("i-id", "i-input", "i-wf"),
    "parse": ("parse-id", "i-id", "p-input"),
    "result": ("parse-id", "derivation", "mrs"),
}
RELATIONS = "".join(
    f"{table}:\n" + "".join(f"  {field} :{'integer' if field == 'i-wf' else 'string'}\n" for field in fields) + "\n"
    for table, fields in FIELDS.items()
)
HEADS = (
    "hd-cmp_u_c 2 0\nhd-pct_c 2 0\nsb-hd_mc_c 2 1\nsp-hd_n_c 2 1\nnp-np_crd-t_c 2 1\nmrk-nh_nom_c 2 0\nv_pst_olr 1 0\n"
)


def place(text: str, word: str) -> tuple[int, int]:
    """Return the characters of a word; "word#2" is its second occurrence, "first...last" goes from one to another."""
    if "..." in word:
        first, _, last = word.partition("...")
        return place(text, first)[0], place(text, last)[1]
    word, _, number = word.partition("#")
    start = [match.start() for match in re.finditer(re.escape(word), text)][int(number or 1) - 1]
    return start, start + len(word)


def initial(text: str, tokens: str) -> str:
    """Return initial tokens from "form/tag form/tag"; a form that differs from the text is "form=text/tag"."""
    entries, position = [], 0
    for number, entry in enumerate(tokens.split(), 1):
        word, _, tag = entry.rpartition("/")
        form, _, surface = word.partition("=")
        start = text.index(surface or form, position)
        position = start + len(surface or form)
        entries.append(f'({number}, {number - 1}, {number}, <{start}:{position}>, 1, "{form}", 0, "null", "{tag}" 1.0)')
    return " ".join(entries)


def derivation(text: str, tree: Tree) -> str:
    """Return a derivation with a root condition; words are found as `place` finds them."""
    return f"(root_strict {_derivation(text, tree)})"


def _derivation(text: str, tree: Tree) -> str:
    name, *daughters = tree
    inner = " ".join(_terminal(text, one) if isinstance(one, str) else _derivation(text, one) for one in daughters)
    return f"(0 {name} 0.000000 0 1 {inner})"


def _terminal(text: str, words: str) -> str:
    tokens = []
    for number, word in enumerate(words.split()):
        start, end = place(text, word)
        features = f'+FORM \\"{word}\\" +FROM \\"{start}\\" +TO \\"{end}\\"'
        tokens.append(f'{number} "token [ {features} ]"')
    return f'("{words}" {" ".join(tokens)})'


def mrs(text: str, relations: Sequence[str], constraints: str = "", top: str = "h0", index: str = "e2") -> str:
    """Return an MRS; a relation is "predicate<word> LBL: h1 ARG0: e2 ...", where `place` finds the word."""
    rows = []
    for relation in relations:
        predicate, word, rest = re.fullmatch(r"(\S+?)<(.+?)> (.*)", relation).groups()
        start, end = (-1, -1) if word == "-" else place(text, word)
        rows.append(f"[ {predicate}<{start}:{end}> {rest} ]")
    return f"[ LTOP: {top} INDEX: {index} RELS: < {' '.join(rows)} > HCONS: < {constraints} > ]"


def record(
    id: int | str, text: str, tokens: str, tree: Tree, meaning: str, well_formed: int = 1
) -> dict[str, list[str]]:
    """Return the rows of one analysis, by table."""
    return {
        "item": [str(id), text, str(well_formed)],
        "parse": [str(id), str(id), initial(text, tokens)],
        "result": [str(id), derivation(text, tree), meaning],
    }


def write_profile(folder: Path, records: Sequence[dict[str, list[str]]]) -> None:
    """Write a profile."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "relations").write_text(RELATIONS, encoding="utf-8")
    for table in FIELDS:
        rows = (record[table] for record in records if table in record)
        lines = "".join("@".join(map(_escaped, row)) + "\n" for row in rows)
        (folder / f"{table}.gz").write_bytes(gzip.compress(lines.encode("utf-8"), mtime=0))


def _escaped(field: str) -> str:
    return field.replace("\\", "\\\\").replace("\n", "\\n").replace("@", "\\s")


def cat(id: int = 10, name: str = "cat") -> dict[str, list[str]]:
    """An analysis: "The cat slept." (or another animal)."""
    text = f"The {name} slept."
    tree = (
        "sb-hd_mc_c",
        ("sp-hd_n_c", ("the_1", "The"), (f"{name}_n1", name)),
        ("hd-pct_c", ("v_pst_olr", ("sleep_v1", "slept")), ("period_pct", ".")),
    )
    relations = [
        "_the_q<The> LBL: h4 ARG0: x3 RSTR: h5 BODY: h6",
        f"_{name}_n_1<{name}> LBL: h7 ARG0: x3 [ x PERS: 3 ]",
        "_sleep_v_1<slept> LBL: h1 ARG0: e2 [ e TENSE: past ] ARG1: x3",
    ]
    meaning = mrs(text, relations, "h0 qeq h1 h5 qeq h7")
    return record(id, text, f"The/DT {name}/NN slept/VBD ./.", tree, meaning)


def yes(id: int = 20) -> dict[str, list[str]]:
    """An analysis without an arc: "Yes."."""
    text = "Yes."
    tree = ("hd-pct_c", ("yes_a1", "Yes"), ("period_pct", "."))
    relations = ["_yes_a_1<Yes> LBL: h1 ARG0: e2 ARG1: u3"]
    return record(id, text, "Yes/UH ./.", tree, mrs(text, relations, "h0 qeq h1"))
