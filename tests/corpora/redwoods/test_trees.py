import pytest

from spigot.corpora.redwoods.derivation import Leaf
from spigot.corpora.redwoods.drops import Dropped, Reason
from spigot.corpora.redwoods.tokens import Token
from spigot.corpora.redwoods.trees import Attachment, label_of, leaf_tokens
from spigot.corpora.redwoods.trees import attachments as attachments_of


def tokens(text: str) -> list[Token]:
    """Return the words of a text, "_" being a joint that is no character: "do_n't" is two tokens."""
    found, position = [], 0
    for word in text.replace("_", " _").split():
        word = word.removeprefix("_")
        found.append(Token(position, position + len(word), word, "X"))
        position += len(word)
    return found


def attachments(words: list[Token], leaves: list[Leaf]) -> list[Attachment]:
    return attachments_of(words, leaves, leaf_tokens(words, leaves))


def leaf(entry: str, covered: list[Token], governor: int | None, rule: str, depth: int) -> Leaf:
    return Leaf(entry, covered[0].start, covered[-1].end, governor, rule, depth)


def test_one_leaf_a_token() -> None:
    words = tokens("cats slept .")
    leaves = [
        leaf("cat_n1", words[:1], 1, "sb-hd_mc_c", 1),
        leaf("sleep_v1", words[1:2], None, "", 0),
        leaf("period_pct", words[2:], 1, "hd-pct_c", 1),
    ]
    assert attachments(words, leaves) == [
        Attachment(2, "sb-hd", "sb-hd_mc_c"),
        Attachment(0, "root"),
        Attachment(2, "hd-pct", "hd-pct_c"),
    ]


def test_the_last_word_of_an_expression_is_its_head() -> None:
    words = tokens("as well as , me")
    leaves = [leaf("as_well_as", words[:4], None, "", 0), leaf("me", words[4:], 0, "hd-cmp_u_c", 1)]
    assert attachments(words, leaves) == [
        Attachment(3, "mwe"),
        Attachment(3, "mwe"),
        Attachment(0, "root"),
        Attachment(3, "punct"),
        Attachment(3, "hd-cmp", "hd-cmp_u_c"),
    ]


@pytest.mark.parametrize(
    ("text", "entry", "head"), [("do_n’t", "do1_neg_1", 1), ("let_’s", "lets", 1), ("let alone", "let_alone", 2)]
)
def test_the_first_word_of_a_contraction_is_its_head(text: str, entry: str, head: int) -> None:
    words = tokens(text)
    heads = [attachment.head for attachment in attachments(words, [leaf(entry, words, None, "", 0)])]
    assert heads == [0, 1] if head == 1 else [2, 0]


def test_a_joined_word_belongs_to_its_leaf_nearest_to_the_root() -> None:
    text = tokens("well-fed cats")
    parts = [
        Leaf("well", 0, 4, 2, "aj-hd_int_c", 2),
        Leaf("dash", 4, 5, 2, "pct-hd_c", 2),
        Leaf("fed", 5, 8, 3, "aj-hdn_norm_c", 1),
    ]
    assert attachments(text, [*parts, leaf("cat_n1", text[1:], None, "", 0)]) == [
        Attachment(2, "aj-hdn", "aj-hdn_norm_c"),
        Attachment(0, "root"),
    ]


def test_of_two_leaves_at_the_same_depth_the_first_has_the_word() -> None:
    text = tokens("red-hot cats")
    parts = [Leaf("red", 0, 3, 2, "n-hdn_cpd_c", 1), Leaf("hot", 4, 7, 2, "aj-hdn_norm_c", 1)]
    assert attachments(text, [*parts, leaf("cat_n1", text[1:], None, "", 0)])[0].label == "n-hdn"


def test_leaves_and_tokens_must_cover_each_other() -> None:
    words = tokens("cats slept")
    for leaves in (
        [leaf("cat_n1", words[:1], None, "", 0)],
        [leaf("all", words, None, "", 0), Leaf("no", 90, 91, 0, "r", 1)],
    ):
        with pytest.raises(Dropped) as raised:
            attachments(words, leaves)
        assert raised.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize(
    ("rule", "label"),
    [
        ("hd-cmp_u_c", "hd-cmp"),
        ("np-np_crd-t_c", "crd"),
        ("cl-cl_runon_c", "runon"),
        ("mrk-nh_nom_c", "mrk-nh"),
        ("w-w_fw_c", "w-w"),
    ],
)
def test_labels(rule: str, label: str) -> None:
    assert label_of(rule) == label
