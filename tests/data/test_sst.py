import io

import pytest

from spigot.data.errors import DataError
from spigot.data.readers import read_sentences
from spigot.data.sst import read_sst, write_sst
from tests.models.tiny import SENTENCES, sentence

TEXT = (
    "# instance 1\n1\tA\ta\tDT\t1\n2\tjoy\tjoy\tNN\t1\n\n"
    "# instance 7\n1\tDull\tdull\tJJ\t0\n2\t#\t#\t#\t0\n\n"
    "1\tHm\thm\tUH\t_\n\n"
)


def written(sentences):
    file = io.StringIO()
    write_sst(sentences, file)
    return file.getvalue()


def test_read():
    first, second, third = read_sst(io.StringIO(TEXT))
    assert (first.id, first.forms, first.lemmas, first.tags) == ("1", ("A", "joy"), ("a", "joy"), ("DT", "NN"))
    assert [s.sentiment for s in (first, second, third)] == [1, 0, None]
    assert (second.id, second.forms, third.id) == ("7", ("Dull", "#"), "3")


def test_written_back_as_it_was():
    assert written(read_sst(io.StringIO(TEXT))) == TEXT


def test_what_is_written_can_be_read():
    again = list(read_sst(io.StringIO(written(SENTENCES))))
    for ours, theirs in zip(SENTENCES, again, strict=True):
        assert (ours.id, ours.forms, ours.lemmas) == (theirs.id, theirs.forms, theirs.lemmas)
        assert (ours.tags, ours.sentiment) == (theirs.tags, theirs.sentiment)


def test_a_changed_sentence_keeps_its_comment():
    from dataclasses import replace

    first, *rest = read_sst(io.StringIO(TEXT))
    text = written([replace(first, sentiment=0), *rest])
    assert text == TEXT.replace("DT\t1", "DT\t0").replace("NN\t1", "NN\t0")
    assert written([replace(first, id="new")]).startswith("# instance new\n1\tA")


def test_the_first_lines_decide_the_format():
    assert [s.sentiment for s in read_sentences(io.StringIO(TEXT))] == [1, 0, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\tA\ta\tDT\n\n", r":1: expected 5 tab-separated columns, got 4"),
        ("# instance 1\n2\tA\ta\tDT\t1\n\n", r":2: expected token id 1, got '2'"),
        ("1\t\ta\tDT\t1\n\n", r":1: expected a form in column 2, got nothing"),
        ("1\tA\ta\tDT\t2\n\n", r":1: expected a label of 0, 1, _, got '2'"),
        ("1\tA\ta\tDT\t1\n2\tb\tb\tNN\t0\n\n", r":2: expected the sentence's label 1, got 0"),
        ("# instance 1\n\n", r":2: expected token lines after the comments, got a blank line"),
    ],
)
def test_bad_files(text, message):
    with pytest.raises(DataError, match=message):
        list(read_sst(io.StringIO(text)))


def test_what_does_not_fit():
    from dataclasses import replace

    with pytest.raises(ValueError, match=r"sentence 1: expected a sentiment of 0, 1 or None, got 4"):
        written([replace(sentence("a b"), sentiment=4)])
    with pytest.raises(ValueError, match="forms: expected text without tabs"):
        written([replace(sentence("a b"), forms=("a", "x\ty"))])
