"""From a derivation to a sentence: its surface, tree and graph."""

from __future__ import annotations

from collections.abc import Mapping

from spigot.builtin.derivation import Node, nodes
from spigot.builtin.morphology import indefinite
from spigot.builtin.semantics import semantic_arcs, top
from spigot.data.sentence import SEMANTICS, SYNTAX, TOP, Arc, Graph, Sentence, Tree


def realize(root: Node, id_: str, sentiment: int | None = None) -> Sentence:
    """The sentence of a derivation: its surface, tree and graph."""
    overt = [(node, governor) for node, governor in nodes(root) if node.form]
    following = [*overt[1:], (None, None)]
    overt = [
        pair
        for pair, (after, _) in zip(overt, following, strict=True)
        if not (pair[0].form == "," and after is not None and after.label == "punct")
    ]
    position = {id(node): index for index, (node, _) in enumerate(overt, start=1)}
    forms = [node.form for node, _ in overt]
    for index, (node, _) in enumerate(overt[:-1]):
        if node.label == "det" and node.form == "a":
            forms[index] = indefinite(forms[index + 1])
    forms[0] = forms[0][:1].upper() + forms[0][1:]
    heads = tuple(position[id(governor)] if governor is not None else 0 for _, governor in overt)
    return Sentence(
        id=id_,
        forms=tuple(forms),
        lemmas=tuple(node.lemma for node, _ in overt),
        tags=tuple(node.tag for node, _ in overt),
        trees={SYNTAX: Tree(heads, tuple(node.label for node, _ in overt))},
        graphs={SEMANTICS: _graph(root, position)},
        sentiment=sentiment,
    )


def _graph(root: Node, position: Mapping[int, int]) -> Graph:
    arcs = {Arc(position[id(head)], position[id(modifier)], label) for head, modifier, label in semantic_arcs(root)}
    predicates = frozenset(arc.head for arc in arcs)
    arcs.add(Arc(0, position[id(top(root))], TOP))
    return Graph(tuple(sorted(arcs)), predicates)
