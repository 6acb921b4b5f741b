import pytest
import torch

from spigot import arcs_to_heads, heads_to_arcs
from spigot.structured.parts.arcs import arc_part_mask


def test_there_and_back():
    heads = torch.tensor([[-1, 2, 0, 2], [-1, 0, -1, -1]])
    arcs = heads_to_arcs(heads)
    assert arcs.dtype == torch.float32
    assert arcs.sum().item() == 4
    assert arcs[0, 2, 1] == arcs[0, 0, 2] == arcs[0, 2, 3] == arcs[1, 0, 1] == 1
    assert torch.equal(arcs_to_heads(arcs), heads)
    assert torch.equal(arcs_to_heads(heads_to_arcs(heads, torch.bfloat16), torch.tensor([3, 1])), heads)


def test_soft_arcs_and_padding():
    soft = torch.tensor([[[float("nan"), 0.5, 0.2], [float("nan"), 0, 0.8], [float("nan"), 0.5, 0]]])
    assert arcs_to_heads(soft).tolist() == [[-1, 0, 1]]
    soft[:, 2] = soft[:, :, 2] = float("nan")
    assert arcs_to_heads(soft, torch.tensor([1])).tolist() == [[-1, 0, -1]]


def test_the_smallest_head_wins_a_tie():
    assert arcs_to_heads(torch.full((1, 40, 40), 0.25)).tolist() == [[-1] + [0] * 39]


@pytest.mark.parametrize("bad", [-2, 3])
def test_heads_out_of_range(bad):
    with pytest.raises(ValueError, match=r"heads: expected -1 \.\. 2 \(row 1"):
        heads_to_arcs(torch.tensor([[-1, 0, 1], [-1, bad, 1]]))


def test_heads_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"heads: expected shape \[batch, modifier\], got \[3\]"):
        heads_to_arcs(torch.tensor([-1, 0, 1]))


def test_part_mask():
    scores = torch.zeros(2, 4, 4)
    scores[0, 1, 2] = float("-inf")
    mask = torch.ones(2, 4, 4, dtype=torch.bool)
    mask[0, 3, 1] = False
    parts = arc_part_mask("scores", scores, False, torch.tensor([3, 2]), mask)
    assert parts[0].int().tolist() == [[0, 1, 1, 1], [0, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0]]
    assert parts[1].int().tolist() == [[0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
