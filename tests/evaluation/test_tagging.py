import dataclasses

import pytest

from spigot.evaluation.aligned_tagging import aligned_tagging
from spigot.evaluation.alignment import align
from spigot.evaluation.counts import Counts
from spigot.evaluation.report import label_measures, tag_measures
from spigot.evaluation.tagging import TagScore, columns_of_both, tagging
from tests.models.tiny import sentence

GOLD = sentence("the dog barks loud", tags="DT NN VBZ RB")
SYSTEM = sentence("the dog barks loud", tags="DT NN NNS NN")


def test_a_worked_example():
    score = tagging(GOLD, SYSTEM)
    assert (score.tokens, score.correct, score.accuracy) == (4, 2, 0.5)
    assert score.by_tag["NN"] == Counts(gold=1, system=2, correct=1)
    assert score.by_tag["RB"] == Counts(gold=1, system=0, correct=0)
    assert tag_measures(score)[0].counts == {"correct": 2, "total": 4}
    assert {m.name: m.value for m in label_measures(score.by_tag)}["NN"] == pytest.approx(2 / 3)


def test_sums():
    assert tagging(GOLD, SYSTEM) + TagScore() == tagging(GOLD, SYSTEM)
    total = tagging(GOLD, SYSTEM) + tagging(GOLD, GOLD)
    assert (total.tokens, total.correct, total.by_tag["NN"]) == (8, 6, Counts(2, 3, 2))
    assert TagScore().accuracy == 0


def test_other_tokens():
    short = dataclasses.replace(SYSTEM, forms=("the",), lemmas=("_",), tags=("DT",))
    with pytest.raises(ValueError, match="sentence '1': expected 4 tokens, as in gold, got 1"):
        tagging(GOLD, short)


def test_tags_of_other_words():
    gold, system = [sentence("new maps sell", tags="JJ NNS VBP")], [sentence("new maps se ll", tags="JJ NN VBP _")]
    # Of three words and of four, "new" alone is aligned with the right tag.
    assert aligned_tagging(gold, system, align(gold, system), "tags") == Counts(gold=3, system=4, correct=1)
    assert columns_of_both(gold, system) == {"XPOS": "tags"}
