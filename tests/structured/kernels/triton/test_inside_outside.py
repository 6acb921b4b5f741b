import pytest
import torch

from spigot.structured.kernels.projective.sums import PROJECTIVE
from spigot.structured.kernels.triton import projective_sums as on_gpu
from tests.oracles import trees
from tests.structured.kernels.triton.sentences import poison, random_mask

ROOTS = pytest.mark.parametrize("single_root", [True, False], ids=["single-root", "multi-root"])


@pytest.mark.parametrize(("single_root", "scale"), [(True, 1.0), (False, 1.0), (True, 1e4)])
def test_sums_over_all_trees(device, single_root, scale):
    scores = scale * torch.randn(1, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    arguments = scores.to(device), None, None, single_root
    log_z = on_gpu.projective_log_partition(*arguments).cpu()
    marginals = on_gpu.projective_marginals(*arguments).cpu()
    like = {"projective": True, "single_root": single_root}
    assert torch.isclose(log_z[0], trees.log_partition(scores[0], **like), rtol=1e-12)
    assert torch.allclose(marginals[0], trees.marginals(scores[0], **like), atol=1e-12 * scale)


def agree(device, name, inputs, lengths, mask, single_root):
    there = [None if x is None else x.to(device) for x in (*inputs, lengths, mask)]
    result = getattr(on_gpu, name)(*there, single_root)
    expected = getattr(PROJECTIVE, name.removeprefix("projective_"))(*inputs, lengths, mask, single_root)
    assert result.dtype is expected.dtype
    return torch.allclose(result.cpu(), expected, rtol=1e-5, atol=1e-5)


@ROOTS
def test_the_same_numbers_as_on_the_cpu(device, single_root):
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([4, 2, 0])
    scores = 3 * torch.randn(3, 5, 5, generator=generator)
    direction = poison(torch.randn(scores.shape, generator=generator), lengths)
    mask = random_mask(scores.shape, generator)
    scores[0, 3, 2] = float("-inf")
    scores = poison(scores, lengths).masked_fill(~mask, float("inf"))
    assert agree(device, "projective_log_partition", (scores,), lengths, mask, single_root)
    assert agree(device, "projective_marginals_jvp", (scores, direction), lengths, mask, single_root)


def test_many_tiles(device, monkeypatch):
    monkeypatch.setattr(on_gpu, "tile", lambda nodes, dtype: (2, 4, 1))
    generator = torch.Generator().manual_seed(2)
    inputs = torch.randn(1, 6, 6, generator=generator), torch.randn(1, 6, 6, generator=generator)
    assert agree(device, "projective_marginals_jvp", inputs, torch.tensor([5]), None, True)


def test_a_longer_sentence(device):
    scores = 3 * torch.randn(1, 9, 9, generator=torch.Generator().manual_seed(3))
    assert agree(device, "projective_marginals", (scores,), torch.tensor([8]), None, True)


def test_large_scores_that_nearly_tie(device):
    # 1 -> 2 and 2 -> 1 exclude each other, so the best tree is far below the best heads.
    scores = torch.zeros(1, 4, 4, dtype=torch.float64)
    scores[0, 1, 2] = 1e4
    scores[0, 2, 1] = 1e4 + 1
    marginals = on_gpu.projective_marginals(scores.to(device), torch.tensor([3]).to(device), None, True)
    expected = trees.marginals(scores[0], projective=True, single_root=True)
    assert torch.allclose(marginals[0].cpu(), expected, atol=1e-10)


def test_what_is_refused(device):
    function = on_gpu.projective_marginals
    lengths = torch.tensor([1, 2]).to(device)
    scores = torch.zeros(2, 3, 3)
    scores[1, 0, 1] = float("nan")
    with pytest.raises(ValueError, match=r"NaN or \+inf.*row 1"):
        function(scores.to(device), lengths, None, True)
    scores[1, 0] = float("-inf")
    with pytest.raises(ValueError, match=r"no projective tree.*row 1"):
        function(scores.to(device), lengths, None, True)
    with pytest.raises(ValueError, match=r"lengths: out of range.*row 0"):
        function(torch.zeros(2, 3, 3).to(device), lengths + 2, None, True)
    assert function(scores[:0].to(device), lengths[:0], None, True).size(0) == 0
