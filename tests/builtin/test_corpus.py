from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise
from pathlib import Path

import pytest

from spigot.builtin import generate, splits
from spigot.builtin.choice import Weighted
from spigot.builtin.derivation import Node, comma, trace
from spigot.builtin.inflection import Shape, conjugate, place
from spigot.builtin.lexicon.verbs import FRAMES, verbs
from spigot.builtin.morphology import finite, gerund, indefinite, participle, plural
from spigot.builtin.realization import realize
from spigot.builtin.sentiment import polarity
from spigot.data.draw import draw_graph, draw_tree
from spigot.data.sentence import TOP, Arc, Sentence

TREE_LABELS = """
    root nsubj nsubjpass dobj iobj prep pobj agent aux auxpass cop neg det num amod nn poss possessive rcmod
    vmod appos advmod tmod advcl mark ccomp xcomp acomp cc conj expl filler punct
"""
NOUN_TAGS = {"NN", "NNS", "NNP", "PRP"}


@pytest.fixture(scope="module")
def corpus() -> list[Sentence]:
    return generate(500, seed=11)


@pytest.fixture(scope="module")
def large() -> list[Sentence]:
    return generate(2000, seed=5)


# --- invariants -----------------------------------------------------------------------------------


def test_trees_are_projective_acyclic_and_single_rooted(corpus):
    for sentence in corpus:
        heads = sentence.trees["syntax"].heads
        assert len(heads) == len(sentence.trees["syntax"].labels) == len(sentence)
        assert heads.count(0) == 1
        assert sentence.trees["syntax"].labels[heads.index(0)] == "root"
        for token in range(1, len(sentence) + 1):
            steps = 0
            while token:
                token, steps = heads[token - 1], steps + 1
                assert steps <= len(sentence)
        spans = [tuple(sorted((head, modifier))) for modifier, head in enumerate(heads, start=1)]
        assert not any(a < c < b < d or c < a < d < b for (a, b), (c, d) in combinations(spans, 2))


def test_graphs_are_well_formed(corpus):
    for sentence in corpus:
        graph, n = sentence.graphs["semantics"], len(sentence)
        tops = [arc for arc in graph.arcs if arc.head == 0]
        assert tops
        assert all(arc.label == TOP for arc in tops)
        for arc in graph.arcs:
            assert 0 <= arc.head <= n
            assert 1 <= arc.modifier <= n
            assert arc.head != arc.modifier
            assert (arc.label == TOP) == (arc.head == 0)
        inner = [arc for arc in graph.arcs if arc.head]
        assert {arc.head for arc in inner} == graph.predicates
        assert len({(arc.head, arc.modifier) for arc in inner}) == len(inner)


def test_no_predicate_has_two_arguments_of_one_label(large):
    for sentence in large:
        uses = Counter((arc.head, arc.label) for arc in sentence.graphs["semantics"].arcs)
        assert max(uses.values()) == 1


def test_empty_words_take_no_part_in_graphs(corpus):
    for sentence in corpus:
        touched = {token for arc in sentence.graphs["semantics"].arcs for token in (arc.head, arc.modifier)}
        for token, (tag, label) in enumerate(zip(sentence.tags, sentence.trees["syntax"].labels, strict=True), start=1):
            empty = tag in {".", ",", "POS", "CC", "EX"} or label in {"auxpass", "agent"}
            empty |= label == "aux" and tag != "MD"
            empty |= label == "mark" and sentence.lemmas[token - 1] == "that"
            if empty:
                assert token not in touched


def test_lengths_and_annotations_are_in_bounds(large):
    lengths = [len(sentence) for sentence in large]
    assert min(lengths) >= 3
    assert max(lengths) <= 35
    assert 11 <= sum(lengths) / len(lengths) <= 13.5
    assert all(len(s.forms) == len(s.lemmas) == len(s.tags) and all((*s.forms, *s.lemmas, *s.tags)) for s in large)


def test_graphs_have_reentrancies_that_trees_cannot_have(large):
    tokens = sum(map(len, large))
    arguments = Counter((s.id, arc.modifier) for s in large for arc in s.graphs["semantics"].arcs if arc.head)
    assert 0.15 < sum(count > 1 for count in arguments.values()) / tokens < 0.3
    arcs = [(s, arc) for s in large for arc in s.graphs["semantics"].arcs if arc.head]
    shared = sum(arc.head == s.trees["syntax"].heads[arc.modifier - 1] for s, arc in arcs)
    inverse = sum(arc.modifier == s.trees["syntax"].heads[arc.head - 1] for s, arc in arcs)
    assert 0.8 < (shared + inverse) / len(arcs) < 0.95


def test_every_construction_occurs(large):
    labels = {label for s in large for label in s.trees["syntax"].labels}
    assert set(TREE_LABELS.split()) <= labels
    semantic = {arc.label for s in large for arc in s.graphs["semantics"].arcs}
    assert semantic == set(
        f"{TOP} ARG1 ARG2 ARG3 BV compound poss loc part conj neg appos subord _and_c _or_c _but_c".split()
    )


# --- surface --------------------------------------------------------------------------------------


def test_surface_is_orderly_english(large):
    for sentence in large:
        forms = sentence.forms
        assert forms[0][0].isupper()
        assert forms[-1] in {".", "?", "!"}
        assert not any(a in ",.?!" and b in ",.?!" for a, b in pairwise(forms))
        for form, following in pairwise(forms):
            if form.lower() in {"a", "an"}:
                assert form.lower() == indefinite(following), forms


def test_present_tense_verbs_agree_with_their_subjects(large):
    checked = 0
    for sentence in large:
        heads, labels = sentence.trees["syntax"].heads, sentence.trees["syntax"].labels
        for token, tag in enumerate(sentence.tags, start=1):
            if tag not in {"VBZ", "VBP"}:
                continue
            clause = heads[token - 1] if labels[token - 1] in {"aux", "auxpass", "cop"} else token
            subjects = [m for m in range(1, len(sentence) + 1) if heads[m - 1] == clause and "nsubj" in labels[m - 1]]
            if not subjects or sentence.tags[subjects[0] - 1] not in {"NN", "NNS", "NNP"}:
                continue
            coordinated = any(
                heads[m - 1] == subjects[0] and labels[m - 1] == "cc" for m in range(1, len(sentence) + 1)
            )
            if not coordinated:
                assert (tag == "VBP") == (sentence.tags[subjects[0] - 1] == "NNS"), sentence.forms
                checked += 1
    assert checked > 200


def test_demonstratives_agree_with_their_nouns(large):
    for sentence in large:
        for form, label, head in zip(
            sentence.forms, sentence.trees["syntax"].labels, sentence.trees["syntax"].heads, strict=True
        ):
            if label == "det" and form.lower() in {"this", "that", "these", "those", "a", "every"}:
                many = form.lower() in {"these", "those"}
                assert many == (sentence.tags[head - 1] == "NNS"), sentence.forms


def test_some_forms_have_several_tags(large):
    tags: dict[str, set[str]] = {}
    for sentence in large:
        for form, tag in zip(sentence.forms, sentence.tags, strict=True):
            tags.setdefault(form.lower(), set()).add(tag)
    assert tags["that"] == {"DT", "IN", "WDT"}
    assert tags["her"] == {"PRP", "PRP$"}
    assert {"VBD", "VBN"} <= tags["painted"]


# --- ambiguities ----------------------------------------------------------------------------------


def test_prepositions_attach_to_verbs_and_to_nouns(large):
    attached: Counter[tuple[str, str]] = Counter()
    for sentence in large:
        for token, label in enumerate(sentence.trees["syntax"].labels, start=1):
            head = sentence.trees["syntax"].heads[token - 1]
            if label == "prep" and sentence.tags[token - 2] in NOUN_TAGS:
                attached[sentence.lemmas[token - 1], sentence.tags[head - 1][0]] += 1
    for preposition in ("with", "in", "from"):
        verb, noun = attached[preposition, "V"], attached[preposition, "N"]
        assert min(verb, noun) > 0.08 * (verb + noun), preposition


def test_what_a_phrase_means_decides_its_attachment(large):
    attached: Counter[tuple[str, str]] = Counter()
    for sentence in large:
        for token, (label, head) in enumerate(
            zip(sentence.trees["syntax"].labels, sentence.trees["syntax"].heads, strict=True), start=1
        ):
            if label == "pobj" and sentence.lemmas[head - 1] == "with":
                governor = sentence.trees["syntax"].heads[head - 1]
                attached[sentence.lemmas[token - 1], sentence.tags[governor - 1][0]] += 1
    assert attached["handle", "V"] + attached["beard", "V"] == 0
    assert attached["handle", "N"] + attached["beard", "N"] > 10
    assert attached["telescope", "V"] > attached["telescope", "N"] > 0


def test_relative_clauses_attach_to_near_and_to_distant_nouns(large):
    near = distant = 0
    for sentence in large:
        heads, labels = sentence.trees["syntax"].heads, sentence.trees["syntax"].labels
        for token, (label, head) in enumerate(zip(labels, heads, strict=True), start=1):
            if label == "rcmod":
                between = [m for m in range(head + 1, token) if labels[m - 1] == "prep" and heads[m - 1] == head]
                distant += bool(between)
                near += not between and labels[head - 1] == "pobj"
    assert near > 10
    assert distant > 10


def test_compounds_branch_to_both_sides(large):
    left = right = 0
    for sentence in large:
        modifiers = [
            (m, h)
            for m, h in enumerate(sentence.trees["syntax"].heads, 1)
            if sentence.trees["syntax"].labels[m - 1] == "nn"
        ]
        left += sum((h, h2) in modifiers for _, h in modifiers for h2 in [sentence.trees["syntax"].heads[h - 1]])
        right += sum(b == a + 1 and h == h2 for (a, h), (b, h2) in combinations(modifiers, 2))
    assert left > 10
    assert right > 10


# --- sampling -------------------------------------------------------------------------------------


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


# --- exact analyses -------------------------------------------------------------------------------


def noun(form: str, *, determiner: str = "the", tag: str = "NN", kind: str = "person") -> Node:
    node = Node(form, form, tag, kind=kind)
    node.before(Node(determiner, determiner, "DT", relation="BV"), "det")
    return node


def verb(lemma: str, frame: str, subject: Node, shape: Shape | None = None) -> Node:
    head = Node("", lemma, "", roles=FRAMES[frame])
    place(head, subject, shape or Shape())
    return head


def arcs(sentence: Sentence) -> set[tuple[str, str, str]]:
    """The arcs with words for numbers, which must be distinct in the sentence."""
    words = ("ROOT", *sentence.forms)
    return {(words[arc.head], arc.label, words[arc.modifier]) for arc in sentence.graphs["semantics"].arcs}


def test_control_shares_the_subject_and_raising_only_passes_it_on():
    def infinitive(frame: str, governor: str) -> Sentence:
        girl = noun("girl")
        root = verb(governor, frame, girl)
        root.after(verb("sleep", "intransitive", trace(girl), Shape("infinitive")), "xcomp")
        return realize(root, "own")

    control, raising = infinitive("control", "try"), infinitive("raising", "seem")
    assert control.forms == ("The", "girl", "tried", "to", "sleep")
    assert control.trees["syntax"].heads == raising.trees["syntax"].heads == (2, 3, 0, 5, 3)
    assert control.graphs["semantics"].arcs == (
        Arc(0, 3, TOP),
        Arc(1, 2, "BV"),
        Arc(3, 2, "ARG1"),
        Arc(3, 5, "ARG2"),
        Arc(5, 2, "ARG1"),
    )
    assert raising.graphs["semantics"].arcs == (Arc(0, 3, TOP), Arc(1, 2, "BV"), Arc(3, 5, "ARG1"), Arc(5, 2, "ARG1"))


def test_a_passive_with_a_modal_and_negation():
    root = verb("paint", "transitive", noun("boat"), Shape(passive=True, modal="must", negation="n't"))
    agent = root.after(Node("by", "by", "IN"), "agent")
    agent.alias = agent.after(noun("monk", determiner="a"), "pobj")
    sentence = realize(root, "own")
    assert sentence.forms == ("The", "boat", "must", "n't", "be", "painted", "by", "a", "monk")
    assert sentence.tags[2:6] == ("MD", "RB", "VB", "VBN")
    assert sentence.trees["syntax"].labels == (
        "det",
        "nsubjpass",
        "aux",
        "neg",
        "auxpass",
        "root",
        "agent",
        "det",
        "pobj",
    )
    assert arcs(sentence) == {
        ("ROOT", TOP, "must"),
        ("must", "ARG1", "painted"),
        ("n't", "neg", "must"),
        ("painted", "ARG1", "monk"),
        ("painted", "ARG2", "boat"),
        ("The", "BV", "boat"),
        ("a", "BV", "monk"),
    }


def test_a_gap_at_a_distance():
    book = noun("book", kind="text")
    outer = verb("say", "clausal", Node("I", "I", "PRP", kind="person", agreement="1sg"))
    inner = verb("read", "transitive", Node("she", "she", "PRP", kind="person"))
    inner.after(trace(book), "dobj")
    outer.after(inner, "ccomp")
    relative = Node("that", "that", "WDT", alias=book, label="filler")
    outer.left.insert(0, relative)
    book.after(outer, "rcmod")
    root = verb("vanish", "intransitive", book)
    sentence = realize(root, "own")
    assert sentence.forms == ("The", "book", "that", "I", "said", "she", "read", "vanished")
    assert sentence.trees["syntax"].heads == (2, 8, 5, 5, 2, 7, 5, 0)
    assert arcs(sentence) == {
        ("ROOT", TOP, "vanished"),
        ("The", "BV", "book"),
        ("vanished", "ARG1", "book"),
        ("said", "ARG1", "I"),
        ("said", "ARG2", "read"),
        ("read", "ARG1", "she"),
        ("read", "ARG2", "book"),
    }


def test_coordination_is_a_chain_and_the_subject_is_shared():
    first = noun("cook")
    for member, mark in (("girl", comma()), ("boy", Node("and", "and", "CC"))):
        first.after(mark, "punct" if mark.form == "," else "cc")
        first.after(noun(member, determiner="a"), "conj")
    root = verb("laugh", "intransitive", first)
    root.after(Node("but", "but", "CC"), "cc")
    root.after(verb("kneel", "intransitive", trace(first)), "conj")
    sentence = realize(root, "own")
    assert " ".join(sentence.forms) == "The cook , a girl and a boy laughed but knelt"
    assert {arc for arc in sentence.graphs["semantics"].arcs if arc.label != "BV"} == {
        Arc(0, 9, TOP),
        Arc(2, 5, "conj"),
        Arc(5, 8, "_and_c"),
        Arc(9, 2, "ARG1"),
        Arc(9, 11, "_but_c"),
        Arc(11, 2, "ARG1"),
    }


def test_commas_before_other_punctuation_are_dropped():
    root = verb("laugh", "intransitive", noun("cook"))
    root.after(comma(), "punct")
    root.after(Node(".", ".", "."), "punct")
    assert realize(root, "own").forms == ("The", "cook", "laughed", ".")


# --- sentiment ------------------------------------------------------------------------------------


def opinion(value: int, *, negated: bool = False, subject: Node | None = None) -> Node:
    head = Node("", "praise" if value > 0 else "mock", "", roles=FRAMES["transitive"], polarity=value)
    place(head, subject or noun("cook"), Shape(negation="not" if negated else ""))
    return head


def test_negation_and_but_turn_the_polarity():
    assert polarity(opinion(1)) > 0 > polarity(opinion(1, negated=True))
    both = opinion(1)
    both.after(Node("but", "but", "CC"), "cc")
    both.after(opinion(-1), "conj")
    assert polarity(both) < 0


def test_negation_leaves_the_subject_alone():
    hero = noun("hero")
    hero.polarity = 1
    plain = Node("", "sleep", "", roles=FRAMES["intransitive"])
    place(plain, hero, Shape(negation="not"))
    assert polarity(plain) > 0


def test_a_reversing_verb_turns_what_it_governs():
    refuse = Node("", "refuse", "", roles=FRAMES["control"], reverses=True)
    place(refuse, noun("cook"), Shape())
    refuse.after(opinion(1), "xcomp")
    assert polarity(refuse) < 0


# --- parts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (Shape(), "wrote"),
        (Shape(tense="present"), "writes"),
        (Shape(tense="present", agreement="pl", negation="not"), "do write"),
        (Shape(inverted=True), "did write"),
        (Shape(perfect=True, progressive=True), "had been writing"),
        (Shape(tense="present", modal="can", passive=True), "can be written"),
        (Shape("infinitive"), "write"),
        (Shape("participle"), "writing"),
        (Shape("past participle"), "written"),
    ],
)
def test_conjugation(shape, expected):
    assert " ".join(part.form for part in conjugate("write", shape)) == expected


def test_be_agrees_and_needs_no_do():
    assert finite("be", "present", "1sg") == ("am", "VBP")
    assert finite("be", "past", "pl") == ("were", "VBD")
    assert [part.form for part in conjugate("be", Shape(negation="not", inverted=True))] == ["was"]


def test_morphology():
    assert [plural(word) for word in ("box", "story", "boy", "woman", "loaf", "hero", "piano")] == (
        ["boxes", "stories", "boys", "women", "loaves", "heroes", "pianos"]
    )
    assert [gerund(word) for word in ("bake", "run", "see", "carry")] == (["baking", "running", "seeing", "carrying"])
    assert [participle(word) for word in ("worry", "stop", "take", "love")] == [
        "worried",
        "stopped",
        "taken",
        "loved",
    ]
    assert [indefinite(word) for word in ("honest", "useless", "umbrella", "old", "Ugly", "hat")] == (
        ["an", "a", "an", "an", "an", "a"]
    )


def test_verbs_are_selected_by_class():
    barking = verbs("intransitive", "animal")
    assert barking is not None
    assert "bark" in {entry.lemma for entry in barking.items}
    people = verbs("intransitive", "person", avoid="animal")
    assert people is not None
    assert "bark" not in {entry.lemma for entry in people.items}
    assert verbs("dative", "animal") is None


def test_tables_give_each_item_its_share():
    table = Weighted(("a", "b"), (3, 1))
    assert [table.at(point) for point in (0.0, 0.74, 0.75, 0.999999)] == ["a", "a", "b", "b"]
    with pytest.raises(ValueError, match="as many positive weights as items"):
        Weighted(("a",), ())
