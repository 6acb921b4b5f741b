"""`spigot draw`: files and models in, SVG and HTML out."""

from __future__ import annotations

import gzip
import os
import threading
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tests.models.tiny import SENTENCES, category_model

TREES = """# sent_id = a/1
1\tDogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_
2\tsleep\tsleep\tVERB\t_\t_\t0\troot\t_\t_

# sent_id = a:1
1\tWe\twe\tPRON\t_\t_\t2\tnsubj\t_\t_
2\tsat\tsit\tVERB\t_\t_\t0\troot\t_\t_

"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.conllu").write_text(TREES)
    (tmp_path / "other.conllu").write_text(
        TREES.replace("2\tnsubj", "0\troot").replace("0\troot\t_\t_\n\n", "1\tobj\t_\t_\n\n")
    )
    return tmp_path


def test_one_sentence_becomes_an_svg_file_or_goes_to_standard_output(spigot, files):
    assert spigot("draw", "one.conllu", "--id", "a:1", "--out", "x.svg")[0] == 0
    svg = (files / "x.svg").read_text("utf-8")
    assert ElementTree.fromstring(svg).get("aria-label") == "We sat"
    assert spigot("draw", "one.conllu", "--id", "a:1") == (0, svg, "")


def test_all_sentences_become_a_page_or_a_folder_in_which_no_file_covers_another(spigot, files):
    assert spigot("draw", "one.conllu", "-o", "x.html")[0] == 0
    assert (files / "x.html").read_text("utf-8").count("<svg ") == 2
    assert spigot("draw", "one.conllu", "-o", "pictures")[0] == 0
    assert sorted(path.name for path in (files / "pictures").iterdir()) == ["a_1-2.svg", "a_1.svg"]


def test_another_file_shows_what_changed(spigot, files):
    code, out, _ = spigot("draw", "one.conllu", "--against", "other.conllu", "--id", "a/1")
    assert code == 0
    assert "other.conllu alone" in out
    assert out.count('class="arc below old"') == out.count('class="arc below new"') == 2


def test_a_model_parses_what_it_draws(spigot, refused, files, runs):
    code, out, _ = spigot("draw", runs / "run", "-", stdin="the dog sleeps\n")
    assert code == 0
    assert "above: semantics · below: syntax" in out
    text = "The dog sleeps. It's late.\n"
    whole = [
        spigot("draw", runs / "run", "-", "--id", "2", *option, stdin=text)[1:] for option in ([], ["--tokenized"])
    ]
    assert ">'s<" in whole[0][0]  # raw text is cut, as by `spigot parse`
    assert "expected the id of a sentence" in whole[1][1]  # a line is one sentence
    assert "expected a model beside it" in refused("draw", "one.conllu", "--tokenized")
    assert refused("draw", runs / "run", "-", stdin="\n") == "-: expected sentences, got none"
    code, out, _ = spigot("draw", runs / "run", "one.conllu", "--against", runs / "neurbo", "--id", "a/1")
    assert code == 0
    assert "neurbo alone" in out


def test_gold_annotation_is_not_drawn_as_a_models(spigot, refused, files):
    from spigot.data.conllu import write_conllu

    write_conllu(SENTENCES[:2], files / "gold.conllu")
    category_model().save_pretrained(files / "latent")
    assert spigot("draw", "latent", "gold.conllu", "-o", "x.html")[0] == 0
    page = (files / "x.html").read_text("utf-8")
    (expected, _) = category_model().parse([replace(s, trees={}, sentiment=None) for s in SENTENCES[:2]])
    assert f" · category: {expected.categories['category']}</figcaption>" in page
    category_model(syntax=False).save_pretrained(files / "none")
    message = f"sentence: expected one with a tree or a graph, got none in {SENTENCES[0].id!r}"
    assert refused("draw", "none", "gold.conllu", "-o", "y.html") == message
    out = spigot("parse", "none", "gold.conllu", "--to", "text")[1]
    assert out.splitlines()[1] in ("category = negative", "category = positive")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_read_like_a_file(spigot, files, tmp_path):
    pipe, source = tmp_path / "pipe", files / "one.conllu"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(source.read_bytes()))
    writer.start()
    code, out, _ = spigot("draw", pipe, "--id", "a:1")
    writer.join()
    assert (code, out) == (0, spigot("draw", source, "--id", "a:1")[1])


def test_a_sentence_without_tree_and_graph_is_drawn_as_words(spigot, refused, files):
    (files / "mixed.conllu").write_text(TREES + "# sent_id = bare\n1\tHello\t_\tINTJ" + "\t_" * 6 + "\n\n")
    code, _, err = spigot("draw", "mixed.conllu", "-o", "mixed.html")
    message = "spigot: mixed.conllu: 1 of 3 sentences have neither a tree nor a graph: of these the words are drawn\n"
    assert (code, err) == (0, message)
    page = (files / "mixed.html").read_text("utf-8")
    assert page.count("<svg") == 3
    assert ">Hello<" in page.split("<b>bare</b>")[1]
    spigot("draw", "mixed.conllu", "-o", "mixed.html.gz")
    assert gzip.decompress((files / "mixed.html.gz").read_bytes()).decode("utf-8") == page
    (files / "twice.conllu").write_text(
        (files / "mixed.conllu").read_text().replace("# sent_id = bare", "# sent_id = a/1")
    )
    spigot("draw", "twice.conllu", "-o", "twice.html")
    assert (files / "twice.html").read_text("utf-8").count('class="arc') == page.count('class="arc') > 0
    assert refused("draw", "mixed.conllu", "--id", "bare", "-o", "none").endswith("got none in 'bare'")
    assert "expected a graph of sentence" in refused("draw", "mixed.conllu", "--graph", "dm", "-o", "none")
    assert not (files / "none").exists()


def test_two_files_of_one_name_are_told_apart(spigot, files):
    for folder, source in (("a", "one.conllu"), ("b", "other.conllu")):
        (files / folder).mkdir()
        (files / source).rename(files / folder / "x.conllu")
    code, out, _ = spigot("draw", "a/x.conllu", "--against", "b/x.conllu", "--id", "a/1")
    assert code == 0
    assert all(f"{folder}/x.conllu alone" in out for folder in "ab")


def test_mistakes_are_one_line(refused, files):
    assert refused("draw", "nix.conllu") == "nix.conllu: no such file or directory"
    assert refused("draw", "one.conllu").startswith("Invalid value for --out: expected --id, or --out NAME.html")
    message = "Invalid value for --out: expected NAME.svg, NAME.html or a folder, got 'x.png'"
    assert refused("draw", "one.conllu", "-o", "x.png").startswith(message)
    assert "expected the id of a sentence in one.conllu, got 'b'" in refused("draw", "one.conllu", "--id", "b")
    message = "graph: expected a graph of sentence 'a:1' (none), got 'dm'"
    assert refused("draw", "one.conllu", "--id", "a:1", "--graph", "dm") == message
    (files / "empty.conllu").write_text("")
    assert refused("draw", "empty.conllu") == "empty.conllu: expected sentences, got none"
