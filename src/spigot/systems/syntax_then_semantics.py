"""The paper's first system: a semantic parser with a hard syntactic parse in its middle (Figure 2, section 4.1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor

from spigot.data.sentence import Sentence, Tree
from spigot.data.vocabulary import Roles, Tokens, Vocabulary
from spigot.models.config import SystemConfig
from spigot.models.semantic_parser import SemanticParser
from spigot.models.syntactic_parser import SyntacticParser
from spigot.structured import ProjectiveTree, StructuredArgmax, arcs_to_heads
from spigot.structured.structures.semantic_graph import SemanticGraphParts
from spigot.systems.base import JointSystem, scale_gradient


class Vocabularies(NamedTuple):
    """What each parser knows of words: nothing is shared. `syntax` is None in a system without syntax."""

    semantics: Vocabulary
    roles: Roles
    syntax: Vocabulary | None


class SyntaxThenSemantics(JointSystem):
    """Sentence -> syntactic arc scores -> `structured_argmax` -> head features -> semantic parts.

    Without `config.syntax` it is the semantic parser alone (NeurboParser).
    """

    kind = "syntax-then-semantics"
    config: SystemConfig

    def __init__(
        self,
        config: SystemConfig,
        vocabularies: Vocabularies,
        vectors: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        if (config.syntax is None) != (vocabularies.syntax is None):
            raise ValueError("vocabularies.syntax: expected one exactly where config.syntax is set")
        self.config = config
        self.tree = ProjectiveTree(single_root=config.single_root)
        self.syntax: SyntacticParser | None = None
        if config.syntax is not None and vocabularies.syntax is not None:
            self.syntax = SyntacticParser(config.syntax, vocabularies.syntax, vectors)
        self.parse_layer = StructuredArgmax(self.tree, config.surrogate.build())
        self.semantics = SemanticParser(
            config.semantics,
            vocabularies.semantics,
            vocabularies.roles,
            None if config.syntax is None else config.tree_feature,
            vectors,
        )

    def to_vocabulary(self) -> dict[str, Any]:
        """Return the JSON description of all that the parsers know of words."""
        parts = self.vocabularies._asdict()
        return {name: None if part is None else part.to_dict() for name, part in parts.items()}

    @classmethod
    def rebuild(cls, config: dict[str, Any], vocabulary: dict[str, Any]) -> Self:
        """Make the model, with random weights, from the two descriptions."""
        syntax = vocabulary["syntax"]
        vocabularies = Vocabularies(
            Vocabulary.from_dict(vocabulary["semantics"]),
            Roles.from_dict(vocabulary["roles"]),
            None if syntax is None else Vocabulary.from_dict(syntax),
        )
        return cls(SystemConfig.model_validate(config["system"]), vocabularies)

    @property
    def vocabularies(self) -> Vocabularies:
        """What the two parsers know of words."""
        syntax = None if self.syntax is None else self.syntax.vocabulary
        return Vocabularies(self.semantics.vocabulary, self.semantics.roles, syntax)

    def forward(
        self,
        tokens: Tokens,
        syntax_tokens: Tokens | None = None,
        dropped: Tensor | None = None,
        end_task_weight: float = 1.0,
    ) -> tuple[SemanticGraphParts, Tensor | None]:
        """Return the scores of the semantic parts, and `arc_scores` of the syntactic parser.

        `syntax_tokens` are the same sentences in the syntactic parser's own numbers. `end_task_weight`
        scales the gradient that the end task sends through the argmax; 0 stops it.
        """
        if self.syntax is None:
            return self.semantics(tokens, dropped), None
        if syntax_tokens is None:
            raise ValueError("syntax_tokens: expected the batch in the syntactic parser's numbers, got None")
        arc_scores = self.syntax(syntax_tokens)
        arcs = self.parse_layer(scale_gradient(arc_scores, end_task_weight), tokens.lengths)
        return self.semantics(tokens, dropped, arcs), arc_scores

    def encode(self, sentences: Sequence[Sentence]) -> tuple[Tokens, Tokens | None]:
        """Turn sentences into each parser's numbers, on the model's device."""
        tokens, _ = self.semantics.vocabulary.encode(sentences)
        if self.syntax is None:
            return tokens.to(self.device), None
        syntax_tokens, _ = self.syntax.vocabulary.encode(sentences)
        return tokens.to(self.device), syntax_tokens.to(self.device)

    @torch.inference_mode()
    def parse(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with predicted graphs and, where there is a syntactic parser, trees.

        Trees are unlabelled ("_"). One batch: callers split what is too large for memory.
        """
        tokens, syntax_tokens = self.encode(sentences)
        parts, arc_scores = self(tokens, syntax_tokens)
        graphs = self.semantics.graphs(self.semantics.decode(parts, tokens.lengths), sentences)
        parsed = [dataclasses.replace(s, graph=g) for s, g in zip(sentences, graphs, strict=True)]
        if arc_scores is None:
            return parsed
        return _with_trees(parsed, arcs_to_heads(self.tree.argmax(arc_scores, tokens.lengths)))

    @torch.inference_mode()
    def parse_syntax(self, sentences: Sequence[Sentence]) -> list[Sentence]:
        """Return the sentences with predicted trees alone."""
        if self.syntax is None:
            raise ValueError("parse_syntax: expected a system with a syntactic parser, got one without")
        tokens, _ = self.syntax.vocabulary.encode(sentences)
        tokens = tokens.to(self.device)
        return _with_trees(sentences, arcs_to_heads(self.tree.argmax(self.syntax(tokens), tokens.lengths)))


def _with_trees(sentences: Sequence[Sentence], heads: Tensor) -> list[Sentence]:
    rows = heads.cpu().tolist()
    return [
        dataclasses.replace(s, tree=Tree(tuple(row[1 : len(s) + 1]), ("_",) * len(s)))
        for s, row in zip(sentences, rows, strict=True)
    ]
