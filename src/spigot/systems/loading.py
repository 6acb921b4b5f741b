"""Load whichever system a folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from spigot.systems.base import JointSystem
from spigot.systems.checkpoint import CONFIG, CheckpointError, find_checkpoint, read_json
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics

SYSTEMS: dict[str, type[JointSystem]] = {
    system.kind: system for system in (SyntaxThenSemantics, SemanticsThenSentiment)
}


def load_system(source: str | Path, device: torch.device | str = "cpu", **hub: Any) -> JointSystem:
    """Load a system of any kind; see `Pretrained.from_pretrained`. Raises CheckpointError."""
    folder = find_checkpoint(source, hub)
    kind = read_json(folder / CONFIG).get("kind")
    if kind not in SYSTEMS:
        raise CheckpointError(f"{folder / CONFIG}: expected a kind of {', '.join(SYSTEMS)}, got {kind!r}")
    return SYSTEMS[kind].from_pretrained(folder, device)
