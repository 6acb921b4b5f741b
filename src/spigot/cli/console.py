"""Output of the commands: data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from typing import Any


def emit(line: str) -> None:
    """Write one line of data to stdout."""
    sys.stdout.write(f"{line}\n")


def emit_json(value: Any) -> None:
    """Write one JSON value to stdout, indented; NaN and infinity, which JSON lacks, are a ValueError."""
    emit(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
