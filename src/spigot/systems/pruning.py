"""The parts of each training sentence's graph that a pruner keeps, found once and held in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.structured import SemanticGraphParts
from spigot.systems.base import Candidates
from spigot.systems.streaming import PARSING_BUDGET


class GraphCandidates(Candidates):
    """The candidates of sentences by their place in a list, as indices of the labelled arcs among them."""

    def __init__(self, find: Callable[[Sequence[Sentence]], SemanticGraphParts], sentences: Sequence[Sentence]) -> None:
        self._lengths = [len(sentence) for sentence in sentences]
        self._cells: dict[int, Tensor] = {}
        self._labels = 0
        # Batches that depend on the corpus alone: the same in every process and after a resume.
        for batch in make_batches(self._lengths, PARSING_BUDGET):
            found = find([sentences[k] for k in batch]).labels.cpu()
            self._labels = found.shape[-1]
            for number, cells in zip(batch, found, strict=True):
                n = self._lengths[number] + 1
                self._cells[number] = cells[:n, :n].nonzero().to(torch.int16)

    def of(self, numbers: Iterable[int]) -> SemanticGraphParts:
        """Return the candidates of a batch (bool); past the lengths there are none."""
        numbers = list(numbers)
        n = 1 + max((self._lengths[k] for k in numbers), default=0)
        labels = torch.zeros(len(numbers), n, n, self._labels, dtype=torch.bool)
        for row, number in enumerate(numbers):
            labels[row][tuple(self._cells[number].long().T)] = True
        return SemanticGraphParts(torch.ones(len(numbers), n, dtype=torch.bool), labels.any(-1), labels)
