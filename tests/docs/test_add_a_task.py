"""The task of docs/add-a-task.md, from its class to a trained checkpoint and the command line."""

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
    assert page["best"]["dev"]["tag_accuracy"] > 0.5
    first, second = (row["loss"]["tags"] for row in trainer.history.rows)
    assert second < first
    system, dev = load_system("run"), trainer.corpora.dev["tags"]
    assert system.score("tags", dev).accuracy == trainer.history.best()["dev"]["tag_accuracy"]


def test_the_command_line_knows_it(page, capsys):
    from spigot.cli.main import main

    write_conllu(page["trainer"].corpora.dev["tags"], "gold.conllu")
    assert main(["evaluate", "run", "--gold", "tags=gold.conllu"]) == 0
    assert "tags of 20 sentences\n  tag-accuracy" in capsys.readouterr().out
    assert main(["parse", "run", "gold.conllu", "--to", "tags"]) == 0
    assert "# sent_id = built-in-dev-1\n" in capsys.readouterr().out
