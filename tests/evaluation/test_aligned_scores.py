import random
from dataclasses import replace

import pytest

from spigot.builtin import generate
from spigot.data.sentence import Graph, Tree
from spigot.evaluation.aligned_attachment import aligned_attachment
from spigot.evaluation.aligned_graph_f1 import aligned_graph_score
from spigot.evaluation.aligned_report import aligned_graph_measures, aligned_tree_measures
from spigot.evaluation.alignment import align
from spigot.evaluation.attachment import AttachmentScore, attachment
from spigot.evaluation.counts import Counts
from spigot.evaluation.graph_f1 import GraphScore, graph_score
from spigot.evaluation.punctuation import PUNCTUATION_RULES
from spigot.evaluation.report import graph_measures, tree_measures
from tests.evaluation.aligned_files import random_pair, sentences_of


def trees(gold, system, **settings):
    return aligned_attachment(gold, system, align(gold, system), **settings)


def graphs(gold, system):
    return aligned_graph_score(gold, system, align(gold, system))


def test_trees_of_split_token():
    gold = sentences_of("1 Old 2 amod\n2 maps 3 nsubj:pass\n3 sell 0 root\n4 . 3 punct")
    system = sentences_of("1 Old 2 amod\n2 maps 3 nsubj\n3 se 0 root\n4 ll 3 dep\n5 . 3 punct")
    score = trees(gold, system)
    # "sell" is not aligned, so nothing that depends on it is right: "Old" alone.
    assert score.heads == score.labels == Counts(4, 5, 1)
    assert score.content == Counts(3, 4, 1)
    assert score.word_heads == Counts(3, 4, 1)
    assert score.punctuation == Counts(1, 1, 1)
    assert score.trees == score.labelled_trees == Counts(1, 1, 0)
    assert score.by_label["punct"] == Counts(1, 1, 0)
    assert score.by_label["dep"] == Counts(0, 1, 0)


def test_the_gold_tag_says_what_is_punctuation():
    gold, system = (sentences_of("1 Stop 0 root\n2 . 1 punct") for _ in "ab")
    (one,), (other,) = gold, system
    rule = PUNCTUATION_RULES["tags"]
    gold, system = [replace(one, tags=("VB", "."), source=None)], [replace(other, tags=("VB", "SENT"), source=None)]
    for first, second, words in ((gold, system, 1), (system, gold, 2)):
        score = trees(first, second, punctuation=rule)
        assert score.word_heads == Counts(words, words, words)
        assert score.punctuation == Counts(2 - words, 2 - words, 2 - words)


def test_trees_of_moved_sentence_boundary():
    gold = sentences_of("1 Dogs 2 nsubj\n2 bark 0 root\n3 . 2 punct\n\n1 Stop 0 root")
    system = sentences_of("1 Dogs 2 nsubj:x\n2 bark 0 root\n\n1 . 2 punct\n2 Stop 0 root")
    score = trees(gold, system)
    assert score.heads == Counts(4, 4, 3)
    assert (score.labels, score.universal_labels) == (Counts(4, 4, 2), Counts(4, 4, 3))
    assert score.trees == Counts(2, 2, 0)


def test_sentence_that_others_surround_can_be_right():
    gold = sentences_of("1 a 0 root\n2 b 1 x\n\n1 c 2 x\n2 d 0 root")
    system = sentences_of("1 a 0 root\n\n1 b 0 root\n\n1 c 2 y\n2 d 0 root")
    score = trees(gold, system)
    assert (score.trees, score.labelled_trees) == (Counts(2, 3, 1), Counts(2, 3, 0))


def test_graph_of_split_token():
    gold = sentences_of("1 It 0 x 2:ARG1\n2 rains 0 x 0:root|3:ARG1\n3 now 0 x _")
    system = sentences_of("1 It 0 x 3:ARG1\n2 ra 0 x _\n3 ins 0 x 0:root\n4 now 0 x 1:ARG9")
    score = graphs(gold, system)
    assert score.whole.tops == Counts(1, 1, 0)
    assert score.whole.unlabelled == Counts(3, 3, 0)
    # The top is right, and so is the arc from "now", but for its label.
    system = sentences_of("1 I 0 x _\n2 t 0 x 3:ARG1\n3 rains 0 x 0:root|4:ARG2\n4 now 0 x _")
    score = graphs(gold, system)
    assert score.whole.tops == Counts(1, 1, 1)
    assert (score.whole.unlabelled, score.whole.labelled) == (Counts(3, 3, 2), Counts(3, 3, 1))
    assert score.exact == score.exact_unlabelled == Counts(1, 1, 0)


def test_empty_graph_of_other_words_is_not_right():
    gold = sentences_of("1 a 0 x _\n2 b 0 x _\n\n1 c 0 x 0:root")
    system = sentences_of("1 ab 0 x _\n\n1 c 0 x 0:root")
    gold[0], system[0] = (s.with_graph("semantics", Graph((), frozenset())) for s in (gold[0], system[0]))
    assert graphs(gold, system).exact == Counts(2, 2, 1)


def test_missing_annotation_is_named():
    gold = sentences_of("1 a 0 x")
    with pytest.raises(ValueError, match="sentence '1': expected a graph on the gold side, got none"):
        graphs(gold, gold)
    bare = [replace(gold[0], trees={})]
    with pytest.raises(ValueError, match="sentence '1': expected a tree on the system side, got none"):
        trees(gold, bare)


def noisy(sentence, rng):
    """Return a sentence with some heads, labels and arcs moved."""
    tree, graph = sentence.trees["syntax"], sentence.graphs["semantics"]
    heads = tuple(0 if rng.random() < 0.1 else head for head in tree.heads)
    labels = tuple("dep" if rng.random() < 0.1 else label for label in tree.labels)
    arcs = tuple(arc._replace(label="X") if rng.random() < 0.2 else arc for arc in graph.arcs if rng.random() < 0.9)
    return replace(
        sentence,
        trees={"syntax": Tree(heads, labels)},
        graphs={"semantics": Graph(arcs, frozenset(arc.head for arc in arcs if arc.head))},
    )


@pytest.mark.parametrize("rule", PUNCTUATION_RULES.values(), ids=PUNCTUATION_RULES)
def test_equal_tokens_have_the_scores_without_alignment(rule):
    rng = random.Random(0)
    gold = list(generate(60, seed=1))
    system = [noisy(sentence, rng) for sentence in gold]
    plain = sum((attachment(*pair, rule) for pair in zip(gold, system, strict=True)), AttachmentScore())
    expected = {m.name: m.value for m in tree_measures(plain, rule)}
    score = trees(gold, system, punctuation=rule)
    assert {m.name: m.value for m in aligned_tree_measures(score, rule)} == expected
    assert score.by_label == plain.by_label
    assert score.punctuation.gold == plain.punctuation
    plain_graphs = sum((graph_score(*pair) for pair in zip(gold, system, strict=True)), GraphScore())
    expected = {m.name: m.value for m in graph_measures(plain_graphs)}
    found = graphs(gold, system)
    values = {m.name: m.value for m in aligned_graph_measures(found)}
    assert values == {name: expected[name] for name in values}
    assert expected.keys() - values.keys() == {"LP", "LR", "UP", "UR"}
    assert found.whole.by_label == plain_graphs.by_label


@pytest.mark.parametrize("seed", range(60))
def test_against_the_definition(seed):
    # Without multiword tokens there is one alignment alone, so exchanging the files exchanges precision and recall.
    gold, system = random_pair(seed, multiword=0.2 if seed % 2 else 0)
    alignment = align(gold, system)
    places = [
        [
            (sentence, token, names)
            for sentence, names in zip(side, of_side, strict=True)
            for token in range(1, len(names))
        ]
        for side, of_side in ((gold, alignment.gold), (system, alignment.system))
    ]
    right = labelled = 0
    for sentence, token, names in places[0]:
        for other, place, others in places[1]:
            ours, theirs = sentence.trees["syntax"], other.trees["syntax"]
            if names[token] == others[place] and names[ours.heads[token - 1]] == others[theirs.heads[place - 1]]:
                right += 1
                labelled += ours.labels[token - 1] == theirs.labels[place - 1]
    score = aligned_attachment(gold, system, alignment)
    assert (score.heads.correct, score.labels.correct) == (right, labelled)
    assert (score.heads.gold, score.heads.system) == (len(places[0]), len(places[1]))
    if not seed % 2:
        back = trees(system, gold)
        for name in ("heads", "labels", "universal_labels", "content", "word_heads", "trees", "labelled_trees"):
            one, other = getattr(score, name), getattr(back, name)
            assert one == Counts(other.system, other.gold, other.correct)
    same = trees(gold, gold)
    assert same.heads.f1 == same.labels.f1 == same.trees.f1 == same.labelled_trees.f1 == 1


@pytest.mark.parametrize("seed", range(40))
def test_graphs_against_the_definition(seed):
    def arcs(sentences, names):
        return [
            (name[arc.head], name[arc.modifier], arc.label)
            for sentence, name in zip(sentences, names, strict=True)
            for arc in sentence.graphs["semantics"].arcs
        ]

    gold, system = random_pair(seed, multiword=0)
    empty = Graph((), frozenset())
    gold, system = ([s if s.graphs else s.with_graph("semantics", empty) for s in side] for side in (gold, system))
    alignment = align(gold, system)
    ours, theirs = arcs(gold, alignment.gold), arcs(system, alignment.system)
    score = aligned_graph_score(gold, system, alignment)
    assert score.whole.labelled.correct == sum(a == b for a in ours for b in theirs)
    assert score.whole.labelled.gold == len(ours)
    pairs = [{arc[:2] for arc in side} for side in (ours, theirs)]
    assert score.whole.unlabelled == Counts(len(pairs[0]), len(pairs[1]), sum(a in pairs[1] for a in pairs[0]))
    back = graphs(system, gold).whole.labelled
    assert (back.gold, back.system, back.correct) == (len(theirs), len(ours), score.whole.labelled.correct)
    assert graphs(gold, gold).exact.f1 == 1
