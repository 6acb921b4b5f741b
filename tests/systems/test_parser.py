"""`spigot.load`: names, what a parser is called on, and how much it reads ahead."""

import importlib.metadata
import multiprocessing
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint

import pytest
import torch

import spigot
from spigot.data.sentence import Sentence
from spigot.errors import UserError
from spigot.systems import checkpoint
from spigot.systems.checkpoint import CheckpointError, find_checkpoint
from spigot.systems.parse import Parse, Parses
from spigot.systems.parser import Parser, bare
from tests.models.tiny import SENTENCES, WORDS_ALONE, syntax_model, tiny_model

TEXT = "The dog wants to sleep.  It barks!\n\nA liar waits"


@pytest.fixture(scope="module")
def parser():
    return Parser(tiny_model(encoder=WORDS_ALONE))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model package that is installed under three names."""
    package = tmp_path / "my_model"
    tiny_model(encoder=WORDS_ALONE).save_pretrained(package)
    (package / "__init__.py").write_text("from pathlib import Path\npath = lambda: Path(__file__).parent\nbroken = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    names = {"en": "my_model", "fn": "my_model:path", "bad": "my_model:broken", "none": "no_such_module"}
    entries = [EntryPoint(name, value, checkpoint.MODELS) for name, value in names.items()]
    monkeypatch.setattr(checkpoint, "entry_points", lambda group: entries)
    yield package
    sys.modules.pop("my_model", None)


def test_names_are_installed_models_or_folders(folder, monkeypatch):
    assert find_checkpoint("en") == find_checkpoint("fn") == find_checkpoint(str(folder)) == folder
    parser = spigot.load("en")
    assert (parser.system.kind, parser.language, parser.tree) == ("syntax-then-semantics", "en", "syntax")
    # A path is never a name.
    monkeypatch.chdir(folder.parent)
    with pytest.raises(CheckpointError, match=r"\./en: expected a folder, got none"):
        find_checkpoint("./en")


def test_an_unknown_name_lists_what_is_installed(folder, monkeypatch):
    with pytest.raises(
        CheckpointError, match=r"de: expected an installed model \(bad, en, fn, none\) or a folder, got none"
    ):
        spigot.load("de")
    for name in ("bad", "none"):
        with pytest.raises(CheckpointError, match=f"{name}: expected a model in ") as caught:
            spigot.load(name)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(checkpoint, "entry_points", lambda group: [])
    with pytest.raises(CheckpointError, match=r"de: expected an installed model \(there is none\) or a folder"):
        spigot.load("de")


def test_the_group_is_that_of_the_installed_packages():
    assert checkpoint.installed_models() == {e.name: e for e in importlib.metadata.entry_points(group="spigot.models")}


def test_the_shell_knows_the_names(folder, capsys):
    from spigot.cli.main import main

    (folder / "text.txt").write_text("the dog sleeps\n")
    assert main(["parse", "en", str(folder / "text.txt"), "--tokenized"]) == 0
    assert capsys.readouterr().out.startswith("# sent_id = 1\n")


def test_import_needs_torch_and_numba_alone():
    program = (
        "import sys\n"
        "for name in ('safetensors', 'pydantic', 'spacy', 'huggingface_hub'): sys.modules[name] = None\n"
        "import spigot\n"
        "spigot.ProjectiveTree\n"
        "try: spigot.load('en')\n"
        "except ImportError as error: print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'torch-spigot[nlp,text]'" in result.stdout
    assert result.stdout.count("\n") == 1


def test_sentences_and_tokens(parser):
    expected = [Parse(s) for s in parser.system.parse([bare(s) for s in SENTENCES[:5]])]
    assert parser(SENTENCES[0]) == expected[0]
    assert parser(SENTENCES[:5]) == parser(tuple(SENTENCES[:5])) == expected
    assert parser([Parse(s) for s in SENTENCES[:5]]) == expected
    assert isinstance(parser(SENTENCES[:5]), Parses)
    assert parser([list(SENTENCES[0].forms), list(SENTENCES[1].forms)]) == [
        parser(Sentence(str(k), s.forms, ("_",) * len(s), ("_",) * len(s))) for k, s in enumerate(SENTENCES[:2], 1)
    ]
    assert parser([]) == []


def test_what_a_sentence_is_annotated_with_is_left_out():
    parser = Parser(syntax_model())
    parse = parser(replace(SENTENCES[0], sentiment=1))
    assert not parse.graphs
    assert parse.sentence.sentiment is None


def test_texts(parser):
    pytest.importorskip("spacy")
    parses = parser(TEXT)
    assert isinstance(parses, Parses)
    assert [p.text for p in parses] == ["The dog wants to sleep.", "It barks!", "A liar waits"]
    assert [p.id for p in parses] == ["1", "2", "3"]
    for parse in parses:
        start = parse.surface.start
        assert [TEXT[start + t.start : start + t.end] for t in parse.tokens] == [t.text for t in parse.tokens]
        assert len(parse.trees["syntax"].heads) == len(parse) == len(parse.tokens)
    first, second = parser(["It rains. It pours.", "It stops."])
    assert [[p.text for p in first], [p.text for p in second]] == [["It rains.", "It pours."], ["It stops."]]
    assert [p.id for p in first + second] == ["1", "2", "3"]
    assert parser("") == []
    assert parser([""]) == [[]]


def test_a_byte_order_mark_belongs_to_no_word(parser):
    """As in `parser(path.read_text("utf-8"))` of a file that has one."""
    text = "\ufeffIt rains. The dog sleeps."
    first, second = parser(text)
    assert first.sentence.forms == ("It", "rains", ".")
    assert text[first.surface.start :].startswith("It rains.")
    assert text[second.surface.start :] == "The dog sleeps."


def test_documents_of_spacy_keep_their_tags():
    parser = Parser(tiny_model())
    spacy = pytest.importorskip("spacy")
    words, tags = ["The", "dog", "sleeps", "."], ["DT", "NN", "VBZ", "."]
    doc = spacy.tokens.Doc(spacy.Vocab(), words=words, tags=tags, lemmas=["the", "dog", "sleep", "."])
    (parse,) = parser(doc)
    assert parse.tags == tuple(tags)
    assert parse.lemmas == ("the", "dog", "sleep", ".")
    assert parse == parser(Sentence("1", tuple(words), parse.lemmas, parse.tags))
    parser = Parser(tiny_model(encoder=WORDS_ALONE))
    starts = spacy.tokens.Doc(spacy.Vocab(), words=words * 2, sent_starts=[True, False, False, False] * 2)
    assert [p.text for p in parser(starts)] == ["The dog sleeps ."] * 2


def test_confidences_are_there_when_asked_for(parser):
    assert not parser(SENTENCES[0]).confidence
    parse = parser(SENTENCES[0], confidence=True)
    assert len(parse.confidence["syntax"].arcs) == len(parse)
    assert len(parse.confidence["semantics"].arcs) == len(parse.graphs["semantics"].arcs)
    assert Parse.from_json(parse.to_json()).to_json() == parse.to_json()


def test_a_stream_reads_no_more_than_its_window(parser):
    read = 0

    def items():
        nonlocal read
        for k in range(1000):
            read += 1
            yield SENTENCES[k % len(SENTENCES)]

    found = parser.stream(items(), window=8)
    assert [next(found) for _ in range(9)] == parser([SENTENCES[k] for k in range(9)])
    assert read == 16
    at_once = parser.stream(items(), window=1)
    read = 0
    next(at_once)
    assert read == 1
    # A parser called on an iterator streams too.
    read = 0
    result = parser(items())
    assert read == 0
    next(result)
    assert read == 512


@pytest.mark.parametrize("window", [1, 2, 512])
def test_an_error_comes_after_the_parses_of_what_came_before_it(parser, window):
    def breaks():
        yield from SENTENCES[:3]
        raise OSError("the network is gone")

    cases = {
        breaks: (OSError, "the network is gone"),
        lambda: [*SENTENCES[:3], 1, SENTENCES[0]]: (UserError, "items: expected a text, .*, got int: 1"),
        lambda: [*SENTENCES[:3], ["a"] * 1001]: (UserError, "expected at most 1000 tokens"),
    }
    expected = parser(list(SENTENCES[:3]))
    for items, (kind, message) in cases.items():
        found = parser.stream(items(), window=window)
        assert [next(found) for _ in range(3)] == expected
        with pytest.raises(kind, match=message):
            next(found)
        with pytest.raises(StopIteration):
            next(found)


def parse_into(connection, parser):
    torch.ones(10**6).exp_()  # of a size that torch splits over its threads
    connection.send((parser(list(SENTENCES)) == parser(list(SENTENCES)), torch.get_num_threads()))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here")
def test_a_parser_that_was_loaded_before_a_fork(folder):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        parser = spigot.load(folder)
        torch.ones(10**6).exp_()  # starts torch's threads, as a large model does when it is loaded
        receiver, sender = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=parse_into, args=(sender, parser))
        process.start()
        try:
            assert receiver.poll(60), "the forked process hangs"
            assert receiver.recv() == (True, 1)
        finally:
            process.kill()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("token", ["a\tb", "a\nb", "a\r"])
def test_tokens_that_no_format_holds_are_refused(parser, token):
    with pytest.raises(UserError, match=r"^items: expected tokens without tabs and line ends, got 'a"):
        parser([["It", token]])


@pytest.mark.parametrize("bad", [1, None, [[]], [["a", ""]], [["a", 1]], {"a": 1}])
def test_other_things_are_refused(parser, bad):
    with pytest.raises(UserError, match="items: expected a text, a Sentence, a spaCy Doc or a list of tokens"):
        parser(bad)
    with pytest.raises(UserError, match="items: expected an iterable of texts or sentences, got a single text"):
        parser.stream("a text")  # at once, not when the first parse is asked for
    with pytest.raises(UserError, match="items: expected an iterable of texts or sentences, got NoneType"):
        parser.stream(None)


def test_a_sentence_that_is_too_long_is_named(parser):
    pytest.importorskip("spacy")
    limit = r"^sentence 2: expected at most 1000 tokens \(max_length\), got 1001: 'a a a "
    for items in (["It rains.", "a " * 1001], "It rains.\n\n" + "a " * 1001, [["b"], ["a"] * 1001]):
        with pytest.raises(UserError, match=limit) as caught:
            parser(items)
        assert len(str(caught.value)) < 200
        with pytest.raises(UserError, match=limit):
            list(parser.stream([items] if isinstance(items, str) else items))
    with pytest.raises(UserError, match=r"sentence 1: expected at most 2 tokens \(max_length\), got 3: 'It rains \.'"):
        list(parser(iter(["It rains."]), max_length=2))
    assert len(parser([["a"] * 1001], max_length=1001)[0]) == 1001


@pytest.mark.parametrize("name", ["window", "batch_tokens", "max_length"])
@pytest.mark.parametrize("value", [0, None, 1.5])
def test_numbers_that_are_none_are_refused(parser, name, value):
    with pytest.raises(UserError, match=f"{name}: expected a whole number of at least 1, got {value}"):
        parser.stream(["It rains."], **{name: value})


@pytest.mark.parametrize("text", ["a\ud800b", ["a", "\udc00"]])
def test_halves_of_characters_are_refused(parser, text):
    with pytest.raises(UserError, match=r"items: expected text, got the character U\+D[8C]00: "):
        parser([text])


def test_what_files_may_not_hold_is_refused(parser):
    spacy = pytest.importorskip("spacy")
    for item in ("a \0 b", ["a", "\0"], spacy.blank("en")("a \0 b")):
        with pytest.raises(UserError, match=r"items: expected text, got the character U\+0000: "):
            parser([item])


@pytest.mark.parametrize("source", [None, 1, b"en"])
def test_what_is_no_name_of_a_model(source):
    with pytest.raises(CheckpointError, match=rf"source: expected the name .*, got {type(source).__name__}$"):
        spigot.load(source)


def test_a_device_that_torch_has_not(folder):
    with pytest.raises(UserError, match="device: expected cpu or another device that torch has, got 'foo': "):
        spigot.load(folder, device="foo")


def test_mixed_precision(folder, monkeypatch):
    seen = []
    parser = spigot.load(folder, mixed_precision="bf16")
    score = type(parser.system).parse
    monkeypatch.setattr(
        type(parser.system),
        "parse",
        lambda *arguments: seen.append(torch.is_autocast_enabled("cpu")) or score(*arguments),
    )
    (parse,) = parser("The dog wants to sleep .")
    assert (seen, len(parse.tokens)) == ([True], 6)
    spigot.load(folder)("The dog sleeps .")
    with torch.autocast("cpu", torch.bfloat16):  # the caller's own
        spigot.load(folder)("The dog sleeps .")
    assert seen == [True, False, True]
    with pytest.raises(UserError, match=r"mixed_precision: expected 'no' or 'bf16', got 'fp16'"):
        spigot.load(folder, mixed_precision="fp16")
