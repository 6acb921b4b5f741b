import io
import json

import pytest

from spigot.data.sdp import read_sdp, write_sdp
from spigot.data.sst import read_sst, write_sst
from spigot.systems.loading import load_system
from tests.models.tiny import SENTENCES, sentiment_model, sentiment_system, tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Checkpoints of a sentiment system and of a baseline, and gold files."""
    folder = tmp_path_factory.mktemp("sentiment")
    sentiment_model().save_pretrained(folder / "run")
    sentiment_model(None, bag=True).save_pretrained(folder / "bag")
    tiny_model().save_pretrained(folder / "parser")
    write_sst(SENTENCES[:10], folder / "gold.tsv")
    write_sdp(SENTENCES[:10], folder / "gold.sdp")
    return folder


def test_evaluate(spigot, folder):
    gold = folder / "gold.tsv"
    code, out, err = spigot("evaluate", folder / "run", "--sst", gold, "--sdp", folder / "gold.sdp", "--json")
    assert (code, err) == (0, "")
    content = json.loads(out)
    expected = load_system(folder / "run").score("sentiment", SENTENCES[:10])
    scores = content["sentiments"]["scores"]
    assert scores["accuracy"]["value"] == expected.accuracy == expected.correct / 10
    assert scores["recall-positive"]["total"] + scores["recall-negative"]["total"] == 10
    assert content["graphs"]["sentences"] == 10
    code, out, _ = spigot("evaluate", folder / "bag", "--sst", gold)
    assert code == 0
    assert "gold.tsv: sentiments of 10 sentences" in out
    assert "sentences with the right label" in out


def test_parse(spigot, folder):
    predicted = load_system(folder / "run").parse(SENTENCES[:10])
    gold = folder / "gold.tsv"
    outputs = {to: spigot("parse", folder / "run", gold, "--to", to) for to in ("json", "sdp", "sst")}
    assert all(code == 0 and err == "" for code, _, err in outputs.values())
    objects = [json.loads(line) for line in outputs["json"][1].splitlines()]
    graphs = list(read_sdp(io.StringIO(outputs["sdp"][1])))
    labels = list(read_sst(io.StringIO(outputs["sst"][1])))
    for ours, content, graph, label in zip(predicted, objects, graphs, labels, strict=True):
        name = ("negative", "positive")[ours.sentiment]
        assert content["sentiment"] == name
        assert content["probability"] == pytest.approx(ours.probability, abs=1e-5)
        assert [tuple(arc) for arc in content["graphs"]["semantics"]["arcs"]] == list(ours.graphs["semantics"].arcs)
        assert graph.graphs["semantics"].arcs == tuple(sorted(ours.graphs["semantics"].arcs))
        assert graph.id == ours.id
        assert f"# sentiment = {name}\n# probability = {ours.probability:.4f}\n1\t" in graph.source.block.text
        assert label.sentiment == ours.sentiment


def test_comments_join_those_of_the_input(spigot, folder):
    code, out, _ = spigot("parse", folder / "run", folder / "gold.sdp", "--to", "sdp")
    assert code == 0
    assert f"#{SENTENCES[0].id}\n# sentiment = " in out
    again = list(read_sdp(io.StringIO(out)))
    assert [s.id for s in again] == [s.id for s in SENTENCES[:10]]


def test_a_baseline_has_no_graph(spigot, refused, folder):
    code, out, _ = spigot("parse", folder / "bag", "--tokenized", "--to", "json", stdin="the dog sleeps\n")
    assert code == 0
    assert set(json.loads(out)) == {"id", "text", "forms", "sentiment", "probability"}
    # Without graphs, sentiments are what it writes.
    code, out, _ = spigot("parse", folder / "bag", "--tokenized", stdin="the dog sleeps\n")
    assert (code, out) == spigot("parse", folder / "bag", "--tokenized", "--to", "sst", stdin="the dog sleeps\n")[:2]
    line = refused("parse", folder / "bag", "--to", "sdp", stdin="the dog sleeps\n")
    assert f"expected a system with a semantic parser, got {folder / 'bag'}, which has none" in line


def test_refusals(refused, folder):
    cases = {
        f"expected a system with a syntactic parser, got {folder / 'run'}, which has none": [
            "evaluate",
            folder / "run",
            "--conllu",
            folder / "gold.sdp",
        ],
        f"expected a system with a semantic parser, got {folder / 'bag'}, which has none": [
            "evaluate",
            folder / "bag",
            "--sdp",
            folder / "gold.sdp",
        ],
        f"--sst: expected a system with a sentiment classifier, got {folder / 'parser'}, which has none": [
            "evaluate",
            folder / "parser",
            "--sst",
            folder / "gold.tsv",
        ],
        f"--to: expected a system with a sentiment classifier, got {folder / 'parser'}, which has none": [
            "parse",
            folder / "parser",
            "--to",
            "sst",
        ],
        "expected a sentiment, got none": ["evaluate", folder / "run", "--sst", folder / "gold.sdp"],
    }
    for message, arguments in cases.items():
        assert message in refused(*arguments)


def test_train(spigot, tmp_path):
    def lines(table, prefix):
        for key, value in table.items():
            if isinstance(value, dict):
                yield from lines(value, f"{prefix}.{key}")
            else:
                yield f"{prefix}.{key} = {json.dumps(value)}"

    settings = {"builtin": {"train": {"semantics": 10, "sentiment": 12}, "dev": 4}}
    text = [*lines(sentiment_system(), "system"), *lines(settings, "data")]
    text += ["tasks.semantics.sample = 0.5", "training.epochs = 1", "tasks.semantics.min_role_count = 1"]
    (tmp_path / "recipe.toml").write_text("\n".join(text) + "\n")
    code, out, err = spigot("train", tmp_path / "recipe.toml", "--out", tmp_path / "run", "--device", "cpu")
    assert code == 0, err
    assert set(json.loads(out)["dev"]) == {"uf", "lf", "accuracy"}
    assert "dev ACCURACY" in err
    assert load_system(tmp_path / "run").kind == "semantics-then-sentiment"
