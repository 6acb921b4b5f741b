"""The parts of linear chains, tags and pairs of neighbouring tags, and chains as tags alone."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..checks import check_arguments, check_mask, kind_of, lengths_or_full, widen
from .compact import CompactForm, check_integers, first_largest, refuse_out_of_range


class LinearChainParts(NamedTuple):
    """Scores, 0/1 indicators, probabilities or candidates (bool) of the parts of a batch of chains."""

    emissions: Tensor
    """`[batch, position, tag]`"""
    transitions: Tensor
    """`[batch, position, previous, next]`, one position less: between each and the one after it."""


def check_chains(
    name: str, parts: LinearChainParts, lengths: Tensor | None = None, mask: LinearChainParts | None = None
) -> None:
    """Check types and shapes, as `check_arguments` does; `name` is what the caller calls `parts`."""
    if not isinstance(parts, LinearChainParts):
        raise TypeError(f"{name}: expected LinearChainParts, got {kind_of(parts)}")
    emissions, transitions = parts
    check_arguments(f"{name}.emissions", emissions, "batch position tag", lengths)
    check_arguments(f"{name}.transitions", transitions, "batch position previous next")
    batch, positions, tags = emissions.shape
    shape = [batch, max(positions - 1, 0), tags, tags]
    if list(transitions.shape) != shape:
        raise ValueError(f"{name}.transitions: expected shape {shape}, got {list(transitions.shape)}")
    if mask is not None:
        if not isinstance(mask, LinearChainParts):
            raise TypeError(f"mask: expected LinearChainParts, got {kind_of(mask)}")
        check_mask("mask.emissions", f"{name}.emissions", emissions.shape, mask.emissions)
        check_mask("mask.transitions", f"{name}.transitions", transitions.shape, mask.transitions)


def chain_lengths(parts: LinearChainParts, lengths: Tensor | None) -> Tensor:
    """Return `lengths` as int64; None means that every row is full."""
    return lengths_or_full(parts.emissions, lengths, parts.emissions.size(1))


def tags_to_chains(tags: Tensor, count: int, dtype: torch.dtype = torch.float32) -> LinearChainParts:
    """Turn tags into 0/1 parts of chains.

    Args:
        tags: integers, `[batch, position]`, -1 for none (padding).
        count: how many tags there are.
        dtype: of the result.

    Returns:
        0/1: `[batch, position, tag]` and `[batch, position - 1, previous, next]`.

    Raises:
        ValueError: a tag is out of range.
    """
    check_integers("tags", tags, "batch position")
    refuse_out_of_range("tags", tags, count)
    return _chains(tags, count, dtype, dtype)


def chains_to_tags(chains: LinearChainParts, lengths: Tensor | None = None) -> Tensor:
    """Turn parts of chains, 0/1 or soft, into the tag with the most weight for each position.

    Args:
        chains: their transitions are not read.
        lengths: positions of each row, `[batch]`; None: all rows are full.

    Returns:
        int64, `[batch, position]`. -1 past the length, and where a position has nothing above 0. The smallest tag wins
        a tie.
    """
    check_chains("chains", chains, lengths)
    position = torch.arange(chains.emissions.size(1), device=chains.emissions.device)
    return first_largest(chains.emissions).where(position < chain_lengths(chains, lengths)[:, None], -1)


class TagsForm(CompactForm[LinearChainParts]):
    """The tag of each position, `[batch, position]`."""

    noun = "tags"
    parts_noun = "chains"
    complete = True

    def shape(self, scores: LinearChainParts) -> list[int | None]:
        """Return `[batch, position]`."""
        return list(scores.emissions.shape[:2])

    def end(self, scores: LinearChainParts) -> int:
        """Return the number of tags."""
        return scores.emissions.size(2)

    def meant(self, scores: LinearChainParts, lengths: Tensor | None) -> Tensor:
        """Return which positions a row has."""
        position = torch.arange(scores.emissions.size(1), device=scores.emissions.device)
        return position < chain_lengths(scores, lengths)[:, None]

    def to_parts(self, integers: Tensor, scores: LinearChainParts, lengths: Tensor | None) -> LinearChainParts:
        """Return the emissions and transitions."""
        return _chains(integers, scores.emissions.size(2), scores.emissions.dtype, scores.transitions.dtype)

    def to_integers(self, parts: LinearChainParts, lengths: Tensor | None) -> Tensor:
        """Return the tags."""
        return chains_to_tags(parts, lengths)

    def members(self, parts: LinearChainParts, lengths: Tensor | None) -> Tensor:
        """Return which rows have one tag for each position and the pairs of these tags."""
        inside = self.meant(parts, lengths)
        emissions = parts.emissions.where(inside[..., None], 0)
        transitions = parts.transitions.where(inside[:, 1:, None, None], 0)
        tags = chains_to_tags(LinearChainParts(*map(widen, parts)), lengths)
        expected = _chains(tags, emissions.size(2), emissions.dtype, transitions.dtype)
        same = [(own == other).flatten(1).all(1) for own, other in zip((emissions, transitions), expected, strict=True)]
        return same[0] & same[1] & ((tags >= 0) | ~inside).all(1)


def _chains(tags: Tensor, count: int, *dtypes: torch.dtype) -> LinearChainParts:
    chosen = tags[..., None] == torch.arange(count, device=tags.device)
    return LinearChainParts(chosen.to(dtypes[0]), (chosen[:, :-1, :, None] & chosen[:, 1:, None]).to(dtypes[1]))
