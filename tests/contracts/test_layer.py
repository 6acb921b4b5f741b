"""What the layer promises with every structure, whatever the surrogate: compiled, under autocast, again and again."""

import threading

import pytest
import torch

from spigot import SPIGOT, structured_argmax
from spigot.structured.parts import flatten, like, map_parts, tensors
from tests.contracts.registry import STRUCTURES, batch_of, equal, to

SIZES = [4, 1, 3]
every_structure = pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
whole_graph = pytest.mark.parametrize("case", [c for c in STRUCTURES if c.compiles], ids=lambda case: case.name)


def example(case):
    clean = (map_parts(lambda part: part.nan_to_num(0), batch_of(case.shape, SIZES, seed)) for seed in (0, 1))
    return *clean, torch.tensor(SIZES)


def run(case, scores, weights, lengths):
    """Return the layer's output, and SPIGOT's gradient for the scores."""
    leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
    output = structured_argmax(leaves, case.structure, SPIGOT(max_norm=1.0), lengths=lengths)
    grads = torch.autograd.grad(tensors(output), tensors(leaves), tensors(weights))
    return map_parts(torch.detach, output), like(scores, grads)


@whole_graph
def test_a_compiled_graph_is_whole_and_equal(case):
    scores, weights, lengths = example(case)
    structure = case.structure

    def loss(leaves):
        output = structured_argmax(leaves, structure, SPIGOT(max_norm=1.0), lengths=lengths)
        return (flatten(output) * flatten(weights)).sum()

    leaves = map_parts(lambda part: part.requires_grad_(), scores)
    torch.compiler.reset()
    losses = [loss(leaves), torch.compile(loss, fullgraph=True, backend="aot_eager")(leaves)]
    eager, compiled = (torch.autograd.grad(value, tensors(leaves)) for value in losses)
    assert torch.equal(*losses)
    assert equal(like(scores, eager), like(scores, compiled))


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
