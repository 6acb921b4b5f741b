from dataclasses import replace

import pytest

from spigot.data.errors import DataError
from spigot.data.json_lines import write_json_lines
from spigot.data.sdp import write_sdp
from spigot.tasks import TASKS, make_task
from spigot.tasks.base import Task
from tests.models.tiny import SENTENCES, sentence, top


def test_sentences_without_tokens_are_left_out(tmp_path):
    write_sdp([sentence("a b", arcs=[top(1), (1, 2, "x")])], tmp_path / "one.sdp")
    assert [s.forms for s in make_task("semantics", {}).read_gold(tmp_path / "one.sdp")] == [("a", "b")]


@pytest.mark.parametrize("kind", TASKS)
def test_what_is_written_is_read_again(tmp_path, kind):
    task, given = make_task(kind, {}), SENTENCES[:6]
    path = tmp_path / f"gold.{task.format}"
    task.write(given, path, lambda s: ())
    again = list(task.read_gold(path))
    perfect = task.score(given, again)
    assert task.values(perfect) == (1.0,) * len(task.scores)
    assert perfect == task.score(given[:2], again[:2]) + task.score(given[2:], again[2:])
    assert task.score([], []) + perfect == perfect
    assert task.measures(perfect)[0].value == 1


@pytest.mark.parametrize("kind", ["syntax", "semantics"])
def test_a_task_of_another_name_has_its_own_annotation(tmp_path, kind):
    task = make_task("mine", {"kind": kind})
    assert task.score_names == tuple(f"mine.{score}" for score in task.scores)
    assert not any(task.has_gold(s) for s in SENTENCES)
    default = make_task(kind, {})
    default.write(SENTENCES[:3], tmp_path / f"a.{task.format}", lambda s: ())
    read = list(task.read_gold(tmp_path / f"a.{task.format}"))
    assert all(task.has_gold(s) and not default.has_gold(s) for s in read)


@pytest.mark.parametrize(("kind", "several"), [("syntax", "trees"), ("semantics", "graphs")])
def test_the_parses_of_one_system_are_data_for_another(tmp_path, kind, several):
    """JSON names its trees and graphs."""
    task, path = make_task("mine", {"kind": kind}), tmp_path / "silver.jsonl"
    write_json_lines(SENTENCES[:3], path)
    assert [getattr(s, several)["mine"] for s in task.read_gold(path)] == [
        getattr(s, several)[kind] for s in SENTENCES[:3]
    ]
    held = getattr(SENTENCES[0], several)
    write_json_lines([replace(SENTENCES[0], **{several: {"a": held[kind], "b": held[kind]}})], path)
    with pytest.raises(DataError, match=f"sentence '{SENTENCES[0].id}': expected a {several[:-1]} 'mine', got a, b"):
        list(task.read_gold(path))


def test_tables():
    assert make_task("syntax", {"loss": "nll"}).loss == "nll"
    known = "semantics, syntax, sentiment, tags, category"
    with pytest.raises(ValueError, match=f"kind: expected one of {known}, got 'parsing'"):
        make_task("parsing", {})
    with pytest.raises(ValueError, match="colour"):
        make_task("syntax", {"colour": 1})


def test_a_task_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Task(kind="syntax", name="syntax")
