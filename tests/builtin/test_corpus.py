from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from spigot.builtin import generate, splits
from spigot.data.draw import draw_graph, draw_tree


def test_a_sentence_depends_on_seed_and_index_alone(corpus):
    assert generate(500, seed=11) == corpus
    assert generate(40, seed=11) == corpus[:40]
    other = generate(40, seed=12)
    assert sum(a.forms == b.forms for a, b in zip(other, corpus, strict=False)) < 2


def test_the_corpus_is_the_same_everywhere():
    # Published figures depend on it: a change of grammar or lexicon is a new version of the corpus.
    assert [" ".join(sentence.forms) for sentence in generate(4, seed=0)] == [
        "New chairs often seemed to be easy to recommend .",
        "While his coats were smashed angrily , Felix gave an excellent door from the office to this woman .",
        "Did that boring essay please an awful waiter ?",
        "The brother 's mother of the collector was not honest .",
    ]


def test_the_documented_example_is_in_the_corpus():
    text = (Path(__file__).parents[2] / "docs" / "builtin-corpus.md").read_text(encoding="utf-8")
    sentence = generate(1012, seed=1)[-1]
    for drawn in (" ".join(sentence.forms), draw_tree(sentence), draw_graph(sentence)):
        assert drawn in text
    assert sentence.sentiment == 1


def test_ids_are_distinct_and_carry_the_prefix():
    sentences = generate(20, seed=0, id_prefix="own")
    assert len({sentence.id for sentence in sentences}) == 20
    assert all(sentence.id.startswith("own-") for sentence in sentences)


def test_sentences_hardly_repeat(large):
    assert len({sentence.forms for sentence in large}) > 0.98 * len(large)


def test_sentiment_is_balanced_and_set(large):
    assert {sentence.sentiment for sentence in large} == {0, 1}
    assert 0.35 < sum(sentence.sentiment for sentence in large) / len(large) < 0.65


def test_words_follow_a_skewed_distribution(large):
    counts = Counter(lemma for sentence in large for lemma in sentence.lemmas)
    assert 400 < len(counts) < 800
    assert sum(count <= 5 for count in counts.values()) > 0.1 * len(counts)


def test_splits_have_their_sizes_and_share_no_sentence():
    parts = splits(train=150, dev=30, test=40, seed=3)
    assert {name: len(part) for name, part in parts.items()} == {"train": 150, "dev": 30, "test": 40}
    forms = [sentence.forms for part in parts.values() for sentence in part]
    assert len(set(forms)) == len(forms)
    smaller = splits(train=20, dev=30, test=40, seed=3)
    assert smaller["dev"] == parts["dev"]
    assert smaller["test"] == parts["test"]
    assert smaller["train"] == parts["train"][:20]


def test_negative_sizes_are_errors():
    with pytest.raises(ValueError, match=r"count: .* at least 0, got -1"):
        generate(-1, seed=0)
    with pytest.raises(ValueError, match=r"dev: .* at least 0, got -2"):
        splits(train=1, dev=-2, test=1)
