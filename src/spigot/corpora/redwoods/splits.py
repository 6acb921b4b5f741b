"""Which profiles make which split, and what keeps the splits apart."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

SPLITS: dict[str, tuple[str, ...]] = {
    "dev": ("ws212",),
    "test": ("ws213", "ws214"),
    "ood": ("bcs",),
    "train": (
        *("ws201", "ws202", "ws203", "ws204", "ws205", "ws206", "ws207", "ws208", "ws209", "ws210", "ws211"),
        *("wlb03", "wnb03", "cb"),
        *("rondane", "hike", "jhk", "jhu", "ps", "psk", "psu", "tg", "tgk", "tgu"),
        *("ecoc", "ecos", "ecpa", "ecpr", "vm13", "vm31", "vm32", "vm6"),
        *("sh-spec", "rtc000", "rtc001", "trec"),
    ),
}
"""The profiles of each split. A token sequence that comes again is dropped, so the first split keeps all of its own."""

EXCLUDED = "wsj*"
"""Profiles of the Wall Street Journal: their texts are not free, and no sentence of theirs gets in by another way."""


def find_profiles(source: Path, split: str) -> list[Path]:
    """Return the folders of a split's profiles, as far as they are there."""
    folders = (profiles_folder(source) / name for name in SPLITS[split])
    return [folder for folder in folders if folder.is_dir()]


def split_of(profile: str) -> str:
    """Return the split of a profile."""
    return next(split for split, names in SPLITS.items() if profile in names)


def excluded_profiles(source: Path) -> list[Path]:
    """Return the folders of the profiles whose texts are kept out."""
    return sorted(profiles_folder(source).glob(EXCLUDED))


def profiles_folder(source: Path) -> Path:
    """Return the folder of the profiles in the grammar's repository, or `source` itself without one."""
    gold = source / "tsdb" / "gold"
    return gold if gold.is_dir() else source


def words_of(text: str) -> str:
    """Return a text's words in lower case, without punctuation: the form in which texts are compared."""
    return " ".join(re.sub(r"[^\w\s]", "", text.lower()).split())


def is_distinctive(words: str) -> bool:
    """Whether words are many enough that two texts do not share them by chance."""
    return words.count(" ") >= 4


def in_quarter(id: str, size: int) -> bool:
    """Whether a training sentence belongs to the fixed quarter for small machines."""
    return 2 <= size <= 60 and zlib.crc32(id.encode()) % 4 == 0
