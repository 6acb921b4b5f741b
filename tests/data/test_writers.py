"""Real graphs through every format that holds graphs; small cases are in tests/cli/test_convert.py."""

import io
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from spigot.data.errors import WriteError
from spigot.data.readers import read_sentences
from spigot.data.sentence import SEMANTICS, TOP, Arc, Graph, Sentence, Tree
from spigot.data.writers import WRITERS, fitting

REAL = [Path(os.environ.get("SPIGOT_DATA", "/nonexistent"), name, "dev.sdp") for name in ("redwoods", "propbank")]


@pytest.mark.skipif(not REAL[0].is_file(), reason="SPIGOT_DATA is not set")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("format", ["sdp", "sdp-companion", "sdp2014", "conll2009", "conllu", "mrp"])
def test_arcs_survive_and_the_rest_is_counted(path, format):
    sentences = list(read_sentences(path))
    lost: Counter[str] = Counter()
    file = io.StringIO()
    WRITERS[format](fitting([replace(sentence, source=None) for sentence in sentences], format, lost), file)
    file.seek(0)
    again = list(read_sentences(file, "sdp" if format == "sdp-companion" else format, graph=SEMANTICS))
    assert [sentence.forms for sentence in again] == [sentence.forms for sentence in sentences]
    for new, old in zip(again, sentences, strict=True):
        arcs, known = new.graphs[SEMANTICS].arcs, old.graphs[SEMANTICS].arcs
        assert [arc for arc in arcs if arc.head] == [arc for arc in known if arc.head]
        if not lost["tops"]:
            assert arcs == known
    differing = sum(new != old for new, old in zip(again, sentences, strict=True))
    assert (differing > 0) == bool(+lost)


@pytest.mark.parametrize("format", sorted(set(WRITERS) - {"text", "sst"}))
def test_universal_tags_are_held_or_counted(format):
    graph = Graph((Arc(0, 1, TOP), Arc(1, 2, "a"), Arc(1, 3, "b")), frozenset({1}))
    tree = Tree((0, 1, 1), ("root", "dep", "dep"))
    tags, upos = ("NN", "IN", "X"), ("NOUN", "_", "X")
    sentence = Sentence(
        "1", ("a", "b", "c"), ("_",) * 3, tags, {"syntax": tree}, {SEMANTICS: graph}, upos=upos, sentiment=1
    )
    lost: Counter[str] = Counter()
    file = io.StringIO()
    WRITERS[format](fitting([sentence], format, lost), file)
    file.seek(0)
    (again,) = read_sentences(file, "sdp" if format == "sdp-companion" else format)
    held = format in ("conllu", "json")  # CoNLL-X holds them, as coarse tags, which no reader takes for universal ones
    assert again.upos == (upos if held else ())
    assert lost["coarse tags"] == (0 if held or format == "conllx" else 1)
    assert again.tags == tags
    if format == "conllx":
        assert [line.split("\t")[3] for line in file.getvalue().splitlines() if line] == ["NOUN", "_", "X"]


@pytest.mark.parametrize("format", WRITERS)
def test_a_sentence_without_tokens_is_refused_or_read_back(format):
    """MRP and JSON may have some; elsewhere it would be lost in silence, or be a file that no reader takes."""
    empty = Sentence("7", (), (), (), graphs={SEMANTICS: Graph((), frozenset())})
    file = io.StringIO()
    if format in ("json", "mrp"):
        WRITERS[format]([empty], file)
        file.seek(0)
        assert [(sentence.id, len(sentence)) for sentence in read_sentences(file, format)] == [("7", 0)]
        return
    with pytest.raises(WriteError, match="sentence 7: expected tokens, got none"):
        WRITERS[format]([empty], file)
    lost: Counter[str] = Counter()
    assert list(fitting([empty], format, lost)) == []
    assert +lost == {"sentences without tokens": 1}
