import pytest
import torch

from spigot.structured.kernels.projective import argmax as on_cpu
from spigot.structured.kernels.triton import projective_argmax as on_gpu
from tests.oracles import trees
from tests.structured.kernels.triton.sentences import poison, random_mask

ROOTS = pytest.mark.parametrize("single_root", [True, False], ids=["single-root", "multi-root"])


def both(device, scores, lengths, mask, single_root):
    there = [None if x is None else x.to(device) for x in (scores, lengths, mask)]
    result = on_gpu.projective_argmax(*there, single_root)
    assert result.device == there[0].device
    return result.cpu(), on_cpu.projective_argmax(scores, lengths, mask, single_root)


@ROOTS
def test_the_best_of_all_trees(device, single_root):
    scores = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    best, _ = both(device, scores, None, None, single_root)
    for row in range(2):
        arcs, totals = trees.tree_scores(scores[row], projective=True, single_root=single_root)
        assert torch.equal(best[row], arcs[totals.argmax()])


@pytest.mark.parametrize(
    ("single_root", "tile"),
    [(True, None), (False, None), (True, (2, 4, 1))],
    ids=["single-root", "multi-root", "many tiles"],
)
def test_the_same_trees_as_on_the_cpu_with_many_ties(device, single_root, tile, monkeypatch):
    if tile is not None:
        monkeypatch.setattr(on_gpu, "tile", lambda nodes, dtype: tile)
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([6, 4, 1, 0])
    scores = torch.randint(0, 2, (4, 7, 7), generator=generator).float()
    masks = (None, random_mask(scores.shape, generator)) if tile is None else (None,)
    for mask in masks:
        result, expected = both(device, poison(scores, lengths), lengths, mask, single_root)
        assert torch.equal(result, expected)
        assert result.sum().item() == lengths.sum().item()


def test_a_longer_sentence(device):
    generator = torch.Generator().manual_seed(2)
    scores = 10 * torch.randn(1, 13, 13, generator=generator)
    scores[0, 2, 3] = float("-inf")
    result, expected = both(device, scores.mT, torch.tensor([12]), None, True)
    assert torch.equal(result, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, m, n: s[1, 2, 1].fill_(float("nan")), "scores: NaN or .inf.*row 1"),
        (lambda s, m, n: s[1, 0, 3].fill_(float("inf")), "scores: NaN or .inf.*row 1"),
        (lambda s, m, n: m[1, :, 2].fill_(False), "no projective tree.*row 1"),
        (lambda s, m, n: m[1, 0].fill_(False), "no projective tree.*row 1"),
        (lambda s, m, n: n[1].fill_(4), "lengths: out of range.*row 1"),
        (lambda s, m, n: n[1].fill_(-1), "lengths: out of range.*row 1"),
    ],
    ids=["nan", "inf", "no head", "no root", "too long", "negative"],
)
def test_what_is_refused(device, change, message):
    scores, mask, lengths = torch.zeros(2, 4, 4), torch.ones(2, 4, 4, dtype=torch.bool), torch.tensor([3, 3])
    change(scores, mask, lengths)
    with pytest.raises(ValueError, match=message):
        on_gpu.projective_argmax(scores.to(device), lengths.to(device), mask.to(device), True)


def test_two_children_of_root_are_refused(device):
    # Each token can have ROOT for a head, and nothing else.
    mask = torch.zeros(1, 3, 3, dtype=torch.bool)
    mask[:, 0] = True
    arguments = torch.zeros(1, 3, 3).to(device), torch.tensor([2]).to(device), mask.to(device)
    with pytest.raises(ValueError, match="no projective tree with one child of ROOT"):
        on_gpu.projective_argmax(*arguments, True)
    assert on_gpu.projective_argmax(*arguments, False)[0].cpu().tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_empty_batch(device):
    empty = torch.zeros(0, 4, 4, device=device)
    assert on_gpu.projective_argmax(empty, torch.zeros(0, dtype=torch.int64, device=device), None, True).shape == (
        0,
        4,
        4,
    )
