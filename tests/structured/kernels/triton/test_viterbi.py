import pytest
import torch

from spigot.structured.kernels.chain import argmax as on_cpu
from spigot.structured.kernels.triton import chain_argmax as on_gpu

LENGTHS = torch.tensor([6, 4, 1, 0])


def chains(tags, seed):
    """Return scores with ties in all that may be read and NaN in the rest, and masks."""
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(4, 6, tags, generator=generator).round()
    transitions = torch.randn(4, 5, tags, tags, generator=generator).round()
    position = torch.arange(6)
    emissions[position >= LENGTHS[:, None]] = float("nan")
    transitions[position[1:] >= LENGTHS[:, None]] = float("nan")
    masks = [torch.rand(scores.shape, generator=generator) < 0.7 for scores in (emissions, transitions)]
    masks[0][:, :, 0] = masks[1][:, :, 0, 0] = True
    return emissions, transitions, masks


def argmax(device, *arguments):
    return [x.cpu() for x in on_gpu.chain_argmax(*(None if x is None else x.to(device) for x in arguments))]


@pytest.mark.parametrize("tags", [1, 3, 70])
def test_the_same_sequences_as_on_the_cpu_with_many_ties(device, tags):
    emissions, transitions, masks = chains(tags, tags)
    for candidates in ((None, None), masks):
        arguments = emissions, transitions, LENGTHS, *candidates
        for result, expected in zip(argmax(device, *arguments), on_cpu.chain_argmax(*arguments), strict=True):
            assert torch.equal(result, expected)


def test_the_best_of_all_sequences(device):
    generator = torch.Generator().manual_seed(0)
    emissions, transitions = torch.randn(2, 3, 4, generator=generator), torch.randn(2, 2, 4, 4, generator=generator)
    tags, pairs = argmax(device, emissions, transitions, torch.tensor([3, 3]), None, None)
    for row in range(2):
        first, second, third = emissions[row]
        totals = first[:, None, None] + second[:, None] + third
        totals = totals + transitions[row, 0][:, :, None] + transitions[row, 1]
        a, b, c = torch.unravel_index(totals.argmax(), totals.shape)
        assert tags[row].argmax(1).tolist() == [a, b, c]
        assert pairs[row, 0, a, b] == pairs[row, 1, b, c] == 1
    assert tags.sum() == 6
    assert pairs.sum() == 4


def test_what_is_refused(device):
    emissions, transitions, lengths = torch.zeros(2, 3, 2), torch.zeros(2, 2, 2, 2), torch.tensor([3, 3])
    for place, value, message in (
        (emissions[1, 2, 0], float("nan"), r"NaN or \+inf.*row 1"),
        (transitions[1, 0, 1], float("inf"), r"NaN or \+inf.*row 1"),
        (transitions[1, 0], float("-inf"), r"no sequence of tags.*row 1"),
        (lengths[1], 4, r"lengths: out of range.*row 1"),
    ):
        before = place.clone()
        place.fill_(value)
        with pytest.raises(ValueError, match=message):
            argmax(device, emissions, transitions, lengths, None, None)
        place.copy_(before)


def test_nothing_to_do(device):
    for shape in ((0, 3, 2), (2, 0, 2)):
        batch, positions, tags = shape
        pairs = torch.zeros(batch, max(positions - 1, 0), tags, tags)
        results = argmax(device, torch.zeros(shape), pairs, torch.zeros(batch, dtype=torch.int64), None, None)
        assert [x.shape for x in results] == [torch.Size(shape), pairs.shape]
