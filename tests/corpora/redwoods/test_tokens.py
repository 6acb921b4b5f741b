import pytest

from spigot.corpora.redwoods.drops import Dropped, Reason
from spigot.corpora.redwoods.tokens import Token, is_lets, tokens_of, trimmed


def parts(text: str, *entries: str) -> list[Token]:
    """Return initial tokens from "form/tag"; a form that differs from the text is "form=text/tag"."""
    found, position = [], 0
    for entry in entries:
        word, _, tag = entry.rpartition("/")
        form, _, surface = word.partition("=")
        start = text.index(surface or form, position)
        position = start + len(surface or form)
        found.append(Token(start, position, form, tag))
    return found


def converted(text: str, *entries: str) -> list[tuple[str, str]]:
    return [(token.form, token.tag) for token in tokens_of(text, parts(text, *entries))]


def test_hyphens_and_slashes_join_words() -> None:
    assert converted(
        "a state-of-the-art robot", "a/DT", "state/NN", "-/:", "of/IN", "-/:", "the/DT", "-/:", "art/NN", "robot/NN"
    ) == [
        ("a", "DT"),
        ("state-of-the-art", "NN"),
        ("robot", "NN"),
    ]
    assert converted("and/or", "and/CC", "\\/=//.", "or/CC") == [("and/or", "CC")]


@pytest.mark.parametrize(
    ("text", "entries", "forms"),
    [
        ("tea - not coffee", ["tea/NN", "-/:", "not/RB", "coffee/NN"], ["tea", "-", "not", "coffee"]),
        ("tea- coffee", ["tea/NN", "-/:", "coffee/NN"], ["tea", "-", "coffee"]),
        ("tea-)", ["tea/NN", "-/:", ")/."], ["tea", "-", ")"]),
        ("2–3", ["2/CD", "–/:", "3/CD"], ["2–3"]),
        ("tea–coffee", ["tea/NN", "–/:", "coffee/NN"], ["tea", "–", "coffee"]),
        ("2–a3", ["2/CD", "–/:", "a3/CD"], ["2", "–", "a3"]),
        ("-tea", ["-/:", "tea/NN"], ["-", "tea"]),
        ("⌊/k/⌋-th", ["⌊/k/⌋/NN", "-/:", "th/NN"], ["k-th"]),
        ("∗k∗-th", ["k/NN", "-/:", "th/NN"], ["k", "-", "th"]),
    ],
)
def test_only_between_words_that_touch(text: str, entries: list[str], forms: list[str]) -> None:
    assert [form for form, _ in converted(text, *entries)] == forms


@pytest.mark.parametrize(
    ("first", "last", "tag"),
    [
        ("NN", "VBN", "JJ"),
        ("NN", "VBG", "JJ"),
        ("RB", "JJ", "JJ"),
        ("CD", "NNS", "JJ"),
        ("NN", "NNS", "NNS"),
        ("CD", "CD", "CD"),
    ],
)
def test_tag_of_a_joined_word(first: str, last: str, tag: str) -> None:
    assert converted("x-y", f"x/{first}", "-/:", f"y/{last}") == [("x-y", tag)]


def test_a_word_alone_keeps_its_tag() -> None:
    assert converted("sung", "sung/VBN") == [("sung", "VBN")]


def test_punctuation_gets_its_tag_from_its_form() -> None:
    tags = {
        ",": ",",
        ";": ":",
        "—": ":",
        "?": ".",
        "“": "``",
        "’": "''",
        "[": "-LRB-",
        "}": "-RRB-",
        "$": "$",
        "#": "#",
    }
    assert converted(" ".join(tags), *(f"{form}/." for form in tags)) == list(tags.items())
    assert converted("%", "%/SYM") == [("%", "SYM")]


def test_markup_leaves_forms_and_makes_no_space() -> None:
    text = "the ⌊>⌊/robot/⌋>⌋s, ⌊/c/⌋"
    tokens = tokens_of(text, parts(text, "the/DT", "⌊/robot/⌋s=⌊/robot/⌋>⌋s/NNS", ",/.", "⌊/c/⌋/NN"))
    assert [(token.form, token.space_after) for token in tokens] == [
        ("the", True),
        ("robots", False),
        (",", True),
        ("c", True),
    ]


@pytest.mark.parametrize("form", ["a b", "a\u00a0b", "a¦b", "⌊//⌋"])
def test_what_is_left_of_markup_drops_the_sentence(form: str) -> None:
    with pytest.raises(Dropped) as raised:
        tokens_of(form, [Token(0, len(form), form, "NN")])
    assert raised.value.reason is Reason.MARKUP


def test_overlapping_tokens_drop_the_sentence() -> None:
    with pytest.raises(Dropped) as raised:
        tokens_of("abc", [Token(0, 2, "ab", "NN"), Token(1, 3, "bc", "NN")])
    assert raised.value.reason is Reason.OVERLAP


def test_trimmed() -> None:
    tokens = tokens_of("( a , b )", parts("( a , b )", "(/.", "a/NN", ",/.", "b/NN", ")/."))
    assert list(trimmed(range(5), tokens)) == [1, 2, 3]
    assert list(trimmed([2], tokens)) == [2]
    assert list(trimmed([], tokens)) == []


def test_is_lets() -> None:
    assert is_lets(["let", "’s"])
    assert is_lets(["let", "'s"])
    assert not is_lets(["let", "alone"])
