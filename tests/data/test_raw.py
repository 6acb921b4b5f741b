import io
import sys

import pytest

from spigot.data.conllu import read_conllu
from spigot.data.raw import LONGEST, paragraphs, read_raw
from spigot.data.spacy_docs import pipeline
from spigot.errors import UserError
from spigot.systems.parse import Parse

TEXT = "The dog barked.  Did it\nsleep?OK\n\n   \nNo: it doesn't\tsleep.\n"


def test_without_spacy_the_extra_is_named(monkeypatch):
    from spigot.data.spacy_docs import pipeline

    pipeline.cache_clear()
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UserError, match=r"pip install 'torch-spigot\[text\]'"):
        next(read_raw(io.StringIO(TEXT), "blank:en"))


def test_sentences_and_tokens_keep_their_places():
    pytest.importorskip("spacy")
    sentences = list(read_raw(io.StringIO(TEXT), "blank:en"))
    assert [" ".join(s.forms) for s in sentences] == [
        "The dog barked .",
        "Did it sleep?OK",
        "No : it does n't sleep .",
    ]
    assert [s.id for s in sentences] == ["1", "2", "3"]
    assert {value for s in sentences for value in s.tags + s.lemmas} == {"_"}
    for sentence in sentences:
        surface = sentence.surface
        assert [TEXT[surface.start + a : surface.start + b] for a, b in surface.spans] == list(sentence.forms)
        (read,) = read_conllu(Parse(sentence).to_conllu().splitlines(keepends=True))
        assert Parse(read).surface._replace(text="") == surface._replace(text="")
    assert [s.surface.paragraph for s in sentences] == [True, False, True]
    assert [s.surface.after for s in sentences] == ["  ", "\n\n", "\n"]


def test_lines_can_be_paragraphs():
    pytest.importorskip("spacy")
    sentences = read_raw(io.StringIO("no full stop\nhere\n"), "blank:en", by_line=True)
    assert [s.forms for s in sentences] == [("no", "full", "stop"), ("here",)]


def test_paragraphs_cover_the_text():
    text = "\n \na\nb\n\n\nc\n"
    found = list(paragraphs(text.splitlines(keepends=True)))
    assert [(p.text, p.begins) for p in found] == [("a\nb\n\n", True), ("c\n", True)]
    assert all(text.startswith(p.text, p.start) for p in found)
    lines = ["x" * 60_000 + "\n"] * 3
    assert [(len(p.text) > LONGEST, p.begins) for p in paragraphs(lines)] == [(True, True), (False, False)]
    assert [p.begins for p in paragraphs([*lines[:2], "\n", "c\n"])] == [True, True]  # cut at the very end of one


@pytest.mark.parametrize("by_line", [False, True])
def test_a_line_is_answered_before_the_next_is_read(by_line):
    pytest.importorskip("spacy")
    read = 0

    def lines():
        nonlocal read
        for _ in range(10):
            read += 2
            yield from ("It rains. It pours.\n", "\n")

    sentences = read_raw(lines(), "blank:en", by_line=by_line, at_once=True)
    next(sentences)
    assert read == 2


def test_a_long_text_is_read_as_it_is_needed():
    pytest.importorskip("spacy")
    read = 0

    def lines():
        nonlocal read
        for _ in range(10_000):
            read += 2
            yield from ("It rains. It pours.\n", "\n")

    sentences = read_raw(lines(), "blank:en")
    for _ in range(10):
        next(sentences)
    assert read < 1000


@pytest.mark.parametrize("pipeline", ["no_such_pipeline", "blank:xx-none"])
def test_a_pipeline_that_is_not_there(pipeline):
    pytest.importorskip("spacy")
    with pytest.raises(UserError, match=f"--spacy {pipeline}: expected an installed spaCy pipeline: ") as caught:
        next(read_raw(io.StringIO(TEXT), pipeline))
    assert "\n" not in str(caught.value)


def test_a_paragraph_that_a_pipeline_would_refuse_is_named(monkeypatch):
    pytest.importorskip("spacy")
    monkeypatch.setattr(pipeline("blank:en"), "max_length", 11)
    found = read_raw(io.StringIO("short\n\n" + "x" * 12 + "\n"), "blank:en", at_once=True)
    assert next(found).forms == ("short",)
    with pytest.raises(UserError, match=r"of at most 11 characters, the pipeline's limit, got 13 from character 7 on"):
        next(found)
    with pytest.raises(UserError, match=r"^<stream>: expected paragraphs"):
        next(read_raw(io.StringIO("x" * 12), "blank:en"))


@pytest.mark.parametrize(
    "sentences",
    [
        ("He left.", '"Stay!" she said.', "(He did not.)", "It ended."),
        ("He left.", "“Stay!” she said.", "“Go.”", "It ended."),
        ("« Non. » dit-il.", "« Oui. »", "Il part."),
        ("A. Smith et al. (2019) showed this.", "It was new."),
        ('He asked, "Why?" and left.', "Then he came."),
        ('"Why not?"', "'Because.'"),
        ("It ended.", '("Really?")', "Yes."),
        ("hello there.", "how are you?"),
        ("( a . )", "( b . )"),
        ('".',),
        ("He left.", '"' * 2000 + "Stay!"),
    ],
)
def test_quotes_and_brackets_lie_in_their_own_sentences(sentences):
    read = read_raw(io.StringIO(" ".join(sentences)), "blank:en")
    assert tuple(s.surface.text for s in read) == sentences
