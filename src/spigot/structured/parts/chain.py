"""The parts of linear chains: tags and pairs of neighbouring tags."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ..checks import check_arguments, lengths_or_full


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
    if not isinstance(parts, tuple) or len(parts) != 2:
        raise TypeError(f"{name}: expected LinearChainParts, got {type(parts).__name__}")
    if mask is not None and (not isinstance(mask, tuple) or len(mask) != 2):
        raise TypeError(f"mask: expected LinearChainParts, got {type(mask).__name__}")
    emissions, transitions = parts
    emission_mask, transition_mask = (None, None) if mask is None else mask
    check_arguments(f"{name}.emissions", emissions, "batch position tag", lengths, emission_mask)
    check_arguments(f"{name}.transitions", transitions, "batch position previous next", None, transition_mask)
    batch, positions, tags = emissions.shape
    shape = [batch, max(positions - 1, 0), tags, tags]
    if list(transitions.shape) != shape:
        raise ValueError(f"{name}.transitions: expected shape {shape}, got {list(transitions.shape)}")
    if transitions.dtype != emissions.dtype:
        raise TypeError(f"{name}.transitions: expected {emissions.dtype} like emissions, got {transitions.dtype}")


def chain_lengths(parts: LinearChainParts, lengths: Tensor | None) -> Tensor:
    """Return `lengths` as int64; None means that every row is full."""
    return lengths_or_full(parts.emissions, lengths, parts.emissions.size(1))
