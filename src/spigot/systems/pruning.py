"""What a pruner leaves of each training sentence, found out once and kept in little memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from spigot.data.batching import make_batches
from spigot.data.sentence import Sentence
from spigot.structured.structures.semantic_graph import SemanticGraphParts
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment
from spigot.systems.streaming import PARSING_BUDGET


class Candidates:
    """The candidates of sentences (known by identity), as indices of the labelled arcs among them."""

    def __init__(self, model: SemanticsThenSentiment, sentences: Sequence[Sentence]) -> None:
        self.labels = len(model.vocabularies.roles or ())
        self._of: dict[int, Tensor] = {}
        # Batches that depend on the corpus alone: the same in every process and after a resume.
        for batch in make_batches([len(s) for s in sentences], PARSING_BUDGET):
            self._add(model, [sentences[k] for k in batch])

    def _add(self, model: SemanticsThenSentiment, sentences: Sequence[Sentence]) -> None:
        if model.semantics is None:
            raise ValueError("model: expected a system with a semantic parser, got one without")
        tokens, _ = model.semantics.vocabulary.encode(sentences)
        found = model.candidates(tokens.to(model.device))
        if found is None:
            raise ValueError("model: expected a system with a pruner, got one without")
        for sentence, cells in zip(sentences, found.labels.cpu(), strict=True):
            n = len(sentence) + 1
            self._of[id(sentence)] = cells[:n, :n].nonzero().to(torch.int16)

    def masks(self, sentences: Sequence[Sentence]) -> SemanticGraphParts:
        """Return the candidates of a batch (bool); past the lengths there are none."""
        n = 1 + max((len(sentence) for sentence in sentences), default=0)
        labels = torch.zeros(len(sentences), n, n, self.labels, dtype=torch.bool)
        for row, sentence in enumerate(sentences):
            labels[row][tuple(self._of[id(sentence)].long().T)] = True
        return SemanticGraphParts(torch.ones(len(sentences), n, dtype=torch.bool), labels.any(-1), labels)
