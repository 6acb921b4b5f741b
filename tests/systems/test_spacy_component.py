"""The component in real pipelines."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

spacy = pytest.importorskip("spacy")

from spigot.data.sentence import (  # noqa: E402
    SENTIMENTS,
    TOP,
    Arc,
    Graph,
    Sentence,
    Tree,
)
from spigot.data.spacy_docs import Piece, annotate, doc_of, pieces  # noqa: E402
from spigot.errors import UserError  # noqa: E402
from spigot.systems.parse import Parse  # noqa: E402
from spigot.systems.parser import Parser, bare  # noqa: E402
from spigot.systems.spacy_component import SpigotComponent  # noqa: E402
from tests.contracts.test_systems import EXAMPLES  # noqa: E402
from tests.models.tiny import WORDS_ALONE, tiny_model  # noqa: E402

TEXT = "The dog wants to sleep.  It barks!\n\nA liar waits"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "run"
    tiny_model(encoder=WORDS_ALONE).save_pretrained(folder)
    return folder


def pipeline(folder, **settings):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("spigot", config={"model": str(folder)} | settings)
    return nlp


def test_settings_are_those_of_load(folder):
    assert pipeline(folder).get_pipe("spigot").parser.mixed_precision == "no"
    half = pipeline(folder, mixed_precision="bf16")
    assert half.get_pipe("spigot").parser.mixed_precision == "bf16"
    assert len(half("The dog sleeps.")) == 4


def test_a_pipeline_without_it_does_not_load_it():
    # spaCy imports what its entry points name, whichever pipeline it loads.
    # spaCy itself may import torch.
    code = "import sys, spacy; before = set(sys.modules); import spigot.spacy_factory; " + (
        "print({'torch', 'spigot.systems', 'spigot.structured'} & (set(sys.modules) - before))"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout == "set()\n"


def test_a_document_of_several_sentences(folder):
    nlp = pipeline(folder)
    doc = nlp(TEXT)
    assert doc.text == TEXT
    assert doc.has_annotation("DEP")
    parses = Parser(tiny_model(encoder=WORDS_ALONE))(nlp.make_doc(TEXT))
    words = [[token for token in sentence if not token.is_space] for sentence in spacy_sentences(doc, parses)]
    arcs = []
    for tokens, parse in zip(words, parses, strict=True):
        assert [token.text for token in tokens] == [token.text for token in parse.tokens]
        tree = parse.trees["syntax"]
        for token, head, label in zip(tokens, tree.heads, tree.labels, strict=True):
            assert token.head == (tokens[head - 1] if head else token)
            assert token.dep_ == (label if head else "ROOT")
        graph = parse.graphs["semantics"]
        arcs += [(tokens[h - 1].i if h else None, tokens[m - 1].i, label) for h, m, label in graph.arcs]
    assert doc._.graphs == {"semantics": arcs}
    assert [token.head.i < token.i for token in doc if token.is_space] == [True] * 2


def spacy_sentences(doc, parses):
    """The tokens of each parse, by their offsets in the document."""
    for parse in parses:
        start = parse.surface.start
        yield doc.char_span(start, start + len(parse.text))


def test_documents_in_a_pipe_are_as_alone(folder):
    nlp = pipeline(folder)
    texts = [TEXT, "", "It barks.", "  ", "A liar waits for the guest. The dog sleeps."]
    alone = [nlp(text) for text in texts]
    for one, other in zip(alone, nlp.pipe(texts, batch_size=2), strict=True):
        assert one.to_json() == other.to_json()
        assert one._.graphs == other._.graphs


def test_a_pipeline_is_saved_and_loaded(folder, tmp_path):
    nlp = pipeline(folder)
    assert nlp.config["components"]["spigot"]["model"] == str(folder)
    nlp.to_disk(tmp_path / "pipeline")
    loaded = spacy.load(tmp_path / "pipeline")
    assert loaded(TEXT).to_json() == nlp(TEXT).to_json()
    assert pipeline(folder).from_bytes(nlp.to_bytes())(TEXT).to_json() == nlp(TEXT).to_json()


@pytest.mark.parametrize("kind", EXAMPLES)
def test_any_system(kind):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    doc = nlp("The dog sleeps. It barks.")
    for token in doc:
        token.tag_ = token.tag_ or "NN"
        token.lemma_ = token.lower_
    parser = Parser(EXAMPLES[kind]())
    component = SpigotComponent(parser)
    parsed = parser.system.parse([bare(piece.sentence) for piece in pieces(doc)])
    doc = component(doc)
    assert doc.has_annotation("DEP") == (parser.tree is not None)
    assert set(doc._.graphs) == {name for sentence in parsed for name in sentence.graphs}
    assert [token.tag_ for token in doc] == [tag for sentence in parsed for tag in sentence.tags]
    sentiments = [None if s.sentiment is None else SENTIMENTS[s.sentiment] for s in parsed]
    for span, sentence, sentiment in zip(doc.sents, parsed, sentiments, strict=True):
        assert (span._.categories, span._.sentiment) == (sentence.categories, sentiment)
        assert span._.sentiment_probability == pytest.approx(sentence.probability)


def test_what_is_set():
    doc = spacy.blank("en")("He sleeps . It  barks")
    sentences = [Sentence("1", ("He", "sleeps", "."), ("_",) * 3, ("PRP", "VBZ", "."))]
    sentences.append(Sentence("2", ("It", "barks"), ("_",) * 2, ("_",) * 2))
    sentences[0] = sentences[0].with_tree("ud", Tree((2, 0, 2), ("nsubj", "root", "punct")))
    sentences[1] = sentences[1].with_tree("ud", Tree((2, 0), ("_", "_")))
    sentences[1] = sentences[1].with_graph("dm", Graph((Arc(0, 2, TOP), Arc(2, 1, "ARG1")), frozenset({2})))
    annotate(doc, [Piece(sentences[0], (0, 1, 2)), Piece(sentences[1], (3, 5))], "ud")
    assert [token.head.i for token in doc] == [1, 1, 1, 5, 3, 5]
    assert [token.dep_ for token in doc] == ["nsubj", "ROOT", "punct", "dep", "dep", "ROOT"]
    assert [token.tag_ for token in doc] == ["PRP", "VBZ", ".", "", "", ""]
    assert [sentence.text for sentence in doc.sents] == ["He sleeps .", "It  barks"]
    assert doc._.graphs == {"dm": [(None, 5, TOP), (5, 3, "ARG1")]}
    starts = spacy.blank("en")("He sleeps . It  barks")
    annotate(starts, [Piece(sentences[0], (0, 1, 2)), Piece(sentences[1], (3, 5))], None)
    assert [sentence.text for sentence in starts.sents] == ["He sleeps .", "It  barks"]
    again = doc_of([piece.sentence for piece in pieces(doc)], None, None)
    assert (again.text, [token.tag_ for token in again]) == (doc.text, [token.tag_ for token in doc])


def test_a_sentence_that_is_too_long_is_named(folder):
    nlp = pipeline(folder, max_length=3)
    limit = r"sentence 1: expected at most 3 tokens \(max_length\), got 4: 'The dog sleeps \.'"
    with pytest.raises(UserError, match=limit):
        nlp("The dog sleeps.")


def test_no_limit_is_below_one_token(folder):
    with pytest.raises(UserError, match="max_length: expected a whole number of at least 1, got 0"):
        pipeline(folder, max_length=0)


def test_a_document_without_words_has_graphs_without_arcs(folder):
    found = list(pipeline(folder).pipe(["", "  \n", "The dog sleeps."]))
    assert [doc._.graphs for doc in found[:2]] == [{"semantics": []}] * 2
    assert list(found[2]._.graphs) == ["semantics"]


def test_errors_go_to_the_handler(folder, monkeypatch):
    nlp = pipeline(folder, max_length=3)
    texts = ["It barks.", "The dog sleeps.", "Dogs sleep."]
    with pytest.raises(UserError, match="expected at most 3 tokens"):
        list(nlp.pipe(texts))
    handled = []
    nlp.set_error_handler(lambda name, component, docs, error: handled.append((name, docs, error)))
    whole = [nlp(texts[0]), nlp(texts[2])]
    for found, expected in zip(nlp.pipe(texts), whole, strict=True):
        assert found.to_json() == expected.to_json()
    ((name, (doc,), error),) = handled
    assert (name, doc.text) == ("spigot", texts[1])
    assert "expected at most 3 tokens" in str(error)
    assert not nlp(texts[1]).has_annotation("DEP")  # spaCy returns the document as it was
    assert len(handled) == 2

    # What a whole batch suffers from takes its documents, and no others.
    handled.clear()
    component = nlp.get_pipe("spigot")
    parse = component.parser.system.parse

    def fails(sentences, confidence=False):
        if any("barks" in sentence.forms for sentence in sentences):
            raise UserError("expected tags")
        return parse(sentences, confidence)

    monkeypatch.setattr(component.parser.system, "parse", fails)
    assert [doc.text for doc in nlp.pipe([*texts, texts[2]], batch_size=2)] == [texts[2]] * 2
    assert [[doc.text for doc in docs] for _, docs, _ in handled] == [[texts[1]], [texts[0]]]


def test_classes_are_those_of_sentences():
    he = Sentence("1", ("He", "sleeps", "."), ("_",) * 3, ("_",) * 3).with_category("topic", "rest")
    it = replace(he, id="2", forms=("It", "barks", "!"), categories={}, sentiment=1, probability=0.75)
    bare_one = replace(he, id="3", forms=("A", "liar", "waits"), categories={})
    trees = [Tree((2, 0, 2), ("_",) * 3), Tree((0, 0, 2), ("_",) * 3), Tree((2, 3, 0), ("_",) * 3)]
    sentences = [s.with_tree("ud", tree) for s, tree in zip((he, it, bare_one), trees, strict=True)]
    text = "\n He sleeps .  It barks ! \n\n A liar waits  "
    places = [(1, 2, 3), (5, 6, 7), (9, 10, 11)]
    for tree, of_it in (("ud", ["It", "barks !"]), (None, ["It barks !"])):
        doc = spacy.blank("en")(text)
        assert [doc[k].text for group in places for k in group] == [form for s in sentences for form in s.forms]
        annotate(doc, [Piece(*each) for each in zip(sentences, places, strict=True)], tree)
        for kept in (doc, spacy.tokens.Doc(doc.vocab).from_bytes(doc.to_bytes())):
            first, *middle, last = [span for span in kept.sents if span.text.strip()]
            assert [" ".join(s.text.split()) for s in middle] == of_it
            assert (first._.categories, first._.sentiment) == ({"topic": "rest"}, None)
            assert all((s._.sentiment, s._.sentiment_probability) == ("positive", 0.75) for s in middle)
            assert all(s._.categories == {} for s in (*middle, last))
            assert (last._.sentiment, last._.sentiment_probability) == (None, None)
            assert kept.cats == {}
    doc = Parse(sentences[0]).to_spacy()
    assert [s._.categories for s in doc.sents] == [{"topic": "rest"}]


def test_parses_of_a_language_share_a_vocabulary():
    parses = Parser(tiny_model(encoder=WORDS_ALONE))(TEXT)
    docs = [parse.to_spacy() for parse in parses]
    assert docs[0].vocab.lang == "en"
    list(docs[0].noun_chunks)  # needs a language
    both = spacy.tokens.Doc.from_docs(docs)
    words = [token.text for token in both if not token.is_space]
    assert words == [token.text for parse in parses for token in parse.tokens]
    assert Parse.from_json(parses[0].to_json(), "en").to_spacy().vocab is docs[0].vocab
    nlp = spacy.blank("en")
    assert parses[0].to_spacy(vocab=nlp.vocab).vocab is nlp.vocab is not docs[0].vocab
    assert Parse(parses[0].sentence).to_spacy().vocab.lang == "xx"
    with pytest.raises(UserError, match="language: expected one that spaCy knows, got 'no such'"):
        Parse(parses[0].sentence, "no such").to_spacy()


def test_spacy_finds_it_by_its_entry_point(folder, tmp_path):
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    points = project["entry-points"]["spacy_factories"]
    installed = tmp_path / "somewhere-1.0.dist-info"
    installed.mkdir()
    lines = [f"{name} = {value}\n" for name, value in points.items()]
    (installed / "entry_points.txt").write_text("[spacy_factories]\n" + "".join(lines))
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: somewhere\nVersion: 1.0\n")
    program = (
        f"import sys; sys.path.append({str(tmp_path)!r}); import spacy; nlp = spacy.blank('en'); "
        f"nlp.add_pipe('spigot', config={{'model': {str(folder)!r}}}); print(nlp.pipe_names)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (result.stdout, result.returncode) == ("['spigot']\n", 0), result.stderr


def test_nlp_evaluate_has_its_scores(folder):
    nlp = pipeline(folder)
    texts = ["The dog wants to sleep.", "A liar waits. It barks!"]
    gold = [nlp(text) for text in texts]
    scores = nlp.evaluate([spacy.training.Example(nlp.make_doc(doc.text), doc) for doc in gold])
    assert (scores["dep_uas"], scores["dep_las"], scores["sents_f"]) == (1, 1, 1)
    doc = gold[0]
    leaf = next(token for token in doc if token.head != token and not list(token.children))
    other = next(token for token in doc if token not in (leaf, leaf.head))
    wrong = spacy.tokens.Doc(
        nlp.vocab,
        words=[token.text for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
        heads=[other.i if token == leaf else token.head.i for token in doc],
        deps=[token.dep_ for token in doc],
    )
    scores = nlp.evaluate([spacy.training.Example(nlp.make_doc(wrong.text), wrong)])
    assert scores["dep_uas"] == pytest.approx(1 - 1 / len(doc))


def test_universal_tags_go_into_the_document_and_come_out_of_it():
    sentence = Sentence(
        "1", ("It", "rains", "so"), ("_",) * 3, ("PRP", "VBZ", "RB"), upos=("PRON", "VERB", "none such")
    )
    doc = doc_of([sentence], None, None)
    assert [token.pos_ for token in doc] == ["PRON", "VERB", ""]
    assert [token.tag_ for token in doc] == ["PRP", "VBZ", "RB"]
    (piece,) = pieces(doc)
    assert piece.sentence.upos == ("PRON", "VERB", "_")
    bare_doc = spacy.tokens.Doc(spacy.Vocab(), words=["It", "rains"], pos=["PRON", "VERB"])
    without = [Piece(replace(piece.sentence, upos=(), source=None), piece.places) for piece in pieces(bare_doc)]
    annotate(bare_doc, without, None)
    assert [token.pos_ for token in bare_doc] == ["PRON", "VERB"]  # what is there stays where nothing is predicted


def test_without_a_tree_tags_alone_are_scored(monkeypatch):
    monkeypatch.setattr(Parser, "tree", None)
    component = SpigotComponent(Parser(tiny_model(encoder=WORDS_ALONE)))
    doc = spacy.tokens.Doc(spacy.Vocab(), words=["a"], tags=["D"])
    assert component.score([spacy.training.Example(doc, doc)]) == {"tag_acc": 1.0}
