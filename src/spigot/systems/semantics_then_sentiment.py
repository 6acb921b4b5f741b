"""The paper's second system: a sentiment classifier with a hard semantic graph in its middle (section 4.2)."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Roles, Tokens, Vocabulary
from spigot.models.config import SentimentSystemConfig
from spigot.models.semantic_parser import Decoded, SemanticParser, gold_graphs
from spigot.models.sentiment_classifier import build_classifier
from spigot.structured import StructuredArgmax
from spigot.structured.structures.semantic_graph import SemanticGraphParts, one_hot_parts
from spigot.systems.base import JointSystem, scale_gradient


class SentimentVocabularies(NamedTuple):
    """What each part knows of words; `semantics` and `roles` are None in a system without a parser."""

    sentiment: Vocabulary
    semantics: Vocabulary | None
    roles: Roles | None


class SemanticsThenSentiment(JointSystem):
    """Sentence -> scores of semantic parts -> `structured_argmax` -> features of tokens and their heads -> class.

    Without `config.semantics` it is the classifier alone: BILSTM, or a bag of words.
    """

    kind = "semantics-then-sentiment"
    config: SentimentSystemConfig

    def __init__(
        self,
        config: SentimentSystemConfig,
        vocabularies: SentimentVocabularies,
        vectors: dict[str, Tensor] | None = None,
        parser_vectors: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        words, roles = vocabularies.semantics, vocabularies.roles
        if not (config.semantics is None) == (words is None) == (roles is None):
            raise ValueError("vocabularies.semantics, roles: expected them exactly where config.semantics is set")
        self.config = config
        self.semantics: SemanticParser | None = None
        self.pruner: SemanticParser | None = None
        self.parse_layer: StructuredArgmax | None = None
        if config.semantics is not None and words is not None and roles is not None:
            self.semantics = SemanticParser(config.semantics, words, roles, tree_feature=None, vectors=parser_vectors)
            self.parse_layer = StructuredArgmax(self.semantics.structure, config.surrogate.build())
            if config.prunes:
                self.pruner = copy.deepcopy(self.semantics).requires_grad_(False).eval()
        self.sentiment = build_classifier(config.classifier, vocabularies.sentiment, roles, vectors)

    def set_pruner(self) -> None:
        """Let the parser as it is now say, for good, which parts are candidates."""
        if self.pruner is not None and self.semantics is not None:
            self.pruner.load_state_dict(self.semantics.state_dict())

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all but the pruner."""
        super().train(mode)
        if self.pruner is not None:
            self.pruner.eval()
        return self

    @property
    def vocabularies(self) -> SentimentVocabularies:
        """What the two parts know of words."""
        parser = self.semantics
        known = (None, None) if parser is None else (parser.vocabulary, parser.roles)
        return SentimentVocabularies(self.sentiment.vocabulary, *known)

    def to_vocabulary(self) -> dict[str, Any]:
        """Return the JSON description of all that the parts know of words."""
        parts = self.vocabularies._asdict()
        return {name: None if part is None else part.to_dict() for name, part in parts.items()}

    @classmethod
    def rebuild(cls, config: dict[str, Any], vocabulary: dict[str, Any]) -> Self:
        """Make the model, with random weights, from the two descriptions."""
        words, roles = vocabulary["semantics"], vocabulary["roles"]
        vocabularies = SentimentVocabularies(
            Vocabulary.from_dict(vocabulary["sentiment"]),
            None if words is None else Vocabulary.from_dict(words),
            None if roles is None else Roles.from_dict(roles),
        )
        return cls(SentimentSystemConfig.model_validate(config["system"]), vocabularies)

    def forward(
        self,
        tokens: Tokens,
        parser_tokens: Tokens | None = None,
        dropped: Tensor | None = None,
        end_task_weight: float = 1.0,
        graph: SemanticGraphParts | None = None,
        candidates: SemanticGraphParts | None = None,
    ) -> tuple[Tensor, SemanticGraphParts | None]:
        """Return the scores of the classes `[batch, 2]`, and the graph that they were computed from.

        `parser_tokens` are the same sentences in the parser's own numbers; or else `graph` is what it made of
        them before. `candidates` is what `self.candidates` gives for them, if it is known. `end_task_weight`
        scales the gradient that the end task sends through the argmax; 0 stops it. As in the original program it
        reaches the scores of arcs and labelled arcs, not those of predicates.
        """
        if self.semantics is not None and self.parse_layer is not None and graph is None:
            if parser_tokens is None:
                raise ValueError("parser_tokens: expected the batch in the parser's numbers (or a graph), got None")
            candidates = self.candidates(parser_tokens) if candidates is None else candidates
            pairs = None if candidates is None else candidates.arcs
            with torch.set_grad_enabled(torch.is_grad_enabled() and end_task_weight != 0):
                scores = scale_gradient(self.semantics(parser_tokens, pairs=pairs), end_task_weight)
            scores = self.semantics.predictable(scores)
            scores = scores._replace(predicates=scores.predicates.detach())
            graph = self.parse_layer(scores, tokens.lengths, candidates)
        return self.sentiment(tokens, dropped, graph), graph

    @torch.no_grad()
    def candidates(self, parser_tokens: Tokens) -> SemanticGraphParts | None:
        """Return which parts the graph may have (bool); None: all."""
        if self.pruner is None or self.config.candidate_margin is None:
            return None
        scores = self.pruner.predictable(self.pruner(parser_tokens))
        return self.pruner.candidates(scores, self.config.candidate_margin)

    def given_graphs(self, sentences: Sequence[Sentence]) -> SemanticGraphParts:
        """Return the graphs that the sentences carry as 0/1 parts, for `forward`."""
        if self.semantics is None:
            raise ValueError("given_graphs: expected a system with a semantic parser, got one without")
        predicates, arc_labels = gold_graphs(sentences, self.semantics.roles)
        shape = (*arc_labels.shape, len(self.semantics.roles))
        like = SemanticGraphParts(torch.empty(predicates.shape), torch.empty(arc_labels.shape), torch.empty(shape))
        return SemanticGraphParts(*(part.to(self.device) for part in one_hot_parts(predicates, arc_labels, like)))

    @torch.inference_mode()
    def parse(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with a sentiment, its probability and, where there is a parser, graphs. One batch."""
        if self.semantics is None or not sentences:
            return self.classify(sentences)
        tokens = self.semantics.vocabulary.encode(sentences)[0].to(self.device)
        scores = self.semantics.predictable(self.semantics(tokens))
        decoded = Decoded(*self.semantics.structure.decode(scores, tokens.lengths, self.candidates(tokens)))
        graphs = self.semantics.graphs(decoded, sentences)
        return self.classify([dataclasses.replace(s, graph=g) for s, g in zip(sentences, graphs, strict=True)])

    @torch.inference_mode()
    def classify(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with the sentiment that their graphs (not read without a parser) lead to. One batch."""
        if not sentences:
            return []
        tokens = self.sentiment.vocabulary.encode(sentences)[0].to(self.device)
        graph = None if self.semantics is None else self.given_graphs(sentences)
        scores, _ = self(tokens, graph=graph)
        probabilities, classes = scores.softmax(-1).max(-1)
        return [
            dataclasses.replace(s, sentiment=c, probability=p)
            for s, c, p in zip(sentences, classes.tolist(), probabilities.tolist(), strict=True)
        ]
