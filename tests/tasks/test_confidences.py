"""Confidences against sums over all trees, and over all graphs."""

import itertools

import pytest
import torch

from spigot.data.sentence import Arc, Graph, Sentence, Tree
from spigot.structured import Budget, NonProjectiveTree, ProjectiveTree, SemanticGraph, SemanticGraphParts
from spigot.tasks.semantics import Semantics, arc_marginals
from spigot.tasks.syntax import Syntax
from tests.contracts.test_systems import EXAMPLES
from tests.models.tiny import SENTENCES

N = 3


def bare(n=N):
    return Sentence("1", ("a",) * n, ("_",) * n, ("_",) * n)


class Labels(dict):
    """What the tasks need of a part's labels."""

    @property
    def names(self):
        return self


class Part:
    """A part with scores of its own, in place of a network."""

    def __init__(self, structure, labels, label_scores=None):
        self.structure, self.labels, self.roles = structure, labels, labels
        self.label_scores = lambda states, heads: label_scores

    def predictable(self, parts):
        return parts


def all_trees():
    """All heads of three tokens that form a tree, and whether it is projective."""
    for heads in itertools.product(range(N + 1), repeat=N):
        reached = {0}
        while any(h in reached and m not in reached for m, h in enumerate(heads, 1)):
            reached |= {m for m, h in enumerate(heads, 1) if h in reached}
        if len(reached) == N + 1:
            yield heads, Tree(heads, ("_",) * N).is_projective


@pytest.mark.parametrize("structure", [ProjectiveTree(), NonProjectiveTree()])
def test_heads_have_their_marginals(structure):
    torch.manual_seed(0)
    scores = torch.randn(1, N + 1, N + 1, dtype=torch.float64)
    labels = torch.randn(1, N + 1, 2)
    members = [h for h, projective in all_trees() if projective or isinstance(structure, NonProjectiveTree)]
    members = [h for h in members if h.count(0) == 1 or structure.contains(_arcs(h)).item()]
    weights = torch.stack([sum(scores[0, h, m] for m, h in enumerate(heads, 1)) for heads in members]).softmax(0)
    heads = members[5]
    expected = [sum(w for w, other in zip(weights, members, strict=True) if other[m] == heads[m]) for m in range(N)]
    predicted = bare().with_tree("syntax", Tree(heads, ("x", "y", "x")))
    part = Part(structure, Labels(x=0, y=1), labels)
    output = type("Output", (), {"scores": scores, "states": None})
    (found,) = Syntax().confidences(part, output, [predicted], torch.tensor([N]))
    assert found.arcs == pytest.approx([float(p) for p in expected], abs=1e-6)
    rows = labels[0, 1:].softmax(-1)
    assert found.labels == pytest.approx([float(rows[0, 0]), float(rows[1, 1]), float(rows[2, 0])])


def test_without_marginals_heads_have_the_softmax_of_their_scores():
    scores = torch.randn(1, N + 1, N + 1, dtype=torch.float64)
    structure = Budget(ProjectiveTree(), torch.ones(1, N + 1, N + 1), float(N))
    predicted = bare().with_tree("syntax", Tree((0, 1, 1), ("_",) * N))
    output = type("Output", (), {"scores": scores, "states": None})
    (found,) = Syntax(labels=False).confidences(Part(structure, None), output, [predicted], torch.tensor([N]))
    inside = scores[0].masked_fill(torch.eye(N + 1, dtype=torch.bool), -torch.inf).softmax(0)
    assert found.arcs == pytest.approx([float(inside[head, m]) for m, head in enumerate((0, 1, 1), 1)])


def _arcs(heads):
    arcs = torch.zeros(1, N + 1, N + 1)
    for modifier, head in enumerate(heads, 1):
        arcs[0, head, modifier] = 1
    return arcs


def test_arcs_have_their_marginals_over_all_graphs():
    torch.manual_seed(0)
    n, roles = 2, 2
    parts = SemanticGraphParts(torch.randn(1, n + 1), torch.randn(1, n + 1, n + 1), torch.randn(1, n + 1, n + 1, roles))
    parts.labels[0, 1, 2, 0] = -torch.inf
    structure = SemanticGraph((False,) * roles)
    pairs = [(h, m) for h in range(n + 1) for m in range(1, n + 1) if h != m]
    total, arc, labelled = 0.0, dict.fromkeys(pairs, 0.0), {}
    for predicates in itertools.product([False, True], repeat=n + 1):
        for choice in itertools.product(range(-1, roles), repeat=len(pairs)):
            chosen = {pair: role for pair, role in zip(pairs, choice, strict=True) if role >= 0}
            if any(not predicates[h] for h, _ in chosen):
                continue
            score = parts.predicates[0][torch.tensor(predicates)].sum()
            score = score + sum(parts.arcs[0, h, m] + parts.labels[0, h, m, r] for (h, m), r in chosen.items())
            weight = float(score.exp()) if chosen or any(predicates) else 1.0
            total += weight
            for pair, role in chosen.items():
                arc[pair] += weight
                labelled[pair, role] = labelled.get((pair, role), 0.0) + weight
    arcs, labels = arc_marginals(parts, structure.part_mask(parts, torch.tensor([n])))
    for h, m in pairs:
        assert float(arcs[0, h, m]) == pytest.approx(arc[h, m] / total, rel=1e-4)
        for role in range(roles):
            expected = labelled.get(((h, m), role), 0.0) / arc[h, m]
            assert float(labels[0, h, m, role]) == pytest.approx(expected, rel=1e-4)
    assert not arcs[0, :, 0].any()
    given, _ = arc_marginals(parts, structure.part_mask(parts, torch.tensor([n])), apart=True)
    scores = [parts.arcs[0, 0, 1] + parts.labels[0, 0, 1, role] for role in range(roles)]
    assert float(given[0, 0, 1]) == pytest.approx(1 - float(torch.tensor([0, *scores]).softmax(0)[0]), rel=1e-5)
    predicted = bare(n).with_graph("dm", Graph((Arc(0, 2, "x"), Arc(2, 1, "y")), frozenset({2})))
    part = Part(structure, Labels(x=0, y=1))
    (found,) = Semantics(name="dm").confidences(part, parts, [predicted], torch.tensor([n]))
    assert found.arcs == pytest.approx((float(arcs[0, 0, 2]), float(arcs[0, 2, 1])))
    assert found.labels == pytest.approx((float(labels[0, 0, 2, 0]), float(labels[0, 2, 1, 1])))


@pytest.mark.parametrize("example", [*EXAMPLES.values()])
def test_a_system_gives_them_when_asked(example):
    system = example()
    without = system.parse(SENTENCES[:6])
    parsed = system.parse(SENTENCES[:6], confidence=True)
    assert parsed == without
    assert not any(sentence.confidences for sentence in without)
    for sentence in parsed:
        for name in system.tasks:
            found = sentence.confidences.get(name)
            if name == "sentiment":
                assert found is None
                continue
            of_labels = {"tags": len(sentence), "categories": 1}
            if system.tasks[name].outputs in of_labels:
                assert len(found.labels) == of_labels[system.tasks[name].outputs]
                continue
            n = len(sentence.graphs[name].arcs) if name in sentence.graphs else len(sentence)
            assert len(found.arcs) == len(found.labels) == n
            assert all(0 <= number <= 1.000001 for number in found.arcs + found.labels)
    # Rows do not depend on their neighbours.
    alone = [system.parse([sentence], confidence=True)[0] for sentence in SENTENCES[:6]]
    for one, other in zip(alone, parsed, strict=True):
        for name, confidence in one.confidences.items():
            assert confidence.arcs == pytest.approx(other.confidences[name].arcs, abs=1e-5)
