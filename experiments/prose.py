"""Find the intervals in prose that no table has: after runs have changed a table, what is said of it is stale.

python experiments/prose.py  # prints each with its page and line; fails if there is one

An interval is a difference and its ends, as `0.56 [0.23, 0.90]`. It may be rounded, and be the other way round than in
its table. What a table shows is in its page's `gains.json`; a page has the intervals of its own tables and of those
pages that it links to, one without tables may have all.
"""

from __future__ import annotations

import argparse
import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from intervals import Numbers, read
from marks import without_tables

HERE = Path(__file__).parent
NUMBER = r"[−-]?\d+(?:\.\d+)?"
INTERVAL = re.compile(rf"({NUMBER})(?: [A-Z]*)? \[({NUMBER}), ({NUMBER})\]")


def written(text: str) -> Iterator[tuple[int, str, Sequence[str]]]:
    """Yield the line, the text and the three numbers of each interval outside of tables."""
    for number, line in enumerate(without_tables(text).splitlines(), 1):
        for found in INTERVAL.finditer(line):
            yield number, found[0], [each.replace("−", "-") for each in found.groups()]


def among(given: Sequence[str], known: Sequence[Numbers]) -> bool:
    """Return whether the given numbers may be some of the known ones, which are in order, rounded."""
    halves = [0.5 * 10 ** -len(each.partition(".")[2]) + 1e-9 for each in given]
    low, high = ((float(given[0]) + side * halves[0],) for side in (-1, 1))
    near = known[bisect_left(known, low) : bisect_right(known, high)]
    ends = [*zip(map(float, given), halves, strict=True)][1:]
    return any(all(abs(a - b) <= half for (a, half), b in zip(ends, each[1:], strict=True)) for each in near)


def stale(text: str, known: Sequence[Numbers]) -> Iterator[str]:
    """Yield the intervals of a text, with their lines, that are not among the known ones, in points, or mirrored."""
    both = sorted(ways for d, low, high in known for ways in ((d, low, high), (-d, -high, -low)))
    for number, interval, given in written(text):
        if not among(given, both):
            yield f"{number}: {interval}"


def shown(folder: Path = HERE) -> dict[str, list[Numbers]]:
    """Return the intervals of the tables of each page, by its folder, in points of 100."""
    return {
        page.parent.name: [tuple(100 * number for number in numbers[:3]) for numbers in read(page)]
        for page in sorted(folder.glob("*/gains.json"))
    }


def allowed(page: Path, text: str, known: Mapping[str, list[Numbers]]) -> list[Numbers]:
    """Return the intervals that a page may have."""
    own = page.parent.name
    linked = {own, *re.findall(r"\.\./([\w-]+)/README\.md", text)} if own in known else set(known)
    return [each for name in linked & set(known) for each in known[name]]


def main() -> int:
    """Print what is stale; return 1 if there is something."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    root = HERE.parent
    pages = [
        root / "README.md",
        *root.glob("docs/**/*.md"),
        *root.glob("recipes/**/*.toml"),
        *HERE.glob("**/README.md"),
    ]
    known, found = shown(), 0
    for page in sorted(pages):
        text = page.read_text("utf-8")
        for each in stale(text, allowed(page, text, known)):
            print(f"{page.relative_to(root)}:{each}")
            found += 1
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main())
