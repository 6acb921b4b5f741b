"""Biaffine scorers in both parsers, trained together."""

from spigot.training.loop import Trainer
from spigot.training.recipe import parse_recipe
from tests.models.tiny import parser


def test_biaffine_scorers_learn(tmp_path):
    scorer = {"name": "Biaffine", "arc_dim": 16, "label_dim": 8, "dropout": 0.1}
    tables = {"semantics": parser() | {"scorer": scorer}, "syntax": parser() | {"scorer": scorer}}
    content = {
        "system": tables | {"surrogate": {"name": "SPIGOT"}},
        "tasks": {"semantics": {"min_role_count": 1}, "syntax": {"loss": "nll"}},
        "data": {"builtin": {"train": {"syntax": 30, "semantics": 30}, "dev": 8}},
        "training": {"epochs": 3, "batch_tokens": 60, "learning_rate": 1e-2},
    }
    trainer = Trainer(parse_recipe(content, "here"), tmp_path / "run", device="cpu")
    trainer.fit()
    first, *_, last = (row["loss"] for row in trainer.history.rows)
    assert all(last[task] < 0.9 * first[task] for task in ("syntax", "semantics"))
    dev = trainer.corpora.dev["semantics"]
    trainer.model.eval()
    assert trainer.model.parse(dev) == [trainer.model.parse([s])[0] for s in dev]
