"""The converter against files of the same rules that another program wrote, where SPIGOT_DATA has them.

It has four profiles in `erg`, and the whole result in `redwoods`.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from spigot.corpora.redwoods import convert
from spigot.corpora.redwoods.splits import SPLITS
from spigot.corpora.summary import Summary
from spigot.data.files import numbered_lines

DATA = Path(os.environ.get("SPIGOT_DATA", "/nonexistent"))
PROFILES = ("bcs", "cb", "ws201", "ws202")
FILES = ("ood.sdp", "ood.dt.conllu", "train.sdp.gz", "train.dt.conllu.gz")
FORM, LEMMA, FRAME = 1, 2, 6
Rows = list[list[str]]

pytestmark = pytest.mark.skipif(not (DATA / "erg" / "bcs").exists(), reason="SPIGOT_DATA is not set")


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    out = tmp_path_factory.mktemp("redwoods")
    return out, convert(DATA / "erg", out, processes=2)


def sentences(path: Path) -> dict[str, Rows]:
    """Return the rows of each sentence, by its id; in CoNLL-U a comment with the text is the first of them."""
    found: dict[str, Rows] = {}
    for _, line in numbered_lines(path):
        id = line.removeprefix("# sent_id = ").removeprefix("#").strip()
        if line.startswith(("# sent_id = ", "#")) and not line.startswith(("# text", "#SDP")):
            rows = found[id] = []
        elif line.strip() and not line.startswith("#SDP"):
            rows.append(line.rstrip("\n").split("\t"))
    return found


def pairs(out: Path, name: str) -> dict[str, tuple[Rows, Rows]]:
    """Return our rows and the others' of each sentence of the four profiles that both have."""
    ours, theirs = sentences(out / name), sentences(DATA / "redwoods" / name)
    return {id: (rows, theirs[id]) for id, rows in ours.items() if id in theirs}


def duplicates_of_absent_profiles(out: Path) -> set[str]:
    """Return the sentences that only we have, having checked that their tokens stand in a profile that is not there."""
    found = set()
    seen: dict[tuple[str, ...], str] = {}
    for split in SPLITS:
        for id, rows in sentences(DATA / "redwoods" / f"{split}.sdp{'.gz' if split == 'train' else ''}").items():
            seen[tuple(row[FORM].lower() for row in rows)] = id
    theirs = set(seen.values())
    for id, rows in (sentences(out / "train.sdp.gz") | sentences(out / "ood.sdp")).items():
        if id not in theirs:
            other = seen[tuple(row[FORM].lower() for row in rows)]
            assert other.rpartition("-")[0] not in PROFILES
            found.add(id)
    return found


def test_the_same_sentences(converted: tuple[Path, Summary]) -> None:
    out, _ = converted
    extra = duplicates_of_absent_profiles(out)
    assert len(extra) == 6
    for name in FILES:
        theirs = [id for id in sentences(DATA / "redwoods" / name) if id.rpartition("-")[0] in PROFILES]
        assert [id for id in sentences(out / name) if id not in extra] == theirs


def test_counts(converted: tuple[Path, Summary]) -> None:
    """The numbers of the other program, by profile: gold analyses, graphs, without edges, cyclic, other drops."""
    _, summary = converted
    expected = {
        "cb": (727, 720, 5, 2, 0),
        "ws201": (702, 681, 19, 2, 0),
        "ws202": (1166, 1111, 53, 1, 1),
        "bcs": (2479, 2430, 38, 11, 0),
    }
    for name, numbers in expected.items():
        counts = Counter(
            {key.removeprefix(f"{name}: "): n for key, n in summary.counts.items() if key.startswith(name)}
        )
        graphs = counts["sentences"] + counts["duplicate"]
        others = counts["markup in a token"] + counts["overlapping tokens"] + counts["matches WSJ"]
        read = graphs + counts["no edges"] + counts["cyclic"] + counts["ill-formed"] + others
        assert (read, graphs, counts["no edges"], counts["cyclic"], others) == numbers
        assert sum(counts.values()) == read + counts["unreadable"]
    assert [line.partition(":")[0] for line in summary.broken] == ["ws202-1000001400120"]
    assert summary.counts["ood: sentences"] == 2428
    assert summary.counts["ood: tokens"] == 43405
    assert summary.counts["ood: edges"] == 30506


@pytest.mark.parametrize("name", FILES)
def test_files_differ_in_frames_and_a_few_lemmas_only(name: str, converted: tuple[Path, Summary]) -> None:
    """So tokens, tags, arcs, tops, heads and labels are the same: LF and UAS are 100."""
    out, _ = converted
    lemmas = 0
    both = pairs(out, name)
    assert len(both) == (2428 if name.startswith("ood") else 2495)
    for id, (ours, theirs) in both.items():
        for row, other in zip(ours, theirs, strict=True):
            different = {place for place, (x, y) in enumerate(zip(row, other, strict=True)) if x != y}
            # Frames come from the grammar's SEM-I, which is not there.
            assert different <= ({LEMMA, FRAME} if ".sdp" in name else {LEMMA}), id
            if LEMMA in different:
                # The other program takes what stands before the first slash in the name of an unknown word.
                assert other[LEMMA] in ("⌊", "http:"), id
                lemmas += 1
    assert lemmas == (0 if name.startswith("ood") else 15)


def test_the_quarter(converted: tuple[Path, Summary]) -> None:
    out, _ = converted
    theirs = (DATA / "redwoods" / "train-quarter.ids").read_text("utf-8").split()
    extra = duplicates_of_absent_profiles(out)
    ours = [id for id in (out / "train-quarter.ids").read_text("utf-8").split() if id not in extra]
    assert ours == [id for id in theirs if id.rpartition("-")[0] in PROFILES]
