import pytest

from spigot.data.sentence import TOP, Arc, Graph, Sentence
from spigot.evaluation.counts import Counts
from spigot.evaluation.graph_f1 import GraphScore, graph_score

WORDS = ("Anna", "wants", "to", "sleep")


def sentence(arcs, predicates=None, forms=WORDS, id="g1"):
    arcs = tuple(Arc(*arc) for arc in arcs)
    heads = {arc.head for arc in arcs if arc.head}
    graph = Graph(arcs, frozenset(heads if predicates is None else predicates))
    return Sentence(id, forms, forms, ("X",) * len(forms), graphs={"semantics": graph})


GOLD = [(0, 2, TOP), (2, 1, "ARG1"), (2, 4, "ARG2"), (4, 1, "ARG1")]


def test_worked_example():
    # Gold: top "wants" and three arcs. System: the top, one arc right, one with a wrong label, one too many,
    # and a second top. Labelled: 2 of 5 system and of 4 gold items; unlabelled 3.
    system = sentence([(0, 2, TOP), (0, 4, TOP), (2, 1, "ARG1"), (2, 4, "ARG1"), (2, 3, "ARG2")])
    score = graph_score(sentence(GOLD), system)
    assert score.labelled == Counts(gold=4, system=5, correct=2)
    assert (score.labelled.precision, score.labelled.recall) == (2 / 5, 2 / 4)
    assert score.lf == pytest.approx(4 / 9)
    assert score.unlabelled == Counts(4, 5, 3)
    assert score.uf == pytest.approx(6 / 9)
    # Without tops: labelled 1, unlabelled 2, of 3 and 3.
    assert score.labelled_arcs == Counts(3, 3, 1)
    assert score.unlabelled_arcs == Counts(3, 3, 2)
    assert score.tops == Counts(1, 2, 1)
    assert score.predicates == Counts(2, 1, 1)
    assert (score.lm, score.um) == (0, 0)
    assert score.by_label == {"ARG1": Counts(2, 2, 1), "ARG2": Counts(1, 1, 0)}


def test_direction_matters():
    score = graph_score(sentence([(2, 1, "ARG1")]), sentence([(1, 2, "ARG1")]))
    assert score.unlabelled == Counts(1, 1, 0)


def test_a_top_is_one_item_whatever_its_label():
    score = graph_score(sentence([(0, 2, TOP)]), sentence([(0, 2, "root")]))
    assert score.labelled == score.unlabelled == Counts(1, 1, 1)
    assert score.lm == 1


def test_exact_match_with_and_without_tops_and_labels():
    gold = sentence(GOLD)
    other_top = sentence([(0, 4, TOP), *GOLD[1:]])
    score = graph_score(gold, other_top)
    assert (score.exact, score.exact_unlabelled, score.exact_arcs, score.exact_unlabelled_arcs) == (
        0,
        0,
        1,
        1,
    )
    other_label = sentence([*GOLD[:3], (4, 1, "ARG2")])
    score = graph_score(gold, other_label)
    assert (score.exact, score.exact_unlabelled, score.exact_arcs, score.exact_unlabelled_arcs) == (
        0,
        1,
        0,
        1,
    )
    superset = sentence([*GOLD, (4, 3, "mod")])
    assert graph_score(gold, superset).um == 0
    assert graph_score(gold, gold).lm == 1


def test_micro_average_over_sentences():
    # 4 of 4 right, then 0 of 1: F1 is 2 * 4 / (5 + 4), not the mean 1/2.
    lone = sentence([(0, 1, TOP)], forms=("Sleep",), id="g2")
    empty = sentence([], forms=("Sleep",), id="g2")
    score = sum([graph_score(sentence(GOLD), sentence(GOLD)), graph_score(lone, empty)], GraphScore())
    assert score.lf == pytest.approx(8 / 9)
    assert score.lm == 1 / 2
    assert GraphScore() + score == score + GraphScore() == score


def test_nothing_against_nothing_matches_but_scores_zero():
    empty = sentence([])
    score = graph_score(empty, empty)
    assert (score.labelled.precision, score.labelled.recall, score.lf, score.lm) == (0, 0, 0, 1)
    assert GraphScore().lf == GraphScore().lm == 0


def test_arcless_sentences_count():
    # A system that finds nothing loses recall, one that invents an arc loses precision.
    full, empty = sentence(GOLD), sentence([])
    assert graph_score(full, empty).labelled == Counts(4, 0, 0)
    assert graph_score(empty, full).labelled == Counts(0, 4, 0)


def test_predicates_without_arguments_count():
    score = graph_score(sentence([], predicates=[3]), sentence([], predicates=[3, 4]))
    assert score.predicates == Counts(1, 2, 1)


def test_missing_graph_and_other_length_are_named():
    without = Sentence("g1", WORDS, WORDS, WORDS)
    with pytest.raises(ValueError, match="sentence 'g1': expected a graph on the gold side"):
        graph_score(without, sentence(GOLD))
    with pytest.raises(ValueError, match="sentence 'g1': expected 4 tokens, as in gold, got 1"):
        graph_score(sentence(GOLD), sentence([], forms=("Anna",)))
