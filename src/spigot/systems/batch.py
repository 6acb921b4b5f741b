"""A batch of one task, and the rows of it that a process works on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Tokens, Vocabulary
from spigot.models.encoders.base import Column
from spigot.structured.parts.base import Parts, map_parts


class Reader(NamedTuple):
    """What turns sentences into tokens; a part with an encoder of its own is one, too."""

    vocabulary: Vocabulary
    word_dropout: float
    """See `Encoder`."""
    needs: frozenset[Column]
    """See `Encoder`."""


class Batch(NamedTuple):
    """All sentences of a step, the same in every process.

    Tensors are made for the whole batch and then cut (`share`), so that neither random draws nor padding depend on
    the number of processes.
    """

    task: str
    sentences: Sequence[Sentence]
    rows: slice = slice(None)
    """The rows of this process."""
    device: torch.device | str = "cpu"
    annotated: bool = False
    """Whether the sentences hold the predictions of the frozen intermediate parser."""
    candidates: Any = None
    """The sentences' share of `System.candidates`, if the system has candidates."""

    def share(self, parts: Parts) -> Parts:
        """Return this process's rows of one tensor or of several, on its device."""
        return map_parts(lambda part: part[self.rows].to(self.device, non_blocking=True), parts)

    def encode(self, reader: Any, random: np.random.Generator | None = None) -> tuple[Tokens, Tensor]:
        """Return this process's rows, encoded by a `Reader`; `random` draws the word dropout."""
        dropout = 0.0 if random is None else reader.word_dropout
        tokens, dropped = reader.vocabulary.encode(self.sentences, dropout, random)
        return tokens.rows(self.rows).to(self.device), self.share(dropped)
