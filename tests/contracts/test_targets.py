"""What every structure promises of structures that it is given: in integers or as parts, checked either way."""

import pytest
import torch

import spigot
from spigot import MarginalStructure
from spigot.structured.parts.base import flatten, like, map_parts, masked, tensors
from tests.contracts.registry import STRUCTURES, batch_of, equal, row_of, to

SIZES = [4, 1, 3]
every_structure = pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
compact = pytest.mark.parametrize(
    "case", [case for case in STRUCTURES if case.structure.compact_form is not None], ids=lambda case: case.name
)


def example(case, seed=0):
    scores = map_parts(lambda part: part.nan_to_num(0), batch_of(case.shape, SIZES, seed))
    lengths = torch.tensor(SIZES)
    return scores, lengths, case.structure.argmax(batch_of(case.shape, SIZES, seed + 1), lengths)


def losses_of(case):
    plain = [spigot.perceptron_loss, spigot.hinge_loss, spigot.sparsemap_loss]
    if isinstance(case.structure, MarginalStructure):
        plain.append(spigot.negative_log_likelihood)

    def perturbed(*arguments, **rest):
        return spigot.perturbed_loss(*arguments, samples=2, generator=torch.Generator().manual_seed(0), **rest)

    return [*plain, perturbed]


def with_padding(integers, form, scores, lengths, value):
    """Return integers with `value` wherever they mean nothing."""
    return integers.where(form.meant(scores, lengths).expand(integers.shape), value)


@compact
def test_integers_and_parts_write_the_same(case):
    for seed in range(5):
        scores, lengths, z = example(case, seed)
        integers = case.structure.to_compact(z, lengths)
        assert integers.dtype == torch.int64
        form = case.structure.compact_form
        for padding in (-1, 77):
            padded = with_padding(integers, form, scores, lengths, padding)
            for given in (padded, padded.int(), padded.tolist()):
                assert equal(case.structure.to_parts(given, scores, lengths), z)
        assert equal(case.structure.to_parts(z, scores, lengths), z)
        assert torch.equal(case.structure.score(scores, integers, lengths), case.structure.score(scores, z, lengths))


@every_structure
def test_membership(case):
    """Of 0/1 parts near to a structure those are structures that are their own argmax."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for seed in range(8):
        scores, lengths, z = example(case, seed)
        assert case.structure.contains(z, lengths).all()
        if not case.counts:
            assert case.structure.contains(map_parts(torch.Tensor.bool, z), lengths).all()
        garbage = case.structure.part_mask(map_parts(torch.zeros_like, scores), lengths)
        poisoned = map_parts(lambda part, cells: part.masked_fill(~cells, torch.nan), z, garbage)
        assert case.structure.contains(poisoned, lengths).all()
        other = case.structure.argmax(batch_of(case.shape, SIZES, seed + 50), lengths)
        for share in (0.1, 0.3, 0.5):
            kept = map_parts(lambda part, share=share: torch.rand(part.shape, generator=generator) > share, z)
            near = masked(map_parts(torch.where, kept, z, other), garbage)
            best = case.structure.argmax(map_parts(lambda part: 2.0 * (part > 0) - 1, near), lengths)
            expected = (flatten(best) == flatten(near)).all(1)
            if case.exact:
                assert torch.equal(case.structure.contains(near, lengths), expected)
                found.append(expected)
        assert not case.structure.contains(map_parts(lambda part: part * 0.5 + 0.25, z), lengths).any()
    if case.exact:
        assert torch.cat(found).any()
        assert torch.cat(found).all() == case.unique


@every_structure
def test_losses_take_either_form(case):
    scores, lengths, z = example(case)
    expected = [loss(scores, z, case.structure, lengths=lengths) for loss in losses_of(case)]
    kinds = [to(z, torch.float64)] if case.counts else [map_parts(torch.Tensor.bool, z), to(z, torch.float64)]
    if case.structure.compact_form is not None:
        kinds.append(case.structure.to_compact(z, lengths))
    for loss, losses in zip(losses_of(case), expected, strict=True):
        assert losses.shape == (len(SIZES),)
        for target in kinds:
            assert torch.equal(loss(scores, target, case.structure, lengths=lengths), losses)
        for reduction in ("mean", "sum"):
            reduced = loss(scores, z, case.structure, lengths=lengths, reduction=reduction)
            assert torch.allclose(reduced, getattr(losses, reduction)())
        with pytest.raises(ValueError, match="reduction: expected one of 'none', 'mean', 'sum', got 'max'"):
            loss(scores, z, case.structure, lengths=lengths, reduction="max")
    if isinstance(case.structure, MarginalStructure):
        wide = to(scores, torch.float64)  # a probability of 1 is one but for rounding
        log_prob = case.structure.log_prob(wide, kinds[-1], lengths)
        assert torch.allclose(log_prob, -spigot.negative_log_likelihood(wide, z, case.structure, lengths=lengths))


@every_structure
def test_a_loss_depends_on_its_row_alone(case):
    """To the bit, and whatever stands in the padding of scores and targets."""
    sizes = [5, 1, 3] if case.widest > 4 else SIZES
    for seed in range(2):
        scores, lengths = batch_of(case.shape, sizes, seed), torch.tensor(sizes)
        target = case.structure.argmax(batch_of(case.shape, sizes, seed + 1), lengths)
        valid = case.structure.part_mask(scores, lengths)
        poisoned = map_parts(lambda part, cells: part.where(cells, torch.nan), target, valid)
        for loss in losses_of(case)[:-1]:  # a sample of noise belongs to a place in the batch
            losses = loss(scores, poisoned, case.structure, lengths=lengths)
            for b, size in enumerate(sizes):
                own, gold = (row_of(parts, case.shape, b, size) for parts in (scores, target))
                assert torch.equal(loss(own, gold, case.structure), losses[b : b + 1])


@every_structure
def test_what_is_no_target_is_refused(case):
    scores, lengths, z = example(case)
    wrong = [
        (map_parts(lambda part: part[:1], z), ValueError, "of shape"),
        (map_parts(lambda part: part[0], z), ValueError, "of shape"),
        (map_parts(lambda part: part[..., None], z), ValueError, "of shape"),
        (torch.tensor(1.0), Exception, "of shape"),
        (torch.tensor(1), Exception, "of shape"),
        (tensors(scores)[0].numpy(), TypeError, "got ndarray"),
        (case.structure, TypeError, f"got {type(case.structure).__name__}"),
        (None, TypeError, "got NoneType"),
        (map_parts(lambda part: torch.complex(part, part), z), TypeError, "complex"),
        ([[0.5], [0.5], [0.5]], TypeError, "lists? of|got list"),
        ("abc", TypeError, "got str"),
    ]
    if not isinstance(z, torch.Tensor):
        wrong.append((tuple(z), TypeError, "got tuple"))
    for target, kind, message in wrong:
        for loss in losses_of(case):
            with pytest.raises(kind, match=f"target: expected .*{message}"):
                loss(scores, target, case.structure, lengths=lengths)
        with pytest.raises(kind, match=f"structure: expected .*{message}"):
            case.structure.score(scores, target, lengths)
    if case.structure.compact_form is not None:
        integers = case.structure.to_compact(z, lengths)
        for target in (integers[:1], integers[None], integers[..., None]):
            with pytest.raises(ValueError, match=r"target: expected .* of shape \[.*\] \(integers\) or "):
                spigot.hinge_loss(scores, target, case.structure, lengths=lengths)
        with pytest.raises(ValueError, match=r"target: expected .* from .* to .*row 0"):
            spigot.hinge_loss(scores, integers + 1000, case.structure, lengths=lengths)
    with pytest.raises(TypeError, match="structure: expected a Structure such as"):
        spigot.hinge_loss(scores, case.structure, z)
    with pytest.raises(ValueError, match="cost: expected"):
        spigot.hinge_loss(scores, z, case.structure, map_parts(lambda part: part[:1], z), lengths=lengths)


def spoiled(case, z):
    """Return parts whose row 2 is no structure: its first part is halved."""
    rows = [part.clone() for part in tensors(z)]
    part = next(part for part in rows if part[2].any())
    part[(2, *part[2].nonzero()[0].tolist())] = 0.5
    return like(z, tuple(rows))


@every_structure
def test_a_target_that_is_no_structure_is_refused(case):
    for seed in range(3):
        scores, lengths, z = example(case, seed)
        if flatten(z)[2].any():
            break
    target = spoiled(case, z)
    for loss in losses_of(case):
        with pytest.raises(ValueError, match=r"target: expected a structure of .*row 2"):
            loss(scores, target, case.structure, lengths=lengths)
    for loss in (spigot.hinge_loss, spigot.perceptron_loss):
        assert (loss(scores, target, case.structure, lengths=lengths, outside="clip") >= 0).all()
    if isinstance(case.structure, MarginalStructure):
        with pytest.raises(ValueError, match=r"structure: expected a structure of .*row 2"):
            case.structure.log_prob(scores, target, lengths)


@every_structure
def test_a_target_with_an_excluded_part_has_an_infinite_loss(case):
    scores, lengths, z = example(case)
    row = int(flatten(z).any(1).nonzero()[0])
    for excluded in ("mask", "score"):
        mask = map_parts(lambda part: torch.ones_like(part, dtype=torch.bool), scores)
        chosen = [part.clone() for part in tensors(scores)]
        for part, own, allowed in zip(tensors(z), chosen, tensors(mask), strict=True):
            if part[row].any():
                # Some parts belong to every structure: to exclude the first one that does not leaves others.
                for cell in part[row].nonzero().tolist():
                    trial = allowed.clone()
                    trial[(row, *cell)] = False
                    masks = like(mask, tuple(trial if m is allowed else m for m in tensors(mask)))
                    try:
                        case.structure.argmax(scores, lengths, masks)
                    except ValueError:
                        continue
                    allowed[(row, *cell)] = False
                    own[(row, *cell)] = -torch.inf
                    break
                else:
                    continue
                break
        if flatten(mask).all():
            pytest.skip("every structure of this size has the same parts")
        arguments = (scores, mask) if excluded == "mask" else (like(scores, tuple(chosen)), None)
        for loss in losses_of(case):
            losses = loss(arguments[0], z, case.structure, lengths=lengths, mask=arguments[1])
            assert losses[row] == torch.inf
            assert losses.isfinite().sum() == len(SIZES) - 1
        for loss in (spigot.hinge_loss, spigot.perceptron_loss):
            clipped = loss(arguments[0], z, case.structure, lengths=lengths, mask=arguments[1], outside="clip")
            assert clipped.isfinite().all()


@compact
def test_rows_without_a_target_are_left_out(case):
    scores, lengths, z = example(case)
    integers = case.structure.to_compact(z, lengths)
    integers[0] = -100
    leaves = map_parts(lambda part: part.clone().requires_grad_(), scores)
    for loss in losses_of(case):
        expected = loss(scores, z, case.structure, lengths=lengths)
        losses = loss(leaves, integers, case.structure, lengths=lengths)
        assert losses[0] == 0
        assert torch.equal(losses[1:], expected[1:])
        mean = loss(leaves, integers, case.structure, lengths=lengths, reduction="mean")
        assert torch.allclose(mean, expected[1:].mean())
        grads = torch.autograd.grad(mean, tensors(leaves))
        assert not any(grad[0].any() for grad in grads)
        if integers[2].dim():
            some = integers.clone()
            some[2].view(-1)[-1 if case.name != "semantic-graph" else 1] = -100
            meant = case.structure.compact_form.meant(scores, lengths).expand(some.shape)
            if (meant[2] & (some[2] != -100)).any() and (meant[2] & (some[2] == -100)).any():
                with pytest.raises(ValueError, match=r"target: expected -100 for all .*row 2"):
                    loss(leaves, some, case.structure, lengths=lengths)


@pytest.mark.parametrize("case", STRUCTURES, ids=lambda case: case.name)
def test_losses_compile_whole(case):
    if case.structure.compact_form is None or case.name.startswith("binary-tree"):
        pytest.skip("integers of fixed shape alone")
    scores, lengths, z = example(case)
    integers = case.structure.to_compact(z, lengths)
    torch.compiler.reset()

    def loss(scores, target):
        return spigot.hinge_loss(scores, target, case.structure, lengths=lengths)

    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    for target in (z, integers):
        assert torch.allclose(compiled(scores, target), loss(scores, target))


def trees(structure, heads):
    return structure.contains(spigot.heads_to_arcs(torch.tensor(heads))).tolist()


def test_heads_that_are_no_tree():
    crossing, cycle, two_roots = [-1, 3, 4, 0, 3], [-1, 2, 1, 0, 3], [-1, 0, 0, 2, 3]
    no_head, own_head, chain = [-1, 0, -1, 1, 3], [-1, 0, 2, 1, 3], [-1, 0, 1, 2, 3]
    all_of_them = [crossing, cycle, two_roots, no_head, own_head, chain]
    assert trees(spigot.ProjectiveTree(), all_of_them) == [False, False, False, False, False, True]
    assert trees(spigot.ProjectiveTree(False), all_of_them) == [False, False, True, False, False, True]
    assert trees(spigot.NonProjectiveTree(), all_of_them) == [True, False, False, False, False, True]
    assert trees(spigot.NonProjectiveTree(False), all_of_them) == [True, False, True, False, False, True]


def test_losses_of_trees_name_a_gold_tree_that_is_none():
    scores = torch.zeros(3, 5, 5)
    heads = torch.tensor([[-1, 2, 0, 2, 3], [-1, 3, 4, 0, 3], [-1, 0, 1, 1, 1]])
    message = r"target: expected a structure of ProjectiveTree\(single_root=True, .*\), got .* \(row 1 of the batch"
    for loss in (spigot.negative_log_likelihood, spigot.hinge_loss, spigot.sparsemap_loss, spigot.perturbed_loss):
        with pytest.raises(ValueError, match=message):
            loss(scores, heads, spigot.ProjectiveTree())
    with pytest.raises(
        ValueError, match=r"target: expected heads of shape \[3, 5\] \(integers\) or arcs of shape \[3, 5, 5\]"
    ):
        spigot.hinge_loss(scores, torch.eye(5), spigot.ProjectiveTree())
    with pytest.raises(ValueError, match=r"target: expected heads of shape \[3, 5\] .*, got \[5\] of torch.int64"):
        spigot.hinge_loss(scores, heads[0], spigot.ProjectiveTree())


def test_a_likelihood_of_indices():
    scores = torch.eye(3) * 2
    losses = spigot.negative_log_likelihood(scores, torch.tensor([0, 1, 2]), spigot.Categorical())
    expected = torch.nn.functional.cross_entropy(scores, torch.tensor([0, 1, 2]), reduction="none")
    assert torch.allclose(losses, expected)


def test_spans_that_every_tree_has_may_be_left_out():
    tree, scores = spigot.BinaryTree(), torch.zeros(2, 3, 3)
    spans = [[(0, 1)], [(1, 2), (0, 2), (1, 1)]]
    parts = tree.to_parts(spans, scores)
    assert tree.contains(parts).tolist() == [True, True]
    assert tree.to_compact(parts)[0].tolist() == [[0, 0], [0, 1], [0, 2], [1, 1], [2, 2]]
    with pytest.raises(ValueError, match=r"target: expected a structure of BinaryTree.*row 0"):
        spigot.hinge_loss(scores, [[(0, 1), (1, 2)], [(0, 1)]], tree)


def test_converters_are_inverses():
    index = torch.tensor([[0, 2, -1], [1, -1, -1]])
    assert torch.equal(spigot.chains_to_tags(spigot.tags_to_chains(index, 3)), index)
    assert torch.equal(spigot.matching_to_columns(spigot.columns_to_matching(index)), index)
    assert torch.equal(spigot.categories_to_indices(spigot.indices_to_categories(index, 4), 3), index)
    spans = torch.tensor([[[0, 1], [1, 1]], [[2, 2], [-1, -1]]])
    assert torch.equal(spigot.trees_to_spans(spigot.spans_to_trees(spans, 3)), spans)
    labelled = torch.tensor([[[0, 1, 1], [1, 1, 0]], [[2, 2, 1], [-1, -1, -1]]])
    assert torch.equal(spigot.trees_to_spans(spigot.spans_to_trees(labelled, 3, 2)), labelled)
    labels = torch.tensor([[[-1, 1, -1], [-1, 0, -1], [-1, 0, -1]]])  # node 1 is a predicate without arcs
    assert torch.equal(spigot.graphs_to_labels(spigot.labels_to_graphs(labels, 2)), labels)
    for converter, rest in (
        (spigot.tags_to_chains, (2,)),
        (spigot.indices_to_categories, (2,)),
        (spigot.columns_to_matching, ()),
        (spigot.heads_to_arcs, ()),
    ):
        with pytest.raises(ValueError, match=r": expected -1 \.\. .*row 1"):
            converter(torch.tensor([[0, 1], [5, 0]]), *rest)
        with pytest.raises(TypeError, match=r": expected integers, got torch.float32"):
            converter(torch.zeros(2, 2), *rest)
        with pytest.raises(ValueError, match=r": expected shape"):
            converter(torch.zeros(2, dtype=torch.int64), *rest)


def test_a_structure_without_a_compact_form_says_so():
    program = next(case.structure for case in STRUCTURES if case.name == "linear-program")
    with pytest.raises(TypeError, match="structure: expected one with a compact form, got LinearProgram"):
        program.to_compact(torch.zeros(1, 4))
    with pytest.raises(TypeError, match=r"target: expected parts of shape \[1, 4\] .*, got torch.int64"):
        spigot.hinge_loss(torch.zeros(1, 4), torch.ones(1, 4, dtype=torch.int64), program)
    with pytest.raises(
        TypeError, match=r"structure: expected floating-point or bool parts, got torch.int64; `to_parts`"
    ):
        spigot.ProjectiveTree().contains(torch.tensor([[-1, 0]]))
    with pytest.raises(TypeError, match=r"target: expected floating-point or bool parts, got torch.int64; `to_parts`"):
        spigot.hamming_cost(torch.tensor([[-1, 0]]))
    with pytest.raises(TypeError, match=r"target: expected floating-point or bool parts, got torch.complex64$"):
        spigot.hamming_cost(torch.zeros(1, 2, dtype=torch.complex64))
