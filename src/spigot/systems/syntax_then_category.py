"""A classifier of sentences that reads a hard tree, which may be latent (paper, section 2.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

import torch
from pydantic import field_validator, model_validator
from torch import Tensor, nn

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Labels, Tokens, Vocabulary
from spigot.models.config import NamedTreeFeature, SentenceClassifierConfig, SyntaxConfig, over_the_default
from spigot.models.sentence_classifier import SentenceClassifier
from spigot.models.syntactic_parser import SyntacticParser, given_arcs
from spigot.models.tree_scorer import ScoredArcs
from spigot.systems.base import System, Vectors, check_vectors, to_dicts
from spigot.systems.batch import Batch
from spigot.systems.config import SystemConfig, none_if_false
from spigot.systems.given_trees import GivenTree, given_trees
from spigot.systems.gradient import scale_gradient
from spigot.systems.parse_layer import ParseLayer
from spigot.systems.syntax_words import start_of_syntax
from spigot.tasks.base import Task


class SyntaxThenCategoryConfig(SystemConfig):
    """A classifier and, unless `syntax` is None, a syntactic parser that feeds it trees through `surrogate`."""

    kind: Literal["syntax-then-category"] = "syntax-then-category"
    category: SentenceClassifierConfig = SentenceClassifierConfig()
    syntax: Annotated[SyntaxConfig | None, none_if_false] = SyntaxConfig()
    """False in TOML: no parser; the classifier reads the trees of `given`, or none."""
    given: GivenTree | None = None
    """What trees to read in place of a parser's: "left-branching", "right-branching" or "random"."""
    tree_feature: NamedTreeFeature = NamedTreeFeature("GraphConvolution")
    """How the classifier uses the tree."""

    _defaults = field_validator("tree_feature", mode="before")(over_the_default)

    @model_validator(mode="after")
    def _one_source(self) -> SyntaxThenCategoryConfig:
        if self.given is not None and self.syntax is not None:
            raise ValueError(f"syntax: expected false beside given = {self.given!r}, got a parser")
        return self

    @property
    def reads_trees(self) -> bool:
        """Whether the classifier reads trees."""
        return self.syntax is not None or self.given is not None

    @property
    def task_kinds(self) -> dict[str, str]:
        """The category and, with a parser, syntax."""
        return {name: name for name in ("category", self.intermediate) if name is not None}

    @property
    def intermediate(self) -> str | None:
        """Syntax, with a parser."""
        return None if self.syntax is None else "syntax"


class Known(NamedTuple):
    """What is known of the training data: the words of each part, the classes and the labels of arcs."""

    words: Vocabulary
    categories: Labels
    syntax: Vocabulary | None
    labels: Labels | None = None


class SyntaxThenCategory(System):
    """Sentence -> arc scores -> `structured_argmax` -> tree feature -> class.

    The parser and the classifier have encoders of their own. With [tasks.syntax] loss = "none" the trees are latent:
    the gradient of the class is all that the parser learns from.
    """

    kind = "syntax-then-category"
    config_class = SyntaxThenCategoryConfig
    config: SyntaxThenCategoryConfig

    def __init__(
        self,
        config: SyntaxThenCategoryConfig,
        known: Known,
        vectors: Mapping[str, Vectors] | None = None,
        tasks: Mapping[str, Task] | None = None,
    ) -> None:
        super().__init__(config, tasks)
        if (config.syntax is None) != (known.syntax is None):
            raise ValueError("known.syntax: expected words exactly where config.syntax is set")
        vectors = vectors or {}
        self.syntax: SyntacticParser | None = None
        if config.syntax is not None and known.syntax is not None:
            self.syntax = SyntacticParser(config.syntax, known.syntax, known.labels, vectors.get("syntax"))
            self.parse_layer = ParseLayer(self.syntax.structure, config.surrogate.build())
        feature = config.tree_feature if config.reads_trees else None
        self.category = SentenceClassifier(
            config.category, known.words, known.categories, feature, vectors.get("category")
        )

    @classmethod
    def from_sentences(
        cls,
        config: SyntaxThenCategoryConfig,
        tasks: Mapping[str, Task],
        train: Mapping[str, Sequence[Sentence]],
        vectors: Mapping[str, Vectors],
        start: nn.Module | None = None,
    ) -> Self:
        """Make an untrained system: see `System.from_sentences`."""
        task: Any = tasks["category"]  # a `Category`: see `task_kinds`
        check_vectors(vectors.get("category"), "category.encoder.word_dim", config.category.word_dim)
        words = Vocabulary.build(train["category"], vectors.get("category") or (), config.category.freeze_vectors)
        categories = task.category_names(train["category"])
        if len(categories) < 2:
            raise ValueError(f"category: expected sentences of several classes, got {', '.join(categories.names)}")
        syntax = start_of_syntax(config.syntax, tasks.get("syntax"), train.get("syntax", ()), vectors, start)
        system = cls(config, Known(words, categories, *syntax), vectors, tasks)
        if isinstance(start, SyntacticParser) and system.syntax is not None:
            system.syntax.start_from(start)
        return system

    @property
    def known(self) -> Known:
        """What is known of the training data."""
        syntax = (None, None) if self.syntax is None else (self.syntax.vocabulary, self.syntax.labels)
        return Known(self.category.vocabulary, self.category.labels, *syntax)

    def to_vocabulary(self) -> dict[str, Any]:
        """Return words, classes and labels in JSON types."""
        return to_dicts(self.known._asdict())

    @classmethod
    def from_vocabulary(
        cls, config: SyntaxThenCategoryConfig, tasks: Mapping[str, Task], vocabulary: dict[str, Any]
    ) -> Self:
        """Make the system, with random weights, from the result of `to_vocabulary`."""
        syntax, labels = vocabulary["syntax"], vocabulary["labels"]
        known = Known(
            Vocabulary.from_dict(vocabulary["words"]),
            Labels.from_dict(vocabulary["categories"]),
            None if syntax is None else Vocabulary.from_dict(syntax),
            None if labels is None else Labels.from_dict(labels),
        )
        return cls(config, known, tasks=tasks)

    def output(self, batch: Batch, tokens: Tokens, dropped: Tensor, weight: float) -> Any:
        """Return the output of one part; a parser that feeds the classifier has no word dropout."""
        if batch.task == self.config.intermediate:
            return self.parts[batch.task](tokens, dropped)
        if batch.annotated:
            arcs = batch.share(given_arcs(batch.sentences, self.tasks["syntax"].name))
            return self.category(tokens, dropped, arcs=arcs)
        if self.syntax is not None:
            scored = self.syntax(batch.encode(self.syntax)[0])
            return self.category(tokens, dropped, arcs=self._arcs(scored, tokens.lengths, weight))
        return self.category(tokens, dropped, arcs=self._given(batch.sentences, batch))

    def annotate(self, sentences: Sequence[Sentence]) -> list[Sentence] | None:
        """Return the sentences with the trees of the frozen parser; None if the classifier reads relaxed ones."""
        if self.syntax is None or self.config.surrogate.named_class.relaxes:
            return None
        return self.predictions("syntax", sentences)

    def _arcs(self, scored: ScoredArcs, lengths: Tensor, weight: float = 1.0) -> Tensor:
        """Return the tree that the classifier reads; `weight` scales the gradient that it sends through it."""
        assert self.parse_layer is not None
        arcs: Tensor = self.parse_layer(scale_gradient(scored.scores, weight), lengths)
        return arcs

    def _given(self, sentences: Sequence[Sentence], batch: Batch | None = None) -> Tensor | None:
        """Return the trees of `config.given` as arcs; None: the classifier reads none."""
        if self.config.given is None:
            return None
        trees = given_trees(self.config.given, sentences)
        rows = [s.with_tree("given", tree) for s, tree in zip(sentences, trees, strict=True)]
        arcs = given_arcs(rows, "given")
        return arcs.to(self.device) if batch is None else batch.share(arcs)

    def predict(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with a class and, where there is a parser, a tree."""
        parsed, arcs = list(sentences), self._given(sentences)
        if self.syntax is not None:
            scored = self._score(self.syntax, sentences)
            lengths = torch.tensor([len(sentence) for sentence in sentences], device=self.device)
            parsed = self.tasks["syntax"].annotate(parsed, self.syntax.trees(scored, lengths))
            arcs = self._arcs(scored, lengths)
        return self._classify(parsed, arcs)

    def _classify(self, sentences: Sequence[Sentence], arcs: Tensor | None) -> list[Sentence]:
        tokens = self.category.vocabulary.encode(sentences)[0].to(self.device)
        best = self.category(tokens, arcs=arcs).argmax(-1).tolist()
        return self.tasks["category"].annotate(sentences, [self.category.labels.names[k] for k in best])

    def predict_task(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> list[Sentence]:
        """Return the sentences with trees alone, with classes read from given trees, or with all predictions."""
        if annotated and task == "category":
            return self._classify(sentences, given_arcs(sentences, self.tasks["syntax"].name).to(self.device))
        if self.syntax is None or task != "syntax":
            return self.predict(sentences)
        lengths = torch.tensor([len(sentence) for sentence in sentences], device=self.device)
        trees = self.syntax.trees(self._score(self.syntax, sentences), lengths)
        return self.tasks["syntax"].annotate(sentences, trees)

    def _score(self, parser: SyntacticParser, sentences: Sequence[Sentence]) -> ScoredArcs:
        scored: ScoredArcs = parser(parser.vocabulary.encode(sentences)[0].to(self.device))
        return scored
