"""The semantic arcs of a derivation, by rules that look at one word and its dependents.

1. An argument: a word's `roles` name the arc from it to what the dependent denotes.
2. A modifier: its `relation` names the arc from it to the word that it modifies; negation takes the whole
   phrase, with its modal.
3. Coordination: a chain of `conj` arcs through the conjuncts, the last of which is named after the
   conjunction (`_and_c`).

Everything else (auxiliaries, complementizers, relative pronouns, selected prepositions, punctuation) is
empty. Control, raising, relative clauses and long distances need no rule of their own: unexpressed arguments
are dependents like others, and denote their antecedents.
"""

from __future__ import annotations

from collections.abc import Iterator

from spigot.builtin.derivation import Node, nodes


def semantic_arcs(root: Node) -> Iterator[tuple[Node, Node, str]]:
    """(head, modifier, label) for each arc; an arc may come twice (a fronted object and its trace)."""
    for node, _ in nodes(root):
        conjuncts = [node]
        conjunction = ""
        for child in node.dependents:
            if child.relation:
                yield child, node.denotation if child.relation == "neg" else node, child.relation
            elif child.label in node.roles and child.denotation.form:
                yield node, child.denotation, node.roles[child.label]
            elif child.label == "conj":
                conjuncts.append(child)
            elif child.label == "cc":
                conjunction = child.lemma
        for position in range(1, len(conjuncts)):
            label = f"_{conjunction}_c" if position == len(conjuncts) - 1 else "conj"
            yield conjuncts[position - 1].denotation, conjuncts[position].denotation, label


def top(root: Node) -> Node:
    """The word that the sentence as a whole denotes."""
    return root.denotation
