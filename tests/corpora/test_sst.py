import os
from pathlib import Path

import pytest

from spigot.corpora.sst import SPLITS, convert

REAL = Path(os.environ.get("SPIGOT_DATA", "/nonexistent")) / "sst"
GOOD = "# instance 1\n1\tA\ta\tDT\t1\n2\tjoy\tjoy\tNN\t1\n\n"
BROKEN = "# instance 2\n1\tDull\tdull\tJJ\t3\n\n# instance 3\n\n"


def test_files_are_checked_and_copied(tmp_path):
    for split in SPLITS:
        (tmp_path / split).write_text(GOOD + (BROKEN if split == "dev" else ""), "utf-8")
    summary = convert(tmp_path, tmp_path / "out")
    for split in SPLITS:
        assert (tmp_path / "out" / f"{split}.tsv").read_text("utf-8") == GOOD
        assert summary.counts[f"{split}: sentences"] == 1
    assert summary.broken == [
        f"{tmp_path / 'dev'}:6: expected a label of 0, 1, _, got '3'",
        f"{tmp_path / 'dev'}:8: expected token lines, got none",
    ]


@pytest.mark.skipif(not REAL.is_dir(), reason="SPIGOT_DATA is not set")
def test_the_published_files_stay_as_they_are(tmp_path):
    assert convert(REAL, tmp_path).broken == []
    for split in SPLITS:
        assert (tmp_path / f"{split}.tsv").read_bytes() == (REAL / f"{split}.tsv").read_bytes()
