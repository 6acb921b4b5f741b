from __future__ import annotations

import gzip
import io
import itertools
import os
import pickle
from dataclasses import replace
from pathlib import Path

import conllu
import pytest

from spigot.data.conllu import read_conllu, token_list, write_conllu, write_parses
from spigot.data.conllx import read_conllx
from spigot.data.errors import DataError
from spigot.data.sentence import Sentence, Tree

TRICKY = Path(__file__).parent / "fixtures" / "tricky.conllu"
REAL = sorted(Path(os.environ.get("SPIGOT_DATA", "/nonexistent")).glob("*/*.conllu"))


def read(text: str) -> list[Sentence]:
    return list(read_conllu(io.StringIO(text)))


def write(sentences) -> str:
    file = io.StringIO()
    write_conllu(sentences, file)
    return file.getvalue()


def row(token, form="w", head="0", *, lemma="_", upos="_", xpos="_", label="dep", misc="_") -> str:
    return f"{token}\t{form}\t{lemma}\t{upos}\t{xpos}\t_\t{head}\t{label}\t_\t{misc}\n"


def tricky_text() -> str:
    return TRICKY.read_bytes().decode().rstrip("\n") + "\n\n"  # should an editor have removed the last blank line


def test_words_and_trees_are_read_and_the_rest_is_kept_apart():
    first, second, third = read_conllu(TRICKY)
    assert first.id == "garden-1"
    assert first.forms == ("She", "did", "n't", "water", "it", ".")
    assert first.lemmas == ("she", "do", "not", "water", "it", ".")
    assert first.tags == ("PRP", "VBD", "RB", "VB", "PRP", ".")
    assert first.trees["syntax"] == Tree((4, 4, 4, 0, 4, 4), ("nsubj", "aux", "advmod", "root", "obj", "punct"))
    assert not first.graphs
    assert first.sentiment is None
    assert second.forms == ("Ada", "grows", "figs", "and", "Bo", "plums")
    assert second.tags == ("PROPN", "VBZ", "NNS", "CC", "NNP", "NNS")  # the first has no XPOS
    assert second.trees["syntax"].heads == (2, 0, 2, 5, 2, 5)
    assert third.forms == ("New  York", "rain\u00a0")
    assert third.lemmas == ("New  York ", "rain ")
    assert third.trees["syntax"] == Tree((2, 0), ("obj:x", "root"))


@pytest.mark.parametrize(
    "text",
    [
        tricky_text(),
        tricky_text().rstrip("\n"),
        tricky_text().rstrip("\n") + "\n",
        tricky_text() + "\n \n\r\n",
        "\n\n" + tricky_text(),
        "\ufeff" + tricky_text(),
        "\ufeff\n" + tricky_text().replace("\n", "\r\n"),
        tricky_text().replace("\n\n", "\n\n\n"),
        row(1, misc="") + "\n",
        row(1, misc="A=1=2|A=3|_=x|\u00a0") + "\n",
        row(1, form="\ufeffx", upos="", label="") + "# late comment\n" + row(2, head="1") + "#\n\n",
    ],
)
def test_reading_and_writing_gives_the_same_bytes(text, tmp_path):
    assert write(read(text)) == text
    source, target = tmp_path / "a.conllu", tmp_path / "b.conllu.gz"
    source.write_bytes(text.encode())
    write_conllu(read_conllu(source), target)
    assert gzip.decompress(target.read_bytes()) == text.encode()
    assert write(read_conllu(target)) == text


@pytest.mark.skipif(not REAL, reason="SPIGOT_DATA is not set")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_files_come_back_byte_by_byte(path):
    assert write(read_conllu(path)).encode() == path.read_bytes()


def test_reading_holds_one_sentence_at_a_time():
    lines = itertools.cycle([row(1, "on"), row(2, "on", 1), "\n"])
    sentences = list(itertools.islice(read_conllu(lines), 1000))
    assert [sentence.id for sentence in sentences] == [str(i) for i in range(1, 1001)]


def test_writing_passes_sentences_on_as_they_come():
    file = io.StringIO()

    def sentences():
        for sentence in read_conllu(TRICKY):
            yield sentence
            assert f"sent_id = {sentence.id}" in file.getvalue()

    write_conllu(sentences(), file)


def test_a_new_tree_changes_head_and_label_alone():
    before = read(tricky_text())
    tree = Tree((2, 0, 2, 2, 2, 2), ("a", "b", "c", "d", "e", "f"))
    after = write([before[0], replace(before[1], trees={"syntax": tree}), before[2]])
    old_lines, new_lines = tricky_text().split("\n"), after.split("\n")
    assert len(old_lines) == len(new_lines)
    changed = [(old.split("\t"), new.split("\t")) for old, new in zip(old_lines, new_lines, strict=True) if old != new]
    assert [new[0] for _, new in changed] == ["1", "2", "3", "4", "5", "6"]
    for old, new in changed:
        assert old[:6] + old[8:] == new[:6] + new[8:]
    reread = read(after)
    assert reread[1].trees["syntax"] == tree
    assert [reread[0], reread[2]] == [before[0], before[2]]
    assert replace(before[1], trees={"syntax": tree}) == reread[1]


def test_each_field_of_a_sentence_goes_to_its_column():
    text = (
        "# x\r\n" + row(1, xpos="A", misc="M").replace("\n", "\r\n") + row("1.1", head="_") + row(2, upos="N", head=1)
    )
    (sentence,) = read(text)
    changed = replace(
        sentence,
        id="new",
        forms=("p", "q"),
        lemmas=("r", "s"),
        tags=("t", "u"),
        trees={"syntax": Tree((2, 0), ("v", "w"))},
    )
    assert write([changed]) == (
        "# sent_id = new\r\n# x\r\n"
        + row(1, "p", 2, lemma="r", xpos="t", label="v", misc="M").replace("\n", "\r\n")
        + row("1.1", head="_")
        + row(2, "q", 0, lemma="s", upos="u", label="w")
    )


def test_universal_tags_have_a_column_of_their_own():
    text = row(1, xpos="NN", upos="NOUN") + row(2, xpos="IN", head="1") + "\n"
    (sentence,) = read(text)
    assert (sentence.tags, sentence.upos) == (("NN", "IN"), ("NOUN", "_"))
    assert write([sentence]) == text
    assert write([replace(sentence, upos=("PROPN", "ADP"))]) == (
        row(1, xpos="NN", upos="PROPN") + row(2, xpos="IN", upos="ADP", head="1") + "\n"
    )
    assert write([replace(sentence, upos=())]) == row(1, xpos="NN") + row(2, xpos="IN", head="1") + "\n"
    scratch = write([replace(sentence, source=None)])
    assert [line.split("\t")[3:5] for line in scratch.splitlines()[2:4]] == [["NOUN", "NN"], ["_", "IN"]]
    (again,) = read(scratch)
    assert again.upos == sentence.upos
    (without,) = read(row(1, xpos="NN") + row(2, xpos="IN", head="1") + "\n")
    assert without.upos == ()


def test_a_file_of_universal_tags_alone_gets_those_that_are_predicted_and_perhaps_others():
    (sentence,) = read(row(1, upos="NOUN") + "\n")
    assert sentence.tags == sentence.upos == ("NOUN",)
    assert write([replace(sentence, tags=("VERB",))]) == row(1, upos="VERB") + "\n"
    assert write([replace(sentence, upos=("VERB",))]) == row(1, upos="VERB") + "\n"
    assert write([replace(sentence, upos=("VERB",), tags=("VB",))]) == row(1, upos="VERB", xpos="VB") + "\n"


def test_a_sentence_with_other_universal_tags_is_not_written_as_it_stood_there():
    (sentence,) = read(row(1, upos="NOUN", xpos="NN") + "\n")
    file = io.StringIO()
    write_parses([replace(sentence, upos=("VERB",))], file, keep_unchanged=True)
    assert file.getvalue() == row(1, upos="VERB", xpos="NN") + "\n"


@pytest.mark.parametrize(
    ("upos", "message"), [(("A",), "expected 2 upos, got 1"), (("A", "B\tC"), "upos: expected text")]
)
def test_universal_tags_that_do_not_fit_are_refused(upos, message):
    (sentence,) = read(row(1) + row(2, head="1") + "\n")
    for source in (sentence.source, None):
        with pytest.raises(ValueError, match=f"^sentence 1: {message}"):
            write([replace(sentence, upos=upos, source=source)])


def test_a_new_id_replaces_the_old_comment():
    first = next(read_conllu(TRICKY))
    text = write([replace(first, id="other")])
    assert text == write([first]).replace("# sent_id = garden-1\n", "# sent_id = other\n")


def test_a_tree_can_be_taken_away_and_put_into_a_file_without_one():
    first = next(read_conllu(TRICKY))
    bare = write([replace(first, trees={})])
    (again,) = read(bare)
    assert not again.trees
    assert write([again]) == bare
    assert {tuple(line.split("\t")[6:8]) for line in bare.split("\n") if line[:1].isdigit()} == {("_", "_")}
    assert write([replace(again, trees={"syntax": first.trees["syntax"]})]) == write([first])


def test_without_heads_labels_stay():
    text = row(1, head="_", label="guess") + "\n"
    (sentence,) = read(text)
    assert not sentence.trees
    assert write([replace(sentence, tags=("T",))]) == row(1, head="_", label="guess", xpos="T") + "\n"


def test_a_sentence_from_elsewhere_is_written_from_scratch():
    sentence = Sentence(
        "s1", ("Rain", "fell"), ("rain", "fall"), ("NN", "VBD"), {"syntax": Tree((2, 0), ("subj", "root"))}
    )
    text = (
        "# sent_id = s1\n# text = Rain fell\n"
        "1\tRain\train\t_\tNN\t_\t2\tsubj\t_\t_\n"
        "2\tfell\tfall\t_\tVBD\t_\t0\troot\t_\t_\n\n"
    )
    assert write([sentence]) == text
    assert read(text) == [sentence]
    assert write([replace(sentence, trees={})]) == text.replace("2\tsubj", "_\t_").replace("0\troot", "_\t_")
    conllx_text = row(1, "a", xpos="X", label="root") + "\n"
    (other,) = read_conllx(io.StringIO(conllx_text))
    assert write([other]) == "# sent_id = 1\n# text = a\n" + row(1, "a", xpos="X", label="root") + "\n"


def test_sentences_of_several_files_stay_apart():
    last_line_open = read(row(1, "a").rstrip("\n"))[0]
    no_blank_line = read("\ufeff" + row(1, "b"))[0]
    usual = read(row(1, "c") + "\n")[0]
    text = write([last_line_open, no_blank_line, usual, last_line_open])
    assert text == row(1, "a") + "\n" + row(1, "b") + "\n" + row(1, "c") + "\n" + row(1, "a").rstrip("\n")
    assert [sentence.forms for sentence in read(text)] == [("a",), ("b",), ("c",), ("a",)]


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", "\ufeff\r\n \n"])
def test_an_empty_file_has_no_sentence(text):
    assert read(text) == []
    assert write([]) == ""


def test_empty_nodes_count_from_one_after_each_word():
    text = row("0.1", head="_") + row(1) + row("1.1", head="_") + row("1.2", head="_") + row(2) + row("2.1", head="_")
    assert [sentence.forms for sentence in read(text + "\n")] == [("w", "w")]


def test_ids_fall_back_to_running_numbers():
    blocks = ["# sent_id = x\n", "", "# sent_id =\n", "# text = sent_id = no\n", "#sent_id=y z\n"]
    sentences = read("\n".join(block + row(1) for block in blocks))
    assert [sentence.id for sentence in sentences] == ["x", "2", "3", "4", "y z"]


def test_windows_line_ends_and_byte_order_mark_do_not_reach_the_sentence():
    plain = list(read_conllu(TRICKY))
    assert read("\ufeff" + tricky_text().replace("\n", "\r\n")) == plain


@pytest.mark.parametrize("n", [1, 5000])
def test_short_and_long_sentences(n):
    text = "".join(row(i, f"w{i}", i - 1) for i in range(1, n + 1)) + "\n"
    (sentence,) = read(text)
    assert len(sentence) == n
    assert sentence.trees["syntax"].heads == tuple(range(n))
    assert write([sentence]) == text
    reversed_chain = replace(sentence, trees={"syntax": Tree((*range(2, n + 1), 0), ("x",) * n)})
    assert read(write([reversed_chain])) == [reversed_chain]


def test_several_roots_are_a_tree():
    (sentence,) = read(row(1) + row(2, head=0) + row(3, head=2))
    assert sentence.trees["syntax"].heads == (0, 0, 2)


GOOD = "# sent_id = a\n" + row(1) + "\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (row(1).replace("\t_\n", "\n"), 1, "expected 10 tab-separated columns, got 9"),
        (GOOD + "# c\n" + row(1).replace("\n", "\tx\n"), 5, "expected 10 tab-separated columns, got 11"),
        ("1  w  _  _  _  _  0  dep  _  _\n", 1, "expected 10 tab-separated columns, got 1"),
        ("\t\t\t\n", 1, "expected 10 tab-separated columns, got 4"),
        (row(1, form=""), 1, "expected a form"),
        (row(1) + row(2, head="x"), 2, "expected a head from 0 to 2, got 'x'"),
        (row(1) + row(2, head=3), 2, "expected a head from 0 to 2, got '3'"),
        (row(1) + row(2, head=-1), 2, "expected a head from 0 to 2, got '-1'"),
        (row(1) + row(2, head="_"), 2, "expected a head from 0 to 2, got '_'"),
        (row(1) + row(2, head="²"), 2, "expected a head from 0 to 2, got '²'"),
        (row(1) + row(2, head=""), 2, "expected a head from 0 to 2, got ''"),
        (row(1) + row(2, head=2), 2, "expected a tree, got a cycle through token 2"),
        (row(1) + row(2, head=4) + row(3, head=2) + row(4, head=3), 2, "expected a tree, got a cycle"),
        (row(2), 1, "expected token id 1, got '2'"),
        (row(0), 1, "expected token id 1, got '0'"),
        (row(1) + row(3), 2, "expected token id 2, got '3'"),
        (row(1) + row(1), 2, "expected token id 2, got '1'"),
        (row("01"), 1, "expected token id 1, got '01'"),
        (row("_"), 1, "expected token id 1, got '_'"),
        (row("one"), 1, "expected token id 1, got 'one'"),
        (row(1) + row("1.2"), 2, "expected token id 2, got '1.2'"),
        (row(1) + row("2.1"), 2, "expected token id 2, got '2.1'"),
        (row(1) + row("1-2"), 2, "expected token id 2, got '1-2'"),
        (row(1) + row("2-3") + row(2), 2, "expected a multiword token within 2 words, got one up to 3"),
        (row("1-2") + row(1) + row("2-3") + row(2) + row(3), 3, "expected token id 2, got '2-3'"),
        (row("0.1"), 1, "expected at least one word"),
        (GOOD + "# lonely\n\n" + GOOD, 5, "expected token lines after the comments, got a blank line"),
        (GOOD + "# lonely\n", 4, "expected token lines after the comments, got the end of the file"),
    ],
)
def test_malformed_files_are_errors_with_file_and_line(tmp_path, text, line, message):
    path = tmp_path / "bad.conllu"
    path.write_bytes(text.encode())
    with pytest.raises(DataError) as error:
        list(read_conllu(path))
    assert str(error.value).startswith(f"{path}:{line}: {message}")
    windows = io.BytesIO(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    with pytest.raises(DataError) as error:
        list(read_conllu(windows))
    assert str(error.value).startswith(f"<stream>:{line}: {message}")


def test_sentences_before_an_error_are_delivered():
    sentences = read_conllu(io.StringIO(GOOD + row(7)))
    assert next(sentences).id == "a"
    with pytest.raises(DataError, match=r":4: "):
        next(sentences)


SENTENCE = Sentence("s1", ("a", "b"), ("_", "_"), ("_", "_"), {"syntax": Tree((2, 0), ("x", "y"))})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (replace(SENTENCE, forms=("a\tb", "c")), "forms: .* got 'a\\\\tb'"),
        (replace(SENTENCE, tags=("", "c")), "tags: .* got ''"),
        (replace(SENTENCE, lemmas=("x",)), "expected 2 lemmas, got 1"),
        (replace(SENTENCE, trees={"syntax": Tree((0,), ("x",))}), "expected 2 heads"),
        (replace(SENTENCE, trees={"syntax": Tree((0, 3), ("x", "y"))}), "expected 2 heads from 0 to 2"),
        (replace(SENTENCE, trees={"syntax": Tree((0, 1), ("x",))}), "expected 2 labels, got 1"),
        (replace(SENTENCE, trees={"syntax": Tree((0, 1), ("x", "y\n"))}), "labels"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path, bad, message):
    path = tmp_path / "a.conllu"
    with pytest.raises(ValueError, match=f"sentence s1: {message}"):
        write_conllu([SENTENCE, bad], path)
    assert not path.exists()
    with pytest.raises(ValueError, match="id: expected text"):
        write([replace(SENTENCE, id="a\nb")])


def test_other_tokens_than_the_source_has_are_an_error():
    (sentence,) = read(GOOD)
    with pytest.raises(ValueError, match="sentence a: expected the 1 tokens of its source, got 2"):
        write([replace(SENTENCE, id="a", source=sentence.source)])


def test_the_conllu_library_sees_the_same_sentences():
    text = tricky_text().replace("  ", "").replace("\u00a0", "")
    expected = conllu.parse(text)
    actual = [token_list(sentence) for sentence in read(text)]
    assert actual == expected
    assert [tokens.metadata for tokens in actual] == [tokens.metadata for tokens in expected]
    first = actual[0]
    assert first[1]["id"] == (2, "-", 3)
    assert first[0]["feats"] == {"Case": "Nom", "Number": "Sing"}
    assert token_list(next(iter(read("1\ta  b\t_\t_\t_\t_\t0\tr\t_\t_\n"))))[0]["form"] == "a  b"
    with pytest.raises(ValueError, match="sentence s1: expected a sentence that was read from CoNLL-U"):
        token_list(SENTENCE)


def test_sentences_can_be_pickled_with_their_source():
    sentences = read(tricky_text())
    assert write(pickle.loads(pickle.dumps(sentences))) == tricky_text()
