"""What every surrogate promises on every structure it can serve, through the layer itself."""

import copy
import dataclasses

import pytest
import torch

import spigot
from spigot import CustomSurrogate, Matching, ProjectiveTree, structured_argmax
from spigot.structured.parts.base import flatten, inner, like, map_parts, masked, per_row, tensors
from tests.contracts.registry import (
    STRUCTURES,
    SURROGATES,
    batch_of,
    equal,
    outside,
    random_mask,
    row_of,
    to,
)

SIZES = [4, 1, 3]
PAIRS = [
    pytest.param(case, surrogate, id=f"{case.name}-{name}")
    for case in STRUCTURES
    for name, surrogate in SURROGATES.items()
    if surrogate.serves(case.structure)
]
every_pair = pytest.mark.parametrize(("case", "surrogate"), PAIRS)


def run(case, surrogate, scores, lengths, grad, mask=None, row=0, downstream_grad=None, **rest):
    """Run forward and backward. `row`: which row of a batch the first one is to be as far as its noise goes.

    Each call begins with the same random numbers, and a surrogate that adapts itself with what it was set to.
    """
    torch.manual_seed(0)
    torch.randint(2**63 - 1, (row, 1))
    surrogate = copy.deepcopy(surrogate)
    valid = case.structure.part_mask(scores, lengths, mask)

    def downstream(z):
        # In float64: then a row's sum is the same whatever its padding.
        return inner(masked(to(grad if downstream_grad is None else downstream_grad, torch.float64), valid), z)

    leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
    rest |= {"lengths": lengths, "mask": mask}
    if surrogate.needs_downstream:
        rest["downstream"] = downstream
    output = structured_argmax(leaves, case.structure, surrogate, **rest)
    grads = torch.autograd.grad(tensors(output), tensors(leaves), tensors(grad))
    return map_parts(torch.detach, output), like(scores, grads)


def example(case, seed=0):
    scores = batch_of(case.shape, SIZES, seed)
    return scores, torch.tensor(SIZES), batch_of(case.shape, SIZES, seed + 1)


@every_pair
def test_padding_is_not_read_forward_or_backward(case, surrogate):
    scores, lengths, grad = example(case)
    output, scores_grad = run(case, surrogate, scores, lengths, grad)
    valid = case.structure.part_mask(scores, lengths)
    assert outside(scores, valid).numel()
    assert not outside(output, valid).any()
    assert not outside(scores_grad, valid).any()
    generator = torch.Generator().manual_seed(5)
    noise = map_parts(lambda part: torch.randn(part.shape, generator=generator), scores)
    other_scores, other_grad = (map_parts(torch.where, valid, parts, noise) for parts in (scores, grad))
    same = run(case, surrogate, other_scores, lengths, other_grad)
    assert equal(same[0], output)
    assert equal(same[1], scores_grad)


@every_pair
def test_a_row_does_not_depend_on_neighbours_or_padding(case, surrogate):
    scores, lengths, grad = example(case)
    together = run(case, surrogate, scores, lengths, grad)
    wider = (batch_of(case.shape, SIZES, seed, full=case.widest) for seed in (0, 1))
    padded = run(case, surrogate, next(wider), lengths, next(wider))
    for b, size in enumerate(SIZES):
        alone, its_grad = (row_of(parts, case.shape, b, size) for parts in (scores, grad))
        single = run(case, surrogate, alone, None, its_grad, row=b)
        for found in (together, padded):
            assert equal(single[0], row_of(found[0], case.shape, b, size))
            assert equal(single[1], row_of(found[1], case.shape, b, size))


@every_pair
def test_parts_outside_the_mask_get_no_gradient(case, surrogate):
    scores, lengths, grad = example(case)
    chosen = case.structure.argmax(scores, lengths)
    mask = map_parts(lambda z, half: z.bool() | half, chosen, random_mask(scores, 2))
    _, scores_grad = run(case, surrogate, scores, lengths, grad, mask)
    assert not outside(scores_grad, mask).any()


@every_pair
def test_half_precision_comes_back_as_it_came(case, surrogate):
    scores, lengths, grad = example(case)
    scores, grad = to(scores, torch.bfloat16), to(grad, torch.bfloat16)
    output, scores_grad = run(case, surrogate, scores, lengths, grad)
    assert all(part.dtype == torch.bfloat16 for part in (*tensors(output), *tensors(scores_grad)))
    wide = run(case, surrogate, to(scores, torch.float32), lengths, to(grad, torch.float32))
    assert equal(output, to(wide[0], torch.bfloat16))
    assert equal(scores_grad, to(wide[1], torch.bfloat16))


@every_pair
def test_an_overflow_stays_in_its_row(case, surrogate):
    """As under a gradient scaler: the row's gradient is not finite, by which the scaler knows; nothing raises."""
    scores, lengths, grad = example(case)
    expected = run(case, surrogate, scores, lengths, grad)
    # Where a true derivative is 0, what it is multiplied with does not matter.
    moved = flatten(expected[1]).any(1)
    row = int(moved.nonzero()[0]) if moved.any() else 0
    others = [b for b in range(len(SIZES)) if b != row]
    must_show = isinstance(surrogate, CustomSurrogate) or bool(moved.any())
    must_show = must_show and surrogate.passes_gradient
    # The derivative of a recurrence with one structure is 0 times what comes in: NaN may show.
    may_show = must_show or case.unique
    for bad in (float("inf"), -float("inf"), float("nan")):
        spoiled = map_parts(torch.clone, grad)
        for part in tensors(spoiled):
            part[row].masked_fill_(part[row].isfinite(), bad)
        output, scores_grad = run(case, surrogate, scores, lengths, spoiled)
        assert equal(output, expected[0])
        assert torch.equal(flatten(scores_grad)[others], flatten(expected[1])[others])
        assert bool(flatten(scores_grad)[row].isfinite().all()) in {not must_show, not may_show}
        everywhere = map_parts(lambda part, bad=bad: part.masked_fill(part.isfinite(), bad), grad)
        _, scores_grad = run(case, surrogate, scores, lengths, everywhere)
        assert bool(flatten(scores_grad).isfinite().all()) in {not must_show, not may_show}


def scaled_by(parts, factor):
    return map_parts(lambda part: part * factor, parts)


@every_pair
def test_the_layer_can_be_told_the_scale_of_the_loss(case, surrogate):
    scores, lengths, grad = example(case)
    expected = run(case, surrogate, scores, lengths, grad)
    for scale in (2.0**-7, torch.tensor([2.0**16, 0.25, 8.0])):
        by_row = torch.as_tensor(scale).expand(len(SIZES))
        incoming = map_parts(lambda part, by_row=by_row: part * per_row(by_row, part), grad)
        output, found = run(case, surrogate, scores, lengths, incoming, loss_scale=scale, downstream_grad=grad)
        assert equal(output, expected[0])
        assert equal(found, map_parts(lambda part, by_row=by_row: part * per_row(by_row, part), expected[1]))


NORMALIZED = {
    "spigot": spigot.SPIGOT(normalize=True),
    "spigot-ce": spigot.SPIGOTCE(normalize=True),
    "spigot-eg": spigot.SPIGOTEG(normalize=True),
    "blackbox": spigot.Blackbox(3.0, normalize=True),
    "imle": spigot.IMLE(3.0, normalize=True),
}


@pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
@pytest.mark.parametrize("name", NORMALIZED)
def test_a_normalized_gradient_does_not_depend_on_the_scale_of_the_loss(case, name):
    surrogate = NORMALIZED[name]
    if not surrogate.serves(case.structure):
        pytest.skip("needs marginals")
    scores, lengths, grad = example(case)
    expected = run(case, surrogate, scores, lengths, grad)[1]
    for scale in (2.0**-20, 2.0**16):
        assert equal(run(case, surrogate, scores, lengths, scaled_by(grad, scale))[1], expected)
    assert flatten(run(case, surrogate, scores, lengths, scaled_by(grad, 0))[1]).abs().max() < 1e-6
    plain = dataclasses.replace(surrogate, normalize=False)
    valid = case.structure.part_mask(scores, lengths)
    norm = flatten(masked(grad, valid)).double().norm(dim=1)
    unit = map_parts(lambda part: (part.double() / per_row(norm, part.double())).float(), grad)
    for found, own in zip(tensors(run(case, plain, scores, lengths, unit)[1]), tensors(expected), strict=True):
        assert torch.allclose(found, own, atol=1e-5)


def train_in_half_precision(surrogate):
    """Train a scorer under a gradient scaler that begins too large. Return its scales and the last losses."""
    torch.manual_seed(0)
    tree, target = ProjectiveTree(), ProjectiveTree().argmax(torch.randn(4, 5, 5))
    weights = torch.zeros(4, 5, 5, requires_grad=True)
    optimizer, scale, scales, losses = torch.optim.SGD([weights], 0.1), 2.0**40, [], []

    def loss_of(z):
        return ((z - target) ** 2).sum((1, 2))

    for _ in range(40):
        optimizer.zero_grad()
        scores = weights.half()
        downstream = loss_of if surrogate.needs_downstream else None
        z = structured_argmax(scores, tree, surrogate, downstream=downstream, loss_scale=scale)
        losses.append(loss_of(z.float()).sum().item())
        # As autocast does: the loss in float32, the gradient for what is half in half.
        (loss_of(z.float()).sum() * scale).backward()
        scales.append(scale)
        if weights.grad.isfinite().all():
            weights.grad /= scale
            optimizer.step()
        else:
            scale /= 16
        assert weights.isfinite().all()
    return scales, losses


ANY_SCORES = [name for name, s in SURROGATES.items() if s.passes_gradient and name != "perturbed-multiplicative"]
"""Those that have a gradient where scores are 0."""


@pytest.mark.parametrize("name", ANY_SCORES)
def test_training_in_half_precision_skips_steps_that_overflow(name):
    scales, losses = train_in_half_precision(copy.deepcopy(SURROGATES[name]))
    assert scales[0] > scales[-1]
    assert scales[-1] == scales[-10]
    assert sum(losses[-5:]) < sum(losses[:5])


@every_pair
def test_equal_settings_are_equal(case, surrogate):
    settings = {field.name: getattr(surrogate, field.name) for field in dataclasses.fields(surrogate) if field.init}
    assert surrogate == type(surrogate)(**settings)
    assert hash(surrogate) == hash(surrogate)
    assert type(surrogate).__name__ in repr(surrogate)
    assert type(case.structure).__name__ in repr(case.structure)


@every_pair
def test_empty_batch(case, surrogate):
    scores, lengths, grad = (map_parts(lambda part: part[:0], parts) for parts in example(case))
    output, scores_grad = run(case, surrogate, scores, lengths, grad)
    for part, own, its_grad in zip(*map(tensors, (output, scores, scores_grad)), strict=True):
        assert part.shape == its_grad.shape == own.shape
    assert flatten(output).size(0) == 0


def is_whole(parts):
    return bool(((flatten(parts) == 0) | (flatten(parts) == 1)).all())


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
def test_class_facts_are_true(surrogate):
    whole, moved = [], []
    for seed in range(3):
        scores, lengths, grad = example(STRUCTURES[0], seed)
        output, scores_grad = run(STRUCTURES[0], surrogate, scores, lengths, 3 * grad)
        whole.append(is_whole(output))
        moved.append(bool(scores_grad.any()))
    assert all(whole) != surrogate.relaxes
    assert any(moved) == surrogate.passes_gradient
    leaf = torch.randn(2, 3, 3, requires_grad=True)
    if surrogate.needs_downstream:
        with pytest.raises(ValueError, match="downstream"):
            structured_argmax(leaf, ProjectiveTree(), surrogate)
        assert structured_argmax(leaf.detach(), ProjectiveTree(), surrogate).shape == leaf.shape
    assert surrogate.serves(ProjectiveTree())
    assert surrogate.serves(Matching()) != surrogate.needs_marginals
    if surrogate.needs_marginals:
        with pytest.raises(TypeError, match="needs a MarginalStructure, got Matching"):
            structured_argmax(leaf, Matching(), surrogate)
    else:
        leaf = leaf.detach() if surrogate.needs_downstream else leaf
        assert structured_argmax(leaf, Matching(), surrogate).shape == leaf.shape


@every_pair
def test_a_second_derivative_is_true_or_an_error(case, surrogate):
    scores, lengths, grad = (
        map_parts(lambda part: part.nan_to_num(0).double(), parts) if index != 1 else parts
        for index, parts in enumerate(example(case))
    )
    if surrogate.needs_downstream:
        pytest.skip("its gradient is not that of the output")
    direction = map_parts(lambda part: part.nan_to_num(0).double(), batch_of(case.shape, SIZES, 7))

    def penalty(leaves):
        """The square of the gradient of a linear loss plus a quadratic one."""
        output = structured_argmax(leaves, case.structure, copy.deepcopy(surrogate), lengths=lengths)
        loss = (flatten(output) * flatten(grad) + flatten(output) ** 2).sum()
        grads = torch.autograd.grad(loss, tensors(leaves), create_graph=True)
        return flatten(like(leaves, grads)).square().sum()

    def at(step):
        moved = map_parts(lambda s, d: (s + step * d).requires_grad_(), scores, direction)
        torch.manual_seed(0)
        return penalty(moved), moved

    value, leaves = at(0.0)
    if not surrogate.passes_gradient:
        assert not value.requires_grad
        return
    assert value.requires_grad
    try:
        found = torch.autograd.grad(value, tensors(leaves))
    except RuntimeError as error:
        if "expected to be differentiated once" not in str(error):
            raise
        return
    slope = inner(like(leaves, found), direction).sum()
    expected = (at(1e-5)[0] - at(-1e-5)[0]) / 2e-5
    assert torch.allclose(slope, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("several", [spigot.SPIGOT(steps=3), spigot.SPIGOTCE(steps=2), spigot.SPIGOTEG(steps=2)])
def test_steps_that_need_the_loss_ask_for_it_at_once(several):
    leaf = torch.randn(2, 3, 3, requires_grad=True)
    with pytest.raises(ValueError, match=f"downstream: {type(several).__name__} evaluates the loss again"):
        structured_argmax(leaf, ProjectiveTree(), several)
    assert structured_argmax(leaf.detach(), ProjectiveTree(), several).shape == leaf.shape
    structured_argmax(leaf, ProjectiveTree(), several, downstream=lambda z: z.sum((1, 2))).sum().backward()


@pytest.mark.parametrize("kind", [spigot.Marginals, spigot.SparseMAP])
@pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
def test_a_temperature_is_learnt(case, kind):
    scores, lengths, grad = example(case)
    if not kind().serves(case.structure):
        pytest.skip("needs marginals")
    temperature = torch.nn.Parameter(torch.tensor(0.7, dtype=torch.float64))
    layer = spigot.StructuredArgmax(case.structure, kind(temperature=temperature))
    assert dict(layer.named_parameters()) == {"temperature": temperature}
    wide, weights = to(scores, torch.float64), map_parts(lambda part: part.nan_to_num(0), to(grad, torch.float64))

    def loss(layer):
        return inner(masked(layer(wide, lengths), case.structure.part_mask(wide, lengths)), weights).sum()

    loss(layer).backward()
    ahead, back = (loss(spigot.StructuredArgmax(case.structure, kind(temperature=0.7 + by))) for by in (1e-5, -1e-5))
    assert torch.allclose(temperature.grad, (ahead - back) / 2e-5, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match=r"temperature: expected one number, got shape \[2\]"):
        kind(temperature=torch.ones(2))


@pytest.mark.parametrize("kind", [spigot.Marginals, spigot.SparseMAP])
def test_a_temperature_that_was_exchanged_is_used(kind):
    """Some ways to load a module, or to call it, put other tensors in the place of its parameters."""

    def layer(temperature):
        return spigot.StructuredArgmax(spigot.Categorical(), kind(torch.nn.Parameter(torch.tensor(temperature))))

    scores = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    wanted = layer(3.0)
    with torch.device("meta"):
        made_without_memory = layer(1.0)
    loaded, emptied = layer(1.0), made_without_memory.to_empty(device="cpu")
    loaded.load_state_dict(wanted.state_dict(), assign=True)
    emptied.load_state_dict(wanted.state_dict())
    for each in (loaded, emptied):
        assert torch.equal(each(scores), wanted(scores))
        each(scores)[0, 0].backward()
        assert each.temperature.grad != 0
    other = {"temperature": torch.tensor(3.0)}
    assert torch.equal(torch.func.functional_call(layer(1.0), other, scores), wanted(scores))


def test_swapped_arguments_and_classes_are_named():
    scores, tree, surrogate = torch.randn(1, 3, 3), ProjectiveTree(), spigot.SPIGOT()
    for arguments, message in [
        (
            (scores, ProjectiveTree, surrogate),
            r"structure: expected a Structure such as .*, got the class ProjectiveTree",
        ),
        ((scores, tree, spigot.SPIGOT), r"surrogate: expected a Surrogate such as .*, got the class SPIGOT"),
        ((scores, surrogate, tree), r"structure: expected a Structure such as .*, got SPIGOT"),
        ((tree, scores, surrogate), r"scores: expected a floating-point tensor, got ProjectiveTree"),
    ]:
        with pytest.raises(TypeError, match=message):
            structured_argmax(*arguments)
    for arguments in ((ProjectiveTree, surrogate), (surrogate, tree), (tree, spigot.SPIGOT)):
        with pytest.raises(TypeError, match=r"(structure|surrogate): expected a S\w+ such as"):
            spigot.StructuredArgmax(*arguments)


@pytest.mark.parametrize("scale", [0.0, -1.0, torch.ones(2), torch.ones(1, 1)])
def test_a_loss_scale_is_checked(scale):
    with pytest.raises(ValueError, match="loss_scale: expected"):
        structured_argmax(torch.randn(3, 4), spigot.Categorical(), spigot.SPIGOT(), loss_scale=scale)
