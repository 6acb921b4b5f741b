"""The paper's first system: a semantic parser that reads a hard syntactic parse (Figure 2, section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

from torch import Tensor, nn

from spigot.data.sentence import Sentence
from spigot.data.vocabulary import Labels, Roles, Tokens, Vocabulary
from spigot.models.config import NamedTreeFeature, ParserConfig, SyntaxConfig
from spigot.models.semantic_parser import SemanticParser
from spigot.models.syntactic_parser import SyntacticParser, given_arcs
from spigot.models.tree_scorer import ScoredArcs
from spigot.structured import SemanticGraphParts
from spigot.systems.base import System, Vectors, check_vectors, to_dicts
from spigot.systems.batch import Batch
from spigot.systems.config import SystemConfig, none_if_false
from spigot.systems.gradient import scale_gradient
from spigot.systems.parse_layer import ParseLayer
from spigot.systems.syntax_words import start_of_syntax
from spigot.tasks.base import Task


class SyntaxThenSemanticsConfig(SystemConfig):
    """A semantic parser and, unless `syntax` is None, a syntactic parser that feeds it through `surrogate`."""

    needs_intermediate = ("surrogate", "tree_feature")

    kind: Literal["syntax-then-semantics"] = "syntax-then-semantics"
    semantics: ParserConfig = ParserConfig()
    syntax: Annotated[SyntaxConfig | None, none_if_false] = SyntaxConfig()
    """False in TOML: no syntactic parser (NeurboParser alone)."""
    prune_by_tags: bool = True
    """Whether a semantic role is a candidate only for the pairs of tags that it has in the training data."""
    tree_feature: NamedTreeFeature = NamedTreeFeature("Concatenation")
    """How the semantic parser uses the tree."""

    @property
    def task_kinds(self) -> dict[str, str]:
        """Semantics and, with a syntactic parser, syntax."""
        return {name: name for name in ("semantics", self.intermediate) if name is not None}

    @property
    def intermediate(self) -> str | None:
        """Syntax, with a syntactic parser."""
        return None if self.syntax is None else "syntax"


class Vocabularies(NamedTuple):
    """The vocabularies of the parsers, which share nothing; `syntax` is None in a system without syntax.

    `labels` are those of syntactic arcs; None: arcs have no labels.
    """

    semantics: Vocabulary
    roles: Roles
    syntax: Vocabulary | None
    labels: Labels | None = None


class SyntaxThenSemantics(System):
    """Sentence -> syntactic arc scores -> `structured_argmax` -> head features -> semantic parts.

    The semantic parser reads arcs without labels, as published; labels are predicted beside.

    Without `config.syntax` it is the semantic parser alone (NeurboParser).
    """

    kind = "syntax-then-semantics"
    config_class = SyntaxThenSemanticsConfig
    config: SyntaxThenSemanticsConfig

    def __init__(
        self,
        config: SyntaxThenSemanticsConfig,
        vocabularies: Vocabularies,
        vectors: Mapping[str, Vectors] | None = None,
        tasks: Mapping[str, Task] | None = None,
    ) -> None:
        super().__init__(config, tasks)
        if (config.syntax is None) != (vocabularies.syntax is None):
            raise ValueError("vocabularies.syntax: expected one exactly where config.syntax is set")
        vectors = vectors or {}
        words, roles, syntax_known, labels = vocabularies
        self.syntax: SyntacticParser | None = None
        if config.syntax is not None and syntax_known is not None:
            self.syntax = SyntacticParser(config.syntax, syntax_known, labels, vectors.get("syntax"))
            self.parse_layer = ParseLayer(self.syntax.structure, config.surrogate.build())
        feature = None if config.syntax is None else config.tree_feature
        self.semantics = SemanticParser(config.semantics, words, roles, feature, vectors.get("semantics"))

    @classmethod
    def from_sentences(
        cls,
        config: SyntaxThenSemanticsConfig,
        tasks: Mapping[str, Task],
        train: Mapping[str, Sequence[Sentence]],
        vectors: Mapping[str, Vectors],
        start: nn.Module | None = None,
    ) -> Self:
        """Make an untrained system: see `System.from_sentences`."""
        task: Any = tasks["semantics"]  # a `Semantics`: see `task_kinds`
        check_vectors(vectors.get("semantics"), "semantics.encoder.word_dim", config.semantics.word_dim)
        words = Vocabulary.build(train["semantics"], vectors.get("semantics") or ())
        syntax = start_of_syntax(config.syntax, tasks.get("syntax"), train.get("syntax", ()), vectors, start)
        system = cls(config, Vocabularies(words, task.roles(train["semantics"]), *syntax), vectors, tasks)
        if config.prune_by_tags:
            system.semantics.tag_pairs.observe(train["semantics"], task.name)
        if isinstance(start, SyntacticParser) and system.syntax is not None:
            system.syntax.start_from(start)
        return system

    def admit(self, train: Mapping[str, Sequence[Sentence]]) -> None:
        """Allow the roles between tags that the training graphs have."""
        if self.config.prune_by_tags and "semantics" in train:
            self.semantics.tag_pairs.admit(train["semantics"], self.tasks["semantics"].name)

    def to_vocabulary(self) -> dict[str, Any]:
        """Return the vocabularies in JSON types."""
        return to_dicts(self.vocabularies._asdict())

    @classmethod
    def from_vocabulary(
        cls, config: SyntaxThenSemanticsConfig, tasks: Mapping[str, Task], vocabulary: dict[str, Any]
    ) -> Self:
        """Make the system, with random weights, from the result of `to_vocabulary`."""
        syntax, labels = vocabulary["syntax"], vocabulary["labels"]
        vocabularies = Vocabularies(
            Vocabulary.from_dict(vocabulary["semantics"]),
            Roles.from_dict(vocabulary["roles"]),
            None if syntax is None else Vocabulary.from_dict(syntax),
            None if labels is None else Labels.from_dict(labels),
        )
        return cls(config, vocabularies, tasks=tasks)

    @property
    def vocabularies(self) -> Vocabularies:
        """The vocabularies of the parsers."""
        syntax = (None, None) if self.syntax is None else (self.syntax.vocabulary, self.syntax.labels)
        return Vocabularies(self.semantics.vocabulary, self.semantics.roles, *syntax)

    def forward(
        self,
        tokens: Tokens,
        syntax_tokens: Tokens | None = None,
        dropped: Tensor | None = None,
        end_task_weight: float = 1.0,
    ) -> tuple[SemanticGraphParts, ScoredArcs | None]:
        """Return the scores of the semantic parts, and the output of the syntactic parser.

        `syntax_tokens` are the same sentences, encoded with the syntactic parser's vocabulary. `end_task_weight`
        scales the gradient that the end task sends through the argmax; 0 stops it.
        """
        if self.syntax is None or self.parse_layer is None:
            return self.semantics(tokens, dropped), None
        if syntax_tokens is None:
            raise ValueError("syntax_tokens: expected tokens of the syntactic parser's vocabulary, got None")
        scored: ScoredArcs = self.syntax(syntax_tokens)
        arcs = self.parse_layer(scale_gradient(scored.scores, end_task_weight), tokens.lengths)
        return self.semantics(tokens, dropped, arcs), scored

    def output(self, batch: Batch, tokens: Tokens, dropped: Tensor, weight: float) -> Any:
        """Return the output of one parser; a syntactic parser that feeds the semantic one has no word dropout."""
        if batch.task == self.config.intermediate:
            return self.parts[batch.task](tokens, dropped)
        if batch.annotated:
            arcs = batch.share(given_arcs(batch.sentences, self.tasks["syntax"].name))
            return self.semantics(tokens, dropped, arcs)
        syntax_tokens = None if self.syntax is None else batch.encode(self.syntax)[0]
        return self(tokens, syntax_tokens, dropped, weight)[0]

    def annotate(self, sentences: Sequence[Sentence]) -> list[Sentence] | None:
        """Return the sentences with the trees of the frozen parser; None if the semantic parser reads relaxed ones."""
        if self.syntax is None or self.config.surrogate.named_class.relaxes:
            return None
        return self.predictions("syntax", sentences)

    def encode(self, sentences: Sequence[Sentence]) -> tuple[Tokens, Tokens | None]:
        """Encode sentences with each parser's vocabulary, on the model's device."""
        tokens, _ = self.semantics.vocabulary.encode(sentences)
        if self.syntax is None:
            return tokens.to(self.device), None
        syntax_tokens, _ = self.syntax.vocabulary.encode(sentences)
        return tokens.to(self.device), syntax_tokens.to(self.device)

    def predict(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with graphs and, where there is a syntactic parser, trees."""
        tokens, syntax_tokens = self.encode(sentences)
        parts, scored = self(tokens, syntax_tokens)
        parsed = self._with_graphs(sentences, parts, tokens.lengths)
        return parsed if scored is None else self._with_trees(parsed, scored, tokens.lengths)

    def predict_task(self, task: str, sentences: Sequence[Sentence], annotated: bool = False) -> list[Sentence]:
        """Return the sentences with trees alone, with graphs read from given trees, or with all predictions."""
        if annotated and task == "semantics":
            tokens = self.semantics.vocabulary.encode(sentences)[0].to(self.device)
            arcs = given_arcs(sentences, self.tasks["syntax"].name).to(self.device)
            return self._with_graphs(sentences, self.semantics(tokens, syntax=arcs), tokens.lengths)
        if self.syntax is None or task != "syntax":
            return self.predict(sentences)
        tokens = self.syntax.vocabulary.encode(sentences)[0].to(self.device)
        return self._with_trees(sentences, self.syntax(tokens), tokens.lengths)

    def _with_graphs(self, sentences: Sequence[Sentence], parts: SemanticGraphParts, lengths: Tensor) -> list[Sentence]:
        graphs = self.semantics.graphs(self.semantics.decode(parts, lengths), sentences)
        return self.tasks["semantics"].annotate(sentences, graphs)

    def _with_trees(self, sentences: Sequence[Sentence], scored: ScoredArcs, lengths: Tensor) -> list[Sentence]:
        assert self.syntax is not None
        return self.tasks["syntax"].annotate(sentences, self.syntax.trees(scored, lengths))
