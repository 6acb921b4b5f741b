"""The paper's second system: a sentiment classifier that reads a hard semantic graph (section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Roles, Tokens, Vocabulary
from spigot.models.graph_scorer import Decoded
from spigot.models.semantic_parser import SemanticParser, gold_graphs
from spigot.models.sentiment_classifier import build_classifier
from spigot.structured import SemanticGraphParts
from spigot.structured.parts.base import map_parts
from spigot.structured.structures.first_order_graph import one_hot_parts
from spigot.systems.base import System, Vectors, check_vectors, to_dicts
from spigot.systems.batch import Batch
from spigot.systems.gradient import scale_gradient
from spigot.systems.parse_layer import ParseLayer
from spigot.systems.pruning import GraphCandidates, Pruner
from spigot.systems.semantics_then_sentiment_config import SemanticsThenSentimentConfig
from spigot.tasks.base import Task


class SentimentVocabularies(NamedTuple):
    """The vocabularies of the parts; `semantics` and `roles` are None in a system without a parser."""

    sentiment: Vocabulary
    semantics: Vocabulary | None
    roles: Roles | None


class SemanticsThenSentiment(System):
    """Sentence -> scores of semantic parts -> `structured_argmax` -> features of tokens and their heads -> class.

    Without `config.semantics` it is the classifier alone: BILSTM, or a bag of words.
    """

    kind = "semantics-then-sentiment"
    config_class = SemanticsThenSentimentConfig
    config: SemanticsThenSentimentConfig

    def __init__(
        self,
        config: SemanticsThenSentimentConfig,
        vocabularies: SentimentVocabularies,
        vectors: Mapping[str, Vectors] | None = None,
        tasks: Mapping[str, Task] | None = None,
    ) -> None:
        super().__init__(config, tasks)
        words, roles = vocabularies.semantics, vocabularies.roles
        if not (config.semantics is None) == (words is None) == (roles is None):
            raise ValueError("vocabularies.semantics, roles: expected them exactly where config.semantics is set")
        vectors = vectors or {}
        self.semantics: SemanticParser | None = None
        self.pruner: Pruner | None = None
        if config.semantics is not None and words is not None and roles is not None:
            self.semantics = SemanticParser(
                config.semantics, words, roles, tree_feature=None, vectors=vectors.get("semantics")
            )
            self.parse_layer = ParseLayer(self.semantics.structure, config.surrogate.build())
            if config.prunes and config.candidate_margin is not None:
                self.pruner = Pruner(self.semantics, config.candidate_margin)
        self.sentiment = build_classifier(config.classifier, vocabularies.sentiment, roles, vectors.get("sentiment"))

    @classmethod
    def from_sentences(
        cls,
        config: SemanticsThenSentimentConfig,
        tasks: Mapping[str, Task],
        train: Mapping[str, Sequence[Sentence]],
        vectors: Mapping[str, Vectors],
        start: nn.Module | None = None,
    ) -> Self:
        """Make an untrained system: see `System.from_sentences`."""
        classifier = config.classifier
        task: Any = tasks.get("semantics")  # a `Semantics`: see `task_kinds`
        key = "classifier.word_dim" if classifier.name == "bag" else "classifier.encoder.word_dim"
        check_vectors(vectors.get("sentiment"), key, classifier.word_dim)
        words, roles = None, None
        if isinstance(start, SemanticParser):
            words, roles = start.vocabulary, start.roles
            vectors = {name: rows for name, rows in vectors.items() if name != "semantics"}
        elif config.semantics is not None:
            check_vectors(vectors.get("semantics"), "semantics.encoder.word_dim", config.semantics.word_dim)
            words = Vocabulary.build(train["semantics"], vectors.get("semantics") or ())
            roles = task.roles(train["semantics"])
        known = Vocabulary.build(train["sentiment"], vectors.get("sentiment") or (), classifier.freeze_vectors)
        system = cls(config, SentimentVocabularies(known, words, roles), vectors, tasks)
        if start is not None and system.semantics is not None:
            system.semantics.load_state_dict(start.state_dict())
        elif system.semantics is not None and config.prune_by_tags:
            system.semantics.tag_pairs.observe(train["semantics"], task.name)
        return system

    def admit(self, train: Mapping[str, Sequence[Sentence]]) -> None:
        """Allow the roles between tags that the training graphs have."""
        if self.config.prune_by_tags and "semantics" in train and self.semantics is not None:
            self.semantics.tag_pairs.admit(train["semantics"], self.tasks["semantics"].name)

    def start_joint_training(self) -> None:
        """Copy the parser's weights into the pruner, which fixes the candidates."""
        if self.pruner is not None and self.semantics is not None:
            self.pruner.copy_weights(self.semantics)

    @property
    def vocabularies(self) -> SentimentVocabularies:
        """The vocabularies of the parts."""
        parser = self.semantics
        known = (None, None) if parser is None else (parser.vocabulary, parser.roles)
        return SentimentVocabularies(self.sentiment.vocabulary, *known)

    def to_vocabulary(self) -> dict[str, Any]:
        """Return the vocabularies in JSON types."""
        return to_dicts(self.vocabularies._asdict())

    @classmethod
    def from_vocabulary(
        cls, config: SemanticsThenSentimentConfig, tasks: Mapping[str, Task], vocabulary: dict[str, Any]
    ) -> Self:
        """Make the system, with random weights, from the result of `to_vocabulary`."""
        words, roles = vocabulary["semantics"], vocabulary["roles"]
        vocabularies = SentimentVocabularies(
            Vocabulary.from_dict(vocabulary["sentiment"]),
            None if words is None else Vocabulary.from_dict(words),
            None if roles is None else Roles.from_dict(roles),
        )
        return cls(config, vocabularies, tasks=tasks)

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

        `parser_tokens` are the same sentences, encoded with the parser's vocabulary. `graph` takes the place of
        the parser's prediction. `candidates` is the result of `prune`, if it is known already. `end_task_weight`
        scales the gradient that the end task sends through the argmax; 0 stops it. As in the original program it
        reaches the scores of arcs and labelled arcs, not those of predicates.
        """
        if self.semantics is not None and self.parse_layer is not None and graph is None:
            if parser_tokens is None:
                raise ValueError("parser_tokens: expected tokens of the parser's vocabulary (or a graph), got None")
            candidates = self.prune(parser_tokens) if candidates is None else candidates
            pairs = None if candidates is None else candidates.arcs
            with torch.set_grad_enabled(torch.is_grad_enabled() and end_task_weight != 0):
                scores = scale_gradient(self.semantics(parser_tokens, pairs=pairs), end_task_weight)
            scores = self.semantics.predictable(scores)
            scores = scores._replace(predicates=scores.predicates.detach())
            graph = self.parse_layer(scores, tokens.lengths, candidates)
        return self.sentiment(tokens, dropped, graph), graph

    def output(self, batch: Batch, tokens: Tokens, dropped: Tensor, weight: float) -> Any:
        """Return the output of one part; the parser that feeds the classifier has no word dropout."""
        if batch.task == self.config.intermediate:
            return self.parts[batch.task](tokens, dropped)
        if batch.annotated:
            graph = batch.share(self.given_graphs(batch.sentences))
            return self(tokens, dropped=dropped, graph=graph)[0]
        parser_tokens = None if self.semantics is None else batch.encode(self.semantics)[0]
        known = None if batch.candidates is None else batch.share(batch.candidates)
        return self(tokens, parser_tokens, dropped, weight, candidates=known)[0]

    def prune(self, parser_tokens: Tokens) -> SemanticGraphParts | None:
        """Return which parts the graph may have (bool); None: all."""
        return None if self.pruner is None else self.pruner(parser_tokens)

    def candidates(self, sentences: Sequence[Sentence]) -> GraphCandidates | None:
        """Return the candidates of each sentence, found once."""
        return None if self.pruner is None else GraphCandidates(self.pruner.of_sentences, sentences)

    def annotate(self, sentences: Sequence[Sentence]) -> list[Sentence] | None:
        """Return the sentences with the graphs of the frozen parser."""
        if self.semantics is None:
            return None
        return self.predictions("semantics", sentences)

    def given_graphs(self, sentences: Sequence[Sentence]) -> SemanticGraphParts:
        """Return the graphs of the sentences as 0/1 parts, for `forward`."""
        if self.semantics is None:
            raise ValueError("given_graphs: expected a system with a semantic parser, got one without")
        predicates, arc_labels = gold_graphs(sentences, self.semantics.roles, self.tasks["semantics"].name)
        shape = (*arc_labels.shape, len(self.semantics.roles))
        like = SemanticGraphParts(torch.empty(predicates.shape), torch.empty(arc_labels.shape), torch.empty(shape))
        return one_hot_parts(predicates, arc_labels, like)

    def predict(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with a sentiment, its probability and, where there is a parser, graphs."""
        if self.semantics is not None:
            sentences = self._parse_graphs(sentences, pruned=True)
        return self.classify(sentences)

    def predict_task(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> list[Sentence]:
        """Return the sentences with graphs alone, or with the sentiment read from given or predicted graphs."""
        if task == "semantics":
            return self._parse_graphs(sentences)
        return self.classify(sentences) if annotated else self.predict(sentences)

    @torch.inference_mode()
    def classify(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences, at least one, with the sentiment that the classifier reads from their graphs.

        A system without a parser reads no graphs.
        """
        tokens = self.sentiment.vocabulary.encode(sentences)[0].to(self.device)
        graph = None
        if self.semantics is not None:
            graph = map_parts(lambda part: part.to(self.device), self.given_graphs(sentences))
        scores, _ = self(tokens, graph=graph)
        probabilities, classes = scores.softmax(-1).max(-1)
        predictions = zip(classes.tolist(), probabilities.tolist(), strict=True)
        return self.tasks["sentiment"].annotate(sentences, predictions)

    def _parse_graphs(self, sentences: Sequence[Sentence], pruned: bool = False) -> list[Sentence]:
        """Return the sentences with graphs; with `pruned`, within the candidates."""
        if self.semantics is None:
            raise ValueError("semantics: expected a system with a semantic parser, got one without")
        tokens = self.semantics.vocabulary.encode(sentences)[0].to(self.device)
        scores = self.semantics.predictable(self.semantics(tokens))
        mask = self.prune(tokens) if pruned else None
        decoded = Decoded(*self.semantics.structure.decode(scores, tokens.lengths, mask))
        return self.tasks["semantics"].annotate(sentences, self.semantics.graphs(decoded, sentences))
