"""The model en of spigot."""

from pathlib import Path


def path() -> Path:
    """Return the folder of the checkpoint."""
    return Path(__file__).parent / "model"
