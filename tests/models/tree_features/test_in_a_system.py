"""Every use of the tree in the paper's system: in a batch or alone, and in a checkpoint."""

import pytest
import torch

from spigot.models.tree_features.base import TreeFeature
from spigot.named import public_classes
from spigot.systems.loading import load_system
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics, SyntaxThenSemanticsConfig
from tests.models.tiny import SENTENCES, system, tiny_vocabularies

FEATURES = {
    "Concatenation": {},
    "GraphConvolution": {"hidden": 5, "layers": 2},
    "TreeLSTM": {"hidden": 5, "max_depth": 6},
    "PathLSTM": {"hidden": 5, "max_depth": 6},
}
every = pytest.mark.parametrize("name", FEATURES)


def make(name):
    torch.manual_seed(0)
    tables = system() | {"tree_feature": {"name": name, **FEATURES[name]}}
    return SyntaxThenSemantics(SyntaxThenSemanticsConfig.model_validate(tables), tiny_vocabularies()).eval()


def test_every_feature_is_here():
    assert FEATURES.keys() == public_classes("spigot.models.tree_features", TreeFeature).keys()


@every
def test_a_checkpoint_keeps_it(name, tmp_path):
    model = make(name)
    model.save_pretrained(tmp_path)
    loaded = load_system(tmp_path)
    assert loaded.config.tree_feature.arguments == FEATURES[name]
    assert loaded.parse(SENTENCES[:4]) == model.parse(SENTENCES[:4])


@every
def test_in_a_batch_as_alone(name):
    model = make(name)
    tokens, syntax_tokens = model.encode(SENTENCES[:6])
    parts, _ = model(tokens, syntax_tokens)
    for row, sentence in enumerate(SENTENCES[:6]):
        n = len(sentence) + 1
        alone, _ = model(*model.encode([sentence]))
        torch.testing.assert_close(parts.arcs[row, :n, :n], alone.arcs[0], rtol=1e-4, atol=1e-5)
