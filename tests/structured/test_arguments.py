"""Arguments at the edge of what is allowed: empty axes, other devices, numbers out of range."""

from fractions import Fraction
from functools import partial

import pytest
import torch

from spigot import (
    AIMLE,
    CTC,
    IMLE,
    SPIGOT,
    SPIGOTCE,
    SPIGOTEG,
    ApproximateSemanticGraph,
    BinaryTree,
    Categorical,
    CTCParts,
    Gibbs,
    Gumbel,
    Hull,
    KSubset,
    LinearChain,
    LinearChainParts,
    LinearProgram,
    MarginalJacobian,
    Marginals,
    Matching,
    NegativeIdentity,
    NonProjectiveTree,
    Perturbed,
    ProjectiveTree,
    ScoreFunction,
    SegmentationParts,
    SemiMarkov,
    SingleHead,
    SparseMAP,
    StraightThrough,
    StructuredArgmax,
    audit,
    hinge_loss,
    negative_log_likelihood,
    perturbed_loss,
    sparsemap_loss,
    structured_argmax,
)
from spigot.structured.parts.base import tensors

TREES = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0))


def test_rows_of_no_category_have_the_empty_structure():
    nothing = torch.zeros(2, 0)
    assert Categorical().argmax(nothing).shape == (2, 0)
    assert Categorical().sample(nothing).shape == (2, 0)
    structures, scores = Categorical().top_k(nothing, 2)
    assert structures.shape == (2, 2, 0)
    assert scores.tolist() == [[0.0, -torch.inf]] * 2
    assert structured_argmax(nothing, Categorical(), SPIGOT()).shape == (2, 0)


@pytest.mark.parametrize(
    ("structure", "scores", "axis"),
    [
        (LinearChain(), LinearChainParts(torch.zeros(2, 3, 0), torch.zeros(2, 2, 0, 0)), "tag"),
        (SemiMarkov(), SegmentationParts(torch.zeros(2, 3, 0, 2), torch.zeros(2, 2, 2, 2)), "length"),
        (SemiMarkov(), SegmentationParts(torch.zeros(2, 3, 2, 0), torch.zeros(2, 2, 0, 0)), "tag"),
    ],
)
def test_an_axis_that_may_not_be_empty_is_named(structure, scores, axis):
    for operation in (structure.argmax, structure.log_partition):
        with pytest.raises(ValueError, match=rf"^scores\S*: expected at least one {axis}, got "):
            operation(scores)


def test_no_frames_hold_no_labels():
    scores = CTCParts(torch.zeros(2, 0, 5), torch.zeros(2, 0, 5))
    with pytest.raises(ValueError, match="scores: no path over the candidates"):
        CTC().log_partition(scores)
    assert CTC().log_partition(scores, lengths=torch.zeros(2, 2, dtype=torch.int64)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "surrogate",
    [
        SPIGOT(max_norm=1.0),
        SPIGOT(polytope="hull"),
        StraightThrough(),
        IMLE(),
        AIMLE(),
        Perturbed(),
        Marginals(),
        MarginalJacobian(),
        SparseMAP(),
        SPIGOTCE(),
        SPIGOTEG(),
        Gumbel(),
        NegativeIdentity(),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    ("structure", "shapes"),
    [
        (Categorical(), [(2, 5)]),
        (KSubset(2, at_most=True), [(2, 5)]),
        (ProjectiveTree(), [(2, 4, 4)]),
        (NonProjectiveTree(labels=True), [(2, 4, 4, 3)]),
        (BinaryTree(), [(2, 4, 4)]),
        (LinearChain(), [(2, 4, 3), (2, 3, 3, 3)]),
        (Matching(), [(2, 4, 4)]),
    ],
    ids=repr,
)
def test_tensors_without_values_give_shapes(structure, shapes, surrogate):
    if not surrogate.serves(structure):
        pytest.skip("a matching has no marginals")
    results = []
    for device in ("meta", "cpu"):
        leaves = [torch.zeros(shape, device=device, requires_grad=True) for shape in shapes]
        out = structured_argmax(LinearChainParts(*leaves) if len(leaves) > 1 else leaves[0], structure, surrogate)
        found = tensors(out)
        sum(part.sum() for part in found).backward()
        grads = [leaf.grad for leaf in leaves]
        assert {part.device.type for part in (*found, *grads)} == {device}
        results.append([(part.shape, part.dtype) for part in (*found, *grads)])
    assert results[0] == results[1]


def test_tensors_with_and_without_values_do_not_mix():
    mask = torch.ones(TREES.shape, dtype=torch.bool, device="meta")
    message = "^scores: expected all tensors on one device, got scores on cpu, mask on meta"
    with pytest.raises(ValueError, match=message):
        ProjectiveTree().argmax(TREES, mask=mask)
    chain = LinearChainParts(torch.zeros(1, 3, 2), torch.zeros(1, 2, 2, 2, device="meta"))
    with pytest.raises(ValueError, match=r"got scores\.emissions on cpu, scores\.transitions on meta"):
        LinearChain().argmax(chain)


@pytest.mark.parametrize("scale", [torch.tensor([-1.0, 1.0]), torch.tensor(torch.nan), torch.inf, -1.0, 0])
def test_a_loss_scale_is_positive(scale):
    with pytest.raises(ValueError, match=r"^loss_scale: expected (a )?positive numbers?, got "):
        structured_argmax(TREES, ProjectiveTree(), SPIGOT(), loss_scale=scale)


def test_a_temperature_stays_positive_while_it_is_learnt():
    layer = StructuredArgmax(ProjectiveTree(), Marginals(temperature=torch.nn.Parameter(torch.tensor(1.0))))
    layer(TREES)
    layer.temperature.data.fill_(-0.5)
    with pytest.raises(ValueError, match=r"^temperature: expected a positive number, got -0\.5$"):
        layer(TREES)


@pytest.mark.parametrize(
    "make",
    [
        lambda value: SPIGOT(step_size=value),
        lambda value: SPIGOT(max_norm=value),
        lambda value: Perturbed(sigma=value),
        lambda value: IMLE(noise_scale=value),
        lambda value: AIMLE(rate=value),
        lambda value: Hull(Categorical(), tolerance=value),
        lambda value: perturbed_loss(TREES, TREES, ProjectiveTree(), sigma=value),
    ],
)
def test_a_setting_is_one_number(make):
    with pytest.raises(ValueError, match=r": expected one number, got shape \[2\]$"):
        make(torch.ones(2))
    for value, got in ((Fraction(1, 2), r"Fraction\(1, 2\)"), (torch.tensor(True), r"torch\.bool")):
        with pytest.raises(TypeError, match=f": expected a number, got {got}$"):
            make(value)
    # Its gradient would be 0 in silence.
    with pytest.raises(TypeError, match=r": expected a number without a gradient, got a tensor that requires one$"):
        make(torch.nn.Parameter(torch.tensor(0.5)))


@pytest.mark.parametrize("make", [partial(Hull, Categorical()), ApproximateSemanticGraph])
def test_a_number_of_iterations_is_whole(make):
    with pytest.raises(TypeError, match=r"^max_iterations: expected an integer, got 2\.5$"):
        make(max_iterations=2.5)


def test_a_generator_is_one_of_torch():
    for call in (
        lambda: structured_argmax(TREES, ProjectiveTree(), Gumbel(generator=3)),
        lambda: ProjectiveTree().sample(TREES, generator=3),
    ):
        with pytest.raises(TypeError, match=r"^generator: expected a torch\.Generator, got int$"):
            call()


@pytest.mark.parametrize(("polytope", "got"), [("hul", "'hul'"), (SingleHead, "the class SingleHead"), (3, "3")])
def test_a_polytope_is_checked_at_once(polytope, got):
    with pytest.raises(ValueError, match=rf'^polytope: expected a Polytope, "hull" or None, got {got}$'):
        SPIGOT(polytope=polytope)


def test_a_loss_that_does_not_come_from_the_structures():
    scores = TREES.clone().requires_grad_()
    for loss, got in ((lambda z: 1.0, "float"), (lambda z: z.detach().sum((1, 2)), "one without a gradient")):
        output = structured_argmax(scores, ProjectiveTree(), SPIGOT(steps=2), downstream=loss)
        with pytest.raises(TypeError, match=f"^downstream: expected a tensor of losses .*, got {got}$"):
            output.sum().backward()
    for structure, flat in ((Categorical(), scores[0, 0]), (ProjectiveTree(), scores)):
        output = structured_argmax(flat, structure, ScoreFunction(2), downstream=lambda z: 1.0)
        with pytest.raises(TypeError, match=r"^downstream: expected a tensor of losses .*, got float$"):
            output.sum().backward()


def test_a_function_is_one_at_once():
    for name, call in (
        ("downstream", lambda: structured_argmax(TREES, ProjectiveTree(), SPIGOT(steps=2), downstream=5)),
        ("downstream", lambda: structured_argmax(TREES[0, 0], Categorical(), SPIGOT(), downstream=5)),
        ("loss", lambda: audit(TREES, ProjectiveTree(), 5)),
        ("cuts", lambda: LinearProgram([[1.0, 1.0]], [1.0], cuts=5)),
    ):
        with pytest.raises(TypeError, match=rf"^{name}: expected a function from .*, got int$"):
            call()


def test_what_does_not_fit_the_scores_is_named():
    chain = LinearChainParts(torch.zeros(2, 4, 3), torch.zeros(2, 3, 3, 3))
    with pytest.raises(TypeError, match=r"^mask: expected LinearChainParts, got torch\.bool"):
        structured_argmax(chain, LinearChain(), SPIGOT(), mask=torch.ones(2, 4, 3, dtype=torch.bool))
    masks = LinearChainParts(*(torch.ones(2, 4, 4, dtype=torch.bool) for _ in range(2)))
    with pytest.raises(TypeError, match=r"^mask: expected Tensor, got LinearChainParts"):
        structured_argmax(TREES, ProjectiveTree(), SPIGOT(), mask=masks)
    with pytest.raises(TypeError, match=r"^scores: expected a floating-point tensor, got torch\.int64"):
        negative_log_likelihood(torch.tensor([0, 1]), torch.randn(2, 5), Categorical())
    with pytest.raises(TypeError, match=r"^scores: expected a dense tensor, got torch\.sparse_coo"):
        structured_argmax(TREES.to_sparse(), ProjectiveTree(), SPIGOT())
    with pytest.raises(ValueError, match=r"^lengths: expected a tensor with values, got one on meta"):
        ProjectiveTree().argmax(TREES, torch.ones(2, dtype=torch.int64, device="meta"))
    with pytest.raises(ValueError, match=r"^scores: expected shape \[batch, category\] here, got \[2, 3, 5\]"):
        audit(torch.randn(2, 3, 5), Categorical(), lambda z: z.sum(-1))


@pytest.mark.parametrize(("shape", "dim"), [((5,), 0), ((5, 2), 0), ((2, 5, 3), 1), ((2, 3, 5), -1)])
def test_what_makes_rows_of_scores_is_told_where_only_rows_are_taken(shape, dim):
    scores = torch.randn(shape)
    with pytest.raises(ValueError, match=r"^scores: expected shape \[batch, category\] here, got ") as caught:
        Categorical(dim=dim).top_k(scores, 2)
    advice = str(caught.value).partition("(")[2].removesuffix(" with dim=-1 has it)")
    rows = eval(advice, {"scores": scores})
    best, _ = Categorical(dim=-1).top_k(rows, 1)
    torch.testing.assert_close(
        best[:, 0].sum(0), Categorical(dim=dim).argmax(scores).movedim(dim, -1).reshape(-1, 5).sum(0)
    )


@pytest.mark.parametrize("surrogate", [SPIGOT(), Gumbel(), IMLE(), AIMLE(), Perturbed()], ids=repr)
def test_compiled_layers_take_batches_of_any_size(surrogate):
    torch.compiler.reset()  # the number of graphs of one function is limited, over all parameters of this test
    layer = StructuredArgmax(Categorical(), surrogate)
    compiled = torch.compile(lambda scores: layer(scores, loss_scale=2.0), backend="eager", fullgraph=True)
    for tracked in (False, True):
        for batch in (4, 3, 5):
            assert compiled(torch.randn(batch, 6, requires_grad=tracked)).shape == (batch, 6)


def test_a_wrong_length_is_named_within_vmap():
    def argmax(scores, lengths):
        return KSubset(2).argmax(scores, lengths)

    lengths = torch.tensor([[1, 2], [3, 4], [5, 8]])
    with pytest.raises(ValueError, match=r"^lengths: .* expected 0 to 6 \(row 5 "):
        torch.func.vmap(argmax)(torch.randn(3, 2, 6), lengths)


@pytest.mark.parametrize("method", ["score", "log_prob"])
@pytest.mark.parametrize(("scores", "got"), [([[[0.0] * 3] * 3], "list"), (torch.zeros(1, 3, 3).long(), "torch.int64")])
def test_scores_that_are_none_are_named(method, scores, got):
    with pytest.raises(TypeError, match=f"^scores: expected a floating-point tensor, got {got}"):
        getattr(ProjectiveTree(), method)(scores, torch.tensor([[-1, 0, 1]]))
    if isinstance(scores, torch.Tensor):
        chain = LinearChainParts(torch.zeros(1, 3, 2).long(), torch.zeros(1, 2, 2, 2).long())
        with pytest.raises(TypeError, match=r"^scores.emissions: expected a floating-point tensor, got torch.int64"):
            getattr(LinearChain(), method)(chain, torch.tensor([[0, 1, 1]]))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_sparsemap_loss_refuses_what_its_projection_would(value):
    scores = torch.zeros(2, 3, 3)
    scores[1, 0, 2] = value
    heads = torch.tensor([[-1, 0, 1]] * 2)
    with pytest.raises(ValueError, match=r"^scores: NaN or \+inf in a candidate cell \(row 1 of"):
        sparsemap_loss(scores, heads, ProjectiveTree())
    assert sparsemap_loss(scores, heads, ProjectiveTree(), lengths=[2, 1]).isfinite().all()  # no candidate there


def test_a_length_out_of_range_is_no_fault_of_the_target():
    scores, heads = torch.zeros(2, 3, 3), torch.tensor([[-1, 0, 1]] * 2)
    for function in (
        partial(hinge_loss, scores, heads, ProjectiveTree()),
        partial(ProjectiveTree().log_prob, scores, heads),
    ):
        with pytest.raises(ValueError, match=r"^lengths: out of range for the shape of scores, got 9"):
            function(lengths=[2, 9])


def test_the_divergence_of_distributions_within_vmap():
    ours, theirs = torch.randn(2, 3, 2, 4, 4, generator=torch.Generator().manual_seed(0))

    def divergence(p, q):
        return Gibbs(ProjectiveTree(), p).kl(Gibbs(ProjectiveTree(), q))

    expected = torch.stack([divergence(p, q) for p, q in zip(ours, theirs, strict=True)])
    assert torch.allclose(torch.func.vmap(divergence)(ours, theirs), expected)
