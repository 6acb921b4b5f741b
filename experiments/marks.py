"""Tables between marks in a page: `<!-- NAME:begin -->` and `<!-- NAME:end -->`, each in a line of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def rewrite(page: Path, tables: Mapping[str, str], check: bool) -> int:
    """Put each table between the marks of its name; with `check`, only compare. Returns the exit code."""
    text = page.read_text("utf-8")
    new = text
    for name, table in tables.items():
        begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
        if new.count(begin) != 1 or new.count(end) != 1:
            raise ValueError(f"{page}: expected one pair of marks for {name!r}")
        new = re.sub(f"{begin}.*?{end}", lambda _, shown=f"{begin}{table}\n{end}": shown, new, flags=re.DOTALL)
    if check:
        return int(new != text)
    page.write_text(new, "utf-8")
    return 0


def without_tables(text: str) -> str:
    """Return a page's text with its tables as empty lines."""
    tables = re.compile(r"^<!-- (\w+):begin -->$.*?^<!-- \1:end -->$", re.DOTALL | re.MULTILINE)
    return tables.sub(lambda table: "\n" * table[0].count("\n"), text)
