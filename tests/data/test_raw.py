import io
import sys

import pytest

from spigot.data.errors import DataError
from spigot.data.raw import _paragraphs, read_raw
from spigot.errors import UserError

TEXT = "The dog barked.  Did it sleep?\n\n   \nNo: it doesn't\tsleep.\n"


def test_without_spacy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(UserError, match=r"pip install 'torch-spigot\[text\]'"):
        next(read_raw(io.StringIO(TEXT), "blank:en"))


def test_lines_are_paragraphs_of_sentences():
    pytest.importorskip("spacy")
    first, second, third = read_raw(io.StringIO(TEXT), "blank:en")
    assert first.forms == ("The", "dog", "barked", ".")
    assert second.forms == ("Did", "it", "sleep", "?")
    assert third.forms == ("No", ":", "it", "does", "n't", "sleep", ".")
    assert [s.id for s in (first, second, third)] == ["1", "2", "3"]
    assert first.tags == first.lemmas == ("_",) * 4


def test_a_long_text_is_read_as_it_is_needed():
    pytest.importorskip("spacy")
    read = 0

    def lines():
        nonlocal read
        for _ in range(10_000):
            read += 1
            yield "It rains. It pours.\n"

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


def test_a_paragraph_that_spacy_would_refuse_is_named():
    lines = ["short\n", "x" * 12 + "\n"]
    found = _paragraphs(lines, 11)
    assert next(found) == "short"
    with pytest.raises(DataError, match=r":2: expected a paragraph of at most 11 characters, spaCy's limit, got 12"):
        next(found)
