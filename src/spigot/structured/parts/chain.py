"""The parts of linear chains, tags and pairs of neighbouring tags, and chains as tags alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..checks import check_arguments, check_devices, check_mask, check_structures, kind_of, lengths_or_full, widen
from .compact import CompactForm, check_integers, first_largest, refuse_out_of_range


class LinearChainParts(NamedTuple):
    """Scores, 0/1 indicators, probabilities or candidates (bool) of the parts of a batch of chains."""

    emissions: Tensor
    """`[batch, position, tag]`"""
    transitions: Tensor
    """`[batch, position, previous, next]`, one position less: between each and the one after it.

    Or `[batch, 1, previous, next]`: the same everywhere, as `shared` makes them. Then a structure has how often each
    pair of tags comes, and marginals the expected number.
    """

    @classmethod
    def shared(cls, emissions: Tensor, transitions: Tensor) -> LinearChainParts:
        """Return parts with the same transitions, `[tag, tag]`, everywhere; nothing is copied."""
        check_structures("emissions", emissions)
        check_structures("transitions", transitions)
        if emissions.dim() != 3:
            raise ValueError(f"emissions: expected shape [batch, position, tag], got {list(emissions.shape)}")
        if transitions.dim() != 2:
            raise ValueError(f"transitions: expected shape [previous, next], got {list(transitions.shape)}")
        return cls(emissions, transitions.expand(emissions.size(0), 1, *transitions.shape))

    @property
    def is_shared(self) -> bool:
        """Whether the transitions are the same everywhere, and more than one step may use them."""
        return self.transitions.size(1) == 1 and self.emissions.size(1) != 2


def with_own_steps(parts: Any) -> Any:
    """Return scores or candidates of chains with shared transitions as those of each step; all others as they are."""
    if not isinstance(parts, LinearChainParts) or not parts.is_shared:
        return parts
    return parts._replace(transitions=parts.transitions.expand(-1, max(parts.emissions.size(1) - 1, 0), -1, -1))


def like_steps(scores: Any, structures: Any) -> Any:
    """Undo `with_own_steps` for structures, `[batch, ...]` or `[batch, k, ...]`, of these scores."""
    if not isinstance(scores, LinearChainParts) or not scores.is_shared:
        return structures
    return structures._replace(transitions=structures.transitions.sum(-3, keepdim=True))


def check_chains(
    name: str,
    parts: LinearChainParts,
    lengths: Tensor | None = None,
    mask: LinearChainParts | None = None,
) -> None:
    """Check types and shapes, as `check_arguments` does; `name` is what the caller calls `parts`."""
    if not isinstance(parts, LinearChainParts):
        raise TypeError(f"{name}: expected LinearChainParts, got {kind_of(parts)}")
    emissions, transitions = parts
    check_arguments(f"{name}.emissions", emissions, "batch position tag", lengths)
    check_arguments(f"{name}.transitions", transitions, "batch position previous next")
    batch, positions, tags = emissions.shape
    if positions and not tags:
        raise ValueError(f"{name}.emissions: expected at least one tag, got {list(emissions.shape)}")
    shape = [batch, max(positions - 1, 0), tags, tags]
    if list(transitions.shape) not in (shape, [batch, 1, tags, tags]):
        raise ValueError(f"{name}.transitions: expected shape {shape}, got {list(transitions.shape)}")
    if mask is not None:
        if not isinstance(mask, LinearChainParts):
            raise TypeError(f"mask: expected LinearChainParts, got {kind_of(mask)}")
        check_mask("mask.emissions", f"{name}.emissions", emissions.shape, mask.emissions)
        check_mask("mask.transitions", f"{name}.transitions", transitions.shape, mask.transitions)
    check_devices(name, parts, mask)


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
    return _chains(tags, _shapes(tags, count), dtype, dtype)


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

    def check(self, name: str, parts: LinearChainParts, lengths: Tensor | None) -> None:
        """Check that they are chains."""
        check_chains(name, parts, lengths)

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
        return _chains(integers, scores, scores.emissions.dtype, scores.transitions.dtype)

    def to_integers(self, parts: LinearChainParts, lengths: Tensor | None) -> Tensor:
        """Return the tags."""
        return first_largest(parts.emissions).where(self.meant(parts, lengths), -1)

    def members(self, parts: LinearChainParts, lengths: Tensor | None) -> Tensor:
        """Return which rows have one tag for each position and the pairs of these tags."""
        inside, tags = self.meant(parts, lengths), self.to_integers(parts, lengths)
        found = (_is_only(parts.emissions, tags) | ~inside).all(1)
        if parts.is_shared:
            pairs = widen(parts.transitions)
            steps = inside[:, 1:2] if inside.size(1) > 1 else torch.zeros_like(pairs[:, :, 0, 0], dtype=torch.bool)
            pairs = pairs.where(steps[..., None, None], 0)
            return found & (pairs == _chains(tags, parts, pairs.dtype, pairs.dtype).transitions).flatten(1).all(1)
        pair = tags[:, :-1] * parts.emissions.size(2) + tags[:, 1:]
        return found & (_is_only(parts.transitions.flatten(2), pair) | ~inside[:, 1:]).all(1)


def _is_only(parts: Tensor, index: Tensor) -> Tensor:
    """Return whether the part at `index` of the last axis is 1, and all others are 0; False for a negative index."""
    if parts.size(-1) == 0:
        return torch.zeros_like(index, dtype=torch.bool)
    # Nothing as large as the parts is made.
    count = parts.sum(-1) if parts.dtype is torch.bool else torch.linalg.vector_norm(parts, 0, -1)
    at = parts.gather(-1, index.clamp(min=0)[..., None]).squeeze(-1)
    return (count == 1) & (at == 1) & (index >= 0)


def _shapes(tags: Tensor, count: int) -> LinearChainParts:
    """Return parts without memory that have a score for each step."""
    batch, positions = tags.shape
    shapes = (batch, positions, count), (batch, max(positions - 1, 0), count, count)
    return LinearChainParts(*(torch.empty(shape, device="meta") for shape in shapes))


def _chains(tags: Tensor, shapes: LinearChainParts, *dtypes: torch.dtype) -> LinearChainParts:
    """Return the parts of tags, -1 for none, in the shapes of others."""
    count = shapes.emissions.size(2)
    chosen = (tags[..., None] == torch.arange(count, device=tags.device)).to(dtypes[0])
    before, after = tags[:, :-1], tags[:, 1:]
    known = ((before >= 0) & (after >= 0)).to(dtypes[1])
    pair = (before * count + after).clamp(min=0)
    if shapes.is_shared:
        pairs = torch.zeros(len(tags), count**2, dtype=dtypes[1], device=tags.device).scatter_add(1, pair, known)
        return LinearChainParts(chosen, pairs.view(-1, 1, count, count))
    pairs = torch.zeros(*pair.shape, count**2, dtype=dtypes[1], device=tags.device)
    return LinearChainParts(chosen, pairs.scatter(2, pair[..., None], known[..., None]).unflatten(2, (count, count)))
