import pytest

from spigot.data.sentence import Sentence, Tree
from spigot.evaluation.attachment import AttachmentScore, attachment
from spigot.evaluation.counts import Counts
from spigot.evaluation.punctuation import TAGS_RULE

WORDS = ("Maria", "sells", "old", "maps", ".")
TAGS = ("NNP", "VBZ", "JJ", "NNS", ".")
GOLD = ((2, 0, 4, 2, 2), ("nsubj", "root", "amod", "obj", "punct"))


def sentence(heads, labels, forms=WORDS, tags=TAGS, id="s1"):
    return Sentence(id, forms, ("_",) * len(forms), tags, trees={"syntax": Tree(tuple(heads), tuple(labels))})


@pytest.fixture
def gold():
    return sentence(*GOLD)


def test_worked_example(gold):
    # "old" hangs from the verb, the full stop from "maps", and "maps" has the wrong label:
    # 3 of 5 heads and 2 of 5 labelled; without the full stop 3 of 4 and 2 of 4.
    system = sentence((2, 0, 2, 2, 4), ("nsubj", "root", "amod", "iobj", "punct"))
    score = attachment(gold, system)
    assert score.uas == 3 / 5
    assert score.las == 2 / 5
    assert score.uas_without_punctuation == 3 / 4
    assert score.las_without_punctuation == 2 / 4
    assert score.exact_match == score.labelled_exact_match == 0
    assert score.punctuation == 1
    assert score.by_label == {
        "nsubj": Counts(1, 1, 1),
        "root": Counts(1, 1, 1),
        "amod": Counts(1, 1, 0),
        "obj": Counts(1, 0, 0),
        "iobj": Counts(0, 1, 0),
        "punct": Counts(1, 1, 0),
    }


def test_conll_2018():
    forms = ("Maps", "were", "sold", "by", "Maria", ".")
    tree = (3, 3, 0, 5, 3, 3)
    gold = sentence(tree, ("nsubj:pass", "aux:pass", "root", "case", "obl:agent", "punct"), forms, (*TAGS, "."))
    # The subtype of "Maps" is lost, "by" hangs from the verb, "Maria" is of another kind, and so is "were".
    labels = ("nsubj", "cop:x", "root", "case", "nmod:by", "punct")
    score = attachment(gold, sentence((3, 3, 0, 3, 3, 3), labels, forms, (*TAGS, ".")))
    assert (score.uas, score.las, score.universal_las) == (5 / 6, 2 / 6, 3 / 6)
    # Content: Maps, sold, Maria on both sides; the first two are right.
    assert score.content == Counts(3, 3, 2)
    assert score.clas == 2 / 3
    more = attachment(gold, sentence(tree, ("nsubj", "nsubj", *labels[2:]), forms, (*TAGS, ".")))
    assert more.content == Counts(3, 4, 2)
    assert more.clas == 4 / 7


def test_clas_is_none_without_universal_relations(gold):
    other = sentence(GOLD[0], ("sb-hd", "ROOT", "aj-hdn", "hd-cmp", "hd-pct"))
    score = attachment(other, other)
    assert (score.las, score.universal_las, score.clas) == (1, 1, None)
    assert attachment(gold, sentence(GOLD[0], ("_",) * 5)).clas is None


def test_right_heads_with_a_wrong_label_make_an_unlabelled_exact_match(gold):
    score = attachment(gold, sentence(GOLD[0], ("nsubj", "root", "amod", "iobj", "punct")))
    assert (score.exact_match, score.labelled_exact_match) == (1, 0)


def test_scores_add_token_by_token(gold):
    short = sentence((0, 1), ("root", "punct"), ("Wait", "!"), ("VB", "."), id="s2")
    wrong = sentence((2, 0), ("punct", "root"), ("Wait", "!"), ("VB", "."), id="s2")
    score = sum([attachment(gold, gold), attachment(short, wrong)], AttachmentScore())
    assert score.sentences == 2
    assert score.uas == 5 / 7  # a mean over sentences would be 1/2
    assert score.uas_without_punctuation == 4 / 5
    assert score.exact_match == 1 / 2
    assert score.by_label["root"] == Counts(2, 2, 1)
    assert score.head_counts.f1 == score.uas
    assert score.label_counts.f1 == score.las


def test_zero_is_neutral_and_scores_nothing(gold):
    score = attachment(gold, gold)
    assert AttachmentScore() + score == score + AttachmentScore() == score
    assert AttachmentScore().uas == 0
    assert AttachmentScore().las is None


def test_las_is_none_where_a_side_has_no_labels(gold):
    bare = sentence(GOLD[0], ("_",) * 5)
    for one, other in ((gold, bare), (bare, gold)):
        score = attachment(one, other)
        assert score.uas == score.exact_match == 1
        assert score.las is score.las_without_punctuation is score.labelled_exact_match is None


def test_one_unlabelled_sentence_among_others_is_wrong_not_undefined(gold):
    score = attachment(gold, gold) + attachment(gold, sentence(GOLD[0], ("_",) * 5))
    assert score.las == 1 / 2


def test_punctuation_is_judged_on_the_gold_side_by_the_named_rule(gold):
    # By form the full stop is punctuation, whatever its tag; by tag it is not once the tag is another.
    retagged = sentence(*GOLD, tags=("NNP", "VBZ", "JJ", "NNS", "SENT"))
    assert attachment(retagged, gold).words == 4
    assert attachment(retagged, gold, TAGS_RULE).words == 5
    assert attachment(gold, retagged, TAGS_RULE).words == 4


def test_the_universal_part_of_a_label_ends_at_the_first_colon(gold):
    score = attachment(sentence(GOLD[0], ("nsubj:a:b", *GOLD[1][1:])), sentence(GOLD[0], ("nsubj:a:c", *GOLD[1][1:])))
    assert (score.labels, score.universal_labels, score.content.correct) == (4, 5, 4)


def test_missing_tree_and_other_length_are_named(gold):
    without = Sentence("s1", WORDS, ("_",) * 5, TAGS)
    with pytest.raises(ValueError, match="sentence 's1': expected a tree on the system side"):
        attachment(gold, without)
    with pytest.raises(ValueError, match="sentence 's1': expected 5 tokens, as in gold, got 2"):
        attachment(gold, sentence((0, 1), ("root", "obj"), ("Sell", "maps"), ("VB", "NNS")))
