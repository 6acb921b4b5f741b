"""The page in Chromium: what a person does and sees, at desk and phone width, light and dark."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

import pytest

from tests.models.tiny import SENTENCES, WORDS_ALONE, tiny_model

TEXT = "the dog <b>wants</b> to sleep ."
SCREENS = [(1200, "light"), (375, "dark")]


@pytest.fixture(scope="module")
def address():
    """The address of a page with two models and gold sentences, served by a thread."""
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed: pip install 'torch-spigot[view]'")
    pytest.importorskip("fastapi", reason="fastapi is not installed: pip install 'torch-spigot[view]'")
    from spigot.view.app import make_app

    app = make_app(
        {"one": tiny_model(max_norm=1.0, encoder=WORDS_ALONE), "other": tiny_model(seed=1, encoder=WORDS_ALONE)},
        [*SENTENCES[:30], *(replace(s, id=f"bare-{k}", graphs={}) for k, s in enumerate(SENTENCES[:25]))],
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        server.should_exit = True
        thread.join()


@pytest.fixture(params=SCREENS, ids=lambda screen: f"{screen[0]}-{screen[1]}")
def page(request, browser, address):
    """The page, open; afterwards there must have been no outside request and nothing on the console."""
    width, scheme = request.param
    opened = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    opened.set_default_timeout(30_000)
    asked, said = [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto(address)
    opened.wait_for_selector("#models:not(:empty)")
    opened.allowed = set()
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    opened.close()
    assert [url for url in asked if not url.startswith(address) and not url.startswith("data:")] == []
    assert [line for line in said if not any(part in line for part in opened.allowed)] == []


@pytest.fixture
def see(browser):
    """Wait until something is so: `see(locator).to_have_text(...)`."""
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    return expect


def texts(page, selector: str) -> list[str]:
    return page.eval_on_selector_all(selector, "all => all.map(one => one.textContent)")


def test_a_sentence_is_typed_and_its_tree_and_graph_are_seen(page):
    page.check("#tokenized")
    page.fill("#text", TEXT)
    page.press("#text", "Enter")
    page.wait_for_selector("svg .arc.below")
    first = page.locator("svg").first
    assert first.locator(".word").all_text_contents() == TEXT.split()
    assert first.locator(".arc.below").count() >= len(TEXT.split())
    assert page.locator("b").count() == page.locator("#gold b").count()  # the tags in the text are text
    assert texts(page, "h2")[:2] == ["one", "other"]
    paper = page.evaluate("getComputedStyle(document.querySelector('.paper')).fill")
    dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert paper == ("rgb(20, 24, 31)" if dark else "rgb(255, 255, 255)")


def test_how_sure_a_model_is_can_be_read_without_a_pointer(page, see):
    page.check("#tokenized")
    page.fill("#text", TEXT)
    page.press("#text", "Enter")
    table = page.locator("details").first
    see(table.locator("td").first).to_be_hidden()
    table.locator("summary").click()
    rows = table.locator("tr")
    see(rows.nth(1)).to_be_visible()
    assert rows.count() > len(TEXT.split())
    cells = rows.nth(1).locator("td").all_text_contents()
    assert len(cells) == 4
    assert 0 <= float(cells[2]) <= 1
    # No number is out of sight on a telephone.
    assert table.evaluate("found => [...found.querySelectorAll('.wide')].every(e => e.scrollWidth <= e.clientWidth)")
    page.press("#text", "Enter")  # the next sentence's stay open
    see(page.locator("details[open]")).to_have_count(2)


def test_the_loss_moves_arcs(page, see):
    page.fill("#find", SENTENCES[3].id)
    see(page.locator("#gold button")).to_have_count(1)
    page.click("#gold button")
    page.wait_for_selector("h2:has-text('gold and one')")
    page.click("#tab-update")
    page.wait_for_selector("#loss")
    assert page.input_value("#target") == "gold"
    see(page.locator("svg")).to_have_count(6)
    spigot, ste = (page.locator("svg").nth(k).locator(".arc:is(.up, .down)").count() for k in (4, 5))
    assert 0 < spigot < ste
    rows = page.locator("table tr").count()
    assert rows == 1 + len(SENTENCES[3])  # a header; the heads that one word may have, ROOT among them
    page.fill("#steps", "2")
    page.press("#steps", "Tab")
    see(page.locator("svg")).to_have_count(9)
    see(page.locator("#error")).to_be_empty()


def test_a_wrong_setting_of_an_update_is_said_there_and_does_not_stop_parsing(page, see):
    page.allowed = {"422"}
    page.click("#gold button >> nth=0")
    page.click("#tab-update")
    page.fill("#steps", "99")
    page.press("#steps", "Tab")
    see(page.locator("#error")).to_contain_text("steps: ")
    page.click("#tab-parse")
    see(page.locator("svg")).not_to_have_count(0)
    page.check("#tokenized")
    page.fill("#text", "the dog")
    page.click("button.go")
    see(page.locator("svg").first.locator(".word")).to_have_text(["the", "dog"])
    see(page.locator("#error")).to_be_empty()


def test_what_the_table_of_numbers_leaves_out_is_said(page, see, monkeypatch):
    monkeypatch.setattr("spigot.view.answers.ROWS", 1)
    page.click("#gold button >> nth=0")
    page.click("#tab-update")
    see(page.locator("#left-out")).to_contain_text("arcs: those of ẑ and of the sentence's own annotation")
    monkeypatch.undo()
    page.click("button.go")
    see(page.locator("#left-out")).to_have_count(0)


def test_the_list_of_gold_sentences_says_what_it_leaves_out(page, see):
    see(page.locator("#gold button")).to_have_count(50)
    see(page.locator("#found")).to_have_text("The first 50; a search shows others.")
    page.click("#gold button >> nth=3")
    page.fill("#find", SENTENCES[3].id)
    see(page.locator("#gold button")).to_have_count(1)
    see(page.locator("#found")).to_be_empty()
    see(page.locator("#gold button")).to_have_attribute("aria-current", "true")
    page.fill("#find", "no such sentence")
    see(page.locator("#found")).to_have_text("None found.")


def test_gold_is_a_target_where_the_sentence_has_it(page, see):
    page.click("#gold button >> nth=3")
    page.click("#tab-update")
    see(page.locator("#target option[value=gold]")).to_have_count(1)
    page.fill("#find", "bare-3")
    page.click("#gold button >> nth=0")
    see(page.locator("#target option[value=gold]")).to_have_count(0)
    see(page.locator("#loss")).to_have_count(1)
    see(page.locator("#error")).to_be_empty()


def test_a_graph_of_ones_own_is_a_target(page, see):
    page.check("#tokenized")
    page.fill("#text", "the dog sleeps")
    page.click("#tab-update")
    page.wait_for_selector("#loss")
    before = page.locator("#loss").text_content()
    page.select_option("#target", "edited")
    page.fill("#own-target", "0 3 __TOP__\n3 2 ARG1")
    page.press("#own-target", "Tab")
    see(page.locator("#loss")).not_to_have_text(before)
    page.allowed = {"422"}
    page.fill("#own-target", "3 2")
    page.press("#own-target", "Tab")
    see(page.locator("#error")).to_have_text("target: expected lines 'head modifier label', got '3 2' (line 1)")
    see(page.locator("svg")).to_have_count(0)


def test_while_an_answer_is_under_way_the_page_says_so(page, see):
    page.allowed = {"422"}
    page.check("#tokenized")
    page.click("button.go")
    see(page.locator("#error")).not_to_be_empty()
    held = []
    page.route("**/api/parse", lambda route: held.append(route))
    page.fill("#text", "the dog")
    page.click("button.go")
    see(page.locator("#result")).to_have_attribute("aria-busy", "true")
    see(page.locator("button.go")).to_be_disabled()
    see(page.locator("#error")).to_be_empty()
    page.wait_for_timeout(50)  # the request is handed over
    held[0].continue_()
    page.wait_for_selector("svg")
    see(page.locator("#result")).to_have_attribute("aria-busy", "false")
    see(page.locator("button.go")).to_be_enabled()


def test_mistakes_are_one_line_on_the_page(page, see):
    page.allowed = {"422"}
    page.check("#tokenized")
    page.click("button.go")
    see(page.locator("#error")).to_have_text("text: expected a sentence, got none")
    page.fill("#text", "a " * 300)
    page.click("button.go")
    see(page.locator("#error")).to_have_text("text: expected at most 200 tokens, got 300")
    page.fill("#text", "the dog")
    page.click("button.go")
    page.wait_for_selector("svg")
    see(page.locator("#error")).to_be_empty()
