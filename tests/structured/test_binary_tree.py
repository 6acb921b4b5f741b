import pytest
import torch

from spigot import SPIGOT, BinaryTree, Marginals, SpanBox, structured_argmax
from tests.oracles import qp, spans

INF = float("inf")


def random_scores(*shape, seed=0, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("tokens", [1, 2, 3, 4, 5, 6])
def test_argmax_is_the_best_of_all_trees(tokens):
    scores = random_scores(6, tokens, tokens, seed=tokens)
    best = BinaryTree().argmax(scores)
    for row in range(6):
        trees, totals = spans.tree_scores(scores[row])
        assert torch.equal(best[row], trees[totals.argmax()])


@pytest.mark.parametrize("scale", [0.0, 1.0, 50.0, 1e4, 1e8])
def test_sums_over_all_trees(scale):
    scores = random_scores(4, 5, 5, seed=7, scale=scale)
    tree = BinaryTree()
    log_z, marginals, entropy = tree.log_partition(scores), tree.marginals(scores), tree.entropy(scores)
    for row in range(4):
        trees, totals = spans.tree_scores(scores[row])
        expected = torch.einsum("t,tij->ij", totals.softmax(0), trees)
        assert torch.isclose(log_z[row], totals.logsumexp(0), rtol=1e-12)
        assert torch.allclose(marginals[row], expected, atol=1e-12 * max(scale, 1))
        of_trees = torch.distributions.Categorical(logits=totals).entropy()
        assert torch.isclose(entropy[row], of_trees, atol=1e-9 * max(scale, 1))


def test_labels():
    scores = random_scores(3, 3, 3, 2)
    tree = BinaryTree(labels=True)
    best, log_z, marginals = tree.argmax(scores), tree.log_partition(scores), tree.marginals(scores)
    for row in range(3):
        trees, totals = spans.labelled_tree_scores(scores[row])
        assert len(trees) == 2 * 2**5
        assert torch.equal(best[row], trees[totals.argmax()])
        assert torch.isclose(log_z[row], totals.logsumexp(0))
        assert torch.allclose(marginals[row], torch.einsum("t,tijl->ijl", totals.softmax(0), trees))


def test_number_of_trees():
    for tokens, count in enumerate([1, 1, 2, 5, 14, 42, 132], start=1):
        log_z = BinaryTree().log_partition(torch.zeros(1, tokens, tokens, dtype=torch.float64))
        assert log_z.exp().item() == pytest.approx(count)


@pytest.mark.parametrize("labels", [False, True])
def test_derivatives(labels):
    scores = random_scores(2, 4, 4, *[2] * labels, seed=3).requires_grad_()
    lengths = torch.tensor([4, 3])
    tree = BinaryTree(labels)
    assert torch.autograd.gradcheck(lambda s: tree.log_partition(s, lengths), scores)
    assert torch.autograd.gradcheck(lambda s: tree.marginals(s, lengths), scores)


@pytest.mark.parametrize("labels", [False, True])
def test_spans_that_are_no_candidates(labels):
    scores = random_scores(16, 4, 4, *[2] * labels, seed=4)
    mask = torch.rand(scores.shape, generator=torch.Generator().manual_seed(5)) < 0.8
    tree, enumerate_trees = BinaryTree(labels), spans.labelled_tree_scores if labels else spans.tree_scores
    found = 0
    for row in range(16):
        trees, totals = enumerate_trees(scores[row].masked_fill(~mask[row], -INF))
        arguments = (scores[row : row + 1], None, mask[row : row + 1])
        if totals.max() == -INF:
            for function in (tree.argmax, tree.log_partition, tree.marginals, tree.sample):
                with pytest.raises(ValueError, match=r"no binary tree.*row 0"):
                    function(*arguments)
        else:
            found += 1
            assert torch.equal(tree.argmax(*arguments)[0], trees[totals.argmax()])
            assert torch.isclose(tree.log_partition(*arguments)[0], totals.logsumexp(0))
            expected = torch.tensordot(totals.softmax(0), trees, 1)
            assert torch.allclose(tree.marginals(*arguments)[0], expected)
            assert not tree.sample(*arguments)[0][~mask[row]].any()
    assert 0 < found < 16


@pytest.mark.parametrize("score", [0.0, 0.1, 1e8])
def test_if_all_trees_are_equal(score):
    best = BinaryTree(labels=True).argmax(torch.full((1, 9, 9, 3), score))
    right_branching = {(i, i) for i in range(9)} | {(i, 8) for i in range(9)}
    assert {(i, j, label) for _, i, j, label in best.nonzero().tolist()} == {(i, j, 0) for i, j in right_branching}


def test_ties_go_to_the_leftmost_split():
    scores = torch.randint(0, 2, (60, 5, 5), generator=torch.Generator().manual_seed(1)).float()
    best = BinaryTree().argmax(scores)
    tied = 0
    for row in range(60):
        trees, totals = spans.tree_scores(scores[row])
        # The oracle lists trees by their splits, top down and from the left: the first is the documented one.
        assert torch.equal(best[row].double(), trees[totals.argmax()])
        tied += int((totals == totals.max()).sum() > 1)
    assert tied > 20


def test_samples_are_trees_with_the_right_frequencies():
    scores = random_scores(1, 4, 4)
    samples = BinaryTree().sample(scores.expand(3000, 4, 4), generator=torch.Generator().manual_seed(0))
    trees, totals = spans.tree_scores(scores[0])
    drawn = (samples[:, None] == trees).flatten(2).all(2)
    assert drawn.sum(1).eq(1).all()
    p = totals.softmax(0)
    assert ((drawn.double().mean(0) - p).abs() <= 5 * (p * (1 - p) / 3000).sqrt()).all()


def test_a_long_row():
    tree = BinaryTree()
    planted = tree.sample(torch.zeros(1, 150, 150), generator=torch.Generator().manual_seed(0))
    noise = 0.3 * torch.rand(planted.shape, generator=torch.Generator().manual_seed(1))
    assert torch.equal(tree.argmax(planted + noise), planted)
    assert torch.allclose(tree.marginals(40 * planted), planted, atol=1e-6)


def test_the_projection_is_the_nearest_point():
    point = random_scores(2, 3, 3, 3, seed=2, scale=1.5)
    mask = torch.ones(point.shape, dtype=torch.bool)
    mask[0, 0, 1, 2] = False
    projected = SpanBox(labels=True).project(point, None, mask)
    for row in range(2):
        for i in range(3):
            for j in range(i, 3):
                labels = mask[row, i, j].numpy()
                ones, always = [[1.0] * labels.sum()], i == j or (i, j) == (0, 2)
                nothing = ([[0.0] * labels.sum()], [0.0])
                at_most = [[-float(k == m) for k in range(labels.sum())] for m in range(labels.sum())]
                expected = qp.project(
                    point[row, i, j].numpy()[labels],
                    (ones, [1.0]) if always else nothing,
                    (at_most, [0.0] * labels.sum()) if always else (at_most + ones, [0.0] * labels.sum() + [1.0]),
                )
                assert projected[row, i, j].numpy()[labels] == pytest.approx(expected, abs=1e-7)
                assert not projected[row, i, j].numpy()[~labels].any()
    unlabelled = SpanBox().project(point[..., 0])
    inner = point[:, 0, 1, 0].clamp(0, 1)
    assert torch.equal(unlabelled[:, 0, 1], inner)
    assert unlabelled[:, 0, 2].tolist() == unlabelled[:, 1, 1].tolist() == [1, 1]


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("surrogate", [SPIGOT(), Marginals()], ids=repr)
def test_a_compiled_graph_is_whole_and_equal(labels, surrogate):
    shape = (2, 4, 4, *[2] * labels)
    weights, scores = random_scores(*shape, seed=1), random_scores(*shape).requires_grad_()

    def loss_of(scores):
        lengths = torch.tensor([4, 3])
        return (structured_argmax(scores, BinaryTree(labels), surrogate, lengths=lengths) * weights).sum()

    torch.compiler.reset()
    losses = [f(scores) for f in (loss_of, torch.compile(loss_of, fullgraph=True, backend="aot_eager"))]
    grads = [torch.autograd.grad(loss, scores)[0] for loss in losses]
    assert torch.allclose(*losses)
    assert torch.allclose(*grads)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"expected as many first as last tokens, got \[1, 2, 3\]"):
        BinaryTree().argmax(torch.zeros(1, 2, 3))
    with pytest.raises(ValueError, match=r"scores: expected at least one label"):
        BinaryTree(labels=True).argmax(torch.zeros(1, 2, 2, 0))
