"""The pruner of semantic graphs, and its candidates for the training sentences, found once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Tokens
from spigot.models.semantic_parser import SemanticParser
from spigot.structured import SemanticGraphParts
from spigot.systems.base import Candidates
from spigot.systems.streaming import PARSING_BUDGET


class Pruner(nn.Module):
    """A frozen copy of a semantic parser, always in evaluation mode.

    Args:
        parser: what to copy.
        margin: how far from being chosen a part may be to remain a candidate, see `SemanticParser.candidates`.
    """

    def __init__(self, parser: SemanticParser, margin: float) -> None:
        super().__init__()
        self.parser = copy.deepcopy(parser).requires_grad_(False)
        self.margin = margin
        self.eval()

    def copy_weights(self, parser: SemanticParser) -> None:
        """Copy the weights of a parser, which decide the candidates from now on."""
        self.parser.load_state_dict(parser.state_dict())

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode, whatever the mode of the system."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, tokens: Tokens) -> SemanticGraphParts:
        """Return the candidates (bool)."""
        return self.parser.candidates(self.parser.predictable(self.parser(tokens)), self.margin)

    def of_sentences(self, sentences: Sequence[Sentence]) -> SemanticGraphParts:
        """Return the candidates of a batch of sentences (bool)."""
        device = next(self.parser.parameters()).device
        return self(self.parser.vocabulary.encode(sentences)[0].to(device))


class GraphCandidates(Candidates):
    """The candidates of a list of sentences, kept as indices of their labelled arcs."""

    def __init__(self, find: Callable[[Sequence[Sentence]], SemanticGraphParts], sentences: Sequence[Sentence]) -> None:
        self._lengths = [len(sentence) for sentence in sentences]
        self._cells: dict[int, Tensor] = {}
        self._labels = 0
        # The batches depend on the corpus alone, so they are the same in every process and after a resume.
        for batch in make_batches(self._lengths, PARSING_BUDGET):
            found = find([sentences[k] for k in batch]).labels.cpu()
            self._labels = found.shape[-1]
            for number, cells in zip(batch, found, strict=True):
                n = self._lengths[number] + 1
                self._cells[number] = cells[:n, :n].nonzero().to(torch.int16)

    def of(self, numbers: Iterable[int]) -> SemanticGraphParts:
        """Return the candidates of a batch (bool); past the lengths no arc is a candidate."""
        numbers = list(numbers)
        n = 1 + max((self._lengths[k] for k in numbers), default=0)
        labels = torch.zeros(len(numbers), n, n, self._labels, dtype=torch.bool)
        for row, number in enumerate(numbers):
            labels[row][tuple(self._cells[number].long().T)] = True
        return SemanticGraphParts(torch.ones(len(numbers), n, dtype=torch.bool), labels.any(-1), labels)
