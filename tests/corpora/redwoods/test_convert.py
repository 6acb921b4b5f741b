import gzip
import sys
from pathlib import Path

import pytest

from spigot.corpora.redwoods import convert
from spigot.corpora.redwoods.splits import SPLITS, find_profiles, in_quarter, is_distinctive, split_of, words_of
from spigot.data.conllu import read_conllu
from spigot.data.errors import DataError
from spigot.data.sdp import read_sdp
from spigot.errors import UserError
from tests.corpora.redwoods.profiles import HEADS, cat, write_profile, yes

TREE = """\
# sent_id = ws201-10
# text = The cat slept.
1	The	the	DET	DT	_	2	sp-hd	_	Rule=sp-hd_n_c
2	cat	cat	NOUN	NN	_	3	sb-hd	_	Rule=sb-hd_mc_c
3	slept	sleep	VERB	VBD	_	0	root	_	SpaceAfter=No
4	.	.	PUNCT	.	_	3	hd-pct	_	Rule=hd-pct_c

"""
GRAPH = """\
#SDP 2015
#ws201-10
1	The	the	DT	-	+	q:x-h-h	_	_
2	cat	cat	NN	-	-	n:x	BV	ARG1
3	slept	sleep	VBD	+	+	v:e-x	_	_
4	.	_	.	-	-	_	_	_

"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder in the manner of the grammar's repository, without profiles."""
    folder = tmp_path / "erg"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "rules.hds").write_text(HEADS)
    return folder


def profile(source: Path, name: str, *records: dict[str, list[str]]) -> None:
    write_profile(source / "tsdb" / "gold" / name, records)


def texts(path: Path) -> dict[str, str]:
    """Return the text of each file in a folder."""
    return {
        file.name: (gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()).decode()
        for file in sorted(path.iterdir())
    }


def test_one_sentence(source: Path, tmp_path: Path) -> None:
    profile(source, "ws201", cat())
    summary = convert(source, tmp_path / "out")
    assert texts(tmp_path / "out") == {
        "dropped.tsv": "",
        "train-quarter.ids": "",
        "train.dt.conllu.gz": TREE,
        "train.sdp.gz": GRAPH,
    }
    assert summary.counts == {"ws201: sentences": 1, "train: sentences": 1, "train: tokens": 4, "train: edges": 2}
    assert summary.broken == []


def test_all_splits(source: Path, tmp_path: Path) -> None:
    names = {"ws201": "cat", "cb": "dog", "trec": "crow", "ws212": "hen", "ws213": "cow", "ws214": "pig", "bcs": "ant"}
    for name, animal in names.items():
        profile(source, name, cat(name=animal))
    convert(source, tmp_path / "out")
    expected = {"train": ["ws201", "cb", "trec"], "dev": ["ws212"], "test": ["ws213", "ws214"], "ood": ["bcs"]}
    for split, profiles in expected.items():
        suffix = ".gz" if split == "train" else ""
        graphs = list(read_sdp(tmp_path / "out" / f"{split}.sdp{suffix}"))
        trees = list(read_conllu(tmp_path / "out" / f"{split}.dt.conllu{suffix}"))
        assert [sentence.id for sentence in graphs] == [f"{name}-10" for name in profiles]
        assert [(sentence.id, sentence.forms) for sentence in trees] == [(one.id, one.forms) for one in graphs]


def test_what_is_left_out(source: Path, tmp_path: Path) -> None:
    text = "The dogs that chased the dogs ran."
    wall_street = {"item": ["70", text.upper(), "1"]}
    famous = cat(11)
    famous["item"][1] = text
    wrong, damaged = cat(12), cat(13)
    wrong["item"][2] = "0"
    damaged["result"][2] = damaged["result"][2].replace("_cat_n_1", "_cat_spoon(/nn_u_unknown")
    marked, overlapping, circle = cat(14, "owl"), cat(15, "ewe"), cat(16, "elk")
    marked["parse"][2] = marked["parse"][2].replace('"owl"', '"owl ¦"')
    overlapping["parse"][2] = overlapping["parse"][2].replace("<4:7>", "<2:7>")
    circle["result"][2] = circle["result"][2].replace("_elk_n_1<4:7> LBL: h7", "_elk_n_1<4:7> LBL: h7 ARG1: e2")
    profile(source, "ws201", famous, wrong, damaged, marked, overlapping, circle, cat(17), yes(18), cat(19))
    profile(source, "ws212", cat(10, "gnu"), cat(11, "GNU"))
    profile(source, "ws202", cat(20, "Gnu"))
    profile(source, "wsj00a", wall_street)
    summary = convert(source, tmp_path / "out")
    left = [line.split("\t") for line in (tmp_path / "out" / "dropped.tsv").read_text("utf-8").splitlines()]
    assert [(id, reason) for id, reason, _ in left] == [
        ("ws212-11", "duplicate"),
        ("ws201-11", "matches WSJ"),
        ("ws201-12", "ill-formed"),
        ("ws201-13", "unreadable"),
        ("ws201-14", "markup in a token"),
        ("ws201-15", "overlapping tokens"),
        ("ws201-16", "cyclic"),
        ("ws201-18", "no edges"),
        ("ws201-19", "duplicate"),
        ("ws202-20", "duplicate"),
    ]
    counts = summary.counts
    assert [counts[f"{split}: sentences"] for split in SPLITS] == [1, 0, 0, 1]
    assert [counts[f"{name}: duplicate"] for name in ("ws212", "ws201", "ws202")] == [1, 1, 1]
    assert sum(counts[f"ws201: {kind}"] for kind in ("sentences", *{reason for _, reason, _ in left})) == 9
    assert len(summary.broken) == 1
    assert summary.broken[0].startswith("ws201-13: semantics: ")


def test_a_damaged_profile_does_not_stop_the_others(source: Path, tmp_path: Path) -> None:
    profile(source, "ws201", cat())
    profile(source, "ws202", cat(name="dog"))
    profile(source, "wsj00a", cat(name="cow"))
    for name, table in (("ws201", "result"), ("wsj00a", "item")):
        (source / "tsdb" / "gold" / name / f"{table}.gz").write_bytes(b"nothing")
    summary = convert(source, tmp_path / "out")
    assert [sentence.id for sentence in read_sdp(tmp_path / "out" / "train.sdp.gz")] == ["ws202-10"]
    assert ["wsj00a/item: expected" in summary.broken[0], "ws201/result: expected" in summary.broken[1]] == [True, True]
    assert len(summary.broken) == 2


def test_a_second_run_changes_nothing(source: Path, tmp_path: Path) -> None:
    profile(source, "ws201", *(cat(number, "c" + "a" * number + "t") for number in range(1, 40)))
    profile(source, "bcs", cat(name="dog"))
    convert(source, tmp_path / "out")
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").iterdir()}
    summary = convert(source, tmp_path / "out", processes=2)
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in (tmp_path / "out").iterdir()}
    assert summary.counts["train: sentences"] == 39


def test_progress(source: Path, tmp_path: Path) -> None:
    profile(source, "ws201", cat(10), yes(20))
    profile(source, "bcs", cat(10, "dog"))
    seen: list[tuple[str, int, int | None]] = []
    convert(source, tmp_path / "out", progress=lambda *step: seen.append(step))
    assert seen == [("bcs", 1, None), ("ws201", 1, None), ("ws201", 2, None)]


def test_the_quarter(source: Path, tmp_path: Path) -> None:
    profile(source, "ws201", *(cat(number, "c" + "a" * number + "t") for number in range(1, 40)))
    convert(source, tmp_path / "out")
    expected = [f"ws201-{number}" for number in range(1, 40) if in_quarter(f"ws201-{number}", 4)]
    assert (tmp_path / "out" / "train-quarter.ids").read_text().split() == expected
    assert 0 < len(expected) < 20
    (id, *_) = expected
    assert [size for size in range(70) if in_quarter(id, size)] == list(range(2, 61))


@pytest.mark.parametrize("place", ["etc", "grammar", "."])
def test_profiles_and_the_grammar_side_by_side(place: str, tmp_path: Path) -> None:
    write_profile(tmp_path / "erg" / "ws201", [cat()])
    (tmp_path / "erg" / place).mkdir(exist_ok=True)
    (tmp_path / "erg" / place / "rules.hds").write_text(HEADS)
    assert convert(tmp_path / "erg", tmp_path / "out").counts["train: sentences"] == 1


def test_frames_of_the_semi(source: Path, tmp_path: Path) -> None:
    profile(source, "ws201", cat())
    (source / "etc" / "surface.smi").write_text("predicates:\n\n  _sleep_v_1 : ARG0 e, [ ARG1 i ].\n")
    convert(source, tmp_path / "out")
    assert texts(tmp_path / "out")["train.sdp.gz"] == GRAPH.replace("v:e-x", "v:e-i")


def test_nothing_to_convert(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"erg: expected profiles such as ws201 in tsdb/gold/ or here, got none"):
        convert(source, tmp_path / "out")
    with pytest.raises(DataError, match=r"expected the grammar's rules.hds in etc/, in grammar/ or here, got none"):
        convert(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_pydelphin_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "delphin", None)
    for name in ("conversion", "reader", "sentences"):
        monkeypatch.delitem(sys.modules, f"spigot.corpora.redwoods.{name}", raising=False)
    with pytest.raises(UserError, match=r"^redwoods: expected PyDelphin.*'torch-spigot\[redwoods\]'$"):
        convert(tmp_path, tmp_path / "out")


def test_splits_have_their_own_profiles(tmp_path: Path) -> None:
    names = [name for profiles in SPLITS.values() for name in profiles]
    assert len(names) == len(set(names)) == 40
    assert [split_of(name) for name in ("ws212", "ws214", "bcs", "trec")] == ["dev", "test", "ood", "train"]
    assert find_profiles(tmp_path, "train") == []


def test_texts_are_compared_by_their_words() -> None:
    assert words_of("  The “dogs”, that\tRAN! ") == "the dogs that ran"
    assert not is_distinctive("the dogs that ran")
    assert is_distinctive("the dogs that ran away")
