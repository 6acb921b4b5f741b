"""A batch of one task, of which a process works on some rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Tokens
from spigot.structured.parts.base import Parts, map_parts


class Batch(NamedTuple):
    """The sentences of a step, all of them, whichever process asks.

    Tensors are made for the whole batch and then cut (`share`): so neither what is drawn nor the padding depends on
    the number of processes.
    """

    task: str
    sentences: Sequence[Sentence]
    rows: slice = slice(None)
    """Those of this process."""
    device: torch.device | str = "cpu"
    annotated: bool = False
    """Whether the sentences carry what the frozen intermediate parser predicts for them."""
    candidates: Any = None
    """What `System.candidates` found for the sentences, if it found anything."""

    def share(self, parts: Parts) -> Parts:
        """Return this process's rows of a tensor or of several, on its device."""
        return map_parts(lambda part: part[self.rows].to(self.device, non_blocking=True), parts)

    def encode(self, part: Any, random: np.random.Generator | None = None) -> tuple[Tokens, Tensor]:
        """Return this process's rows in the numbers of a part; `random` draws the part's word dropout."""
        dropout = 0.0 if random is None else part.word_dropout
        tokens, dropped = part.vocabulary.encode(self.sentences, dropout, random)
        return tokens.rows(self.rows).to(self.device), self.share(dropped)
