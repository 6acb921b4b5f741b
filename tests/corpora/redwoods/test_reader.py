import gzip
from pathlib import Path

import pytest

from spigot.corpora.redwoods import reader
from spigot.corpora.redwoods.derivation import Node
from spigot.corpora.redwoods.drops import Dropped, Reason
from spigot.corpora.redwoods.tokens import Token
from spigot.data.errors import DataError
from tests.corpora.redwoods.profiles import cat, derivation, initial, mrs, write_profile, yes


def test_records_in_the_order_of_results(tmp_path: Path) -> None:
    write_profile(tmp_path / "ws201", [yes(20), cat(10)])
    first, second = reader.read_profile(tmp_path / "ws201")
    assert (first.profile, first.id, first.text, first.well_formed) == ("ws201", "ws201-20", "Yes.", "1")
    assert second.id == "ws201-10"
    assert reader.unescape(second.mrs) == cat(10)["result"][2]
    assert reader.unescape(second.derivation) == cat(10)["result"][1]
    assert list(reader.read_texts(tmp_path / "ws201")) == ["Yes.", "The cat slept."]


def test_escapes() -> None:
    assert reader.unescape(r"a\sb\\s\\\sc\nd\\n") == "a@b\\s\\@c\nd\\n"


def test_plain_tables_are_read_too(tmp_path: Path) -> None:
    folder = tmp_path / "ws201"
    write_profile(folder, [cat()])
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert [record.id for record in reader.read_profile(folder)] == ["ws201-10"]


def test_a_result_without_its_parse_or_item(tmp_path: Path) -> None:
    lost = {"result": ["99", "(root)", "[ ]"]}
    bare = cat(30)
    del bare["item"]
    write_profile(tmp_path / "ws201", [lost, bare])
    first, second = reader.read_profile(tmp_path / "ws201")
    assert (first.id, first.text, first.initial) == ("ws201-99", "", "")
    assert (second.id, second.text, bool(second.initial)) == ("ws201-30", "", True)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "ws201"
    write_profile(folder, [cat(number) for number in range(200)])
    whole = (folder / "result.gz").read_bytes()
    (folder / "result.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="ws201/result: expected a table of a profile, got: "):
        list(reader.read_profile(folder))
    (folder / "result.gz").unlink()
    with pytest.raises(DataError, match="ws201/result: expected"):
        list(reader.read_profile(folder))


def test_a_schema_without_a_field_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "ws201"
    write_profile(folder, [cat()])
    relations = folder / "relations"
    relations.write_text(relations.read_text().replace("p-input", "q-input"))
    with pytest.raises(DataError, match=r"ws201/parse: expected .*p-input"):
        list(reader.read_profile(folder))


def test_initial_tokens() -> None:
    assert reader.initial_tokens(initial("It isn't", "It/PRP is/VBZ n’t=n't/RB")) == [
        Token(0, 2, "It", "PRP"),
        Token(3, 5, "is", "VBZ"),
        Token(5, 8, "n’t", "RB"),
    ]


def test_derivation() -> None:
    text = "The big apple"
    tree = ("sp-hd_n_c", ("the_1", "The"), ("n_sg_ilr", ("big_apple_n1", "big apple")))
    expected = Node("sp-hd_n_c", (Node("the_1", (), 0, 3), Node("n_sg_ilr", (Node("big_apple_n1", (), 4, 13),))))
    assert reader.derivation_tree(derivation(text, tree)) == expected
    assert reader.derivation_tree(derivation(text, tree).removeprefix("(root_strict ")[:-1]) == expected


def test_semantics() -> None:
    found = reader.semantics(cat()["result"][2])
    assert [relation.predicate for relation in found.relations.values()] == ["_the_q", "_cat_n_1", "_sleep_v_1"]
    quantifier, noun, verb = found.relations.values()
    assert (quantifier.is_quantifier, quantifier.roles, quantifier.types) == (True, {"BV": noun.id}, "x-h-h")
    assert (noun.is_quantifier, noun.roles, noun.types, noun.start, noun.end) == (False, {}, "x", 4, 7)
    assert (verb.roles, verb.types) == ({"ARG1": noun.id}, "e-x")
    assert found.top == verb.id


def test_edges_of_predicate_modifiers() -> None:
    text = "nearly every cat"
    relations = [
        "_nearly_x_deg<nearly> LBL: h1 ARG0: e2 ARG1: u4",
        "_every_q<every> LBL: h1 ARG0: x3 RSTR: h5 BODY: h6",
        "_cat_n_1<cat> LBL: h7 ARG0: x3",
    ]
    found = reader.semantics(mrs(text, relations, "h0 qeq h7 h5 qeq h7"))
    degree, quantifier, _ = found.relations.values()
    assert degree.roles == {"ARG1": quantifier.id}


def test_an_initial_conjunction_is_the_top() -> None:
    text = "But it rained"
    relations = [
        "_but_c<But> LBL: h1 ARG0: e2 [ e SF: prop ] ARG2: e4",
        "_rain_v_1<rained> LBL: h1 ARG0: e4 [ e TENSE: past ]",
    ]
    found = reader.semantics(mrs(text, relations, "h0 qeq h1"))
    assert found.top is not None
    assert found.relations[found.top].predicate == "_but_c"
    other = reader.semantics(mrs(text, relations, "h0 qeq h1", index="e4"))
    assert other.top is not None
    assert other.relations[other.top].predicate == "_rain_v_1"


@pytest.mark.parametrize(
    ("decode", "text"),
    [
        (reader.semantics, "[ LTOP: h0 RELS: < [ _tea_spoon(/nn_u_unknown<0:3> LBL: h1 ARG0: x2 ] > HCONS: < > ]"),
        (reader.semantics, ""),
        (reader.semantics, "[ LTOP: h0 RELS: < "),
        (reader.derivation_tree, "(root (0 sb-hd_mc_c 0 0 1"),
        (reader.derivation_tree, '(root (0 cat_n1 0 0 1 ("cat" 0 "token [ +FORM 3 ]")))'),
        (reader.derivation_tree, '(root (0 cat_n1 0 0 1 ("cat")))'),
        (reader.derivation_tree, ""),
        (reader.initial_tokens, ""),
        (reader.initial_tokens, '(1, 0, 1, <0:3>, 1, "cat", 0, "null")'),
    ],
)
def test_what_cannot_be_decoded_is_dropped(decode, text: str) -> None:
    with pytest.raises(Dropped) as raised:
        decode(text)
    assert raised.value.reason is Reason.UNREADABLE
    assert raised.value.detail.startswith(decode.__name__ + ": ")
    assert "\n" not in raised.value.detail
