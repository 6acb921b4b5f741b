"""What the scripts have in common that score runs and make tables of the scores."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from gains import Gains
from marks import rewrite

Tables = Callable[[Gains], Mapping[str, str]]
"""Makes the tables of a page, by the names of their marks."""


def rewrite_page(page: Path, tables: Tables, check: bool, anew: bool = False) -> int:
    """Rewrite or check the tables of a page, with differences kept in gains.json beside it. Returns the exit code.

    Those of known counts are looked up; with `anew` all are computed.
    """
    gains = Gains(page.with_name("gains.json"), look_up=not anew)
    result = rewrite(page, tables(gains), check)
    if not check:
        gains.save()
    return result


def rewrite_or_check(description: str | None, pages: Mapping[Path, Tables]) -> int:
    """Read the command line, nothing, `--check` or `--anew`, and do what it says with all pages."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_ways(parser)
    how = parser.parse_args()
    return max(rewrite_page(page, tables, how.check, how.anew) for page, tables in pages.items())


def add_ways(parser: argparse.ArgumentParser) -> None:
    """Add the options of `rewrite_page`."""
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="only compare; fails if they are not up to date")
    ways.add_argument("--anew", action="store_true", help="compute the known differences again, too")


def score_or_rewrite(description: str | None, score: Callable[[Path, Path], None], page: Path, tables: Tables) -> int:
    """Read the command line and do what it says: `score --data DATA --runs RUNS`, or `table [--check | --anew]`."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    scoring = commands.add_parser("score", help="score runs that have no scores yet")
    scoring.add_argument("--data", type=Path, required=True)
    scoring.add_argument("--runs", type=Path, required=True)
    add_ways(commands.add_parser("table", help="rewrite the tables"))
    arguments = parser.parse_args()
    if arguments.command == "table":
        return rewrite_page(page, tables, arguments.check, arguments.anew)
    for option, folder in (("--data", arguments.data), ("--runs", arguments.runs)):
        if not folder.is_dir():
            parser.error(f"{option}: expected a folder, got {folder}")
    score(arguments.data, arguments.runs)
    return 0
