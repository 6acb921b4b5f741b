import multiprocessing
import threading

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrize import register_parametrization

import spigot
from spigot import (
    SPIGOT,
    Detach,
    Marginals,
    ProjectiveTree,
    SparseMAP,
    StraightThrough,
    StructuredArgmax,
    structured_argmax,
)

LENGTHS = torch.tensor([4, 2, 3])


def random_scores(seed=0, **kwargs):
    return torch.randn(3, 5, 5, generator=torch.Generator().manual_seed(seed)).to(**kwargs)


def loss_of(scores, structure, surrogate, lengths, weights):
    return (structured_argmax(scores, structure, surrogate, lengths=lengths) * weights).sum()


def test_the_module_is_the_function():
    layer = StructuredArgmax(ProjectiveTree(), SPIGOT(step_size=0.5))
    scores = random_scores()
    mask = torch.ones(scores.shape, dtype=torch.bool)
    mask[:, 0, 1] = False
    expected = structured_argmax(scores, layer.structure, layer.surrogate, lengths=LENGTHS, mask=mask)
    assert torch.equal(layer(scores, LENGTHS, mask), expected)
    assert not list(layer.parameters())
    assert "ProjectiveTree(single_root=True, labels=False), SPIGOT(step_size=0.5" in repr(layer)


def learnt_layer(temperature):
    return StructuredArgmax(ProjectiveTree(), SparseMAP(temperature=nn.Parameter(torch.tensor(temperature))))


def weighted(output):
    return (output * torch.linspace(-1, 1, output.numel()).view_as(output)).sum()


def test_a_learnt_setting_is_the_one_that_the_module_has():
    """Torch puts other tensors in a parameter's place: to train on copies, on loading, under a constraint."""
    scores = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(0))
    other = learnt_layer(3.0)
    expected = other(scores)
    (slope,) = torch.autograd.grad(weighted(expected), other.parameters())
    assert slope != 0

    given = torch.tensor(3.0, requires_grad=True)
    output = torch.func.functional_call(learnt_layer(1.0), {"temperature": given}, (scores,))
    assert torch.equal(output, expected)
    assert torch.equal(torch.autograd.grad(weighted(output), given)[0], slope)

    loaded = learnt_layer(1.0)
    loaded.load_state_dict(other.state_dict(), assign=True)
    output = loaded(scores)
    assert torch.equal(output, expected)
    assert torch.equal(torch.autograd.grad(weighted(output), loaded.parameters())[0], slope)
    assert repr(loaded) == repr(other)

    positive = learnt_layer(1.0)
    register_parametrization(positive, "temperature", nn.Softplus(), unsafe=True)
    assert not torch.equal(positive(scores), learnt_layer(1.0)(scores))


def test_the_surrogate_cannot_be_differentiated_again():
    scores = random_scores().requires_grad_()
    loss = loss_of(scores, ProjectiveTree(), SPIGOT(), LENGTHS, random_scores(1).requires_grad_())
    (grad,) = torch.autograd.grad(loss, scores, create_graph=True)
    with pytest.raises(RuntimeError, match="SPIGOT: expected to be differentiated once"):
        grad.sum().backward()


def test_no_gradient_is_computed_for_constant_scores():
    assert not structured_argmax(random_scores(), ProjectiveTree(), SPIGOT(), lengths=LENGTHS).requires_grad


class Unsummable(spigot.Structure):
    """A structure without sums."""

    relaxation = hull = spigot.Simplex()

    def part_mask(self, scores, lengths=None, mask=None):
        return torch.ones_like(scores, dtype=torch.bool)

    def argmax(self, scores, lengths=None, mask=None):
        return torch.nn.functional.one_hot(scores.argmax(1), scores.size(1)).to(scores.dtype)


def test_a_structure_of_ones_own():
    scores = torch.tensor([[1.0, 0, -1]], requires_grad=True)
    z = structured_argmax(scores, Unsummable(), SPIGOT())
    z.backward(torch.tensor([[0.5, -0.3, 0.1]]))
    assert torch.allclose(scores.grad, torch.tensor([[0.4, -0.4, 0]]))


def test_marginals_need_a_structure_that_can_be_summed():
    with pytest.raises(TypeError, match="structure: Marginals needs a MarginalStructure, got Unsummable"):
        structured_argmax(torch.zeros(1, 3), Unsummable(), Marginals())


@pytest.mark.parametrize("surrogate", [SPIGOT(), Marginals()], ids=["spigot", "marginals"])
def test_autocast_does_not_reach_the_structured_part(surrogate):
    scores = random_scores(dtype=torch.bfloat16).requires_grad_()
    weights = random_scores(1, dtype=torch.bfloat16)
    expected = structured_argmax(scores, ProjectiveTree(), surrogate, lengths=LENGTHS)
    (expected_grad,) = torch.autograd.grad(expected, scores, weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = structured_argmax(scores, ProjectiveTree(), surrogate, lengths=LENGTHS)
        (grad,) = torch.autograd.grad(output, scores, weights)
    assert output.dtype == grad.dtype == torch.bfloat16
    assert torch.equal(output, expected)
    assert torch.equal(grad, expected_grad)


@pytest.mark.parametrize(
    ("structure", "surrogate"),
    [
        (ProjectiveTree(), SPIGOT(max_norm=1.0)),
        (ProjectiveTree(), StraightThrough()),
        (ProjectiveTree(False), Marginals()),
        (ProjectiveTree(), Detach()),
        (spigot.Categorical(), SPIGOT()),
        (spigot.Categorical(), Marginals()),
    ],
    ids=repr,
)
def test_a_compiled_graph_is_whole_and_equal(structure, surrogate):
    weights = random_scores(1)
    scores = random_scores().requires_grad_()
    if isinstance(structure, spigot.Categorical):
        weights, scores = weights[:, 0], scores.detach()[:, 0].requires_grad_()
    torch.compiler.reset()
    compiled = torch.compile(loss_of, fullgraph=True, backend="aot_eager")
    losses = [f(scores, structure, surrogate, LENGTHS, weights) for f in (loss_of, compiled)]
    grads = [torch.autograd.grad(loss, scores)[0] for loss in losses]
    assert torch.equal(*losses)
    assert torch.equal(*grads)


def parse(scores):
    tree = ProjectiveTree()
    return torch.cat([tree.argmax(scores), tree.marginals(scores)])


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_the_number_of_threads_changes_nothing(two_threads):
    scores = torch.randn(16, 31, 31, generator=torch.Generator().manual_seed(0))
    split = parse(scores)
    torch.set_num_threads(1)
    assert torch.equal(parse(scores), split)


def test_two_callers_at_once(two_threads):
    batches = [torch.randn(16, 31, 31, generator=torch.Generator().manual_seed(seed)) for seed in range(2)]
    expected = [parse(scores) for scores in batches]
    wrong = []

    def call(index):
        for _ in range(5):
            if not torch.equal(parse(batches[index]), expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=call, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def parse_into(connection, scores):
    torch.set_num_threads(2)
    connection.send(ProjectiveTree().argmax(torch.tensor(scores)).tolist())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_after_a_fork(two_threads):
    scores = torch.randn(16, 31, 31, generator=torch.Generator().manual_seed(0))
    expected = ProjectiveTree().argmax(scores)
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=parse_into, args=(sender, scores.tolist()))
    process.start()
    assert receiver.poll(60), "the forked process hangs"
    assert receiver.recv() == expected.tolist()
    process.join(60)
    assert process.exitcode == 0
