"""The task of docs/add-a-task.md, from its class to a trained checkpoint and the command line."""

import subprocess
import sys

import pytest

from spigot.data.conllu import write_conllu
from spigot.systems.loading import load_system
from tests.docs.pages import running


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with running("add-a-task.md", tmp_path_factory.mktemp("page")) as names:
        yield names


def test_it_trains_and_parses(page):
    trainer = page["trainer"]
    assert page["best"]["dev"]["lemma_accuracy"] > 0.4
    first, second = (row["loss"]["lemmas"] for row in trainer.history.rows)
    assert second < first
    system, dev = load_system("run"), trainer.corpora.dev["lemmas"]
    assert system.score("lemmas", dev).accuracy == trainer.history.best()["dev"]["lemma_accuracy"]


def test_the_command_line_knows_it(page, capsys):
    from spigot.cli.main import main

    write_conllu(page["trainer"].corpora.dev["lemmas"], "gold.conllu")
    assert main(["evaluate", "run", "--gold", "lemmas=gold.conllu"]) == 0
    assert "lemmas of 20 sentences\n  lemma-accuracy" in capsys.readouterr().out
    assert main(["parse", "run", "gold.conllu", "--to", "lemmas"]) == 0
    assert "# sent_id = built-in-dev-1\n" in capsys.readouterr().out


def test_a_program_is_the_command_with_it(page):
    write_conllu(page["trainer"].corpora.dev["lemmas"], "gold.conllu")
    run = [sys.executable, "lemmatize.py", "evaluate", "run", "--gold", "lemmas=gold.conllu"]
    done = subprocess.run(run, capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "gold.conllu: lemmas of 20 sentences")
    done = subprocess.run([sys.executable, "-m", "spigot", *run[2:]], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "got 'lemmatizer' (a class of your own has to be entered in spigot.systems.SYSTEMS first)" in done.stderr
