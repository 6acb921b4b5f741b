"""Batches of sentences that the tests of this folder share."""

import torch


def poison(scores, lengths):
    """Set all that a kernel must not read to NaN."""
    node = torch.arange(scores.size(1))
    inside = node <= lengths[:, None]
    possible = inside[:, :, None] & inside[:, None, :] & (node[:, None] != node) & (node > 0)
    return scores.masked_fill(~possible, float("nan"))


def random_mask(shape, generator):
    """Return candidates among which the tree that hangs all tokens from the first remains."""
    mask = torch.rand(shape, generator=generator) < 0.6
    mask[:, 0, 1] = True
    mask[:, 1] = True
    return mask
