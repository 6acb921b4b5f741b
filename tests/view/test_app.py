"""The endpoints of the page, asked as a browser would."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

import pytest

pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'torch-spigot[view]'")
from fastapi.testclient import TestClient

from spigot.systems.parser import bare
from spigot.view.app import make_app
from tests.models.tiny import (
    SENTENCES,
    WORDS_ALONE,
    category_model,
    multitask_model,
    sentiment_model,
    syntax_model,
    tiny_model,
)

TEXT = "the dog wants to sleep ."


def words_model(**settings):
    """A system that reads words alone, as typed text gives them."""
    return tiny_model(encoder=WORDS_ALONE, **settings)


@pytest.fixture(scope="module")
def client():
    systems = {"one": words_model(), "other": words_model(seed=1), "none": words_model(syntax=False)}
    return TestClient(make_app(systems, SENTENCES[:5]), base_url="http://127.0.0.1")


def refused(response) -> str:
    assert response.status_code == 422, response.text
    (message,) = response.json().values()
    assert "\n" not in message
    return message


def words(svg: str) -> list[str]:
    return [e.text for e in ElementTree.fromstring(svg).iter() if e.get("class") == "word"]


def test_the_page_allows_nothing_from_elsewhere(client):
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert client.get("/page.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400


def test_what_is_not_there_is_said_as_other_errors_are(client):
    for answer, status, message in (
        (client.get("/api/none"), 404, "GET /api/none: Not Found"),
        (client.get("/api/parse"), 405, "GET /api/parse: Method Not Allowed"),
    ):
        assert (answer.status_code, answer.json()) == (status, {"error": message})
    assert client.get("/api/parse").headers["allow"] == "POST"


def test_it_knows_its_models(client):
    answer = client.get("/api/models").json()
    assert answer["gold"] == 5
    one, _, none = answer["models"]
    assert (one["name"], one["end_tasks"]) == ("one", {"semantics": "semantics"})
    assert one["settings"] == {"step_size": 1.0, "max_norm": None, "steps": 1, "hull": False}
    assert one["surrogate"] == "SPIGOT"
    assert none["surrogate"] is None


def test_a_surrogate_is_shown_with_the_settings_that_are_not_the_defaults():
    model = words_model(max_norm=1.5, step_size=1.0, polytope="hull")
    answer = TestClient(make_app({"one": model}, []), base_url="http://127.0.0.1").get("/api/models").json()
    assert answer["models"][0]["surrogate"] == "SPIGOT(max_norm=1.5, polytope='hull')"


def test_a_text_is_parsed_by_each_model_and_the_parses_compared(client):
    answer = client.post("/api/parse", json={"text": TEXT, "tokenized": True}).json()
    assert answer["tokens"] == TEXT.split()
    titles = [drawing["title"] for drawing in answer["drawings"]]
    assert titles[:3] == ["one", "other", "none"]
    assert titles[3].startswith("one and other")
    assert all(words(drawing["svg"])[: len(TEXT.split())] == TEXT.split() for drawing in answer["drawings"])


def test_raw_text_is_cut_by_rules_and_parsed_with_confidences(client):
    pytest.importorskip("spacy", reason="spacy is not installed: pip install 'torch-spigot[text]'")
    answer = client.post("/api/parse", json={"text": "The dog doesn't\nsleep."}).json()
    assert answer["tokens"] == ["The", "dog", "does", "n't", "sleep", "."]
    titles = [e.text for e in ElementTree.fromstring(answer["drawings"][0]["svg"]).iter() if e.tag.endswith("title")]
    assert sum("; confidence " in title for title in titles) >= 6


def test_all_confidences_of_a_parse_are_rows():
    system = multitask_model()
    client = TestClient(make_app({"m": system}, SENTENCES[:1]), base_url="http://127.0.0.1")
    rows = client.post("/api/parse", json={"gold": 0}).json()["drawings"][0]["confidences"]
    (parse,) = system.parse([bare(SENTENCES[0])], confidence=True)
    ends = {
        "syntax": zip(parse.trees["syntax"].heads, range(1, len(parse) + 1), strict=True),
        "semantics": [arc[:2] for arc in parse.graphs["semantics"].arcs],
    }
    for name, arcs in ends.items():
        expected = zip(arcs, *parse.confidences[name], strict=True)
        found = [((head, token), arc, label) for task, head, token, _, arc, label in rows if task == name]
        assert found == list(expected)
    tags = zip(range(1, len(parse) + 1), parse.tags, parse.confidences["pos"].labels, strict=True)
    assert [row[1:] for row in rows if row[0] == "pos"] == [[None, token, tag, None, sure] for token, tag, sure in tags]
    assert not {"__TOP__", "_"} & {row[3] for row in rows}


def test_the_confidence_of_a_class_is_a_row():
    client = TestClient(make_app({"c": category_model()}, SENTENCES[:1]), base_url="http://127.0.0.1")
    rows = client.post("/api/parse", json={"gold": 0}).json()["drawings"][0]["confidences"]
    ((_, head, token, label, arc, number),) = [row for row in rows if row[0] == "category"]
    assert (head, token, arc) == (None, None, None)
    assert label in ("negative", "positive")
    assert 0.5 <= number <= 1


def test_gold_is_compared_with_each_of_two_models(client):
    answer = client.post("/api/parse", json={"gold": 0}).json()
    pairs = [d["title"].split(":")[0] for d in answer["drawings"] if " and " in d["title"]]
    assert pairs[:2] == ["gold and one", "gold and other"]
    assert "one and other" in pairs


def test_a_gold_sentence_is_compared_with_its_parse(client):
    (row,) = client.get("/api/gold", params={"find": SENTENCES[2].id}).json()
    assert row["text"] == " ".join(SENTENCES[2].forms)
    assert row["tasks"] == ["semantics", "syntax"]
    answer = client.post("/api/parse", json={"gold": row["number"], "apart": True, "width": 343}).json()
    assert answer["tokens"] == list(SENTENCES[2].forms)
    assert [d["title"].split(":")[0] for d in answer["drawings"]][3] == "gold and one"
    assert all(float(ElementTree.fromstring(d["svg"]).get("width")) <= 343 for d in answer["drawings"])


def test_the_update_adds_up(client):
    from spigot.structured import SPIGOT
    from spigot.systems.decision import arc_weights, decision, score_gradient

    answer = client.post("/api/update", json={"gold": 1, "model": "one", "target": "gold", "max_norm": 1.0}).json()
    system = words_model()
    problem = decision(system, [SENTENCES[1]])
    expected = arc_weights(system, -score_gradient(problem, SPIGOT(max_norm=1.0)))
    found = {(h, m, label): spigot for h, m, label, *_, spigot, _ in answer["rows"] if spigot}
    assert found == pytest.approx(expected)
    assert found
    for *_, z, step, ahead, projected, spigot, ste in answer["rows"]:
        assert ahead == pytest.approx(z + step, abs=1e-5)
        assert spigot == pytest.approx(projected - z, abs=1e-5)
        assert ste == pytest.approx(step, abs=1e-5)  # η = 1, and the same cap
    assert answer["loss"] == pytest.approx(problem.loss_at(problem.argmax()).item(), rel=1e-4)
    assert [d["title"][:2] for d in answer["drawings"]] == ["ẑ:", "−η", "p̂:"[:2], "z̃:"[:2], "z̃ −"[:2], "−∇"]
    for move in answer["moves"].values():
        assert move["times"] is None or (move["gone"] and len(move["gone"]) == len(move["come"]))


def test_of_many_arcs_those_that_are_chosen_or_annotated_have_their_numbers(client, monkeypatch):
    body = {"gold": 1, "model": "one", "target": "gold"}
    whole = client.post("/api/update", json=body).json()
    assert whole["arcs"] == len(whole["rows"])
    wanted = {(h, m) for h, m, _, _, z, *_ in whole["rows"] if z}
    wanted |= {(h, m) for m, h in enumerate(SENTENCES[1].trees["syntax"].heads, 1)}
    monkeypatch.setattr("spigot.view.answers.ROWS", len(wanted) + 2)
    fewer = client.post("/api/update", json=body).json()
    assert (len(fewer["rows"]), fewer["arcs"]) == (len(wanted) + 2, whole["arcs"])
    found = [(h, m) for h, m, *_ in fewer["rows"]]
    assert wanted <= set(found)
    size = {(h, m): abs(row[-1]) for h, m, *row in whole["rows"]}
    largest = sorted((size[arc] for arc in size if arc not in wanted), reverse=True)[:2]
    assert sorted((size[arc] for arc in found if arc not in wanted), reverse=True) == largest
    monkeypatch.setattr("spigot.view.answers.ROWS", 1)
    assert {(h, m) for h, m, *_ in client.post("/api/update", json=body).json()["rows"]} == wanted


def test_of_a_graph_arcs_and_labels_that_are_chosen_have_their_numbers(monkeypatch):
    monkeypatch.setattr("spigot.view.answers.ROWS", 1)
    client = TestClient(make_app({"s": sentiment_model()}, SENTENCES[:1]), base_url="http://127.0.0.1")
    answer = client.post("/api/update", json={"gold": 0, "model": "s", "target": "positive"}).json()
    gold = {(h, m, each) for h, m, label in SENTENCES[0].graphs["semantics"].arcs for each in ("", label)}
    assert all(z or (h, m, label) in gold for h, m, label, _, z, *_ in answer["rows"])
    assert {label for _, _, label, _, z, *_ in answer["rows"] if z} - {""}
    assert len(answer["rows"]) < answer["arcs"]


def test_questions_at_the_same_time_have_the_answers_that_they_have_alone(client):
    update, parse = {"gold": 1, "model": "one", "target": "gold"}, {"gold": 2}
    asked = [("/api/update", update), ("/api/parse", parse)] * 10
    alone = {path: client.post(path, json=body).json() for path, body in asked[:2]}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda question: client.post(question[0], json=question[1]).json(), asked))
    assert [answer == alone[path] for (path, _), answer in zip(asked, answers, strict=True)] == [True] * 20


def test_several_steps_are_shown_one_by_one(client):
    answer = client.post(
        "/api/update", json={"text": TEXT, "tokenized": True, "model": "one", "steps": 3, "hull": True}
    ).json()
    assert len(answer["drawings"]) == 1 + 3 * 3 + 2


def test_targets(client):
    body = {"text": TEXT, "tokenized": True, "model": "one"}
    losses = {}
    for target in ("own", "other", "0 3 __TOP__\n3 2 ARG1"):
        losses[target] = client.post("/api/update", json={**body, "target": target}).json()["loss"]
    assert len(set(losses.values())) == 3
    for target, message in (
        ("3 2", "target: expected lines 'head modifier label', got '3 2' (line 1)"),
        ("3 2 ARG1\n3 9 ARG1", "target: expected two tokens of 6, head 0 for a top, got '3 9 ARG1' (line 2)"),
        ("gold", "target: expected a sentence with semantics, got 'gold', which has none"),
        (
            "3 2 __TOP__",
            "target: expected arcs that the model can predict, got one with a role, or between tags, "
            "that its training data did not have",
        ),
    ):
        assert refused(client.post("/api/update", json={**body, "target": target})) == message


def test_a_classifier_moves_a_graph():
    client = TestClient(make_app({"s": sentiment_model()}, SENTENCES[:2]), base_url="http://127.0.0.1")
    losses = []
    for target in ("positive", "negative"):
        answer = client.post("/api/update", json={"gold": 0, "model": "s", "target": target}).json()
        losses.append(answer["loss"])
    assert losses[0] != losses[1]
    message = refused(client.post("/api/update", json={"gold": 0, "model": "s", "target": "neutral"}))
    assert message == "target: expected negative or positive, got 'neutral'"


def test_a_class_moves_a_tree():
    from spigot.data.sentence import Sentence

    system = category_model()
    (forms, lemmas, tags) = (SENTENCES[0].forms, SENTENCES[0].lemmas, SENTENCES[0].tags)
    gold = Sentence("g", forms, lemmas, tags).with_category("category", "negative")
    client = TestClient(make_app({"c": system}, [gold]), base_url="http://127.0.0.1")
    (model,) = client.get("/api/models").json()["models"]
    assert set(model["classes"]["category"]) == {"negative", "positive"}
    losses = {}
    for target in ("gold", "category = negative", "category = positive"):
        answer = client.post("/api/update", json={"gold": 0, "model": "c", "target": target}).json()
        losses[target] = answer["loss"]
        assert answer["moves"]["STE"]["moved"]
    assert losses["gold"] == losses["category = negative"] != losses["category = positive"]
    message = refused(client.post("/api/update", json={"gold": 0, "model": "c", "target": "neutral"}))
    named = ", ".join(f"category = {each}" for each in model["classes"]["category"])
    assert message == f"target: expected one of {named}, got 'neutral'"


def test_systems_without_trees_and_graphs_show_what_they_have():
    systems = {"c": sentiment_model(None), "t": syntax_model()}
    client = TestClient(make_app(systems, SENTENCES[:1]), base_url="http://127.0.0.1")
    first, second, *_ = client.post("/api/parse", json={"gold": 0}).json()["drawings"]
    assert first["title"].split(" (")[0] in ("c: negative", "c: positive")
    assert words(first["svg"]) == words(second["svg"]) == list(SENTENCES[0].forms)
    assert [m["surrogate"] for m in client.get("/api/models").json()["models"]] == [None, None]


def test_gold_annotation_is_not_taken_for_a_prediction():
    systems = {"joint": tiny_model(), "trees": syntax_model()}
    client = TestClient(make_app(systems, SENTENCES[:1]), base_url="http://127.0.0.1")
    drawings = client.post("/api/parse", json={"gold": 0}).json()["drawings"]
    sides = {d["title"].partition(":")[0]: 'class="arc above' in d["svg"] for d in drawings}
    assert sides == {
        "joint": True,
        "trees": False,
        "gold and joint": True,
        "gold and trees": False,
        "joint and trees": False,
    }
    body = {"gold": 0, "model": "joint", "target": "trees"}
    message = refused(client.post("/api/update", json=body))
    assert message == "target: expected a sentence with semantics, got 'trees', which has none"


def test_each_of_several_end_tasks_can_be_chosen():
    client = TestClient(make_app({"m": multitask_model()}, SENTENCES[:1]), base_url="http://127.0.0.1")
    (model,) = client.get("/api/models").json()["models"]
    (task,) = model["end_tasks"]
    body = {"gold": 0, "model": "m", "target": "gold"}
    chosen, first = (client.post("/api/update", json=more).json() for more in ({**body, "task": task}, body))
    assert chosen == first
    assert any(row[-2] for row in chosen["rows"])
    assert refused(client.post("/api/update", json={**body, "task": "syntax"})).startswith("task: expected one of")


def test_input_without_what_a_model_reads_is_refused():
    client = TestClient(make_app({"m": tiny_model()}), base_url="http://127.0.0.1")
    assert "tags" in refused(client.post("/api/parse", json={"text": TEXT, "tokenized": True}))


def test_mistakes_are_one_line(client):
    assert refused(client.post("/api/parse", json={"text": " \n "})) == "text: expected a sentence, got none"
    long = refused(client.post("/api/parse", json={"text": "a " * 201, "tokenized": True}))
    assert long == "text: expected at most 200 tokens, got 201"
    assert refused(client.post("/api/parse", json={"text": "a" * 20_001})).startswith("text: ")
    assert refused(client.post("/api/parse", json={"gold": 5})) == "gold: expected a number below 5, got 5"
    assert refused(client.post("/api/parse", json={"txt": TEXT})).startswith("txt: ")
    unknown = client.post("/api/update", json={"text": TEXT, "tokenized": True, "model": "x"})
    assert refused(unknown) == "model: expected one of one, other, none, got 'x'"
    without = client.post("/api/update", json={"text": TEXT, "tokenized": True, "model": "none"})
    assert refused(without) == "model: expected one with an intermediate parser, got none, which has none"
