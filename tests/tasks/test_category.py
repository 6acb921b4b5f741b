"""Classes of whole sentences."""

import io
import json
import math
from dataclasses import replace

import pytest
import torch

from spigot.data.conllu import read_conllu, write_conllu
from spigot.data.json_lines import read_json_lines, write_json_lines
from spigot.data.sentence import Confidence
from spigot.data.sst import write_sst
from spigot.data.writers import fitting
from spigot.evaluation.counts import Counts
from spigot.tasks.category import Category
from tests.models.tiny import SENTENCES, category_model, sentence

TASK = Category(name="topic")


def labelled(forms, topic):
    return sentence(forms).with_category("topic", topic)


def test_a_class_survives_each_format_that_holds_one(tmp_path):
    wanted = [labelled("it rains", "weather"), labelled("they scored", "sports")]
    TASK.write(wanted, tmp_path / "a.conllu", lambda s: [])
    assert "# topic = weather\n" in (tmp_path / "a.conllu").read_text()
    write_json_lines(wanted, tmp_path / "a.jsonl")
    for name in ("a.conllu", "a.jsonl"):
        read = list(TASK.read_gold(tmp_path / name))
        assert [s.categories["topic"] for s in read] == ["weather", "sports"]
        assert [s.forms for s in read] == [s.forms for s in wanted]


def test_a_prediction_takes_the_place_of_the_comment_that_was_read(tmp_path):
    (tmp_path / "a.conllu").write_text("# sent_id = 1\n# topic = weather\n# x\n1\tit" + "\t_" * 8 + "\n\n")
    (read,) = TASK.read(tmp_path / "a.conllu")
    out = io.StringIO()
    TASK.write([read.with_category("topic", "sports")], out, lambda s: ["topic = sports", "other = 1"])
    assert [line for line in out.getvalue().splitlines() if line[:1] == "#"] == [
        "# sent_id = 1",
        "# x",
        "# topic = sports",
        "# other = 1",
    ]
    TASK.write([read], out := io.StringIO(), lambda s: [])
    assert out.getvalue().count("# topic = weather") == 1


def test_a_sentiment_is_a_class(tmp_path):
    write_sst(SENTENCES[:6], tmp_path / "a.sst")
    read = list(TASK.read_gold(tmp_path / "a.sst"))
    assert TASK.category_names(read).names == TASK.category_names(SENTENCES[:6]).names
    assert set(TASK.category_names(SENTENCES).names) == {"negative", "positive"}
    # A class of its own goes first.
    assert TASK.category_names([s.with_category("topic", "x") for s in SENTENCES]).names == ["x"]
    bare = sentence("no class")
    assert not TASK.has_gold(bare)
    with pytest.raises(ValueError, match=r"^sentence '1': expected a category 'topic' on the gold side, got none$"):
        TASK.score([bare], [labelled("no class", "x")])


def test_scores_count_sentences():
    gold = [labelled("a", topic) for topic in ("x", "x", "y")]
    system = [labelled("a", topic) for topic in ("x", "y", "y")]
    score = TASK.score(gold, system)
    assert score == TASK.score(gold[:1], system[:1]) + TASK.score(gold[1:], system[1:])
    assert (score.accuracy, score.sentences) == (2 / 3, 3)
    assert score.by_category == {"x": Counts(2, 1, 1), "y": Counts(1, 2, 1)}
    (measure,) = TASK.measures(score)
    assert (measure.value, measure.counts) == (2 / 3, {"correct": 2, "total": 3})


def test_the_loss_is_cross_entropy_and_unknown_classes_have_none():
    class Part:
        labels = TASK.category_names([labelled("a", "x"), labelled("a", "x"), labelled("a", "y")])

    output = torch.tensor([[0.0, math.log(3.0)], [2.0, 1.0]])
    gold = TASK.gold(Part, [labelled("a", "y"), labelled("a", "new")])
    assert TASK.losses(Part, output, gold, torch.tensor([1, 1])).tolist() == pytest.approx([math.log(4 / 3), 0.0])


def test_confidence_is_the_softmax_of_the_class():
    system = category_model()
    bare = [sentence("the cat sleeps", tags="D N V", lemmas="the cat sleep")]
    (parsed,) = system.parse(bare, confidence=True)
    other = {"negative": "positive", "positive": "negative"}[parsed.categories["category"]]
    of_other = system.confident(bare, [parsed.with_category("category", other)])[0].confidences["category"]
    assert parsed.confidences["category"].labels[0] + of_other.labels[0] == pytest.approx(1)
    assert parsed.confidences["category"].labels[0] > 0.5
    (again,) = read_json_lines(io.StringIO(write_of(parsed)))
    assert again.categories == parsed.categories
    assert again.confidences["category"] == Confidence(labels=(round(parsed.confidences["category"].labels[0], 6),))


def test_the_confidence_of_a_class_stands_beside_it(tmp_path):
    sure = replace(labelled("it rains", "weather"), categories={"topic": "weather", "tone": "dry"})
    sure = sure.with_confidence("topic", Confidence(labels=(0.98765,)))
    comments = ["# topic = weather", "# topic.confidence = 0.9877", "# tone = dry"]

    def written(sentence, more=()):
        TASK.write([sentence], tmp_path / "a.conllu", lambda s: more)
        return [line for line in (tmp_path / "a.conllu").read_text().splitlines() if line[:1] == "#"][2:]

    assert written(sure) == comments
    # As the command writes it, which asks each task for its comments.
    assert written(sure, TASK.comments(sure)) == [comments[2], *comments[:2]]
    (read,) = TASK.read_gold(tmp_path / "a.conllu")
    assert (read.categories, read.confidences) == ({"topic": "weather"}, {})
    # Confidences are those of a parse that is written anew.
    assert written(read) == ["# tone = dry", "# topic = weather"]
    assert written(read.with_category("topic", "sports")) == ["# tone = dry", "# topic = sports"]
    # A file that is converted keeps what it says.
    TASK.write([sure], tmp_path / "a.conllu", lambda s: ())
    write_conllu(TASK.read(tmp_path / "a.conllu"), out := io.StringIO())
    assert "# topic.confidence = 0.9877\n" in out.getvalue()


def write_of(parsed):
    out = io.StringIO()
    write_json_lines([parsed], out)
    return out.getvalue()


def test_what_a_format_loses_is_counted():
    from collections import Counter

    for format, lost in (("conllu", 0), ("json", 0), ("text", 1), ("conllx", 1)):
        counts = Counter()
        list(fitting([labelled("a", "x")], format, counts))
        assert counts["categories"] == lost
    with pytest.raises(ValueError, match="expected"):
        TASK.write([labelled("a", "x\ny")], io.StringIO(), lambda s: [])
    (read,) = read_conllu(io.StringIO("# topic = a = b\n1\tit" + "\t_" * 8 + "\n\n"))
    assert read.categories == {}


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("topic", " x"),
        ("topic", "x\u3000"),
        ("topic", ""),
        ("topic", "x\ny"),
        ("a = b", "x"),
        ("to\npic", "x"),
        ("", "x"),
        (" topic", "x"),
        ("sent_id", "x"),
        ("text", "x"),
        ("graphs", "x"),
    ],
)
def test_a_class_that_no_comment_can_hold_is_refused(name, category):
    with pytest.raises(ValueError, match=r"^sentence 1: expected a name and a class for a comment, got "):
        write_conllu([sentence("a").with_category(name, category)], io.StringIO())
    line = json.dumps({"id": "1", "forms": ["a"], "categories": {name: category}})
    with pytest.raises(ValueError, match=r":1: categories: expected a name and a class for a comment, got "):
        list(read_json_lines(io.StringIO(line + "\n")))


def test_unusual_classes_come_back(tmp_path):
    topics = ["a b", "é=ü = 2", "日本 語", "# x", "_", "a|b"]
    for suffix in ("conllu", "jsonl"):
        sentences = [labelled("a", topic) for topic in topics]
        (TASK.write(sentences, tmp_path / "a.conllu", lambda s: []), write_json_lines(sentences, tmp_path / "a.jsonl"))
        assert [s.categories["topic"] for s in TASK.read_gold(tmp_path / f"a.{suffix}")] == topics


def test_two_different_comments_are_refused(tmp_path):
    row = "1\tit" + "\t_" * 8 + "\n\n"
    (tmp_path / "a.conllu").write_text(f"# topic = x\n# topic =\n# topic = x\n{row}# topic = x\n# topic = y\n{row}")
    read = TASK.read(tmp_path / "a.conllu")
    assert next(read).categories["topic"] == "x"
    with pytest.raises(ValueError, match=r"a.conllu:6: sentence '2': expected one comment topic, got 'x and y'$"):
        next(read)


def test_wrong_json_is_refused():
    with pytest.raises(ValueError, match=r"categories: expected an object of texts, got"):
        list(read_json_lines(io.StringIO('{"id": "1", "forms": ["a"], "categories": {"topic": 3}}\n')))
