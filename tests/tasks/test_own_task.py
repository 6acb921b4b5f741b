"""A user's own task, from its class to a trained checkpoint: part-of-speech tags."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from spigot.data.conllu import write_conllu
from spigot.data.readers import read_sentences
from spigot.data.vocabulary import Vocabulary
from spigot.evaluation.counts import Additive
from spigot.evaluation.report import Measure
from spigot.systems import SYSTEMS
from spigot.systems.base import System
from spigot.systems.config import SystemConfig
from spigot.systems.loading import load_system
from spigot.tasks import TASKS
from spigot.tasks.base import Task
from spigot.training.loop import Trainer
from spigot.training.recipe import parse_recipe


@dataclass(frozen=True)
class TagScore(Additive):
    """Tokens, and how many of them have the right tag: `+` adds the counts."""

    tokens: int = 0
    right: int = 0

    @property
    def accuracy(self):
        return self.right / max(self.tokens, 1)


class Tags(Task):
    """The tag of each token, from scores `[batch, n, tag]`. The part has a `vocabulary`."""

    part_name = "tagger"
    outputs = "tags"
    format = "conllu"
    scores = ("tag_accuracy",)

    kind: Literal["tags"] = "tags"
    name: str = "tags"

    def read(self, path):
        return read_sentences(path)

    def has_gold(self, sentence):
        return "_" not in sentence.tags

    def gold(self, part, sentences):
        # The tags are among the columns that a vocabulary makes of a sentence; 0 is padding (and the unknown tag).
        return (part.vocabulary.encode(sentences)[0].tags,)

    def losses(self, part, output, gold, lengths):
        (tags,) = gold
        position = torch.arange(tags.shape[1], device=tags.device)
        token = (position >= 1) & (position <= lengths[:, None])
        return (F.cross_entropy(output.transpose(1, 2), tags, reduction="none") * token).sum(1)

    def score(self, gold, predicted):
        pairs = [pair for a, b in zip(gold, predicted, strict=True) for pair in zip(a.tags, b.tags, strict=True)]
        return TagScore(len(pairs), sum(a == b for a, b in pairs))

    def values(self, score):
        return (score.accuracy,)

    def measures(self, score):
        counts = {"correct": score.right, "total": score.tokens}
        return [Measure("tag-accuracy", score.accuracy, counts, "all tokens, punctuation included")]

    def annotate(self, sentences, predictions):
        return [replace(s, tags=tuple(tags)) for s, tags in zip(sentences, predictions, strict=True)]

    def write(self, sentences, target, comments):
        write_conllu(sentences, target)

    def as_json(self, sentence):
        return {"tags": sentence.tags}


class Tagger(nn.Module):
    """The part: a linear map of each word's vector."""

    word_dropout = 0.25

    def __init__(self, vocabulary):
        super().__init__()
        self.vocabulary = vocabulary
        self.word = nn.Embedding(len(vocabulary.words), 16)
        self.tag = nn.Linear(16, len(vocabulary.tags))

    def forward(self, tokens, dropped):
        return self.tag(self.word(tokens.words.masked_fill(dropped, 0)))


class TaggerConfig(SystemConfig):
    """[system] kind = "tagger" """

    kind: Literal["tagger"] = "tagger"
    task_kinds: ClassVar = {"tags": "tags"}
    intermediate: ClassVar = None


class TaggerSystem(System):
    """A system of this one task."""

    kind = "tagger"
    config_class = TaggerConfig

    def __init__(self, config, vocabulary, tasks=None):
        super().__init__(config, tasks)
        self.tagger = Tagger(vocabulary)

    @classmethod
    def from_sentences(cls, config, tasks, train, vectors, start=None):
        return cls(config, Vocabulary.build(train["tags"]), tasks)

    @property
    def parts(self):
        return {"tags": self.tagger}

    def output(self, batch, tokens, dropped, weight):
        return self.tagger(tokens, dropped)

    def predict(self, sentences):
        tokens, dropped = self.tagger.vocabulary.encode(sentences)
        best = self.tagger(tokens.to(self.device), dropped.to(self.device)).argmax(-1).tolist()
        names = self.tagger.vocabulary.tags.strings
        predicted = [[names[k] for k in row[1 : len(s) + 1]] for s, row in zip(sentences, best, strict=True)]
        return self.tasks["tags"].annotate(sentences, predicted)

    def to_vocabulary(self):
        return self.tagger.vocabulary.to_dict()

    @classmethod
    def from_vocabulary(cls, config, tasks, vocabulary):
        return cls(config, Vocabulary.from_dict(vocabulary), tasks)


@pytest.fixture
def registered(monkeypatch):
    """The two lines that a file of the package would have in `tasks/__init__.py` and `systems/__init__.py`."""
    monkeypatch.setitem(TASKS, "tags", Tags)
    monkeypatch.setitem(SYSTEMS, "tagger", TaggerSystem)


RECIPE = {
    "system": {"kind": "tagger"},
    "data": {"builtin": {"train": {"semantics": 1, "syntax": 1, "sentiment": 1, "tags": 60}, "dev": 20}},
    "training": {"epochs": 2, "learning_rate": 0.05},
}


def test_it_trains_and_parses(registered, tmp_path):
    trainer = Trainer(parse_recipe(RECIPE, "here"), tmp_path / "run", device="cpu")
    assert trainer.fit()["dev"]["tag_accuracy"] > 0.5
    first, second = (row["loss"]["tags"] for row in trainer.history.rows)
    assert second < first
    system, dev = load_system(tmp_path / "run"), trainer.corpora.dev["tags"]
    assert system.score("tags", dev).accuracy == trainer.history.best()["dev"]["tag_accuracy"]


def test_the_command_line_knows_it(registered, tmp_path, capsys):
    from spigot.cli.main import main

    trainer = Trainer(parse_recipe(RECIPE, "here"), tmp_path / "run", device="cpu")
    trainer.fit()
    write_conllu(trainer.corpora.dev["tags"], tmp_path / "gold.conllu")
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "run"), "--gold", f"tags={tmp_path / 'gold.conllu'}"]) == 0
    assert "tags of 20 sentences\n  tag-accuracy" in capsys.readouterr().out
    assert main(["parse", str(tmp_path / "run"), str(tmp_path / "gold.conllu"), "--to", "tags"]) == 0
    assert "# sent_id = built-in-dev-1\n" in capsys.readouterr().out
