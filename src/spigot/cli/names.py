"""What files, runs and models are called beside each other."""

from __future__ import annotations

from pathlib import Path


def short_names(*sources: str) -> tuple[str, ...]:
    """Return the last parts of the sources' names; the whole names if two of those are the same."""
    short = tuple(Path(source).name or source for source in sources)
    return short if len({*short}) == len(sources) else sources
