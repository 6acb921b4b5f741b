"""Classes of one's own whose methods return something else than they promise: one error that names class and method."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch

import spigot
from spigot import ArgmaxSurrogate, Categorical, CustomSurrogate, DifferentiableSurrogate, Hull, Polytope
from spigot.structured.parts.base import tensors

SCORES = torch.tensor([[0.2, 0.4, -3.0], [1.0, 2.0, 0.0]])
WRONG_RESULTS = {
    "none": (lambda z: None, TypeError, "expected Tensor, got NoneType"),
    "list": (lambda z: z.tolist(), TypeError, "expected Tensor, got list"),
    "tuple": (lambda z: (z,), TypeError, "expected Tensor, got tuple"),
    "bool": (lambda z: z.bool(), TypeError, "expected a floating-point tensor, got torch.bool"),
    "integers": (lambda z: z.long(), TypeError, "expected a floating-point tensor, got torch.int64"),
    "one row": (lambda z: z[:1], ValueError, r"expected shape \[2, 3\], got \[1, 3\]"),
    "one column": (lambda z: z[:, :1], ValueError, r"expected shape \[2, 3\], got \[2, 1\]"),
    "a number": (lambda z: z.sum(), ValueError, r"expected shape \[2, 3\], got \[\]"),
    "device": (lambda z: z.to("meta"), ValueError, "expected a tensor on cpu, got one on meta"),
}
wrong_results = pytest.mark.parametrize(
    ("change", "error", "message"), [pytest.param(*each, id=name) for name, each in WRONG_RESULTS.items()]
)


@dataclass(frozen=True)
class OneOf(spigot.MarginalStructure):
    """A `Categorical`; `changes` says what is done with the result of a method."""

    changes: Any

    def __getattribute__(self, name):
        value = super().__getattribute__(name)
        change = super().__getattribute__("changes").get(name)
        return value if change is None else lambda *arguments: change(value(*arguments))

    @property
    def relaxation(self):
        return spigot.Simplex()

    @property
    def hull(self):
        return Hull(self)

    def part_mask(self, scores, lengths=None, mask=None):
        return Categorical().part_mask(scores, lengths, mask)

    def argmax(self, scores, lengths=None, mask=None):
        return Categorical().argmax(scores, lengths, mask)

    def log_partition(self, scores, lengths=None, mask=None):
        return Categorical().log_partition(scores, lengths, mask)

    def marginals(self, scores, lengths=None, mask=None):
        return Categorical().marginals(scores, lengths, mask)

    def sample_seeded(self, scores, seeds, lengths=None, mask=None):
        return Categorical().sample_seeded(scores, seeds, lengths, mask)


@dataclass(frozen=True)
class Changed(Polytope):
    change: Any

    def project(self, point, lengths=None, mask=None):
        return self.change(spigot.Simplex().project(point, lengths, mask))


@dataclass(frozen=True)
class Backward(ArgmaxSurrogate):
    change: Any

    def backward(self, problem, output, saved, grad_output):
        return self.change(grad_output)


@dataclass(frozen=True)
class Forward(CustomSurrogate):
    """`change` makes all that `forward` returns of the argmax."""

    change: Any

    def forward(self, problem):
        return self.change(problem.argmax())

    def backward(self, problem, output, saved, grad_output):
        return grad_output


@dataclass(frozen=True)
class Soft(DifferentiableSurrogate):
    change: Any

    def forward(self, problem):
        return self.change(problem.scores.softmax(1))


def gradient_of(structure, surrogate, scores=SCORES, **rest):
    leaf = scores.clone().requires_grad_()
    z = spigot.structured_argmax(leaf, structure, surrogate, **rest)
    (gradient,) = torch.autograd.grad((z * torch.tensor([1.0, 2.0, 3.0])).sum(), leaf)
    return gradient


@wrong_results
@pytest.mark.parametrize(
    ("method", "function"),
    [
        ("argmax", lambda own: own.top_k(SCORES, 2)),
        ("argmax", lambda own: own.contains(torch.eye(3)[:2])),
        ("argmax", lambda own: spigot.Gibbs(own, SCORES).argmax),
        ("argmax", lambda own: spigot.Gibbs(own, SCORES).mbr),
        ("argmax", lambda own: spigot.regret(SCORES, SCORES, own)),
        ("argmax", lambda own: spigot.spo_plus_loss(SCORES, SCORES, own)),
        ("argmax", lambda own: spigot.all_structures(own, SCORES)),
        ("argmax", lambda own: own.hull.project(SCORES)),
        ("marginals", lambda own: spigot.Gibbs(own, SCORES).mbr),
        ("sample_seeded", lambda own: own.sample(SCORES)),
    ],
)
def test_what_functions_get_of_a_structure(method, function, change, error, message):
    with pytest.raises(error, match=f"^OneOf.{method}: {message}$"):
        function(OneOf({method: change}))


@pytest.mark.parametrize(
    "function",
    [
        lambda own: own.top_k(SCORES, 2),
        lambda own: own.score(SCORES, torch.eye(3)[:2]),
        lambda own: spigot.Gibbs(own, SCORES).support,
        lambda own: spigot.regret(SCORES, SCORES, own),
        lambda own: spigot.all_structures(own, SCORES),
        lambda own: own.hull.project(SCORES),
    ],
)
def test_a_mask_of_another_shape_is_refused_by_all(function):
    with pytest.raises(ValueError, match=r"^OneOf.part_mask: expected shape \[2, 3\], got \[1, 3\]$"):
        function(OneOf({"part_mask": lambda valid: valid[:1]}))


def test_the_k_best_of_a_structure_that_ignores_its_mask():
    message = "^OneOf.argmax: expected candidates alone, or a ValueError, got other parts$"
    first = torch.eye(3)[:1].expand(2, 3)
    with pytest.raises(ValueError, match=message):
        OneOf({"argmax": lambda z: first.to(z.dtype)[: len(z)]}).top_k(SCORES, 2)


@wrong_results
@pytest.mark.parametrize(
    ("method", "surrogate"),
    [
        ("argmax", spigot.StraightThrough()),
        ("argmax", spigot.IMLE()),
        ("argmax", spigot.SparseMAP()),
        ("marginals", spigot.Marginals()),
        ("marginals", spigot.MarginalJacobian()),
        ("marginals", spigot.SPIGOTEG()),
        ("sample_seeded", spigot.SIMPLE()),
    ],
)
def test_structure(method, surrogate, change, error, message):
    with pytest.raises(error, match=f"^OneOf.{method}: {message}$"):
        gradient_of(OneOf({method: change}), surrogate)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda valid: valid.float(), TypeError, "expected torch.bool, got torch.float32"),
        (lambda valid: valid[:1], ValueError, r"expected shape \[2, 3\], got \[1, 3\]"),
    ],
)
def test_part_mask(change, error, message):
    with pytest.raises(error, match=f"^OneOf.part_mask: {message}$"):
        gradient_of(OneOf({"part_mask": change}), spigot.SPIGOT())


@wrong_results
def test_polytope(change, error, message):
    with pytest.raises(error, match=f"^Changed.project: {message}$"):
        gradient_of(Categorical(), spigot.SPIGOT(polytope=Changed(change)))


@wrong_results
def test_surrogate(change, error, message):
    with pytest.raises(error, match=f"^Backward.backward: {message}$"):
        gradient_of(Categorical(), Backward(change))
    with pytest.raises(error, match=f"^Soft.forward: {message}$"):
        gradient_of(Categorical(), Soft(change))
    with pytest.raises(error, match=f"^Forward.forward: {message}$"):
        gradient_of(Categorical(), Forward(lambda z: (change(z), ())))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda z: z, "expected two results, the output and what it saves, got torch.float32"),
        (lambda z: (z, z), "expected to save a tuple of tensors, got torch.float32"),
        (lambda z: (z, (3,)), "expected to save a tuple of tensors, got int"),
        (lambda z: (z, 3), "expected to save a tuple of tensors, got int"),
        (lambda z: (z, z.numpy()), "expected to save a tuple of tensors, got ndarray"),
        (lambda z: (z, iter([z])), "expected to save a tuple of tensors, got list_iterator"),
    ],
)
def test_what_a_surrogate_saves(change, message):
    with pytest.raises(TypeError, match=f"^Forward.forward: {message}$"):
        gradient_of(Categorical(), Forward(change))


class InPlace(CustomSurrogate):
    def __init__(self, method, change):
        self.method, self.change = method, change

    def forward(self, problem):
        output = problem.argmax()
        if self.method == "forward":
            self.change(problem, output)
        return output, ()

    def backward(self, problem, output, saved, grad_output):
        self.change(problem, output)
        return grad_output


class SoftInPlace(DifferentiableSurrogate):
    def forward(self, problem):
        return problem.scores.mul_(2.0).softmax(1)


def test_a_surrogate_that_changes_scores_or_output_in_place():
    message = "expected scores and output as they were, got some that it changed in place"
    for method in ("forward", "backward"):
        with pytest.raises(RuntimeError, match=f"^InPlace.{method}: {message}"):
            gradient_of(Categorical(), InPlace(method, lambda problem, output: problem.scores.mul_(2.0)))
    with pytest.raises(RuntimeError, match=f"^InPlace.backward: {message}"):
        gradient_of(Categorical(), InPlace("backward", lambda problem, output: output.zero_()))
    with pytest.raises(RuntimeError, match=f"^SoftInPlace.forward: {message}"):
        spigot.structured_argmax(SCORES.clone(), Categorical(), SoftInPlace())
    with torch.inference_mode():  # which counts no changes
        spigot.structured_argmax(SCORES.clone(), Categorical(), spigot.StraightThrough())


@pytest.mark.parametrize("saved", [(), None, (SCORES,), ((SCORES, SCORES[0]), SCORES), ((SCORES,),)], ids=repr)
def test_backward_gets_what_forward_saves(saved):
    class Saving(CustomSurrogate):
        def forward(self, problem):
            return problem.argmax(), saved

        def backward(self, problem, output, saved, grad_output):
            seen.append(saved)
            return grad_output

    seen = []
    gradient_of(Categorical(), Saving())
    torch.testing.assert_close(seen, [saved or ()], rtol=0, atol=0)


@pytest.mark.parametrize("structure", [Categorical(), spigot.LinearChain()], ids=["one tensor", "two"])
def test_a_surrogate_may_save_its_own_output(structure):
    class Saving(CustomSurrogate):
        def __init__(self, save):
            self.save = save

        def forward(self, problem):
            z = problem.argmax()
            return z, (z, problem.scores) if self.save else ()

        def backward(self, problem, output, saved, grad_output):
            if saved:
                torch.testing.assert_close(saved[0], output, rtol=0, atol=0)
            return grad_output

    leaf = SCORES.clone().requires_grad_()
    scores = leaf
    if not isinstance(structure, Categorical):
        scores = spigot.LinearChainParts(leaf[None], leaf[:1, None, None] + leaf[1, :, None])
    gradients = []
    for save in (False, True):
        z = spigot.structured_argmax(scores, structure, Saving(save))
        loss = sum((part * torch.arange(part.numel()).view(part.shape)).sum() for part in tensors(z))
        gradients.append(torch.autograd.grad(loss + leaf.sum(), leaf)[0])
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=0)
    assert gradients[0].abs().sum() > leaf.numel()


UNTRACKED = "expected a differentiable result, got one that autograd does not track"


def test_a_derivative_is_never_silently_0():
    with pytest.raises(TypeError, match=f"^Soft.forward: {UNTRACKED}$"):
        gradient_of(Categorical(), Soft(torch.detach))
    constant = OneOf({"marginals": torch.detach, "log_partition": torch.detach})
    for surrogate in (spigot.Marginals(), spigot.MarginalJacobian()):
        with pytest.raises(TypeError, match=f"^OneOf.marginals: {UNTRACKED}$"):
            gradient_of(constant, surrogate)
    leaf = SCORES.clone().requires_grad_()
    target = torch.eye(3)[:2]
    distribution = spigot.Gibbs(constant, leaf)
    other = spigot.Gibbs(constant, SCORES)
    for value in (
        lambda: spigot.negative_log_likelihood(leaf, target, constant),
        lambda: constant.log_prob(leaf, target),
        lambda: distribution.log_partition,
        lambda: other.kl(distribution),
        lambda: other.cross_entropy(distribution),
    ):
        with pytest.raises(TypeError, match=f"^OneOf.log_partition: {UNTRACKED}$"):
            value()
    for value in (lambda: constant.entropy(leaf), lambda: distribution.marginals, lambda: distribution.kl(other)):
        with pytest.raises(TypeError, match=f"^OneOf.marginals: {UNTRACKED}$"):
            value()
    # Without a gradient they are as good as any.
    assert torch.allclose(constant.log_prob(SCORES, target), Categorical().log_prob(SCORES, target))


def test_log_partition_is_one_number_for_each_row():
    structure = OneOf({"log_partition": torch.sum})
    with pytest.raises(ValueError, match=r"^OneOf.log_partition: expected shape \[2\], got \[\]$"):
        structure.log_prob(SCORES, torch.eye(3)[:2])


def test_gradient_is_0_where_there_is_no_candidate_whatever_a_surrogate_computes_there():
    scores = torch.tensor([[1.0, 2.0, torch.nan], [0.0, 1.0, 2.0]])

    class Product(ArgmaxSurrogate):
        def backward(self, problem, output, saved, grad_output):
            return grad_output * problem.scores + 1

    gradient = gradient_of(Categorical(), Product(), scores, lengths=[2, 3])
    assert gradient.tolist() == [[2.0, 5.0, 0.0], [1.0, 3.0, 7.0]]


def test_hull_of_an_argmax_that_is_nan():
    with pytest.raises(ValueError, match=r"^structure: expected an argmax that is 0/1, or counts, got other values$"):
        Hull(OneOf({"argmax": lambda z: z * torch.nan})).project(SCORES)


class Neither(spigot.Surrogate):
    def forward(self, problem):
        return problem.scores


def test_a_surrogate_is_of_one_of_two_kinds():
    message = "expected a CustomSurrogate or a DifferentiableSurrogate, got Neither, which is neither$"
    with pytest.raises(TypeError, match=f"^surrogate: {message}"):
        spigot.structured_argmax(SCORES, Categorical(), Neither())
    with pytest.raises(TypeError, match=f"^surrogate: {message}"):
        spigot.StructuredArgmax(Categorical(), Neither())
    with pytest.raises(TypeError, match=rf"^surrogates\['mine'\]: {message}"):
        spigot.audit(SCORES, Categorical(), lambda z: z[:, 0], {"mine": Neither()})


@pytest.mark.parametrize(
    "value", [Hull, "hull", None, lambda: Hull(Categorical())], ids=["class", "text", "none", "method"]
)
@pytest.mark.parametrize("name", ["relaxation", "hull"])
def test_a_structure_has_polytopes(name, value):
    own = type("Own", (OneOf,), {name: value})({})
    with pytest.raises(TypeError, match=f"^Own.{name}: expected a property, a Polytope, got "):
        gradient_of(own, spigot.SPIGOT(polytope=None if name == "relaxation" else "hull"))
    if name == "hull":
        with pytest.raises(TypeError, match=r"^Own\.hull: expected a property"):
            gradient_of(own, spigot.SparseMAP())
        with pytest.raises(TypeError, match=r"^Own\.hull: expected a property"):
            spigot.sparsemap_loss(SCORES, torch.eye(3)[:2], own)
