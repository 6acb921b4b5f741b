"""Panels as SVG: one element that needs nothing from outside, neither fonts nor scripts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from .arcs import DrawnArc
from .layout import CORNER, CUT, LABEL, Columns, Panel, Row, Segment, common_columns, lay_out
from .measure import text_width
from .style import STYLE

WIDTH = 900.0
"""The greatest width of a drawing in pixels, unless a word is wider."""
LEVEL = 18.0
"""The distance between levels."""
FIRST = 8.0
"""How much further level 1 lies from the words."""
CAPTION, CAPTION_LINE, WORD, TAGS, NUMBERS, BETWEEN = 22.0, 16.0, 20.0, 14.0, 13.0, 16.0
"""Heights: of a caption, of each line of it after the first, of words, tags and numbers, and of what separates rows."""
EDGE = 8.0
_NO_XML = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def svg(
    panels: Sequence[Panel],
    *,
    width: float = WIDTH,
    title: str = "",
    key: Sequence[DrawnArc] = (),
    columns: Columns | None = None,
) -> str:
    """Return panels, one below the other, as an SVG element.

    Args:
        panels: what is drawn.
        width: the greatest width in pixels; sentences that need more are wrapped.
        title: a name for readers who do not see the drawing.
        key: arcs whose roles are explained at the top, by their labels.
        columns: where the words of several drawings of a sentence stand, see `common_columns`; None: where those of
            these panels stand, if they have the same words.
    """
    body: list[str] = []
    y, widest = EDGE, 0.0
    for line in _key_lines(key, width):
        widest = max(widest, _key(line, y, body))
        y += CAPTION
    if columns is None:
        columns = common_columns(panels) if len({tuple(panel.words) for panel in panels}) == 1 else {}
    for panel in panels:
        rows = lay_out(panel, width - 2 * EDGE, columns)
        for text in _wrapped(panel.caption, width - 2 * EDGE):
            body.append(_put("caption", 0, y + 13, text))
            widest = max(widest, text_width(text, 12))
            y += CAPTION_LINE
        y += CAPTION - CAPTION_LINE if panel.caption else 0
        for row in rows:
            y = _draw_row(panel, row, y, len(rows) > 1, body)
            widest = max(widest, row.width)
        y += BETWEEN - EDGE if panel is not panels[-1] else 0
    w, h = _number(widest + 2 * EDGE), _number(y + EDGE)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="spigot-drawing" role="img" '
        f'aria-label={quoteattr(_clean(title))} width="{w}" height="{h}" viewBox="0 0 {w} {h}"><style>{STYLE}</style>'
        f'<rect class="paper" width="{w}" height="{h}" rx="6"/>{"".join(body)}</svg>'
    )


def _draw_row(panel: Panel, row: Row, y: float, wrapped: bool, body: list[str]) -> float:
    """Draw one row whose upper edge is at `y`; return where the next one may begin."""
    above, below = row.heights
    top = y + (FIRST + LEVEL * above + 8 if above else 4)  # the upper edge of the words
    lines = [("word", panel.words, WORD, 15.0)]
    if any(tag not in ("", "_") for tag in panel.tags):
        lines.append(("tag", panel.tags, TAGS, 9.0))
    if wrapped:
        lines.append(("tag", [str(number) for number in range(1, len(panel.words) + 1)], NUMBERS, 8.0))
    bottom = top
    for name, texts, height, base in lines:
        body += [_put(name, word.x, bottom + base, texts[word.number - 1]) for word in row.words]
        bottom += height
    for side, segments, edge, sign in (("above", row.above, top - 2, -1), ("below", row.below, bottom + 2, 1)):
        # Low arcs last, so that no line crosses their labels.
        for segment in sorted(segments, key=lambda segment: -segment.level):
            body.append(_segment(panel, segment, side, edge, sign))
    return bottom + (FIRST + LEVEL * below + 8 if below else 4) + (BETWEEN if wrapped else 0)


def _segment(panel: Panel, segment: Segment, side: str, edge: float, sign: int) -> str:
    """Return one segment with its tip, label and, where it is cut, the numbers of words.

    `edge` is where arcs meet the words; `sign` is the direction away from them, -1 upwards.
    """
    arc = segment.arc
    y = edge + sign * (FIRST + LEVEL * segment.level)
    width = "" if arc.width == 1 else f' style="stroke-width:{arc.width:.2f}px"'
    parts = [f'<path class="line" d="{_line(segment, edge, y, sign)}"{width}/>']
    if (x := _tip_at(segment)) is not None:
        size = 3.2 + 0.5 * arc.width
        tip = f"M{_number(EDGE + x)} {_number(edge)}l{_number(-size)} {_number(sign * 7.5)}h{_number(2 * size)}Z"
        parts.append(f'<path class="tip" d="{tip}"/>')
    ends = sorted((arc.head, arc.modifier))
    if segment.cut_left:
        parts.append(_put("cut", segment.left - 3, y + 3.7, str(ends[0]), ' text-anchor="end"'))
    if segment.cut_right:
        parts.append(_put("cut", segment.right + 3, y + 3.7, str(ends[1])))
    if segment.label_x is not None and arc.label:
        shift = 3.8 if not segment.upright else (-2 if sign < 0 else 10)
        # The ground hides lines behind the label: without it 1.7 reads as 1:7.
        half = text_width(arc.label, LABEL) / 2 + 2.5
        left, top = _number(EDGE + segment.label_x - half), _number(y + shift - 9.8)
        parts.append(f'<rect class="ground" x="{left}" y="{top}" width="{_number(2 * half)}" height="12"/>')
        parts.append(_put("label", segment.label_x, y + shift, arc.label))
    role = "" if arc.role == "plain" else f" {arc.role}"
    return f'<g class="arc {side}{role}"><title>{_text(_describe(panel, arc))}</title>{"".join(parts)}</g>'


def _line(segment: Segment, edge: float, y: float, sign: int) -> str:
    """Return the path of a segment whose level is at `y`."""
    left, right = EDGE + segment.left, EDGE + segment.right
    if segment.upright:
        return f"M{_number(left)} {_number(y)}V{_number(edge + sign * 5)}"
    corner = min(CORNER, (right - left) / 2)
    turn, across = _number(y - sign * corner), _number(y)
    begin, end = f"M{_number(left)} {across}", f"H{_number(right)}"
    if not segment.cut_left:
        begin = f"M{_number(left)} {_number(edge)}V{turn}Q{_number(left)} {across} {_number(left + corner)} {across}"
    if not segment.cut_right:
        end = f"H{_number(right - corner)}Q{_number(right)} {across} {_number(right)} {turn}V{_number(edge)}"
    return begin + end


def _tip_at(segment: Segment) -> float | None:
    """Return where the arrow stands: at the modifier; None if that is in another row."""
    if segment.upright:
        return segment.left
    if segment.arc.modifier < segment.arc.head:
        return None if segment.cut_left else segment.left
    return None if segment.cut_right else segment.right


def _describe(panel: Panel, arc: DrawnArc) -> str:
    head = "ROOT" if arc.head == 0 else f"{panel.words[arc.head - 1]}/{arc.head}"
    text = f"{arc.label}: {head} → {panel.words[arc.modifier - 1]}/{arc.modifier}".removeprefix(": ")
    return f"{text}; {arc.note}" if arc.note else text


def _key_lines(key: Sequence[DrawnArc], width: float) -> list[list[DrawnArc]]:
    lines: list[list[DrawnArc]] = []
    room = 0.0
    for arc in key:
        need = _key_width(arc)
        if need > room:
            lines.append([])
            room = width - 2 * EDGE
        lines[-1].append(arc)
        room -= need
    return lines


def _key_width(arc: DrawnArc) -> float:
    return CUT + 6 + text_width(arc.label, 12) + 18


def _key(arcs: Sequence[DrawnArc], y: float, body: list[str]) -> float:
    """Draw one line of the key; return its width."""
    x = EDGE
    for arc in arcs:
        line = f'<path class="line" d="M{_number(x)} {_number(y + 9)}h{CUT:g}"/>'
        text = _put("caption", x + CUT + 6 - EDGE, y + 13, arc.label)
        body.append(f'<g class="key {arc.role}">{line}{text}</g>')
        x += _key_width(arc)
    return x


def _put(name: str, x: float, y: float, text: str, more: str = "") -> str:
    """Return a text of a class; `x` does not count the edge."""
    return f'<text class="{name}" x="{_number(EDGE + x)}" y="{_number(y)}"{more}>{_text(text)}</text>'


def _wrapped(caption: str, width: float) -> list[str]:
    """Return a caption as lines."""
    lines: list[str] = []
    for word in caption.split():
        if lines and text_width(f"{lines[-1]} {word}", 12) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _text(text: str) -> str:
    return escape(_clean(text))


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _NO_XML.sub("\ufffd", text)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
