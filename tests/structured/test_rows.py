"""Structures over one axis take scores of any shape."""

import pytest
import torch

import spigot
from spigot import CappedSimplex, Categorical, KSubset, Simplex, structured_argmax

K = torch.tensor([[1, 0, 3], [2, 2, 1]])
STRUCTURES = [Categorical, lambda dim=-1: KSubset(2, dim=dim), lambda dim=-1: KSubset(2, True, dim)]
every_structure = pytest.mark.parametrize("make", STRUCTURES, ids=["categorical", "k-subset", "at-most"])
every_dim = pytest.mark.parametrize("dim", [-1, 0, 1, -3, 2])
METHODS = ("argmax", "marginals", "log_partition", "entropy", "part_mask")


def example(dim, dtype=torch.float32):
    """Return scores `[2, 3, 5]`, their axis of 5 moved to `dim`, and lengths and a mask that fit them, padding NaN."""
    generator = torch.Generator().manual_seed(0)
    scores, lengths = torch.randn(2, 3, 5, generator=generator).to(dtype), torch.tensor([[5, 2, 0], [3, 4, 5]])
    mask = torch.rand(2, 3, 5, generator=generator) < 0.6
    mask[..., :2] = True
    scores[torch.arange(5) >= lengths[..., None]] = float("nan")
    return scores, lengths, mask, lambda rows: rows.view(2, 3, -1).movedim(-1, dim)


@every_structure
@every_dim
def test_methods_do_to_each_row_what_they_do_to_rows(make, dim):
    scores, lengths, mask, moved = example(dim)
    structure, plain = make(dim), make()
    given, rows = (moved(scores), lengths, moved(mask)), (scores.view(6, 5), lengths.view(6), mask.view(6, 5))
    for name in METHODS:
        found, expected = getattr(structure, name)(*given), getattr(plain, name)(*rows)
        assert torch.equal(found, moved(expected) if expected.dim() == 2 else expected.view(2, 3)), name
    z = plain.argmax(*rows)
    for name in ("score", "log_prob"):
        found = getattr(structure, name)(given[0], moved(z), *given[1:])
        assert torch.equal(found, getattr(plain, name)(rows[0], z, *rows[1:]).view(2, 3))
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    drawn = structure.sample(*given, generator=generators[0])
    assert torch.equal(drawn, moved(plain.sample(*rows, generator=generators[1])))
    assert structure.contains(drawn, lengths).all()
    compact = structure.to_compact(drawn, lengths)
    assert torch.equal(structure.to_parts(compact, given[0], lengths), drawn)
    for polytope, of_rows in ((structure.relaxation, plain.relaxation), (structure.hull, plain.hull)):
        assert torch.equal(polytope.project(*given), moved(of_rows.project(*rows)))


@pytest.mark.parametrize("shift", [1e4, -1e7, 1e30])
def test_the_gradient_of_the_sum_is_the_marginals_of_large_scores(shift):
    scores = (torch.tensor([[0.0, 2.0, 1.0, -torch.inf], [3.0, 0.0, 0.0, -1.0]]) + shift).requires_grad_()
    (grad,) = torch.autograd.grad(Categorical().log_partition(scores, [4, 2]).sum(), scores)
    assert torch.allclose(grad, Categorical().marginals(scores, [4, 2]), atol=1e-6)


@every_structure
@every_dim
@pytest.mark.parametrize("surrogate", [spigot.SPIGOT(max_norm=0.5), spigot.SparseMAP(), spigot.Perturbed(samples=2)])
def test_the_layer(make, dim, surrogate):
    scores, lengths, mask, moved = example(dim)
    weights = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(2))
    results = []
    for structure, shape, given in (
        (make(dim), moved, (lengths, moved(mask))),
        (make(), lambda part: part.view(6, 5), (lengths.view(6), mask.view(6, 5))),
    ):
        torch.manual_seed(0)
        leaf = shape(scores).clone().requires_grad_()
        output = structured_argmax(leaf, structure, surrogate, lengths=given[0], mask=given[1])
        (grad,) = torch.autograd.grad((output * shape(weights)).sum(), leaf)
        results.append((output, grad))
    for found, expected in zip(*results, strict=True):
        assert torch.equal(found, moved(expected))


@every_structure
def test_unbatched_scores(make):
    scores = torch.tensor([0.3, -1.0, 2.0, 0.7])
    structure = make()
    for name in METHODS:
        assert torch.equal(getattr(structure, name)(scores), getattr(structure, name)(scores[None])[0]), name
    assert torch.equal(structure.argmax(scores, torch.tensor(2)), structure.argmax(scores[None], [2])[0])
    assert structure.contains(structure.sample(scores))
    assert torch.equal(make(0).hull.project(scores), structure.hull.project(scores[None])[0])
    gradients, weights = [], torch.tensor([0.2, -0.4, 0.3, -0.1])
    for polytope in (None, make(0).relaxation):
        leaf = scores.clone().requires_grad_()
        output = structured_argmax(leaf, make(0), spigot.SPIGOT(polytope=polytope))
        gradients += torch.autograd.grad((output * weights).sum(), leaf)
    assert gradients[0].any()
    assert torch.equal(*gradients)
    compact = structure.to_compact(structure.argmax(scores))
    loss = spigot.hinge_loss(scores, compact, structure)
    assert loss.shape == ()
    assert torch.equal(loss, spigot.hinge_loss(scores[None], compact[None], structure)[0])


def test_losses_of_any_shape():
    scores, target = (
        torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(3)),
        torch.tensor([[0, 4, 1], [2, 2, -100]]),
    )
    structure = Categorical(dim=1)
    found = spigot.negative_log_likelihood(scores, target, structure)
    expected = torch.nn.functional.cross_entropy(scores, target, reduction="none")
    assert torch.allclose(found, expected, atol=1e-6)
    mean = spigot.negative_log_likelihood(scores, target, structure, reduction="mean")
    assert torch.allclose(mean, torch.nn.functional.cross_entropy(scores, target))
    for loss in (spigot.hinge_loss, spigot.perceptron_loss, spigot.sparsemap_loss, spigot.perturbed_loss):
        assert loss(scores, target, structure).shape == (2, 3)
        assert loss(scores, target, structure=structure, reduction="sum").shape == ()


def test_sizes_of_rows():
    scores = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(4))
    structure = KSubset(K, dim=1)
    assert torch.equal(structure.argmax(scores).sum(1), K.float())
    assert torch.allclose(structure.marginals(scores).sum(1), K.float())
    assert torch.allclose(CappedSimplex(K, dim=1).project(scores).sum(1), K.float())
    leaf = scores.clone().requires_grad_()
    structured_argmax(leaf, structure, spigot.IMLE(samples=2)).sum().backward()
    assert torch.equal(
        structure.to_parts(structure.to_compact(structure.argmax(scores)), scores), structure.argmax(scores)
    )


def test_downstream_sees_the_shape_of_the_scores():
    scores, weights = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    shapes = []

    def loss(z):
        shapes.append(z.shape)
        return (z * weights).sum(2)

    for surrogate in (spigot.ScoreFunction(), spigot.SPIGOT(steps=2)):
        leaf = scores.clone().requires_grad_()
        scale = torch.ones(2, 3)
        loss(structured_argmax(leaf, Categorical(), surrogate, downstream=loss, loss_scale=scale)).sum().backward()
        assert leaf.grad.any()
    assert set(shapes) == {scores.shape}


@every_structure
def test_whole_graphs(make):
    scores, lengths, mask, moved = example(1)
    structure = make(1)

    def step(leaf):
        output = structured_argmax(leaf, structure, spigot.SPIGOT(), lengths=lengths, mask=moved(mask))
        return (output * torch.arange(5)[:, None]).sum() + structure.log_partition(leaf, lengths, moved(mask)).sum()

    torch.compiler.reset()
    grads = []
    for function in (step, torch.compile(step, fullgraph=True, backend="aot_eager")):
        leaf = moved(scores).clone().requires_grad_()
        grads.append(torch.autograd.grad(function(leaf), leaf)[0])
    assert torch.equal(*grads)


def test_wrong_shapes_are_named():
    scores = torch.zeros(2, 3, 4)
    with pytest.raises(ValueError, match=r"lengths: expected shape \[2, 3\], got \[2\]"):
        Categorical().argmax(scores, torch.tensor([1, 2]))
    with pytest.raises(ValueError, match=r"lengths: expected shape \[2, 3\], got \[3, 2\]"):
        Simplex().project(scores, torch.ones(3, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"mask: expected the shape of scores, \[2, 3, 4\]"):
        KSubset(1).marginals(scores, None, torch.ones(3, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"scores: expected an axis 3, got shape \[2, 3, 4\]"):
        Categorical(dim=3).argmax(scores)
    with pytest.raises(ValueError, match=r"k: expected shape \[2, 3\], got \[2\]"):
        KSubset(torch.tensor([1, 2])).argmax(scores)
    with pytest.raises(ValueError, match=r"target: expected shape \[2, 3\], got \[3\]"):
        spigot.hinge_loss(scores, torch.tensor([0, 1, 2]), Categorical())
    with pytest.raises(TypeError, match=r"scores: expected a floating-point tensor, got torch.int64"):
        Categorical().argmax(scores.long())


def test_an_empty_batch_of_rows_along_several_axes():
    for structure in (Categorical(), KSubset(2), KSubset(2, at_most=True)):
        scores = torch.zeros(0, 3, 4, requires_grad=True)
        output = structured_argmax(scores, structure, spigot.SPIGOT())
        output.sum().backward()
        assert output.shape == scores.grad.shape == structure.marginals(scores).shape == (0, 3, 4)
        assert structure.sample(scores).shape == (0, 3, 4)


@pytest.mark.parametrize("surrogate", [spigot.SPIGOT(), spigot.StraightThrough(), spigot.Blackbox(0.5)])
def test_a_size_for_each_row_within_transforms(surrogate):
    structure, scores = KSubset(K, dim=1), torch.randn(4, 2, 5, 3, generator=torch.Generator().manual_seed(1))

    def loss(one):
        return structured_argmax(one, structure, surrogate).square().sum()

    expected = torch.stack([torch.func.grad(loss)(one) for one in scores])
    assert torch.equal(torch.func.vmap(torch.func.grad(loss))(scores), expected)
    assert torch.equal(torch.func.grad(lambda every: torch.func.vmap(loss)(every).sum())(scores), expected)


def test_the_polytope_of_a_surrogate_may_have_a_size_for_each_row():
    scores = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(2), requires_grad=True)
    structure, slopes = KSubset(K, dim=1), torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(3))
    of_default, of_own = (
        torch.autograd.grad((structured_argmax(scores, structure, surrogate) * slopes).sum(), scores)[0]
        for surrogate in (spigot.SPIGOT(), spigot.SPIGOT(polytope=CappedSimplex(K, dim=1)))
    )
    assert torch.equal(of_default, of_own)
    assert of_default.abs().sum() > 0
