"""What the layer promises with every structure, whatever the surrogate: compiled, under autocast, again and again."""

import threading
from copy import deepcopy

import pytest
import torch

from spigot import SPIGOT, Budget, LinearProgram, MarginalStructure, ProjectiveTree, structured_argmax
from spigot.structured.parts.base import flatten, like, map_parts, tensors
from tests.contracts.registry import DISTANCES, KNAPSACK, STRUCTURES, SURROGATES, batch_of, equal, to

SIZES = [4, 1, 3]
every_structure = pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)


def example(case, sizes=SIZES):
    clean = (map_parts(lambda part: part.nan_to_num(0), batch_of(case.shape, sizes, seed)) for seed in (0, 1))
    return *clean, torch.tensor(sizes)


def run(case, scores, weights, lengths):
    """Return the layer's output, and SPIGOT's gradient for the scores."""
    leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
    output = structured_argmax(leaves, case.structure, SPIGOT(max_norm=1.0), lengths=lengths)
    grads = torch.autograd.grad(tensors(output), tensors(leaves), tensors(weights))
    return map_parts(torch.detach, output), like(scores, grads)


# Tracing takes a second or more: one structure of each class goes through its hull, and one with every surrogate.
CLASSES = {type(case.structure): case for case in reversed(STRUCTURES)}
PAIRS = [(STRUCTURES[0], name) for name in SURROGATES]
PAIRS += [(case, "spigot-capped") for case in STRUCTURES[1:]]
PAIRS += [(case, "spigot-hull") for case in CLASSES.values() if case is not STRUCTURES[0]]


@pytest.mark.parametrize(("case", "name"), PAIRS, ids=lambda value: getattr(value, "name", value))
def test_a_compiled_graph_is_whole_and_equal(case, name):
    scores, weights, lengths = example(case, [2, 1])  # the smallest: programs unroll their steps
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


def everything(case, scores, lengths):
    """Return what all methods of a structure return, and the layer."""
    structure = case.structure
    best, (top, totals) = structure.argmax(scores, lengths), structure.top_k(scores, 3, lengths)
    found = [best, top, totals, structure.score(scores, best, lengths)]
    found += [polytope.project(scores, lengths) for polytope in (structure.relaxation, structure.hull)]
    found.append(structured_argmax(scores, structure, SPIGOT(), lengths=lengths))
    if isinstance(structure, MarginalStructure):
        found.append(structure.sample(scores, lengths, generator=torch.Generator("cpu").manual_seed(1)))
        for method in (structure.log_partition, structure.marginals, structure.entropy):
            found.append(method(scores, lengths))
        found.append(structure.log_prob(scores, best, lengths))
    return found


@every_structure
def test_inference_mode_changes_nothing(case):
    scores, _, lengths = example(case)
    want = everything(case, scores, lengths)
    with torch.inference_mode():
        from_outside = everything(case, scores, lengths)
        made_within = everything(case, map_parts(torch.clone, scores), lengths.clone())
    assert all(map(equal, want, from_outside))
    assert all(map(equal, want, made_within))


@every_structure
def test_the_default_device_and_type_change_nothing(case):
    """On the device "meta" numbers have no values, so whatever is made there by mistake is missed."""
    scores, weights, lengths = example(case)
    want = [*everything(case, scores, lengths), *run(case, scores, weights, lengths)]
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    try:
        found = [*everything(case, scores, SIZES), *run(case, scores, weights, lengths)]
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    assert all(map(equal, want, found))


def test_settings_of_structures_do_not_go_to_the_default_device():
    with torch.device("meta"):
        program, budget = LinearProgram(*KNAPSACK), Budget(ProjectiveTree(), DISTANCES, 6.0)
    assert program.argmax(torch.ones(2, 4)).sum(1).tolist() == [2, 2]
    assert budget.argmax(torch.ones(1, 4, 4)).sum() == 3
