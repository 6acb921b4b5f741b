import torch

from spigot.models.tree_features.levels import depth_of, real_nodes
from spigot.structured import heads_to_arcs

CHAIN_AND_PADDED = torch.tensor([[-1, 0, 1, 2, 3], [-1, 2, 0, -1, -1]])


def test_depth_is_that_of_the_deepest_token():
    arcs = heads_to_arcs(CHAIN_AND_PADDED)
    assert depth_of(arcs, 20) == 4
    assert depth_of(arcs[1:], 20) == 2
    assert depth_of(torch.zeros(2, 1, 1), 20) == 0


def test_depth_has_a_bound_where_there_are_cycles():
    assert depth_of(torch.full((1, 3, 3), 0.3), 7) == 7


def test_padding_is_not_real():
    assert real_nodes(heads_to_arcs(CHAIN_AND_PADDED))[..., 0].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
