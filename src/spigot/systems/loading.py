"""Load a system of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from spigot.systems import SYSTEMS
from spigot.systems.base import System
from spigot.systems.checkpoint import CONFIG, CheckpointError, find_checkpoint, read_json


def load_system(source: str | Path, device: torch.device | str = "cpu", **hub: Any) -> System:
    """Load a system of any kind; see `Pretrained.from_pretrained`. Raises CheckpointError."""
    folder = find_checkpoint(source, hub)
    kind = read_json(folder / CONFIG).get("kind")
    if not isinstance(kind, str) or kind not in SYSTEMS:
        own = f"{kind!r} (a class of your own has to be entered in spigot.systems.SYSTEMS first)"
        raise CheckpointError(f"{folder / CONFIG}: expected a kind of {', '.join(SYSTEMS)}, got {own}")
    return SYSTEMS[kind].from_pretrained(folder, device)
