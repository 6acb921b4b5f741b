"""Geometry: levels, labels and rows, on worked examples and on random trees and graphs."""

from __future__ import annotations

import random
from itertools import combinations, pairwise

import pytest

from spigot.drawing import layout
from spigot.drawing.arcs import DrawnArc
from spigot.drawing.layout import CUT, LABEL, Panel, Row, common_columns, lay_out, levels_of
from spigot.drawing.measure import text_width


def panel(words: int, above: list[DrawnArc], below: list[DrawnArc] = (), form: str = "word") -> Panel:
    return Panel([form] * words, [], list(above), list(below))


def random_panel(seed: int, words: int = 25) -> Panel:
    draw = random.Random(seed)
    labels = ["ARG1", "compound", "nsubj", "BV", "nmod:poss", "x"]
    heads = [draw.choice([h for h in range(words + 1) if h != m]) for m in range(1, words + 1)]
    tree = [DrawnArc(head, m, draw.choice(labels)) for m, head in enumerate(heads, 1)]
    graph = [DrawnArc(*draw.sample(range(1, words + 1), 2), draw.choice(labels)) for _ in range(words)]
    forms = ["w" * draw.randint(1, 12) for _ in range(words)]
    return Panel(forms, ["NN"] * words, [*graph, DrawnArc(0, 3, "top")], tree)


def label_box(segment) -> tuple[float, float]:
    half = text_width(segment.arc.label, LABEL) / 2
    return segment.label_x - half, segment.label_x + half


def sides(row: Row):
    return row.above, row.below


def test_inner_intervals_are_nearer_to_the_words():
    assert levels_of([(1, 5), (2, 3), (2, 4), (5, 6)]) == [3, 1, 2, 1]


def test_arcs_between_the_same_words_have_levels_of_their_own_in_their_order():
    assert levels_of([(1, 2), (1, 2), (1, 2)]) == [1, 2, 3]


def test_crossing_arcs_of_equal_span_have_different_levels_and_use_those_that_are_free():
    assert levels_of([(1, 3), (2, 4), (3, 5)]) == [1, 2, 1]


def test_arcs_from_root_lie_above_what_they_would_cross():
    assert levels_of([(1.5, 2.5), (1, 3), (2, 3), (3, 4)], [True, False, False, False]) == [3, 2, 1, 1]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("width", [300, 700, 5000])
def test_labels_do_not_overlap_and_segments_of_a_level_do_not_touch(seed, width):
    for row in lay_out(random_panel(seed), width):
        for side in sides(row):
            for one, other in combinations(side, 2):
                if one.level == other.level:
                    assert one.right < other.left or other.right < one.left
                    if None not in (one.label_x, other.label_x):
                        (a, b), (c, d) = label_box(one), label_box(other)
                        assert b < c or d < a


@pytest.mark.parametrize("seed", range(20))
def test_labels_lie_on_their_segments_and_segments_in_their_rows(seed):
    for row in lay_out(random_panel(seed), 500):
        for side in sides(row):
            for segment in side:
                assert 0 <= segment.left <= segment.right <= row.width
                if segment.cut_left:
                    assert segment.left == CUT
                if segment.label_x is not None and not segment.upright:
                    a, b = label_box(segment)
                    assert segment.left < a < b < segment.right


@pytest.mark.parametrize("seed", range(10))
def test_ends_of_arcs_at_a_word_are_apart_and_within_its_column(seed):
    (row,) = lay_out(random_panel(seed, words=12), 10_000)
    columns = {word.number: word for word in row.words}
    for side in sides(row):
        ends = {}
        for segment in side:
            arc = segment.arc
            low, high = sorted((arc.head, arc.modifier))
            for number, x in ((low, segment.left), (high, segment.right)) if arc.head else ((high, segment.left),):
                ends.setdefault(number, []).append(x)
        for number, places in ends.items():
            places.sort()
            assert all(b - a > 7.9 for a, b in pairwise(places))
            assert all(abs(x - columns[number].x) <= columns[number].half for x in places)
    for left, right in pairwise(row.words):
        assert left.x + left.half < right.x - right.half


@pytest.mark.parametrize("width", [200, 343, 900])
def test_rows_hold_all_words_once_and_are_no_wider_than_asked(width):
    rows = lay_out(random_panel(1, words=60), width)
    assert [word.number for row in rows for word in row.words] == list(range(1, 61))
    assert all(row.width <= width or len(row.words) == 1 for row in rows)
    assert len(rows) > 1


def test_every_arc_shows_its_label_and_its_tip_once_however_it_is_cut():
    whole = random_panel(3, words=40)
    rows = lay_out(whole, 400)
    for drawn, side in ((whole.above, 0), (whole.below, 1)):
        at_modifier = []
        for row in rows:
            numbers = {word.number for word in row.words}
            at_modifier += [s for s in sides(row)[side] if s.arc.modifier in numbers]
        assert sorted(s.arc for s in at_modifier) == sorted(drawn)
        assert all(s.label_x is not None for s in at_modifier)


def test_an_arc_over_three_rows_is_drawn_where_it_begins_and_ends():
    rows = lay_out(panel(12, [DrawnArc(1, 12, "far")]), 250)
    assert len(rows) >= 3
    cuts = [[(s.cut_left, s.cut_right) for s in row.above] for row in rows]
    assert cuts == [[(False, True)], *[[]] * (len(rows) - 2), [(True, False)]]


def test_a_label_stands_where_no_other_arc_crosses_it():
    # 3 -> 8 leaves its word below the middle of 1 -> 5.
    (row,) = lay_out(panel(8, [DrawnArc(1, 5, "ARG1"), DrawnArc(3, 8, "ARG2")]), 1000)
    inner, outer = row.above
    a, b = label_box(inner)
    assert outer.level > inner.level
    assert not a - 2 < outer.left < b + 2


def test_labels_are_placed_once_however_often_rows_are_tried(monkeypatch):
    placed = []
    monkeypatch.setattr(layout, "_label_x", lambda label, *_: placed.append(label))
    whole = random_panel(3, words=40)
    rows = lay_out(whole, 400, common_columns([whole, whole]))
    assert len(rows) > 3
    assert len(placed) == sum(not segment.upright for row in rows for side in sides(row) for segment in side)


def test_a_long_label_moves_its_words_apart():
    label = "a very long label of an arc"
    (row,) = lay_out(panel(2, [DrawnArc(1, 2, label)]), 1000)
    (segment,) = row.above
    assert segment.right - segment.left > text_width(label, LABEL)


def test_nothing_is_laid_out_without_words():
    assert lay_out(Panel([], [], [], []), 100) == []


def test_widths_of_texts():
    assert text_width("iii", 10) < text_width("mmm", 10)
    assert text_width("ab", 20) == pytest.approx(2 * text_width("ab", 10))
    assert text_width("日本", 10) > text_width("ab", 10)
    assert text_width("e\u0301", 10) == text_width("é", 10) == text_width("e", 10)
