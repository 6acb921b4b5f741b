from pathlib import Path

import pytest

from spigot.corpora.redwoods.anchors import Anchors
from spigot.corpora.redwoods.lemmas import lemmas_and_frames, read_synopses
from spigot.corpora.redwoods.semantics import Relation, Semantics
from spigot.corpora.redwoods.tokens import Token
from spigot.data.errors import DataError

SURFACE = """\
predicates:

  _a_q : ARG0 x { IND + }, RSTR h, BODY h.
  _adjust_v_to : ARG0 e, ARG1 i, [ ARG2 p ], [ ARG3 i ].
  _adjust_v_to : ARG0 e.
  _acre_n_1 : ARG0 x { GEND n, NUM sg, IND + }, ARG1 u.
"""
ABSTRACT = "predicates:\n\n  named : ARG0 x { IND + }, CARG string.\n"


def described(form: str, *predicates: str, **synopses: str) -> tuple[str, str]:
    """Return lemma and frame of a token to which relations with these predicates belong, in this order."""
    relations = {
        str(number): Relation(str(number), predicate, 0, len(form), {}, "e-i", predicate.endswith("_q"))
        for number, predicate in enumerate(predicates)
    }
    anchors = Anchors(dict.fromkeys(relations, 0), {})
    (described,) = lemmas_and_frames(Semantics(relations, None), anchors, [Token(0, len(form), form, "X")], synopses)
    return described


@pytest.mark.parametrize(
    ("form", "predicates", "lemma", "frame"),
    [
        ("saw", ["_see_v_1"], "see", "v:e-i"),
        ("gave", ["_give_v_up"], "give", "v_up:e-i"),
        ("The", ["_the_q"], "the", "q:e-i"),
        ("Robots", ["named"], "Robots", "named:e-i"),
        ("May", ["mofy"], "May", "mofy:e-i"),
        ("Two", ["card"], "two", "card:e-i"),
        ("cowbirds", ["_cowbirds/nns_u_unknown"], "cowbirds", "n:e-i"),
        ("and/or", ["_and/or/jj_u_unknown"], "and/or", "a:e-i"),
        ("on/off", ["_on/off_a_1"], "on/off", "a:e-i"),
        ("xu", ["_⌊/xu/⌋/fw_u_unknown"], "xu", "x:e-i"),
        (",", [], "_", "_"),
        (":", ["_colon_v_id"], "colon", "v_id:e-i"),
        ("To", [], "to", "_"),
        ("biggest", ["superl", "_big_a_1"], "big", "a:e-i"),
        ("more", ["comp", "much-many_a"], "more", "much-many_a:e-i"),
        ("somebody", ["_some_q", "person"], "somebody", "person:e-i"),
    ],
)
def test_lemma_and_frame(form: str, predicates: list[str], lemma: str, frame: str) -> None:
    assert described(form, *predicates) == (lemma, frame)


def test_words_of_an_expression_have_the_lemma_of_the_last() -> None:
    forms = ["Up", "to", "date", "one", "half"]
    tokens = [Token(index, index + 1, form, "X") for index, form in enumerate(forms)]
    relations = {
        "e1": Relation("e1", "_up+to+date_a_1", 0, 3, {}, "e-u"),
        "e2": Relation("e2", "card", 3, 5, {}, "i-u"),
    }
    anchors = Anchors({"e1": 2, "e2": 4}, {0: 2, 1: 2, 3: 4})
    found = lemmas_and_frames(Semantics(relations, None), anchors, tokens, {})
    assert [lemma for lemma, _ in found] == ["up+to+date"] * 3 + ["one", "half"]
    assert [frame for _, frame in found] == ["a:e-u"] * 3 + ["card:i-u"] * 2


def test_conjunctions_that_link_have_no_predicate() -> None:
    roles = {"ARG1": "x1", "ARG2": "x2"}
    relations = {"c1": Relation("c1", "_versus_c", 0, 2, roles, "x-x-x")}
    found = lemmas_and_frames(Semantics(relations, None), Anchors({"c1": 0}, {}), [Token(0, 2, "v.", "X")], {})
    assert found == [("v.", "_")]


def test_first_synopsis_of_the_semi(tmp_path: Path) -> None:
    (tmp_path / "surface.smi").write_text(SURFACE, encoding="utf-8")
    (tmp_path / "abstract.smi").write_text(ABSTRACT, encoding="utf-8")
    synopses = read_synopses(tmp_path)
    assert synopses == {"_a_q": "x-h-h", "_adjust_v_to": "e-i-p-i", "_acre_n_1": "x-u", "named": "x"}
    assert described("acre", "_acre_n_1", **synopses) == ("acre", "n:x-u")
    assert described("acre", "_acre_n_2", **synopses) == ("acre", "n:e-i")


def test_a_semi_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "surface.smi").write_bytes("  _café_n_1 : ARG0 x.\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"surface\.smi:1: expected UTF-8 text, got b'\\xe9'"):
        read_synopses(tmp_path)


def test_a_grammar_without_semi(tmp_path: Path) -> None:
    assert read_synopses(tmp_path) == {}
