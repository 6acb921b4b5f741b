import pytest

from spigot.data.sentence import Sentence
from spigot.evaluation.accuracy import AccuracyScore, accuracy

ROW = ("_",)


def sentence(sentiment):
    return Sentence("s1", ("fine",), ROW, ROW, sentiment=sentiment)


def test_each_class_counts_by_its_gold_label():
    pairs = [(1, 1), (1, 1), (1, 0), (0, 1), (0, 1), (0, 1), (0, 0)]
    score = sum((accuracy(sentence(gold), sentence(system)) for gold, system in pairs), AccuracyScore())
    assert score == AccuracyScore(sentences=7, correct=3, positive=3, correct_positive=2)
    assert (score.negative, score.correct_negative, score.accuracy) == (4, 1, 3 / 7)


def test_a_missing_label_is_named():
    for gold, system, side in ((None, 1, "gold"), (0, None, "system")):
        with pytest.raises(ValueError, match=f"sentence 's1': expected a sentiment on the {side} side, got none"):
            accuracy(sentence(gold), sentence(system))
