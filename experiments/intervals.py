"""How many intervals the tables of each page have, how many leave out zero, and how many would by chance.

python experiments/intervals.py          # rewrites the table in experiments/README.md; after the tables of the pages
python experiments/intervals.py --check  # fails if it is not up to date
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from marks import rewrite

HERE = Path(__file__).parent
ALPHA = 0.05
"""The share of 95 % intervals that leave out zero by chance."""

Numbers: TypeAlias = tuple[float, ...]
"""A difference and the ends of its interval; of a single seed, with p."""


def read(page: Path) -> set[Numbers]:
    """Return the intervals of a page's tables, as `gains.py` keeps them.

    A difference that a table shows both ways counts once; one of the same output on both sides, as of two systems with
    one frozen parser, does not count.
    """
    kept = (tuple(map(float, row.split())) for row in json.loads(page.read_text("utf-8")).values())
    return {one_way(numbers) for numbers in kept if any(numbers[:3])}


def one_way(numbers: Numbers) -> Numbers:
    """Return an interval in the direction in which the difference is positive."""
    # The ends of a mirrored interval differ in their last digits.
    difference, low, high, *p_value = (round(number, 9) for number in numbers)
    return (-difference, -high, -low, *p_value) if difference < 0 else (difference, low, high, *p_value)


def cells(intervals: Sequence[Numbers]) -> list[str]:
    """Return how many there are, how many leave out zero, and how many would by chance."""
    without = sum(low > 0 or high < 0 for _, low, high, *_ in intervals)
    return [f"{len(intervals):,}", str(without), f"{ALPHA * len(intervals):.0f}"]


def table(pages: dict[str, set[Numbers]]) -> str:
    """Return the table in Markdown; what is on two pages counts once among all."""
    counted = "intervals", "without zero", "by chance"
    lines = [
        f"| page | {' | '.join(f'{seeds}: {each}' for seeds in ('several seeds', 'one seed') for each in counted)} |"
    ]
    lines.append("|---" + "|---:" * 6 + "|")
    for name, found in (pages | {"all": set[Numbers]().union(*pages.values())}).items():
        kinds = [[each for each in found if (len(each) > 3) is single] for single in (False, True)]
        lines.append(f"| {' | '.join([name, *(cell for kind in kinds for cell in cells(kind))])} |")
    return "\n".join(lines)


def main() -> int:
    """Rewrite or check the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    pages = {
        f"[{page.parent.name}]({page.parent.name}/README.md)": read(page) for page in sorted(HERE.glob("*/gains.json"))
    }
    return rewrite(HERE / "README.md", {"intervals": table(pages)}, parser.parse_args().check)


if __name__ == "__main__":
    sys.exit(main())
