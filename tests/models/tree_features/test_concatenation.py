import torch

from spigot.models.config import NamedTreeFeature
from spigot.models.tree_features.concatenation import Concatenation
from spigot.structured import heads_to_arcs


def test_each_state_beside_that_of_its_head():
    states = torch.tensor([[[1.0, 0], [0, 1], [2, 3], [-1, 1]], [[5, 5], [6, 7], [0, 0], [0, 0]]])
    arcs = heads_to_arcs(torch.tensor([[-1, 2, 0, 2], [-1, 0, -1, -1]]))
    feature = Concatenation(2)
    read = feature(states, arcs)
    assert read.shape == (2, 4, feature.output_dim)
    assert torch.equal(read[..., :2], states)
    assert read[0, :, 2:].tolist() == [[0, 0], [2, 3], [1, 0], [2, 3]]
    assert read[1, :, 2:].tolist() == [[0, 0], [5, 5], [0, 0], [0, 0]]


def test_a_relaxed_tree_gives_the_mean_of_the_heads():
    states = torch.tensor([[[4.0], [8.0], [1.0]]])
    arcs = torch.zeros(1, 3, 3)
    arcs[0, :, 1] = torch.tensor([0.25, 0.0, 0.75])
    assert Concatenation(1)(states, arcs)[0, 1].tolist() == [8.0, 0.25 * 4 + 0.75 * 1]
    assert Concatenation(1)(states.bfloat16(), arcs).dtype == torch.bfloat16


def test_its_name():
    assert isinstance(NamedTreeFeature("Concatenation").build(input_dim=3), Concatenation)
