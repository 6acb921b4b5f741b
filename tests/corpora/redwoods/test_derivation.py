from pathlib import Path

import pytest

from spigot.corpora.redwoods.derivation import Leaf, Node, head_daughter, leaves_of, read_head_table
from spigot.corpora.redwoods.drops import Dropped, Reason
from spigot.data.errors import DataError


def word(name: str, start: int) -> Node:
    return Node(name, (), start, start + 1)


def test_head_table_has_the_binary_rules(tmp_path: Path) -> None:
    path = tmp_path / "rules.hds"
    path.write_text("sb-hd_mc_c 2 1\nhd-cmp_u_c 2 0\nv_pst_olr 1 0\n\n")
    assert read_head_table(path) == {"sb-hd_mc_c": 1, "hd-cmp_u_c": 0}


@pytest.mark.parametrize("line", ["sb-hd_mc_c 2 2", "sb-hd_mc_c 2", "sb-hd_mc_c 3 1", "sb-hd_mc_c"])
def test_a_damaged_head_table_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.hds"
    path.write_text(f"hd-cmp_u_c 2 0\n{line}\n")
    with pytest.raises(DataError, match=f"rules.hds:2: expected a rule, .*, got '{line}'"):
        read_head_table(path)


@pytest.mark.parametrize(
    ("rule", "head"),
    [("np-np_crd-x_c", 1), ("hd-new_c", 0), ("aj-hdx_new_c", 1), ("r-v_new", 1), ("np-new_c", 0), ("hd-hd_crd-x_c", 1)],
)
def test_heads_of_unknown_rules_are_guessed(rule: str, head: int) -> None:
    assert head_daughter(rule, {}) == head
    assert head_daughter(rule, {rule: 1 - head}) == 1 - head


def test_leaves_and_their_governors() -> None:
    noun_phrase = Node("sp-hd", (word("the", 0), Node("n_sg_ilr", (word("cat", 1),))))
    verb_phrase = Node("hd-cmp", (word("saw", 2), word("me", 3)))
    table = {"sp-hd": 1, "hd-cmp": 0, "sb-hd": 1}
    assert leaves_of(Node("sb-hd", (noun_phrase, verb_phrase)), table) == [
        Leaf("the", 0, 1, governor=1, rule="sp-hd", depth=2),
        Leaf("cat", 1, 2, governor=2, rule="sb-hd", depth=1),
        Leaf("saw", 2, 3, governor=None, rule="", depth=0),
        Leaf("me", 3, 4, governor=2, rule="hd-cmp", depth=1),
    ]


def test_rules_of_three_daughters_are_not_known() -> None:
    with pytest.raises(Dropped, match="one or two daughters, got 3 under flat") as raised:
        leaves_of(Node("flat", (word("a", 0), word("b", 1), word("c", 2))), {})
    assert raised.value.reason is Reason.UNREADABLE
