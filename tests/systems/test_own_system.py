"""A system of one's own, from its class to a trained checkpoint: two parsers side by side, neither reads the other."""

from typing import ClassVar, Literal

import pytest

from spigot.data.vocabulary import Roles, Vocabulary
from spigot.models.config import ParserConfig, SyntaxConfig
from spigot.models.semantic_parser import SemanticParser
from spigot.models.syntactic_parser import SyntacticParser
from spigot.systems import SYSTEMS
from spigot.systems.base import System
from spigot.systems.config import SystemConfig
from spigot.systems.loading import load_system
from spigot.training.config import RecipeError
from spigot.training.loop import Trainer
from spigot.training.recipe import parse_recipe
from tests.models.tiny import parser


class SideBySideConfig(SystemConfig):
    """[system] kind = "side-by-side" """

    kind: Literal["side-by-side"] = "side-by-side"
    semantics: ParserConfig = ParserConfig()
    syntax: SyntaxConfig = SyntaxConfig()

    # The end task comes first: its score decides which epoch is kept. No task feeds another.
    task_kinds: ClassVar = {"semantics": "semantics", "syntax": "syntax"}
    intermediate: ClassVar = None


class SideBySide(System):
    """A part for each task; each is trained by its own loss alone."""

    kind = "side-by-side"
    config_class = SideBySideConfig

    def __init__(self, config, words, roles, tasks=None):
        super().__init__(config, tasks)
        self.semantics = SemanticParser(config.semantics, words["semantics"], roles, tree_feature=None)
        self.syntax = SyntacticParser(config.syntax, words["syntax"])

    @classmethod
    def from_sentences(cls, config, tasks, train, vectors, start=None):
        words = {name: Vocabulary.build(sentences) for name, sentences in train.items()}
        return cls(config, words, tasks["semantics"].roles(train["semantics"]), tasks)

    @property
    def parts(self):
        return {"semantics": self.semantics, "syntax": self.syntax}

    def output(self, batch, tokens, dropped, weight):
        return self.parts[batch.task](tokens, dropped)

    def predict(self, sentences):
        for task in self.tasks:
            sentences = self.predict_task(task, sentences)
        return sentences

    def predict_task(self, task, sentences, annotated=False):
        part = self.parts[task]
        tokens = part.vocabulary.encode(sentences)[0].to(self.device)
        output = part(tokens)
        if task == "semantics":
            found = part.graphs(part.decode(output, tokens.lengths), sentences)
        else:
            found = part.trees(output, tokens.lengths)
        return self.tasks[task].annotate(sentences, found)

    def to_vocabulary(self):
        words = {name: part.vocabulary.to_dict() for name, part in self.parts.items()}
        return {"words": words, "roles": self.semantics.roles.to_dict()}

    @classmethod
    def from_vocabulary(cls, config, tasks, vocabulary):
        words = {name: Vocabulary.from_dict(content) for name, content in vocabulary["words"].items()}
        return cls(config, words, Roles.from_dict(vocabulary["roles"]), tasks)


@pytest.fixture
def registered(monkeypatch):
    """The line that a file of the package would have in `systems/__init__.py`."""
    monkeypatch.setitem(SYSTEMS, "side-by-side", SideBySide)


RECIPE = {
    "system": {"kind": "side-by-side", "semantics": parser(), "syntax": parser()},
    "tasks": {"semantics": {"min_role_count": 1}, "syntax": {"loss": "nll", "labels": False}},
    "data": {"builtin": {"train": {"semantics": 20, "syntax": 30}, "dev": 8}},
    "training": {"epochs": 2, "learning_rate": 5e-3, "batch_tokens": 60},
}


def test_it_trains_and_parses(registered, tmp_path):
    trainer = Trainer(parse_recipe(RECIPE, "here"), tmp_path / "run", device="cpu")
    best = trainer.fit()
    first, second = (row["loss"] for row in trainer.history.rows)
    assert set(first) == {"semantics", "syntax"}
    assert all(second[task] < first[task] for task in first)
    assert set(best["dev"]) == {"uf", "lf", "uas"}
    system, dev = load_system(tmp_path / "run"), trainer.corpora.dev
    assert system.score("syntax", dev["syntax"]).uas == best["dev"]["uas"]
    assert system.score("semantics", dev["semantics"]).lf == best["dev"]["lf"]
    assert system.parse([]) == []
    (parsed,) = system.parse(dev["syntax"][:1])
    assert (set(parsed.trees), set(parsed.graphs)) == ({"syntax"}, {"semantics"})


def test_a_recipe_is_checked_by_its_configuration(registered):
    with pytest.raises(RecipeError, match=r"here: system.sintax: no such key"):
        parse_recipe(RECIPE | {"system": {"kind": "side-by-side", "sintax": {}}}, "here")
    with pytest.raises(RecipeError, match="here: intermediate: expected an intermediate parser beside it"):
        parse_recipe(RECIPE | {"intermediate": {"pretrain_epochs": 1}}, "here")
