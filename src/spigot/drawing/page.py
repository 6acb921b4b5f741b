"""Many drawings as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body{{margin:0 auto;max-width:1000px;padding:1rem;color:#1d2430;background:#f3f5f8;
font:15px/1.5 -apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}}
figure{{margin:0 0 1.5rem;padding:0;overflow-x:auto}}
figcaption{{margin:0 0 .4rem}}
figcaption b{{margin-right:.6em;font-weight:600}}
@media (prefers-color-scheme:dark){{body{{color:#e8ecf2;background:#0c0f14}}}}
</style>
</head>
<body>
"""


def page(title: str, drawings: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the pieces of an HTML page; `drawings` has a name, a text and an SVG element for each figure."""
    yield _HEAD.format(title=escape(title))
    for name, text, drawing in drawings:
        yield f"<figure>\n<figcaption><b>{escape(name)}</b> {escape(text)}</figcaption>\n{drawing}\n</figure>\n"
    yield "</body>\n</html>\n"
