from itertools import product

import numpy as np
import pytest
import torch

import spigot
from spigot import NonProjectiveTree, ProjectiveTree, SingleHead
from tests.oracles import qp, trees

INF = float("inf")
KINDS = [
    kind(single_root, labels=True) for kind in (ProjectiveTree, NonProjectiveTree) for single_root in (True, False)
]
every_kind = pytest.mark.parametrize("tree", KINDS, ids=repr)


def random_scores(*shape, seed=0, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def all_labelled(tree, scores):
    """Return all labelled trees of one sentence and their scores."""
    nodes, labels = scores.size(0), scores.size(2)
    plain = trees.all_trees(nodes - 1, projective=tree.projective, single_root=tree.single_root)
    found = torch.zeros(len(plain) * labels ** (nodes - 1), *scores.shape, dtype=torch.float64)
    for row, (heads, of_arcs) in enumerate(product(plain, product(range(labels), repeat=nodes - 1))):
        for modifier, (head, label) in enumerate(zip(heads, of_arcs, strict=True), start=1):
            found[row, head, modifier, label] = 1
    return found, torch.where(found > 0, scores, 0.0).flatten(1).sum(1)


@every_kind
@pytest.mark.parametrize(("tokens", "labels"), [(1, 3), (3, 2), (3, 1)])
def test_all_labelled_trees(tree, tokens, labels):
    scores = random_scores(4, tokens + 1, tokens + 1, labels, seed=tokens)
    mask = torch.rand(scores.shape, generator=torch.Generator().manual_seed(1)) < 0.9
    mask[:2] = True
    mask[:, 0, 1, 0] = True
    best, marginals = tree.argmax(scores, None, mask), tree.marginals(scores, None, mask)
    log_z, entropy = tree.log_partition(scores, None, mask), tree.entropy(scores, None, mask)
    for row in range(4):
        everything, totals = all_labelled(tree, scores[row].masked_fill(~mask[row], -INF))
        p = totals.softmax(0)
        assert torch.equal(best[row], everything[totals.argmax()])
        assert torch.isclose(log_z[row], totals.logsumexp(0))
        assert torch.allclose(marginals[row], torch.einsum("t,thml->hml", p, everything))
        assert torch.isclose(entropy[row], torch.special.entr(p).sum(), atol=1e-9)
        one_row = (scores[row : row + 1], everything[totals.argmin() : totals.argmin() + 1], None, mask[row : row + 1])
        assert torch.isclose(tree.log_prob(*one_row)[0], totals.min() - log_z[row])


@every_kind
def test_one_label_is_none(tree):
    plain = type(tree)(tree.single_root)
    scores, lengths = random_scores(3, 6, 6, scale=3.0).float(), torch.tensor([5, 2, 4])
    for name in ("argmax", "marginals", "log_partition", "entropy"):
        found = getattr(tree, name)(scores[..., None], lengths)
        expected = getattr(plain, name)(scores, lengths)
        assert torch.allclose(found, expected.view(found.shape), atol=1e-6), name
    projected = SingleHead(labels=True).project(scores[..., None], lengths)
    assert torch.allclose(projected[..., 0], SingleHead().project(scores, lengths), atol=1e-6)


@every_kind
def test_samples_have_the_right_joint_distribution(tree):
    scores, count = random_scores(1, 3, 3, 2, seed=2), 20_000
    everything, totals = all_labelled(tree, scores[0])
    p = totals.softmax(0)
    samples = tree.sample(scores.expand(count, -1, -1, -1), generator=torch.Generator().manual_seed(0))
    share = (samples.flatten(1)[:, None] == everything.flatten(1)).all(2).double().mean(0)
    assert share.sum() == 1
    assert ((share - p).abs() < 5 * (p * (1 - p) / count).sqrt()).all()


def test_single_head_by_a_general_solver():
    point = random_scores(1, 4, 4, 3, seed=3, scale=0.5)
    found = SingleHead(labels=True).project(point)[0]
    for modifier in range(1, 4):
        heads = [head for head in range(4) if head != modifier]
        expected = qp.project_onto_simplex(point[0, heads, modifier].flatten().numpy())
        assert np.allclose(found[heads, modifier].flatten(), expected, atol=1e-6)
    assert found.sum() == pytest.approx(3)


def test_the_hull_by_a_general_solver():
    for tree in KINDS:
        point = random_scores(1, 4, 4, 2, seed=4, scale=0.4)
        everything, _ = all_labelled(tree, point[0])
        inside = tree.part_mask(point)[0]
        expected = qp.project_onto_hull(point[0][inside].numpy(), everything[:, inside].numpy())
        assert np.allclose(tree.hull.project(point)[0][inside], expected, atol=1e-5)


def test_equal_labels_go_to_the_smallest():
    for tree in KINDS:
        best = tree.argmax(torch.zeros(1, 9, 9, 3))
        assert torch.equal(best[..., 0], type(tree)(tree.single_root).argmax(torch.zeros(1, 9, 9)))
        assert not best[..., 1:].any()


@every_kind
def test_targets_are_heads_and_labels(tree):
    scores, lengths = random_scores(2, 4, 4, 3, seed=5), torch.tensor([3, 2])
    heads, labels = torch.tensor([[-1, 2, 0, 2], [-1, 0, 1, -7]]), torch.tensor([[-1, 0, 2, 1], [-1, 1, 1, -7]])
    parts = tree.to_parts((heads, labels), scores, lengths)
    assert parts.nonzero().tolist() == [[0, 0, 2, 2], [0, 2, 1, 0], [0, 2, 3, 1], [1, 0, 1, 1], [1, 1, 2, 1]]
    assert tree.contains(parts, lengths).all()
    for target in ((heads, labels), torch.stack((heads, labels), 2), parts):
        loss = spigot.negative_log_likelihood(scores, target, tree, lengths=lengths)
        assert torch.allclose(loss, -tree.log_prob(scores, parts, lengths))
    compact = tree.to_compact(parts, lengths)
    assert torch.equal(compact[0], torch.stack((heads, labels), 2)[0])
    assert compact[1].tolist() == [[-1, -1], [0, 1], [1, 1], [-1, -1]]
    assert torch.equal(spigot.heads_to_arcs(compact, torch.float64, labels=3), parts)
    assert torch.equal(spigot.arcs_to_heads(parts), compact)
    ignored = torch.stack((heads, labels), 2)
    ignored[1] = -100
    assert spigot.hinge_loss(scores, ignored, tree, lengths=lengths)[1] == 0


def test_wrong_targets_are_named():
    tree, scores = ProjectiveTree(labels=True), torch.zeros(2, 3, 3, 2)
    heads, labels = torch.tensor([[-1, 0, 1], [-1, 0, 1]]), torch.tensor([[-1, 0, 1], [-1, 0, 2]])
    with pytest.raises(ValueError, match=r"target: expected heads and labels from 0 to \[2, 1\] \(row 1"):
        spigot.hinge_loss(scores, (heads, labels), tree)
    with pytest.raises(ValueError, match=r"target: expected heads and labels of shape \[2, 3, 2\] .*, got \[2, 3\]"):
        spigot.hinge_loss(scores, heads, tree)
    with pytest.raises(TypeError, match=r"target: expected heads and labels .*, got tuple"):
        spigot.hinge_loss(scores, (heads, labels[:1]), tree)
    two = tree.to_parts((heads, labels.clamp(max=1)), scores)
    two[1, 0, 1, 1] = 1  # a second label
    with pytest.raises(ValueError, match=r"target: expected a structure of ProjectiveTree.*row 1"):
        spigot.hinge_loss(scores, two, tree)
    with pytest.raises(ValueError, match=r"scores: expected at least one label"):
        tree.argmax(torch.zeros(1, 2, 2, 0))
    with pytest.raises(ValueError, match=r"heads: expected -1 \.\. 1 \(row 1"):
        spigot.heads_to_arcs(torch.stack((heads, labels), 2), labels=2)
