"""Going on from a whole earlier run, with other data."""

import pytest
import torch

from spigot.training.loop import Trainer
from tests.training.runs import recipe, train


def on(name, seed, sentences, **training):
    sizes = dict.fromkeys(("semantics", "syntax", "sentiment"), sentences)
    return recipe(name, {"data": {"builtin": {"train": sizes, "dev": 4, "seed": seed}}}, epochs=1, **training)


@pytest.mark.parametrize("name", ["spigot", "sentiment"])
def test_what_the_earlier_data_had_nowhere_can_be_learned(tmp_path, name):
    first = train(tmp_path / "first", on(name, 1, 3))
    wanted = on(name, 2, 60, start=str(tmp_path / "first"))
    told = []
    trainer = Trainer(wanted, tmp_path / "more", device="cpu")
    before = trainer.model.to_vocabulary()
    assert before == first.model.to_vocabulary()
    earlier, now = (each.model.semantics.tag_pairs.allowed for each in (first, trainer))
    assert (now | earlier).equal(now)
    assert now.sum() > earlier.sum()
    trainer.report.line = told.append
    row = trainer.fit()  # a barred arc of the gold graph would make the loss infinite
    assert all(torch.isfinite(torch.tensor(value)) for value in row["loss"].values())


def test_unknown_words_are_counted(tmp_path, capsys):
    train(tmp_path / "first", on("neurbo", 1, 3))
    capsys.readouterr()
    Trainer(on("neurbo", 2, 60, start=str(tmp_path / "first")), tmp_path / "more", device="cpu")
    assert f" % of the tokens) are unknown to {tmp_path / 'first'}" in capsys.readouterr().err
