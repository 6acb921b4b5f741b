"""What the layer promises with every structure, whatever the surrogate: compiled, under autocast, again and again."""

import threading
from copy import deepcopy

import pytest
import torch

from spigot import SPIGOT, ProjectiveTree, structured_argmax
from spigot.structured.parts.base import flatten, like, map_parts, tensors
from tests.contracts.registry import STRUCTURES, SURROGATES, batch_of, equal, to

SIZES = [4, 1, 3]
every_structure = pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)


def example(case):
    clean = (map_parts(lambda part: part.nan_to_num(0), batch_of(case.shape, SIZES, seed)) for seed in (0, 1))
    return *clean, torch.tensor(SIZES)


def run(case, scores, weights, lengths):
    """Return the layer's output, and SPIGOT's gradient for the scores."""
    leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
    output = structured_argmax(leaves, case.structure, SPIGOT(max_norm=1.0), lengths=lengths)
    grads = torch.autograd.grad(tensors(output), tensors(leaves), tensors(weights))
    return map_parts(torch.detach, output), like(scores, grads)


PAIRS = [(case, name) for case in STRUCTURES for name in ("spigot-capped", "spigot-hull", "sparsemap")]
PAIRS += [(STRUCTURES[0], name) for name in SURROGATES if (STRUCTURES[0], name) not in PAIRS]


@pytest.mark.parametrize(("case", "name"), PAIRS, ids=lambda value: getattr(value, "name", value))
def test_a_compiled_graph_is_whole_and_equal(case, name):
    scores, weights, lengths = example(case)
    structure = case.structure

    def loss_of(output):
        return (flatten(output) * flatten(weights)).sum(1)

    def loss(leaves, surrogate):
        downstream = loss_of if surrogate.needs_downstream else None
        return loss_of(structured_argmax(leaves, structure, surrogate, lengths=lengths, downstream=downstream)).sum()

    leaves = map_parts(lambda part: part.requires_grad_(), scores)
    torch.compiler.reset()
    losses, grads = [], []
    for function in (loss, torch.compile(loss, fullgraph=True, backend="aot_eager")):
        torch.manual_seed(0)  # for those that draw
        losses.append(function(leaves, deepcopy(SURROGATES[name])))  # AIMLE changes
        grads.append(torch.autograd.grad(losses[-1], tensors(leaves)))
    assert torch.equal(*losses)
    assert equal(like(scores, grads[0]), like(scores, grads[1]))


class Shifted(ProjectiveTree):
    """A structure with an attribute that is no field: it cannot be made again of its fields."""

    def __init__(self, shift):
        super().__init__()
        object.__setattr__(self, "shift", shift)

    def argmax(self, scores, lengths=None, mask=None):
        return super().argmax(scores + self.shift, lengths, mask)


def test_a_compiled_graph_keeps_the_very_structure():
    scores, weights, lengths = example(STRUCTURES[0])
    structure = Shifted(torch.randn(5, 5, generator=torch.Generator().manual_seed(3)) * 10)

    def loss(leaf):
        arcs = structured_argmax(leaf, structure, SPIGOT(polytope="hull"), lengths=lengths)
        return (arcs * weights).sum()

    leaf = scores.requires_grad_()
    torch.compiler.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    assert torch.equal(*(torch.autograd.grad(function(leaf), leaf)[0] for function in (loss, compiled)))


def test_what_is_made_within_a_compiled_graph():
    scores, weights, lengths = example(STRUCTURES[0])

    def loss(leaf):
        arcs = structured_argmax(leaf, ProjectiveTree(single_root=False), SPIGOT(polytope="hull"), lengths=lengths)
        return (arcs * weights).sum()

    leaf = scores.requires_grad_()
    torch.compiler.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager", dynamic=True)
    for _ in range(2):
        assert torch.equal(*(torch.autograd.grad(function(leaf), leaf)[0] for function in (loss, compiled)))
        leaf = scores.detach()[:, :4, :4].requires_grad_()
        weights, lengths = weights[:, :4, :4], lengths.clamp_max(3)


@every_structure
def test_autocast_does_not_reach_the_structured_part(case):
    scores, weights, lengths = example(case)
    scores, weights = to(scores, torch.bfloat16), to(weights, torch.bfloat16)
    expected = run(case, scores, weights, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = run(case, scores, weights, lengths)
    for a, b in zip(found, expected, strict=True):
        assert all(part.dtype == torch.bfloat16 for part in tensors(a))
        assert equal(a, b)


@every_structure
def test_the_default_device_is_not_used(case):
    arguments = example(case)
    expected = run(case, *arguments)
    best, values = case.structure.top_k(arguments[0], 2, arguments[2])
    with torch.device("meta"):
        found = run(case, *arguments)
        best_found, values_found = case.structure.top_k(arguments[0], 2, arguments[2])
    assert all(equal(a, b) for a, b in zip(found, expected, strict=True))
    assert equal(best, best_found)
    assert torch.equal(values, values_found)


@every_structure
@pytest.mark.parametrize("name", ["spigot", "sparsemap", "marginals", "gumbel", "perturbed", "score-function"])
def test_inference_mode_changes_nothing(case, name):
    """Some structures and surrogates use autograd for what they compute, which inference mode turns off."""
    surrogate = SURROGATES[name]
    if not surrogate.serves(case.structure):
        return
    scores, _, lengths = example(case)

    def output():
        torch.manual_seed(0)
        return structured_argmax(scores, case.structure, surrogate, lengths=lengths)

    expected = output()
    with torch.inference_mode():
        scores, lengths = map_parts(torch.clone, scores), lengths.clone()  # made in this mode
        assert equal(output(), expected)


@every_structure
def test_two_callers_at_once_get_what_one_gets(case):
    arguments = example(case)
    expected = run(case, *arguments)
    found = []

    def call():
        found.extend(run(case, *arguments) for _ in range(3))

    threads = [threading.Thread(target=call) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all(equal(a, b) for result in found for a, b in zip(result, expected, strict=True))


@every_structure
def test_equal_scores_have_one_answer(case):
    scores, weights, lengths = example(case)
    level = map_parts(torch.zeros_like, scores)
    if case.may_be_empty:
        level = map_parts(torch.ones_like, scores)
    output, grad = run(case, level, weights, lengths)
    assert flatten(output).any()
    assert all(equal(a, b) for a, b in zip(run(case, level, weights, lengths), (output, grad), strict=True))
