"""Words as the pieces that a pre-trained transformer knows, in windows of a length that it can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Pieces(NamedTuple):
    """The windows of a batch of sentences, and where the state of each piece goes.

    `ids[window, length]`, `mask` (1 where there is a piece); `taken` are indices into the flat `[window * length]`
    states, `nodes` the flat `[batch * n]` node that each belongs to: ROOT or a token.
    """

    ids: Tensor
    mask: Tensor
    taken: Tensor
    nodes: Tensor


class WordPieces:
    """Cuts sentences into windows of at most `window` pieces, the special ones at both ends included.

    A longer sentence has windows that overlap by half; a piece's state is that of the window in which it is furthest
    from both ends. ROOT takes the special pieces before the first word.

    Args:
        tokenizer: the JSON of a `tokenizers.Tokenizer`.
        window: the most pieces that the model reads at once.
    """

    def __init__(self, tokenizer: str, window: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        example = self._tokenizer.encode(["a"], is_pretokenized=True)
        special = example.special_tokens_mask
        middle = special.index(0) if 0 in special else 0
        self.before = example.ids[:middle]
        self.after = [k for k, flag in zip(example.ids[middle:], special[middle:], strict=True) if flag]
        self.room = window - len(self.before) - len(self.after)
        if self.room < 2:
            raise ValueError(f"window: expected room for pieces, got {window}")

    def __call__(self, forms: Sequence[Sequence[str]], n: int) -> Pieces:
        """Return the pieces of sentences in a batch with `n` nodes each; pieces are 0 in padding."""
        rows: list[list[int]] = []
        taken: list[tuple[int, int]] = []
        nodes: list[int] = []
        encoded = self._tokenizer.encode_batch(
            [list(words) for words in forms], is_pretokenized=True, add_special_tokens=False
        )
        start = len(self.before)
        for sentence, found in enumerate(encoded):
            base = sentence * n
            for k in range(start):
                taken.append((len(rows), k))
                nodes.append(base)
            spans = _windows(len(found.ids), self.room)
            home = _homes(spans, len(found.ids))
            for first, last in spans:
                taken += [(len(rows), start + p - first) for p in range(first, last) if home[p] == first]
                nodes += [base + 1 + int(found.word_ids[p] or 0) for p in range(first, last) if home[p] == first]
                rows.append([*self.before, *found.ids[first:last], *self.after])
        longest = max(map(len, rows), default=0)
        ids = torch.zeros(len(rows), longest, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for window, row in enumerate(rows):
            ids[window, : len(row)] = torch.tensor(row, dtype=torch.int64)
            mask[window, : len(row)] = 1
        flat = [window * longest + place for window, place in taken]
        return Pieces(ids, mask, torch.tensor(flat, dtype=torch.int64), torch.tensor(nodes, dtype=torch.int64))


def pool(states: Tensor, pieces: Pieces, batch: int, n: int) -> Tensor:
    """Return the mean state of each node's pieces, `[batch, n, d]`, from `states[window, length, d]`; 0 without any."""
    width = states.shape[-1]
    nodes = pieces.nodes.to(states.device)
    totals = states.new_zeros(batch * n, width).index_add(
        0, nodes, states.reshape(-1, width)[pieces.taken.to(states.device)]
    )
    counts = torch.bincount(nodes, minlength=batch * n).clamp(min=1)
    return (totals / counts[:, None]).view(batch, n, width)


def _windows(pieces: int, room: int) -> list[tuple[int, int]]:
    if pieces <= room:
        return [(0, pieces)]
    starts = list(range(0, pieces - room, room // 2))
    return [(first, first + room) for first in [*starts, pieces - room]]


def _homes(spans: Sequence[tuple[int, int]], pieces: int) -> list[int]:
    """Return for each piece where the window begins in which it is furthest from an end that cuts the sentence."""

    def margin(piece: int, span: tuple[int, int]) -> Any:
        first, last = span
        left = piece - first if first > 0 else pieces
        right = last - 1 - piece if last < pieces else pieces
        return min(left, right)

    homes = []
    at = 0
    for piece in range(pieces):
        # Windows are sorted: the best one never moves back.
        while (
            at + 1 < len(spans)
            and spans[at + 1][0] <= piece
            and margin(piece, spans[at + 1]) > margin(piece, spans[at])
        ):
            at += 1
        homes.append(spans[at][0])
    return homes
