"""The pictures of docs/looking.md: they are there, the page shows them, and their script still makes such ones."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.models.tiny import SENTENCES, WORDS_ALONE, tiny_model

DOCS = Path(__file__).parents[1] / "docs"
NAMES = ("steps", "moves", "trees")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_pictures", DOCS / "pictures/make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def classes(svg: str) -> set[str]:
    return {element.get("class") for element in ElementTree.fromstring(svg).iter() if element.get("class")}


def test_the_page_shows_the_pictures_that_are_there():
    page = (DOCS / "looking.md").read_text("utf-8")
    assert re.findall(r"\]\(pictures/(\w+)\.svg\)", page) == list(NAMES)
    assert {path.stem for path in (DOCS / "pictures").glob("*.svg")} == set(NAMES)


def test_the_script_makes_such_pictures(script):
    model = tiny_model(encoder=WORDS_ALONE)
    found = script.update(model, SENTENCES[0])
    before, after = model.parse(SENTENCES[:3]), SENTENCES[:3]
    number, right, wrong = script.most_corrected(before, after, SENTENCES[:3])
    assert right == sum(script.wrong_heads(s, b.trees["syntax"].heads) for s, b in zip(after, before, strict=True))
    short = [k for k in range(3) if len(after[k]) <= script.SHORT]
    assert wrong == 0
    assert number == max(short, key=lambda k: script.wrong_heads(after[k], before[k].trees["syntax"].heads))
    made = {
        "steps": script.steps(found),
        "moves": script.moves(found),
        "trees": script.trees(before[0], after[0], SENTENCES[0]),
    }
    for name, svg in made.items():
        committed = (DOCS / f"pictures/{name}.svg").read_text("utf-8")
        assert classes(svg) - {"tag", "cut"} == classes(committed) - {"tag", "cut"}


def test_the_sentence_is_one_that_the_move_corrects(script):
    found = script.corrected(tiny_model(encoder=WORDS_ALONE), SENTENCES)
    after = {modifier: head for head, modifier, _ in found.moves["SPIGOT"].structure}
    chosen = {modifier: head for head, modifier, _ in found.structure}
    heads = [[each[m] for m in sorted(each)] for each in (after, chosen)]
    assert script.wrong_heads(found.sentence, heads[0]) < script.wrong_heads(found.sentence, heads[1])
