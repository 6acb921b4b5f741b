"""DT: dependency trees over tokens, from the tree of a derivation's leaves (Ivanova et al. 2012)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .derivation import Leaf
from .drops import Dropped, Reason
from .tokens import Token, is_lets

ROOT, EXPRESSION, PUNCTUATION = "root", "mwe", "punct"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A token's place in the tree: its head (from 1; 0 is the root), the label, and the full name of the rule."""

    head: int
    label: str
    rule: str = ""


def leaf_tokens(tokens: Sequence[Token], leaves: Sequence[Leaf]) -> list[list[int]]:
    """Return for each leaf the indices of the tokens that it overlaps.

    Raises:
        Dropped: a leaf has no token, or a token no leaf.
    """
    covered = [[index for index, token in enumerate(tokens) if token.overlaps(leaf.start, leaf.end)] for leaf in leaves]
    if not all(covered) or len({index for indices in covered for index in indices}) < len(tokens):
        raise Dropped(
            Reason.UNREADABLE, "derivation_tree: expected leaves over all tokens, and a token under each leaf"
        )
    return covered


def attachments(tokens: Sequence[Token], leaves: Sequence[Leaf], covered: Sequence[Sequence[int]]) -> list[Attachment]:
    """Return the attachment of each token.

    Args:
        tokens: the tokens.
        leaves: the leaves of the derivation.
        covered: the tokens of each leaf, as `leaf_tokens` gives them.
    """
    owners: dict[int, int] = {}
    # The leaf nearest to the root owns the token; of several, the first.
    for leaf in sorted(range(len(leaves)), key=lambda index: (-leaves[index].depth, -index)):
        owners.update(dict.fromkeys(covered[leaf], leaf))
    heads = [_head_token(tokens, leaf, indices) for leaf, indices in zip(leaves, covered, strict=True)]
    return [_attachment(token, tokens, leaves, heads, owners[token]) for token in range(len(tokens))]


def _attachment(
    token: int, tokens: Sequence[Token], leaves: Sequence[Leaf], heads: Sequence[int], owner: int
) -> Attachment:
    if heads[owner] != token:
        return Attachment(heads[owner] + 1, PUNCTUATION if tokens[token].is_punctuation else EXPRESSION)
    leaf = leaves[owner]
    if leaf.governor is None:
        return Attachment(0, ROOT)
    return Attachment(heads[leaf.governor] + 1, label_of(leaf.rule), leaf.rule)


def label_of(rule: str) -> str:
    """Return the label of the arcs that a rule makes: its construction, without the variant."""
    if "_crd" in rule:
        return "crd"
    return "runon" if "runon" in rule else rule.partition("_")[0]


def _head_token(tokens: Sequence[Token], leaf: Leaf, indices: Sequence[int]) -> int:
    """Return the token that stands for a leaf of one or more tokens."""
    words = [index for index in indices if not tokens[index].is_punctuation] or indices
    forms = [tokens[index].form.lower() for index in indices]
    return words[0 if "neg" in leaf.entry or is_lets(forms) else -1]
