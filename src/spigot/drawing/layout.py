"""Where words, arcs and labels go: geometry alone, in pixels, y growing downwards.

A panel is words with arcs above and below. It is cut into rows that are no wider than asked. An arc between two rows is
cut, too, into two segments; where it is cut stands the number of the word that it comes from or goes to.

Segments lie on levels, level 1 next to the words. Of two segments over the same words, the one inside the other is
nearer to the words, and segments of one level never touch. Each segment meets its word at a place of its own: from left
to right, arcs to the left from the lowest to the highest, then those to the right from the highest to the lowest, so
that arcs cross only where they have to. Words are moved apart until every label fits on its segment; so labels never
overlap. Where there is room, labels stand where no other arc crosses them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .arcs import DrawnArc
from .measure import text_width

FORM, TAG, LABEL = 15.0, 10.5, 11.0
"""Font sizes: of words, of tags and numbers, of labels."""
GAP = 13.0
"""The least distance between words."""
PORT = 8.0
"""The distance between the ends of arcs at one word."""
CORNER = 9.0
"""The radius of the corners of arcs."""
MARGIN = 6.0
CUT = 24.0
"""The room for the number of a word, where an arc is cut."""


@dataclass(frozen=True)
class Panel:
    """Words with arcs above and below; `tags` are shown under the words and may be empty."""

    words: Sequence[str]
    tags: Sequence[str]
    above: Sequence[DrawnArc]
    below: Sequence[DrawnArc]
    caption: str = ""


class Word(NamedTuple):
    """A word: its number, the middle of it, and half of the width of its column."""

    number: int
    x: float
    half: float


class Segment(NamedTuple):
    """The part of an arc that lies in one row.

    It goes from `left` to `right` at `level`; a side that is cut ends at the edge of the row. An arc from ROOT is
    upright: `left` equals `right`.
    """

    arc: DrawnArc
    level: int
    left: float
    right: float
    cut_left: bool
    cut_right: bool
    label_x: float | None
    """The middle of the label; None: it is shown in another row."""

    @property
    def upright(self) -> bool:
        """Whether it comes from ROOT."""
        return self.arc.head == 0


class Row(NamedTuple):
    """Some words of a panel, the segments above and below them, and the width of it all."""

    words: list[Word]
    above: list[Segment]
    below: list[Segment]
    width: float

    @property
    def heights(self) -> tuple[int, int]:
        """The number of levels above and below."""
        above, below = (max((s.level for s in side), default=0) for side in (self.above, self.below))
        return above, below


Columns = dict[int, tuple[float, float]]
"""For each word, half of the least width of its column and the least distance from the middle of the word before."""


def common_columns(panels: Sequence[Panel]) -> Columns:
    """Return columns in which the words of all panels, which are the same, stand below each other."""
    columns: Columns = {}
    for panel in panels:
        before = 0.0
        for word in _frame(panel, 1, len(panel.words), {}).words if panel.words else ():
            half, distance = columns.get(word.number, (0.0, 0.0))
            columns[word.number] = max(half, word.half), max(distance, word.x - before)
            before = word.x
    return columns


def lay_out(panel: Panel, width: float, columns: Columns | None = None) -> list[Row]:
    """Return the rows of a panel; a row of more than one word is at most `width` wide."""
    columns = columns or {}
    rows: list[Row] = []
    first, count = 1, len(panel.words)
    while first <= count:
        last, frame = first, _frame(panel, first, first, columns)
        while last < count:
            longer = _frame(panel, first, last + 1, columns)
            if longer.width > width:
                break
            last, frame = last + 1, longer
        rows.append(_filled(frame))
        first = last + 1
    return rows


class _Piece(NamedTuple):
    """A segment before its place is known: the words of its two ends, None where it is cut."""

    arc: DrawnArc
    start: int | None
    stop: int | None
    interval: tuple[float, float]
    """In numbers of words, those beyond the row too, so that long arcs stay outside short ones."""


class _Side(NamedTuple):
    """The pieces above or below the words, their levels, and where they meet the words."""

    pieces: list[_Piece]
    levels: list[int]
    ports: dict[int, dict[int, float]]


class _Frame(NamedTuple):
    """A row before its labels are placed, which takes long where there are many arcs."""

    words: list[Word]
    sides: list[_Side]
    width: float


def _filled(frame: _Frame) -> Row:
    x = {word.number: word.x for word in frame.words}
    above, below = (_placed(*side, x, frame.width) for side in frame.sides)
    return Row(frame.words, above, below, frame.width)


def _frame(panel: Panel, first: int, last: int, columns: Columns) -> _Frame:
    sides = [_pieces(arcs, first, last) for arcs in (panel.above, panel.below)]
    levels = [levels_of([piece.interval for piece in side], [p.arc.head == 0 for p in side]) for side in sides]
    ports = [_ports(side, level) for side, level in zip(sides, levels, strict=True)]
    upright = {p.arc.modifier: text_width(p.arc.label, LABEL) for side in sides for p in side if p.arc.head == 0}
    halves: dict[int, float] = {}
    x: dict[int, float] = {}
    position = MARGIN
    for number in range(first, last + 1):
        tag = panel.tags[number - 1] if panel.tags else ""
        texts = (text_width(panel.words[number - 1], FORM), text_width(tag, TAG), text_width(str(number), TAG))
        fan = max(2 * max((abs(o) for o in port.get(number, {}).values()), default=0.0) for port in ports) + PORT
        least, distance = columns.get(number, (0.0, 0.0))
        halves[number] = max(max(*texts, fan, upright.get(number, 0.0), 12.0) / 2, least)
        x[number] = max(position + halves[number], x[number - 1] + distance if number > first else 0.0)
        position = x[number] + halves[number] + GAP
    right_edge = position - GAP + MARGIN
    # Short arcs first: what they move apart, longer ones need no longer.
    pieces = [(piece, ports[k]) for k, side in enumerate(sides) for piece in side if piece.arc.head]
    for piece, port in sorted(pieces, key=lambda p: p[0].interval[1] - p[0].interval[0]):
        left = CUT if piece.start is None else x[piece.start] + port[piece.start][id(piece)]
        right = right_edge - CUT if piece.stop is None else x[piece.stop] + port[piece.stop][id(piece)]
        missing = _room(piece) - (right - left)
        if missing > 0:
            begin = first - 1 if piece.start is None else piece.start
            end = last + 1 if piece.stop is None else piece.stop
            for number in range(begin + 1, last + 1):
                x[number] += missing * (min(number, end) - begin) / (end - begin)
            right_edge += missing
    made = [_Side(*side) for side in zip(sides, levels, ports, strict=True)]
    return _Frame([Word(n, x[n], halves[n]) for n in x], made, right_edge)


def _room(piece: _Piece) -> float:
    """Return how long a segment has to be; a label that is cut off from its modifier may be left out."""
    if piece.arc.modifier in (piece.start, piece.stop):
        return text_width(piece.arc.label, LABEL) + 2 * CORNER
    return 2 * CORNER


def _pieces(arcs: Sequence[DrawnArc], first: int, last: int) -> list[_Piece]:
    pieces = []
    for arc in arcs:
        begin, end = sorted((arc.head, arc.modifier))
        if arc.head == 0:
            if first <= end <= last:
                pieces.append(_Piece(arc, end, end, (end - 0.5, end + 0.5)))
            continue
        start, stop = (place if first <= place <= last else None for place in (begin, end))
        # An arc that only passes through is left out: the numbers where it is cut lead from row to row.
        if start is not None or stop is not None:
            pieces.append(_Piece(arc, start, stop, (begin, end)))
    return pieces


def levels_of(intervals: Sequence[tuple[float, float]], outside: Sequence[bool] | None = None) -> list[int]:
    """Return a level for each interval, at least 1, so that intervals of one level have no more than an end in common.

    An interval lies above those inside it; of intervals with the same ends, the first is nearest. Those that are
    `outside` lie above all that they overlap.
    """
    outside = [False] * len(intervals) if outside is None else outside
    order = sorted(
        range(len(intervals)), key=lambda k: (outside[k], intervals[k][1] - intervals[k][0], intervals[k][0])
    )
    levels = [0] * len(intervals)
    placed: list[tuple[float, float, int]] = []
    for k in order:
        begin, end = intervals[k]
        taken, floor = set(), 0
        for a, b, level in placed:
            if a < end and begin < b:
                taken.add(level)
                if level > floor and (outside[k] or (begin <= a and b <= end)):
                    floor = level
        level = floor + 1
        while level in taken:
            level += 1
        levels[k] = level
        placed.append((begin, end, level))
    return levels


def _ports(pieces: Sequence[_Piece], levels: Sequence[int]) -> dict[int, dict[int, float]]:
    """Return for each word how far from its middle each piece meets it, by the piece's id."""
    at: dict[int, list[tuple[tuple[int, float], int]]] = {}
    for piece, level in zip(pieces, levels, strict=True):
        if piece.arc.head == 0:
            at.setdefault(piece.arc.modifier, []).append(((1, 0), id(piece)))
            continue
        if piece.start is not None:  # to the right: the highest is nearest to the middle
            at.setdefault(piece.start, []).append(((2, -level), id(piece)))
        if piece.stop is not None:
            at.setdefault(piece.stop, []).append(((0, level), id(piece)))
    ports: dict[int, dict[int, float]] = {}
    for word, ends in at.items():
        ends.sort()
        ports[word] = {name: PORT * (k - (len(ends) - 1) / 2) for k, (_, name) in enumerate(ends)}
    return ports


def _placed(
    pieces: Sequence[_Piece],
    levels: Sequence[int],
    ports: dict[int, dict[int, float]],
    x: dict[int, float],
    right_edge: float,
) -> list[Segment]:
    spans = []
    for piece in pieces:
        left = CUT if piece.start is None else x[piece.start] + ports[piece.start][id(piece)]
        right = right_edge - CUT if piece.stop is None else x[piece.stop] + ports[piece.stop][id(piece)]
        spans.append((left, right))
    legs = sorted(
        (place, level)
        for piece, level, (left, right) in zip(pieces, levels, spans, strict=True)
        for place, end in ((left, piece.start), (right, piece.stop))
        if end is not None
    )
    segments = []
    for piece, level, (left, right) in zip(pieces, levels, spans, strict=True):
        higher = [place for place, other in legs if other > level]
        label_x = left if piece.arc.head == 0 else _label_x(piece.arc.label, left, right, higher)
        segments.append(Segment(piece.arc, level, left, right, piece.start is None, piece.stop is None, label_x))
    return segments


def _label_x(label: str, left: float, right: float, legs: Sequence[float]) -> float | None:
    """Return the middle of a label: the nearest to that of its segment with the fewest legs of other arcs across it.

    `legs` are sorted.
    """
    half = text_width(label, LABEL) / 2
    low, high = left + CORNER + half, right - CORNER - half
    if not label or high < low - 1e-6:
        return None
    middle = (left + right) / 2
    steps = int((high - low) / 4)
    places = [middle, *(low + (high - low) * k / max(steps, 1) for k in range(steps + 1))]

    def legs_across(place: float) -> int:
        return bisect_left(legs, place + half + 3) - bisect_right(legs, place - half - 3)

    return min(places, key=lambda place: (legs_across(place), abs(place - middle)))
