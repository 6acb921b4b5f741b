from __future__ import annotations

from collections import Counter
from itertools import combinations, pairwise

from spigot.builtin.morphology import indefinite
from spigot.data.sentence import TOP

TREE_LABELS = """
    root nsubj nsubjpass dobj iobj prep pobj agent aux auxpass cop neg det num amod nn poss possessive rcmod
    vmod appos advmod tmod advcl mark ccomp xcomp acomp cc conj expl filler punct
"""
NOUN_TAGS = {"NN", "NNS", "NNP", "PRP"}


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
