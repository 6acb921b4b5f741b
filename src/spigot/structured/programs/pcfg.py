"""Context-free grammars with scores: trees whose nodes have symbols, scored by rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from .axes import within
from .program import DynamicProgram
from .value import Value, cat, stack


class PCFGParts(NamedTuple):
    """Scores, how often each is used, expected numbers or candidates (bool) of the parts of a batch of trees.

    The symbols are the nonterminals, followed by the tags.
    """

    tags: Tensor
    """`[batch, position, tag]`: the symbols of tokens; with a vocabulary, log p(word | tag)."""
    spans: Tensor
    """`[batch, first, last, nonterminal]`: the symbols of longer spans, both ends included; zeros in a plain PCFG."""
    rules: Tensor
    """`[batch, nonterminal, symbol, symbol]`: parent, left child, right child; wherever they are used."""
    roots: Tensor
    """`[batch, symbol]`: of the whole; only a sentence of one token is a tag alone."""


@dataclass(frozen=True)
class PCFG(DynamicProgram[PCFGParts]):
    """Binary trees with a symbol at each node, scored by the rules of a grammar in Chomsky normal form.

    Scores are `PCFGParts`; with log-probabilities of rules, `log_partition` is the log-likelihood of the sentence, as
    in compound and neural PCFGs (Kim, Dyer and Rush 2019). `lengths[batch]` counts tokens. Tags, spans and the root of
    a structure are 0/1; rules and their marginals count how often a rule is used, over the whole tree. n tokens, N
    nonterminals and S symbols take O(n³ S² + n² N S²) time.
    """

    form: ClassVar[type] = PCFGParts
    axes: ClassVar[tuple[str, ...]] = (
        "batch position tag",
        "batch position position nonterminal",
        "batch nonterminal symbol symbol",
        "batch symbol",
    )
    counted: ClassVar[str] = "position"
    counts: ClassVar[bool] = True
    none: ClassVar[str] = "no tree"

    def inside(self, scores: PCFGParts, lengths: Tensor) -> PCFGParts:
        """Return which tokens and spans lie within their row; rules need two tokens."""
        if scores.roots.size(1) != scores.spans.size(3) + scores.tags.size(2):
            expected = f"{scores.spans.size(3)} nonterminals and {scores.tags.size(2)} tags"
            raise ValueError(f"scores.roots: expected {expected}, got {scores.roots.size(1)} symbols")
        tokens = within(scores.tags.size(1), lengths)
        upper = torch.ones(tokens.shape[1:] * 2, dtype=torch.bool, device=tokens.device).triu(1)
        spans = tokens[:, None] & upper
        return PCFGParts(
            tokens[..., None], spans[..., None], (lengths > 1)[:, None, None, None], (lengths > 0)[:, None]
        )

    def total(self, scores: Any, lengths: Tensor) -> Value:
        """Return the sum over trees, from short spans to long ones (CKY).

        inside[i, j, A] = span[i, j, A] · Σ_BC rule[A, B, C] · Σ_k inside[i, k, B] · inside[k + 1, j, C]
        """
        batch, tokens, tags = scores.tags.shape
        nonterminals = scores.spans.size(3)
        # by_width[w][:, i] are the spans i .. i + w
        by_width = scores.spans.flip(2).skewed().flip(2)[:, :, tokens - 1 :].unbind(2)
        widest = cat([scores.tags.zero(batch, tokens, nonterminals), scores.tags], 2)
        first = [widest[:, 0]]
        # Of spans of all widths so far: left[:, i] those that begin at i, right[:, i] those that end at width + i.
        left = right = widest[:, :, None]
        for width in range(1, tokens):
            left, right = left[:, :-1], right[:, 1:]
            pairs = (left[..., None] * right.flip(2)[:, :, :, None]).sum(2)
            parents = (scores.rules[:, None] * pairs[:, :, None]).sum(-1).sum(-1) * by_width[width][:, : tokens - width]
            widest = cat([parents, parents.zero(batch, tokens - width, tags)], 2)
            first.append(widest[:, 0])
            left, right = (cat([chart, widest[:, :, None]], 2) for chart in (left, right))
        return (stack(first, 1).at(lengths - 1) * scores.roots).sum(1)
