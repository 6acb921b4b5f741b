import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spigot.cli.main import main
from spigot.data.json_lines import read_json_lines
from spigot.data.readers import read_sentences
from spigot.data.sentence import SENTIMENTS
from spigot.data.writers import WRITERS
from spigot.errors import UserError
from spigot.scaling import corpus
from spigot.scaling.actors import ColumnParser, PartParser, Work, _placed
from spigot.scaling.corpus import connect, parse_corpus, parse_dataset
from spigot.scaling.output import path_of, start_job, whole
from spigot.scaling.parts import Part, cut
from spigot.systems.parser import load
from tests.models.tiny import SENTENCES, WORDS_ALONE, sentiment_model, tiny_model

ray = pytest.importorskip("ray")
ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_model(encoder=WORDS_ALONE).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """A Ray of two processors on this computer."""
    os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    ray.init(num_cpus=2, log_to_driver=False, logging_level="ERROR", include_dashboard=False)
    with connect():
        yield
    ray.shutdown()


@pytest.fixture
def folder(tmp_path):
    """Three files of sentences, one of them packed, with running numbers and with ids."""
    out = tmp_path / "in"
    out.mkdir()
    for name, sentences in (
        ("a.conllu", SENTENCES[:14]),
        ("b.conllu", SENTENCES[14:21]),
        ("c.conllu.gz", SENTENCES[21:]),
    ):
        WRITERS["conllu"](sentences, out / name)
    text = (out / "b.conllu").read_text("utf-8")
    (out / "b.conllu").write_text("".join(line for line in text.splitlines(True) if "sent_id" not in line), "utf-8")
    return out


def work_on(model, folder, **settings):
    return Work(model, folder, folder.parent / "out", "conllu", **settings)


def parsed(work):
    """The sentences of all parts, in the order of the files and parts."""
    files = sorted(path for path in work.out.rglob("*.conllu") if path.is_file())
    return [sentence for path in files for sentence in read_sentences(path)]


def assert_whole(work, model):
    """Every sentence has been parsed once, in order, as without Ray, and ids are unique."""
    found = parsed(work)
    assert [s.forms for s in found] == [s.forms for s in SENTENCES]
    expected = [parse.trees["syntax"] for parse in load(model)(SENTENCES)]
    assert [s.trees["syntax"] for s in found] == expected
    assert len({s.id for s in found}) == len(SENTENCES)
    assert [s.id for s in found[:14]] == [s.id for s in SENTENCES[:14]]


def test_a_folder_in_a_folder_out(model, folder):
    work = work_on(model, folder)
    rows = list(parse_corpus(work, part_bytes=1000))
    assert len(rows) > 5
    assert sum(row["sentences"] for row in rows) == len(SENTENCES)
    assert_whole(work, model)
    assert not list(work.out.rglob("*.part"))
    assert list(parse_corpus(work, part_bytes=1000)) == []  # nothing is left to do


class Dying(PartParser):
    """Is killed in the middle of one part, once."""

    def _write(self, part, path, left_out):
        mark = self.work.out / ".killed"
        if part.number == 1 and not mark.exists():
            mark.touch()
            path.write_text("half a part", "utf-8")
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._write(part, path, left_out)


def test_a_worker_that_is_killed_loses_and_doubles_nothing(model, folder, monkeypatch):
    monkeypatch.setattr(corpus, "PartParser", Dying)
    work = work_on(model, folder)
    rows = list(parse_corpus(work, part_bytes=1000))
    assert (work.out / ".killed").exists()
    assert not list(work.out.rglob("*.part"))
    assert sorted({row["part"] for row in rows}) == sorted(row["part"] for row in rows)
    assert_whole(work, model)


def test_a_job_goes_on_with_the_parts_that_are_missing(model, folder):
    work = work_on(model, folder)
    total = len(list(parse_corpus(work, workers=1, part_bytes=1000)))
    gone = sorted(work.out.rglob("*.conllu"))[1:3]
    for path in gone:
        if path.is_file():
            path.unlink()
    again = list(parse_corpus(work, workers=1, part_bytes=1000))
    assert 0 < len(again) < total
    assert_whole(work, model)


def test_another_job_in_the_same_folder_is_refused(model, folder):
    work = work_on(model, folder)
    list(parse_corpus(work, workers=1, part_bytes=10**6))
    with pytest.raises(UserError, match=r"same job, got one with another --part-bytes \(1000000, here 100000\)"):
        list(parse_corpus(work, part_bytes=10**5))
    with (folder / "a.conllu").open("a") as file:
        file.write("\n")
    with pytest.raises(UserError, match=r"got one with another file a\.conllu"):
        list(parse_corpus(work, part_bytes=10**6))
    (folder.parent / "other").mkdir()
    (folder.parent / "other/file").touch()
    with pytest.raises(UserError, match="new or empty folder"):
        list(parse_corpus(Work(model, folder, folder.parent / "other", "conllu")))


def test_a_job_goes_on_after_its_bad_file_is_repaired(model, tmp_path):
    (tmp_path / "in").mkdir()
    good, bad = tmp_path / "in/a.txt", tmp_path / "in/bad.txt"
    good.write_text("the dog sleeps\n", "utf-8")
    bad.write_bytes("the dög sleeps\nthe cat sleeps\n".encode("latin-1"))
    work = Work(model, tmp_path / "in", tmp_path / "out", "tokenized")

    def go_on():
        return {row["part"]: row["error"] for row in parse_corpus(work, workers=1, part_bytes=10**6)}

    rows = go_on()
    assert rows["a.txt/00000"] == ""
    assert "bad.txt:1: expected UTF-8 text" in rows["bad.txt/00000"]
    bad.write_text("the dög sleeps\nthe cat sleeps\n", "utf-8")
    (tmp_path / "in/new.txt").write_text("it rains\n", "utf-8")
    assert go_on() == {"bad.txt/00000": "", "new.txt/00000": ""}
    assert [s.forms[1] for s in parsed(work)] == ["dog", "dög", "cat", "rains"]
    # Parts that are finished would not be those of the new file.
    good.write_text("the dog barks\n", "utf-8")
    with pytest.raises(
        UserError, match=r"another file a\.txt and parses of the old one \(remove .*out/a\.txt to parse"
    ):
        go_on()
    shutil.rmtree(tmp_path / "out/a.txt")
    assert go_on() == {"a.txt/00000": ""}
    good.unlink()
    with pytest.raises(UserError, match=r"another file a\.txt and parses"):
        go_on()


def test_a_part_of_a_file_that_has_changed_is_refused_until_all_are_removed(tmp_path):
    first = {"model": {}, "files": {"x/a": "1", "b": "1"}, "how": {"to": "json"}}
    second = first | {"files": {"x/a": "2", "b": "1"}}
    start_job(tmp_path / "out", first)
    part = path_of(tmp_path / "out", Part("x/a", 7, 0, 1, 1), "json")
    for path in (part, path_of(tmp_path / "out", Part("b", 0, 0, 1, 1), "json")):
        path.parent.mkdir(parents=True)
        path.touch()
    for _ in range(2):  # a job that is refused leaves the old one as it was
        with pytest.raises(UserError, match=r"another file x/a and parses"):
            start_job(tmp_path / "out", second)
    part.rename(part.with_name(f".{part.name}.1.part"))  # half a part is none
    start_job(tmp_path / "out", second)
    part.touch()
    with pytest.raises(UserError, match=r"another file x/a and parses"):
        start_job(tmp_path / "out", first)


def test_the_parses_go_to_another_folder_than_the_texts(model, folder):
    for out in (folder, folder / "out"):
        with pytest.raises(UserError, match="or the parses would be parsed, too"):
            list(parse_corpus(Work(model, folder, out, "conllu")))


def test_a_part_that_cannot_be_read_is_named_and_the_others_go_on(model, folder, capsys):
    text = (folder / "a.conllu").read_text("utf-8").split("\n\n")
    text[5] = "1\tbroken"
    (folder / "a.conllu").write_text("\n\n".join(text), "utf-8")
    line = 1 + "\n\n".join(text[:5]).count("\n") + 2
    out = folder.parent / "out"
    options = ["--from", "conllu", "--part-bytes", "1000", "--workers", "1"]
    code = main(["parse-corpus", model, str(folder), "-o", str(out), *options])
    told = capsys.readouterr()
    assert code == 2
    assert f"a.conllu:{line}: expected" in told.err
    assert len([path for path in out.rglob("*.conllu") if path.is_file()]) > 4


def test_the_parses_of_one_job_are_the_texts_of_another(model, folder):
    """The first one's `job.json` is left out; a text of that name is refused before anything is parsed."""
    first = work_on(model, folder)
    assert len(list(parse_corpus(first, 1))) == 3
    second = Work(model, first.out, folder.parent / "again", "conllu")
    assert {row["error"] for row in parse_corpus(second, 1)} == {""}
    assert len(parsed(second)) == len(SENTENCES)
    (folder / "job.json").write_text("x", "utf-8")
    with pytest.raises(UserError, match=r"job\.json: expected another name"):
        list(parse_corpus(Work(model, folder, folder.parent / "third", "conllu"), 1))


def test_a_part_that_cannot_be_written_is_named(model, folder):
    work = work_on(model, folder)
    work.out.mkdir()
    parser, part = PartParser(work), Part("a.conllu", 0, 0, 10, 1)
    (work.out / "a.conllu").write_text("in the way", "utf-8")
    assert "a.conllu" in parser(part.to_dict())["error"]


def test_text_without_the_tags_that_a_model_reads(tmp_path):
    tiny_model().save_pretrained(tmp_path / "model")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("the dog slept .\n", "utf-8")
    work = Work(str(tmp_path / "model"), tmp_path / "in", tmp_path / "out", "tokenized")
    with pytest.raises(UserError, match=r"^--from: expected conllu with lemmas and tags, which .* got tokenized"):
        list(parse_corpus(work))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("source", ["raw", "lines", "tokenized"])
def test_raw_text(model, tmp_path, source):
    if source != "tokenized":
        pytest.importorskip("spacy")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("the dog saw the cat .\n\nthe cat slept .\n", "utf-8")
    work = Work(model, tmp_path / "in", tmp_path / "out", source, "json", confidence=True)
    assert sum(row["sentences"] for row in parse_corpus(work, workers=1, part_bytes=10)) == 2
    lines = [json.loads(line) for path in sorted((tmp_path / "out/a.txt").iterdir()) for line in path.open()]
    assert [line["forms"][1] for line in lines] == ["dog", "cat"]
    assert len({line["id"] for line in lines}) == 2
    assert all(line["confidence"] for line in lines)


@pytest.mark.parametrize("source", ["raw", "lines"])
def test_offsets_are_those_of_the_file(model, tmp_path, source):
    """They count characters, whatever the size of the parts."""
    pytest.importorskip("spacy")
    text = "Größe zählt.  Ça va?\r\n\n \nЭто 🐕 — 犬です。\n\nthe dog\n\n\n" * 5 + "é"
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_bytes(("\ufeff" + text.replace("the dog", "\ufeffthe dog")).encode())
    found = []
    for size in (1, 50, 10**6):
        work = Work(model, tmp_path / "in", tmp_path / f"out{size}", source, "json")
        parts = list(cut(work.folder, "a.txt", "blank" if source == "raw" else "line", size))
        assert (len(parts) > 1) == (size < 10**6)
        parser = PartParser(work)
        assert [parser(part.to_dict())["error"] for part in parts] == [""] * len(parts)
        parses = [s for part in parts for s in read_json_lines(path_of(work.out, part, "json"))]
        found.append([replace(sentence, id="") for sentence in parses])
        assert [sentence.surface for sentence in found[-1]] == [sentence.surface for sentence in found[0]]
        for sentence in parses:
            start = sentence.surface.start
            assert tuple(text[start + a : start + b] for a, b in sentence.surface.spans) == sentence.forms
    assert found[0] == found[1] == found[2]


def test_a_longer_sentence_is_left_out_and_named(model, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("the dog\nthe dog saw the cat\n", "utf-8")
    work = Work(model, tmp_path / "in", tmp_path / "out", "tokenized", max_length=3)
    (row,) = parse_corpus(work)
    assert (row["sentences"], row["left_out"]) == (1, "a.txt/00000-2")


def test_sentiments_are_written_beside_graphs(tmp_path):
    sentiment_model().save_pretrained(tmp_path / "model")
    (tmp_path / "in").mkdir()
    WRITERS["conllu"](SENTENCES[:1], tmp_path / "in" / "a.conllu")
    work = work_on(str(tmp_path / "model"), tmp_path / "in")
    assert [row["error"] for row in parse_corpus(work)] == [""]
    (file,) = (path for path in work.out.rglob("*.conllu") if path.is_file())
    parse = load(work.model)(SENTENCES[0])
    label, probability = SENTIMENTS[parse.sentence.sentiment], parse.sentence.probability
    for text in (file.read_text("utf-8"), parse.to_conllu()):
        found = [line for line in text.splitlines() if line.startswith(("# sentiment", "# probability"))]
        assert found == [f"# sentiment = {label}", f"# probability = {probability:.4f}"]


def test_workers_have_the_precision_of_the_job(model, tmp_path):
    work = Work(model, tmp_path / "in", tmp_path / "out", "tokenized", mixed_precision="bf16")
    workers = [PartParser(work), ColumnParser(str(model), "text", "parses", False, "bf16")]
    assert [worker.parser.mixed_precision for worker in workers] == ["bf16", "bf16"]


def test_a_dataset_of_ones_own(model):
    rows = [{"words": list(sentence.forms), "key": k} for k, sentence in enumerate(SENTENCES[:6])]
    parsed_rows = parse_dataset(ray.data.from_items(rows), model, "words", workers=1).take_all()
    found = {row["key"]: json.loads(row["parses"])[0] for row in parsed_rows}
    for key, parse in enumerate(load(model)(SENTENCES[:6])):
        assert found[key]["forms"] == list(SENTENCES[key].forms)
        assert found[key]["trees"]["syntax"]["heads"] == list(parse.trees["syntax"].heads)


def test_a_models_folder_may_be_relative(model, folder, monkeypatch):
    """Workers run in another directory."""
    monkeypatch.chdir(Path(model).parent)
    work = work_on(Path(model).name, folder)
    assert not any(row["error"] for row in parse_corpus(work, 1))
    assert_whole(work, model)
    rows = ray.data.from_items([{"words": ["it", "rains"]}])
    (row,) = parse_dataset(rows, Path(model).name, "words", workers=1).take_all()
    assert json.loads(row["parses"])[0]["forms"] == ["it", "rains"]


def test_missing_texts_of_a_dataset_have_no_parses(model):
    """Ray gives a batch of a column with nulls as objects, pandas as NaN."""
    texts = np.array(["it rains", None, float("nan"), "", []], dtype=object)
    words = np.array([np.array(["it", "rains"]), np.array([], dtype=object)], dtype=object)
    parser = ColumnParser(str(model), "text", "parses", False)
    assert [len(json.loads(parses)) for parses in parser({"text": texts})["parses"]] == [1, 0, 0, 0, 0]
    assert [len(json.loads(parses)) for parses in parser({"text": words})["parses"]] == [1, 0]


def test_a_longer_sentence_of_a_dataset_is_an_error(model):
    batch = {"words": np.array([["it", "rains"], ["the", "dog", "sleeps"]], dtype=object)}
    with pytest.raises(
        UserError, match=r"sentence 2: expected at most 2 tokens \(max_length\), got 3: 'the dog sleeps'"
    ):
        ColumnParser(str(model), "words", "parses", False, max_length=2)(batch)


def test_lines_are_those_of_the_whole_file():
    from spigot.data.errors import DataError

    part = Part("a.conllu", 2, 100, 200, 31)
    assert _placed(DataError("a.conllu", 4, "expected more"), part) == "a.conllu:34: expected more"
    assert _placed(UserError("other"), part) == "other"


def test_half_a_part_has_one_name(model, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text("the dog sleeps\n", "utf-8")
    parser = PartParser(Work(model, tmp_path / "in", tmp_path / "out", "tokenized"))
    seen = []
    parse = parser.parser.parse_batch
    parser.parser.parse_batch = lambda *given: seen.extend(tmp_path.glob("out/a.txt/*")) or parse(*given)
    assert parser(Part("a.txt", 0, 0, 15, 1).to_dict())["error"] == ""
    assert [path.name for path in seen] == [f".00000.conllu.{os.getpid()}.part"]


def test_nothing_of_ray_goes_to_standard_output(model, tmp_path, capsys, monkeypatch):
    def rows(*given):
        print("(raylet) Task failed")
        yield {"part": "a/00000", "sentences": 1, "error": "", "left_out": ""}

    monkeypatch.setattr(corpus, "parse_corpus", rows)
    assert main(["parse-corpus", model, str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "(raylet) Task failed\n" in told.err


def test_a_job_that_is_done_says_so(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(corpus, "parse_corpus", lambda *given: iter(()))
    assert main(["parse-corpus", model, str(tmp_path), "-o", "out"]) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "all parts are parsed already, in out"


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    target = path_of(tmp_path, Part("x/a.txt", 3, 0, 1, 1), "json")
    assert target == tmp_path / "x/a.txt/00003.jsonl"

    def fail():
        with whole(target) as path:
            path.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(Path(target.parent).iterdir()) == []
