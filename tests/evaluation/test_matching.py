import pytest

from spigot.data.errors import DataError
from spigot.data.sentence import Sentence
from spigot.evaluation.matching import in_common, match

TEXTS = {"a": "One fish .", "b": "Two fish .", "c": "Red fish ."}


def sentence(id, text):
    forms = tuple(text.split())
    return Sentence(id, forms, forms, forms)


def sentences(*ids):
    return [sentence(id, TEXTS[id]) for id in ids]


def numbered(*keys):
    return [sentence(str(number), TEXTS[key]) for number, key in enumerate(keys, 1)]


def pairs_of(*arguments):
    return [(one.id, other.id) for one, other in match(*arguments)]


def test_pairs_by_id_in_gold_order():
    assert pairs_of(sentences("a", "b", "c"), sentences("c", "a", "b")) == [
        ("a", "a"),
        ("b", "b"),
        ("c", "c"),
    ]


def test_running_numbers_pair_by_position():
    assert pairs_of(sentences("b", "a"), numbered("b", "a")) == [("b", "1"), ("a", "2")]
    assert pairs_of(numbered("b", "a"), sentences("b", "a")) == [("1", "b"), ("2", "a")]


def test_shuffled_numbers_are_ids():
    gold = numbered("a", "b", "c")
    assert pairs_of(gold, [gold[2], gold[0], gold[1]]) == [("1", "1"), ("2", "2"), ("3", "3")]


def test_one_id_that_is_no_running_number_makes_all_of_them_ids():
    gold, system = ([sentence("1", TEXTS["a"]), sentence(id, TEXTS["b"])] for id in ("x", "y"))
    with pytest.raises(DataError, match="sentence 'x' of gold is missing"):
        match(gold, system)


@pytest.mark.parametrize(
    ("gold", "system", "message"),
    [
        (sentences("a", "b"), sentences("a"), "sys.sdp: sentence 'b' of gold.sdp is missing"),
        (sentences("a", "b", "c"), sentences("a"), r"sys.sdp: sentence 'b' .* is missing \(and 1 more\)"),
        (sentences("a"), sentences("a", "c"), "sys.sdp: sentence 'c' is not in gold.sdp"),
        (
            sentences("a"),
            sentences("a", "a"),
            "sys.sdp: sentence 'a': expected once, got again as number 2",
        ),
        (
            sentences("a", "a"),
            sentences("a"),
            "gold.sdp: sentence 'a': expected once, got again as number 2",
        ),
        (numbered("a", "b"), numbered("a"), r"sys.sdp: expected 2 sentences, as in gold.sdp, got 1 \(matched in order"),
        (
            sentences("a"),
            [sentence("a", "One dish .")],
            "sys.sdp: sentence 'a': expected token 2 to be 'fish', as in gold.sdp, got 'dish'",
        ),
        (
            sentences("a"),
            [sentence("a", "One")],
            "sys.sdp: sentence 'a': expected 3 tokens, as in gold.sdp, got 1",
        ),
        (
            sentences("b", "a"),
            numbered("a", "b"),
            r"sys.sdp: sentence 'b' \(number 1\): expected token 1 to be 'Two'",
        ),
    ],
)
def test_mismatches_name_file_and_sentence(gold, system, message):
    with pytest.raises(DataError, match="^" + message):
        match(gold, system, "gold.sdp", "sys.sdp")


def test_two_empty_files_pair_to_nothing():
    assert match([], []) == []


def test_forms_that_look_the_same_show_their_code_points():
    message = r"expected token 1 to be .*: they differ from character 4, U\+00E9 against U\+0065 U\+0301$"
    with pytest.raises(DataError, match=message):
        match([sentence("a", "caf\u00e9")], [sentence("a", "cafe\u0301")])
    with pytest.raises(DataError, match=r"got 'cab'$"):
        match([sentence("a", "caf")], [sentence("a", "cab")])


def test_sentences_in_common_keep_the_order_of_each_side():
    ours, theirs = in_common(sentences("a", "b", "c"), sentences("c", "a"))
    assert ([s.id for s in ours], [s.id for s in theirs]) == (["a", "c"], ["c", "a"])


def test_without_ids_nothing_is_left_out():
    # Of running numbers, 1 and 2 would be "in common", and wrong pairs.
    for sides in ((numbered("a", "b", "c"), numbered("b", "c")), (sentences("a", "b"), sentences("c"))):
        assert in_common(*sides) == sides
