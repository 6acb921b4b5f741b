from dataclasses import dataclass, field

import pytest
import torch
from entmax import sparsemax

from spigot import Categorical, Hull, NonProjectiveTree, ProjectiveTree, SparseMAP, structured_argmax

TREES = [ProjectiveTree(), NonProjectiveTree()]


def scores_of(batch, tokens, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, tokens + 1, tokens + 1, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("structure", [Categorical(), "hull"], ids=repr)
def test_of_categories_it_is_sparsemax(structure):
    @dataclass(frozen=True)
    class ByActiveSet(Categorical):
        @property
        def hull(self):
            return Hull(self)

    generator = torch.Generator().manual_seed(0)
    scores, towards = torch.randn(2, 5, 8, generator=generator, dtype=torch.float64)
    scores.requires_grad_()
    structure = ByActiveSet() if structure == "hull" else structure
    output = structured_argmax(scores, structure, SparseMAP(temperature=0.7))
    expected = sparsemax(scores / 0.7, dim=1)
    assert torch.allclose(output, expected, atol=1e-12)
    grad = torch.autograd.grad(output, scores, towards)[0]
    assert torch.allclose(grad, torch.autograd.grad(expected, scores, towards)[0], atol=1e-12)


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_true_derivative(tree):
    lengths = torch.tensor([4, 3])
    scores = scores_of(2, 4).requires_grad_()
    layer = SparseMAP(temperature=0.6)
    assert torch.autograd.gradcheck(lambda s: structured_argmax(s, tree, layer, lengths=lengths), scores)


@pytest.mark.parametrize("tree", TREES, ids=repr)
@pytest.mark.parametrize("temperature", [0.2, 1.0, 5.0])
def test_it_maximizes_the_regularized_score(tree, temperature):
    scores = scores_of(3, 6)
    output = structured_argmax(scores, tree, SparseMAP(temperature))

    def value(u):
        return (tree.score(scores, u) - temperature / 2 * u.square().flatten(1).sum(1)).detach()

    best = value(output)
    for seed in range(6):
        other = tree.argmax(scores_of(3, 6, seed))
        for share in (1e-3, 0.1, 1.0):
            assert (value(output + share * (other - output)) <= best + 1e-12).all()


def test_the_temperature_goes_from_the_argmax_to_indifference():
    tree, scores = ProjectiveTree(), scores_of(2, 5)
    assert torch.equal(structured_argmax(scores, tree, SparseMAP(1e-6)), tree.argmax(scores))
    flat = structured_argmax(scores, tree, SparseMAP(1e9))
    assert torch.allclose(flat, tree.hull.project(torch.zeros_like(scores)), atol=1e-6)


def test_backward_uses_the_vertices_that_forward_found():
    @dataclass(frozen=True)
    class Counting(NonProjectiveTree):
        calls: list = field(default_factory=list, compare=False)

        def argmax(self, scores, lengths=None, mask=None):
            self.calls.append(scores.size(0))
            return super().argmax(scores, lengths, mask)

    tree, scores = Counting(), scores_of(2, 6).requires_grad_()
    output = structured_argmax(scores, tree, SparseMAP())
    forward = len(tree.calls)
    assert forward > 2
    output.square().sum().backward()
    assert len(tree.calls) == forward


def test_what_is_not_a_candidate_is_not_read():
    tree, lengths = NonProjectiveTree(), torch.tensor([5, 3])
    scores, grad = scores_of(2, 5), scores_of(2, 5, 1)
    valid = tree.part_mask(scores, lengths)
    results = []
    for fill in (0.0, float("nan")):
        leaf = scores.masked_fill(~valid, fill).requires_grad_()
        output = structured_argmax(leaf, tree, SparseMAP(), lengths=lengths)
        results.append((output, torch.autograd.grad(output, leaf, grad.masked_fill(~valid, fill))[0]))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert not results[0][1][~valid].any()


def test_bad_scores_are_named():
    scores = scores_of(3, 4)
    scores[2, 0, 1] = float("nan")
    with pytest.raises(ValueError, match=r"NaN or \+inf .*row 2"):
        structured_argmax(scores, ProjectiveTree(), SparseMAP())
    with pytest.raises(ValueError, match="temperature: expected a positive number, got 0"):
        SparseMAP(temperature=0)
