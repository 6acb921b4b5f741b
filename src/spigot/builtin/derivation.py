"""Derivations of the grammar: words with their dependents in surface order, including unexpressed arguments.

The dependency tree and the semantic graph are both read off this structure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

NO_ROLES: Mapping[str, str] = {}


@dataclass(eq=False, slots=True)
class Node:
    """A word, or (with an empty form) an unexpressed argument, with its dependents in surface order.

    The semantics of a word lies in four fields:

    - `roles` gives the roles of its arguments by their dependency labels;
    - `relation` is the label of the arc from this word to the word that it modifies, "" if it is no modifier;
    - `alias` is the node that this one stands for: the controller of an unexpressed subject, the noun of a
      relative pronoun, the object of a preposition without meaning of its own;
    - `outer` is the word that the phrase as a whole denotes, where that is not its head: a modal, a copula.
    """

    form: str
    lemma: str
    tag: str
    label: str = "root"
    roles: Mapping[str, str] = field(default_factory=lambda: NO_ROLES)
    relation: str = ""
    alias: Node | None = None
    outer: Node | None = None
    kind: str = ""
    agreement: str = "sg"
    polarity: int = 0
    reverses: bool = False
    left: list[Node] = field(default_factory=list)
    right: list[Node] = field(default_factory=list)

    def before(self, child: Node, label: str) -> Node:
        """Add the next dependent on the left, in surface order; returns it."""
        child.label = label
        self.left.append(child)
        return child

    def after(self, child: Node, label: str) -> Node:
        """Add the next dependent on the right, in surface order; returns it."""
        child.label = label
        self.right.append(child)
        return child

    @property
    def dependents(self) -> list[Node]:
        """All dependents in surface order, unexpressed ones too."""
        return self.left + self.right

    @property
    def denotation(self) -> Node:
        """The word that stands for this phrase where it is an argument."""
        node = self
        while node.alias is not None:
            node = node.alias
        return node.outer or node


def trace(antecedent: Node) -> Node:
    """An unexpressed argument that stands for the antecedent."""
    return Node("", "", "", alias=antecedent, kind=antecedent.kind, agreement=antecedent.agreement)


def subject_of(head: Node) -> Node:
    """The subject of a predicate, expressed or not."""
    return next(child for child in head.left if child.label in ("nsubj", "nsubjpass"))


def comma() -> Node:
    """A comma; the sentence drops it before other punctuation."""
    return Node(",", ",", ",")


def nodes(root: Node) -> Iterator[tuple[Node, Node | None]]:
    """All nodes below and including the root with their governors, in surface order."""
    stack: list[tuple[Node, Node | None, bool]] = [(root, None, False)]
    while stack:
        node, governor, open_ = stack.pop()
        if open_ or not (node.left or node.right):
            yield node, governor
            continue
        stack.extend((child, node, False) for child in reversed(node.right))
        stack.append((node, governor, True))
        stack.extend((child, node, False) for child in reversed(node.left))
