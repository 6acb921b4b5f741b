import pytest

from spigot.corpora.redwoods.anchors import anchor
from spigot.corpora.redwoods.dm import SemanticGraph, is_cyclic, semantic_graph
from spigot.corpora.redwoods.semantics import Relation, Semantics
from spigot.corpora.redwoods.tokens import Token

Arcs = set[tuple[str, str, str]]


def graph_of(text: str, *relations: str, top: str | None = None, leaves: str | None = None) -> tuple[Arcs, str | None]:
    """Return the arcs (head, label, modifier) and the top of a text of tokens, by their forms.

    A relation is "id predicate words ROLE:id ...": its span goes over these words of the text (joined by "+"), or over
    none for "-". Quantifiers have the role BV. `leaves` is the text with "+" between the tokens of one leaf.
    """
    forms = text.split()
    starts = [sum(len(form) + 1 for form in forms[:index]) for index in range(len(forms))]
    tokens = [Token(start, start + len(form), form, "X") for start, form in zip(starts, forms, strict=True)]
    entries = {}
    for relation in relations:
        id, predicate, words, *roles = relation.split(" ")
        start, end = _span(words.split("+"), tokens)
        arguments = dict(role.split(":") for role in roles)
        entries[id] = Relation(id, predicate, start, end, arguments, is_quantifier="BV" in arguments)
    groups, place = [], 0
    for leaf in (leaves or text).split(" "):
        size = len(leaf.split("+"))
        groups.append(list(range(place, place + size)))
        place += size
    semantics = Semantics(entries, top)
    graph = semantic_graph(semantics, anchor(semantics, tokens, groups))
    arcs = {(forms[head - 1], label, forms[modifier - 1]) for (head, modifier), label in graph.labels.items()}
    assert graph.predicates == sorted({head for head, _ in graph.labels})
    return arcs, None if graph.top is None else forms[graph.top - 1]


def _span(words: list[str], tokens: list[Token]) -> tuple[int, int]:
    if words == ["-"]:
        return -1, -1
    covered = [token for token in tokens if token.form in words]
    return covered[0].start, covered[-1].end


def test_words_with_roles() -> None:
    arcs, top = graph_of(
        "the cat saw her",
        "q1 _the_q the BV:x1",
        "x1 _cat_n_1 cat",
        "e1 _see_v_1 saw ARG1:x1 ARG2:x2",
        "x2 pron her",
        "q2 pronoun_q her BV:x2",
        top="e1",
    )
    assert arcs == {("the", "BV", "cat"), ("saw", "ARG1", "cat"), ("saw", "ARG2", "her")}
    assert top == "saw"


@pytest.mark.parametrize(
    ("predicate", "label"),
    [
        ("compound", "compound"),
        ("poss", "poss"),
        ("appos", "appos"),
        ("subord", "subord"),
        ("loc_nonsp", "loc"),
        ("of_p", "of"),
        ("temp_loc_x", "temp"),
        ("unspec_manner", "unspec"),
        ("refl_mod", "refl"),
        ("prpstn_to_prop", "prpstn"),
        ("fw_seq", "fw"),
    ],
)
def test_two_place_relations_go_from_the_second_argument_to_the_first(predicate: str, label: str) -> None:
    nouns = "x1 _tea_n_1 tea", "x2 _cup_n_1 cup"
    assert graph_of("tea cup", *nouns, f"e1 {predicate} tea+cup ARG1:x2 ARG2:x1", top="e1") == (
        {("tea", label, "cup")},
        "tea",
    )
    assert graph_of("tea cup", *nouns, f"e1 {predicate} tea+cup ARG1:x2", top="e1") == (set(), "cup")


def test_tag_questions_go_from_the_first_argument_to_the_second() -> None:
    relations = "e1 _rain_v_1 rains", "e2 _be_v_id isn’t", "e3 ne_x rains+isn’t ARG1:e1 ARG2:e2"
    assert graph_of("rains isn’t", *relations, top="e3") == ({("rains", "ne", "isn’t")}, "rains")


def test_coordination_chains_its_conjuncts() -> None:
    arcs, top = graph_of(
        "rain , wind and snow fell",
        "x1 _rain_n_1 rain",
        "x2 _wind_n_1 wind",
        "x3 _snow_n_1 snow",
        "c1 implicit_conj rain+snow ARG1:x1 ARG2:c2",
        "c2 _and_c and ARG1:x2 ARG2:x3",
        "e1 _fall_v_1 fell ARG1:c1",
        top="e1",
    )
    assert arcs == {("rain", "conj", "wind"), ("wind", "_and_c", "snow"), ("fell", "ARG1", "rain")}
    assert top == "fell"


def test_handles_come_before_indices_in_coordination() -> None:
    relations = "e1 _sing_v_1 sang", "e2 _dance_v_1 danced", "x1 _song_n_1 song"
    roles = "L-INDEX:x1 R-INDEX:x1 L-HNDL:e1 R-HNDL:e2"
    assert graph_of("sang and danced song", *relations, f"c1 _and_c and {roles}")[0] == {("sang", "_and_c", "danced")}


def test_initial_conjunctions_are_words() -> None:
    assert graph_of(
        "But rain fell", "c1 _but_c But ARG2:e1", "e1 _fall_v_1 fell ARG1:x1", "x1 _rain_n_1 rain", top="c1"
    ) == (
        {("But", "ARG2", "fell"), ("fell", "ARG1", "rain")},
        "But",
    )


def test_conjunctions_at_the_end_are_modifiers() -> None:
    assert graph_of("rain etc.", "x1 _rain_n_1 rain", "c1 _etc_c etc. ARG1:x1", top="c1") == (
        {("rain", "_etc_c", "etc.")},
        "rain",
    )


@pytest.mark.parametrize("predicate", ["times", "plus", "minus"])
def test_arithmetic(predicate: str) -> None:
    relations = [
        "e1 card two",
        "e2 card hundred",
        f"e3 {predicate} two+hundred ARG1:x1 ARG2:e1 ARG3:e2",
        "x1 _cat_n_1 cats",
    ]
    arcs, top = graph_of("two hundred cats", *relations, top="e3")
    assert arcs == {("two", predicate, "hundred"), ("hundred", "ARG1", "cats")}
    assert top == "hundred"


@pytest.mark.parametrize(
    ("predicate", "role"), [("nominalization", "ARG1"), ("comp_equal", "ARG1"), ("unknown", "ARG")]
)
def test_transparent_relations(predicate: str, role: str) -> None:
    relations = f"x1 {predicate} singing {role}:e1", "e1 _sing_v_1 singing", "e2 _help_v_1 helps ARG1:x1"
    assert graph_of("singing helps", *relations, top="x1") == ({("helps", "ARG1", "singing")}, "singing")


def test_a_transparent_relation_without_an_argument_is_nothing() -> None:
    assert graph_of("well me", "e1 unknown well+me", "e2 _well_a_1 well ARG1:e1", top="e1") == (set(), None)


def test_a_missing_head_is_not_replaced_when_its_role_is_filled() -> None:
    relations = "x1 named Ann", "e1 unknown well", "e2 addressee Ann ARG1:x1 ARG2:e1", "e3 _run_v_1 ran"
    assert graph_of("well Ann ran", *relations, "c1 implicit_conj well+ran ARG1:e2 ARG2:e3") == (set(), None)


@pytest.mark.parametrize(
    ("predicate", "labels"),
    [
        ("neg", ["neg", "ARG2"]),
        ("part_of", ["part", "ARG2"]),
        ("superl", ["superl", "ARG2"]),
        ("comp", ["comp", "than"]),
        ("more_comp", ["comp", "than"]),
        ("_more_x_comp", ["comp", "than"]),
        ("_less_x_comp", ["comp_less", "than"]),
        ("comp_less", ["comp_less", "than"]),
        ("_so_x_comp", ["comp_so", "ARG2"]),
        ("comp_enough", ["comp_enough", "ARG2"]),
        ("_too_x_comp", ["comp_too", "ARG2"]),
        ("_as_x_comp", ["ARG1", "ARG2"]),
        ("_see_v_1", ["ARG1", "ARG2"]),
    ],
)
def test_renamed_roles(predicate: str, labels: list[str]) -> None:
    relations = f"e1 {predicate} w ARG1:x1 ARG2:x2", "x1 _cat_n_1 cat", "x2 _dog_n_1 dog"
    assert graph_of("w cat dog", *relations)[0] == {("w", labels[0], "cat"), ("w", labels[1], "dog")}


@pytest.mark.parametrize(
    "predicate", ["relative_mod", "id", "elliptical_n", "cop_id", "prednom_state", "unspec_a", "bridge_x"]
)
def test_relations_that_are_dropped(predicate: str) -> None:
    relations = f"e1 {predicate} w ARG1:x1 ARG2:x2", "x1 _cat_n_1 cat", "x2 _see_v_1 saw ARG1:e1"
    assert graph_of("w cat saw", *relations) == (set(), None)


def test_abstract_quantifiers_are_dropped() -> None:
    assert graph_of("cats", "x1 _cat_n_1 cats", "q1 udef_q cats BV:x1", top="x1") == (set(), "cats")


def test_punctuation_is_trimmed_from_spans() -> None:
    assert graph_of("( tea )", "x1 _tea_n_1 (+tea+)", "e1 _hot_a_1 ) ARG1:x1")[0] == {(")", "ARG1", "tea")}


def test_phrases_have_no_token() -> None:
    """The subject of an imperative spans its clause."""
    relations = "x1 pron drink+tea", "e1 _drink_v_1 drink ARG1:x1 ARG2:x2", "x2 _tea_n_1 tea"
    assert graph_of("drink tea", *relations)[0] == {("drink", "ARG2", "tea")}


def test_expressions_of_several_words() -> None:
    relations = "e1 _up+to+date_a_1 up+date ARG1:x1", "x1 _map_n_1 map"
    arcs, _ = graph_of("up to date map", *relations, leaves="up+to+date map")
    assert arcs == {("date", "mwe", "up"), ("date", "mwe", "to"), ("date", "ARG1", "map")}


def test_conjunctions_of_several_words() -> None:
    nouns = "x1 _tea_n_1 tea", "x2 _cake_n_1 cake"
    link = graph_of(
        "tea as well as cake",
        *nouns,
        "c1 _as+well+as_c as+well ARG1:x1 ARG2:x2",
        leaves="tea as+well+as cake",
    )
    assert link[0] == {("tea", "_as+well+as_c", "cake")}
    end = graph_of("tea and so", *nouns[:1], "c1 _and+so_c and+so ARG1:x1", leaves="tea and+so")
    assert end[0] == {("tea", "_and+so_c", "so"), ("so", "mwe", "and")}


def test_contracted_negation() -> None:
    relations = "e1 neg could+n’t ARG1:e2", "e2 _can_v_modal could+n’t ARG1:e3", "e3 _see_v_1 see"
    arcs, _ = graph_of("could n’t see", *relations, leaves="could+n’t see")
    assert arcs == {("n’t", "neg", "could"), ("could", "ARG1", "see")}


def test_an_auxiliary_with_negation_carries_nothing() -> None:
    arcs, _ = graph_of("did not see", "e1 neg did+not ARG1:e3", "e3 _see_v_1 see", leaves="did+not see")
    assert arcs == {("not", "neg", "see")}


def test_lets() -> None:
    relations = (
        "x1 pron let+’s",
        "q1 pronoun_q let+’s BV:x1",
        "e1 _let_v_1 let+’s ARG1:x1 ARG2:e2",
        "e2 _go_v_1 go ARG1:x1",
    )
    arcs, _ = graph_of("let ’s go", *relations, leaves="let+’s go")
    assert arcs == {("let", "ARG1", "’s"), ("let", "ARG2", "go"), ("go", "ARG1", "’s")}


def test_generic_entities_need_a_word_of_their_own() -> None:
    verb = "e1 _come_v_1 came ARG1:x1"
    assert graph_of("that came", "x1 generic_entity that", verb)[0] == {("came", "ARG1", "that")}
    assert graph_of("the poor came", "x1 generic_entity the+poor", verb, leaves="the+poor came")[0] == set()


def test_minutes_stand_with_their_numeral() -> None:
    relations = "x1 minute_n -", "e1 card thirty ARG1:x1", "e2 _at_p_temp at ARG2:x1"
    assert graph_of("at thirty", *relations)[0] == {("at", "ARG2", "thirty")}


def test_the_first_of_two_labels_stays() -> None:
    relations = "e1 _own_a_1 own ARG1:x1 ARG2:x1", "x1 _cat_n_1 cat"
    assert graph_of("own cat", *relations)[0] == {("own", "ARG1", "cat")}


def test_substitutes_in_a_circle_are_nothing() -> None:
    relations = "e1 nominalization cat ARG1:e2", "e2 eventuality cat ARG1:e1", "e3 _see_v_1 saw ARG1:e1"
    assert graph_of("cat saw", *relations, top="e1") == (set(), None)


@pytest.mark.parametrize(
    ("arcs", "cyclic"),
    [
        ([(1, 2), (2, 3), (1, 3)], False),
        ([(1, 2), (2, 3), (3, 1)], True),
        ([(4, 1), (1, 2), (2, 1), (2, 3)], True),
        ([], False),
    ],
)
def test_cycles(arcs: list[tuple[int, int]], cyclic: bool) -> None:
    assert is_cyclic(SemanticGraph(dict.fromkeys(arcs, "X"), None)) == cyclic
