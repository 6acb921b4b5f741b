"""`DynamicProgram`: a structure whose recurrence is written once, and gives all operations."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..base import AccurateSums, MarginalStructure, Polytope
from ..checks import as_lengths, kind_of, lengths_or_none, narrow, refuse_lengths, refuse_rows
from ..differentiation import is_traced
from ..k_best import check_k
from ..kernels.numerics.limbs import WIDE
from ..parts.base import Parts, common_dtype, flatten, inner, like, map_parts, tensors
from ..polytopes.hull import Hull
from .axes import check_axes, check_lengths, sizes_of
from .sampling import Sampling, WideSampling, first_seeds
from .semirings import (
    LOW,
    Count,
    Entropy,
    Feasible,
    LogSum,
    Max,
    Semiring,
    TopK,
    WideEntropy,
    WideLogSum,
    to_limbs,
)
from .value import Value


class DynamicProgram(MarginalStructure[Parts]):
    """Structures that a recurrence lists, each once.

    A subclass tells the axes of its scores, which cells are parts (`inside`) and the recurrence (`total`). It is then a
    structure like any other, on any device and within `torch.compile`, which unrolls its loops. The argmax is the
    gradient of the total in the semiring of maxima, the marginals are that of log-sums, and so on: see `semirings.py`.

    Operations compute in float64 and return the type of the scores. Sums are right for scores of any size, up to 1e30,
    and of very different sizes in one row; within graphs of `torch.compile` and transforms of torch.func, up to 1e6.
    Scores beyond ±1e150 are not supported.

    Ties: the first of the best terms of each sum, in the order of the recurrence.
    """

    form: ClassVar[type] = Tensor
    """What scores are: a tensor, or a NamedTuple of tensors."""
    axes: ClassVar[str | tuple[str, ...]]
    """The axes of the scores, such as "batch position tag"; of each tensor, if there are several.

    Axes of the same name have the same size. An axis may also be a number, or depend on another: "2*label+1".
    """
    counted: ClassVar[str]
    """The axis, or the axes, that `lengths` counts: "position", or "row column"."""
    counts: ClassVar[bool] = False
    """Whether a structure may use a part more than once."""
    none: ClassVar[str] = "no structure"
    """What is missing in a row whose total is zero, for the error message."""

    @abstractmethod
    def inside(self, scores: Parts, lengths: Tensor) -> Parts:
        """Return which cells are parts of a row of this length (bool, in a shape that broadcasts to the scores').

        `lengths` is int64, `[batch]`, or `[batch, k]` for k axes that are counted.
        """

    @abstractmethod
    def total(self, scores: Any, lengths: Tensor) -> Value:
        """Return the sum over all structures of the product of their parts, `[batch]`.

        `scores` is a `Value`, or the `form` of several, zero where there is no candidate; `lengths` is as for `inside`.
        A row of length 0 has the empty structure, whatever its total is here.
        """

    @property
    def relaxation(self) -> Polytope[Parts]:
        """The convex hull: no cheaper polytope is known."""
        return self.hull

    @property
    def hull(self) -> Polytope[Parts]:
        """The convex hull, by active set."""
        return Hull(self)

    def part_mask(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return which cells of `scores` are parts that may be chosen (bool, shaped like `scores`)."""
        return self._valid(scores, self._lengths(scores, lengths, mask), mask)

    def argmax(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return the structure with the highest score, shaped and typed like `scores`, detached."""
        leaves, sizes = self._constants(scores, lengths, mask)
        (best,), pull = self._differentiated(Max(), leaves, sizes)
        self._refuse_infeasible(best)
        with torch.no_grad():
            return _typed(pull((torch.ones_like(best),)), scores)

    def top_k(
        self, scores: Parts, k: int, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> tuple[Parts, Tensor]:
        """Return the k structures with the highest scores, best first, in one pass; see the base class."""
        check_k(k)
        leaves, sizes = self._constants(scores, lengths, mask)
        (best,), pull = self._differentiated(TopK(k), leaves, sizes)
        best = best.detach()
        self._refuse_infeasible(best[:, 0])
        found = best > LOW / 2
        which = torch.eye(best.size(1), dtype=best.dtype, device=best.device)
        with torch.no_grad():
            chosen = torch.func.vmap(lambda one: pull((one,)))(which[:, None] * found)
        missing = k - best.size(1)
        pad = torch.nn.functional.pad
        structures = tuple(pad(part.movedim(0, 1), (0, 0) * (part.dim() - 2) + (0, missing)) for part in chosen)
        totals = pad(best.masked_fill(~found, -torch.inf), (0, missing), value=-torch.inf)
        return _typed(structures, scores), totals.to(common_dtype(scores))

    def log_partition(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return log Σ_z exp <scores, z>, shape `[batch]`; its gradient is `marginals`."""
        leaves, sizes = self._leaves(scores, lengths, mask)

        def run(wide: bool, leaves: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor]:
            return (_added(self._run(WideLogSum() if wide else LogSum(), leaves, sizes)),)

        (log_z,) = by_width(run, leaves, leaves, sizes)
        self._refuse_infeasible(log_z)
        return _connected(log_z, leaves).to(common_dtype(scores))

    def marginals(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Parts:
        """Return E[z], shaped like `scores`; differentiable in `scores` (true derivative)."""
        leaves, sizes = self._leaves(scores, lengths, mask)

        def run(wide: bool, leaves: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor, ...]:
            total, pull = self._differentiated(WideLogSum() if wide else LogSum(), leaves, sizes)
            ones = torch.ones_like(total[0])
            return _added(total), *pull((ones, *map(torch.zeros_like, total[1:])))

        log_z, *expected = by_width(run, leaves, leaves, sizes)
        self._refuse_infeasible(log_z)
        most = torch.inf if self.counts else 1.0
        # Rounding may bring them out of [0, 1]; their derivative is as it is.
        bounded = (part + (part.clamp(0.0, most) - part).detach() for part in expected)
        return _typed(tuple(_connected(part, leaves) for part in bounded), scores)

    @property
    def accurate(self) -> AccurateSums:
        """Log-probabilities and entropies that are right for scores of any size."""
        return AccurateSums(self._log_prob, self.entropy)

    def _log_prob(
        self, scores: Parts, chosen: Parts, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Tensor:
        """Return log p of the chosen candidates, float64."""
        leaves, sizes = self._leaves(scores, lengths, mask)
        picked = tuple(part.double() for part in tensors(chosen))

        def run(wide: bool, parts: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor, Tensor]:
            own, picked = parts[: len(leaves)], parts[len(leaves) :]
            log_z = self._run(WideLogSum() if wide else LogSum(), own, sizes)
            # What is not chosen counts 0, whatever it scores.
            kept = [torch.where(one != 0, part, 0.0) for part, one in zip(own, picked, strict=True)]
            limbs = [to_limbs(part) if wide else (part,) for part in kept]
            totals = (inner(each, picked) for each in zip(*limbs, strict=True))
            gaps = [total - other for total, other in zip(totals, log_z, strict=True)]
            return sum(gaps[::-1]), _added(log_z)  # type: ignore[return-value]

        log_p, log_z = by_width(run, leaves, (*leaves, *picked), sizes)
        self._refuse_infeasible(log_z)
        return _connected(log_p + (log_p.clamp(max=0.0) - log_p).detach(), leaves)

    def entropy(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return the entropy of p(z) in nats for each row, shape `[batch]`; differentiable in `scores`."""
        leaves, sizes = self._leaves(scores, lengths, mask)

        def run(wide: bool, leaves: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor, Tensor]:
            entropy, *log_z = self._run(WideEntropy() if wide else Entropy(), leaves, sizes)
            return entropy, _added(tuple(log_z))

        entropy, log_z = by_width(run, leaves, leaves, sizes)
        self._refuse_infeasible(log_z)
        return _connected(entropy, leaves).to(common_dtype(scores))

    def expectation(
        self, scores: Parts, values: Parts, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Tensor:
        """Return E[<values, z>], `[batch]`, such as the expected cost or length; differentiable in both."""
        return self.score(values, self.marginals(scores, lengths, mask), lengths, mask)

    def count(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return how many structures there are over the candidates, float64, `[batch]`; exact up to 2^53."""
        leaves, sizes = self._constants(scores, lengths, mask)
        return self._run(Count(), leaves, sizes)[0]

    def feasible(self, scores: Parts, lengths: Tensor | None = None, mask: Parts | None = None) -> Tensor:
        """Return which rows have a structure over the candidates, bool, `[batch]`."""
        leaves, sizes = self._constants(scores, lengths, mask)
        return self._run(Feasible(), leaves, sizes)[0]

    def sample_seeded(
        self, scores: Parts, seeds: Tensor, lengths: Tensor | None = None, mask: Parts | None = None
    ) -> Parts:
        """Return the exact sample of p(z) that each row's seed stands for; see the base class."""
        leaves, sizes = self._constants(scores, lengths, mask)

        def run(wide: bool, parts: tuple[Tensor, ...], sizes: Tensor) -> tuple[Tensor, ...]:
            *own, begin = parts
            total, pull = self._differentiated(WideSampling() if wide else Sampling(), tuple(own), sizes)
            ones, others = torch.ones_like(total[0]), map(torch.zeros_like, total[2:])
            with torch.no_grad():
                return _added((total[0], *total[2:])), *pull((ones, first_seeds(begin), *others))

        log_z, *drawn = by_width(run, leaves, (*leaves, seeds), sizes)
        self._refuse_infeasible(log_z)
        return _typed(tuple(drawn), scores)

    def _run(self, semiring: Semiring, leaves: tuple[Tensor, ...], lengths: Tensor) -> tuple[Tensor, ...]:
        """Return the channels of the total, given those scores that `_leaves` returns."""
        values = tuple(map(semiring.lift, leaves))
        one = values[0].one(lengths.size(0))
        if not any(self._extents(self._in_form(leaves))):
            return one.channels
        total = self.total(self._in_form(values), lengths)
        if not isinstance(total, Value):
            raise TypeError(f"{type(self).__name__}.total: expected a Value, got {kind_of(total)}")
        if total.shape != one.shape:
            raise ValueError(f"{type(self).__name__}.total: expected shape {list(one.shape)}, got {list(total.shape)}")
        return one.where(lengths == 0 if lengths.dim() == 1 else (lengths == 0).all(1), total).channels

    def _differentiated(self, semiring: Semiring, leaves: tuple[Tensor, ...], lengths: Tensor) -> tuple[Any, ...]:
        """Return the channels of the total, and a function from their gradients to gradients for the leaves.

        What this function returns is differentiable in the scores.
        """
        if torch.compiler.is_exporting():
            # What it would return are not even numbers.
            raise RuntimeError(
                f"{type(self).__name__}: expected log_partition, log_prob, entropy or a projection in torch.export, "
                "got what is a derivative of the recurrence"
            )
        if is_traced():
            return torch.func.vjp(lambda *parts: self._run(semiring, parts, lengths), *leaves)
        if torch.is_inference_mode_enabled():
            # Autograd takes no tensors of that mode.
            with torch.inference_mode(False):
                found, back = self._differentiated(semiring, _copied(leaves), lengths.clone())
            return found, lambda towards: torch.inference_mode(False)(back)(_copied(towards))
        # Outside of graphs and of the transforms of torch.func, autograd alone takes half the time. A view keeps the
        # tangent that a score may have, and leaves the score itself without a gradient.
        again = torch.is_grad_enabled() and any(leaf.requires_grad for leaf in leaves)
        roots = tuple(leaf if leaf.requires_grad else leaf.view_as(leaf).requires_grad_() for leaf in leaves)
        with torch.enable_grad():
            total = tuple(_connected(channel, roots) for channel in self._run(semiring, roots, lengths))

        def pull(towards: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            grads = torch.autograd.grad(total, roots, towards, create_graph=again, allow_unused=True)
            return tuple(
                torch.zeros_like(root) if grad is None else grad for root, grad in zip(roots, grads, strict=True)
            )

        return total, pull

    def _leaves(self, scores: Parts, lengths: Tensor | None, mask: Parts | None) -> tuple[tuple[Tensor, ...], Tensor]:
        """Check the arguments; return the scores in float64, `LOW` where there is no candidate, and the lengths."""
        sizes = self._lengths(scores, lengths, mask)
        extents = self._extents(scores)
        for column, extent in zip(sizes.reshape(-1, len(extents)).unbind(1), extents, strict=True):
            refuse_lengths(column, extent, "scores")
        valid = self._valid(scores, sizes, mask)
        improper = map_parts(lambda part, cells: cells & ~(part < torch.inf), scores, valid)
        refuse_rows(flatten(improper).any(1), "scores: NaN or +inf in a candidate cell")
        leaves = map_parts(lambda part, cells: part.double().masked_fill(~cells, LOW), scores, valid)
        return tensors(leaves), sizes

    @torch.no_grad()
    def _constants(
        self, scores: Parts, lengths: Tensor | None, mask: Parts | None
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return what `_leaves` returns, with no gradient for the scores."""
        return self._leaves(scores, lengths, mask)

    def _in_form(self, values: tuple[Any, ...]) -> Any:
        return values[0] if self.form is Tensor else self.form(*values)

    def _valid(self, scores: Parts, lengths: Tensor, mask: Parts | None) -> Parts:
        valid = map_parts(lambda part, cells: cells & (part != -torch.inf), scores, self.inside(scores, lengths))
        return valid if mask is None else map_parts(torch.logical_and, valid, mask)

    def _lengths(self, scores: Parts, lengths: Tensor | None, mask: Parts | None) -> Tensor:
        """Check types and shapes; return the lengths as int64, in the shape that `inside` takes."""
        check_axes("scores", scores, self.form, self.axes, mask)
        sizes = sizes_of(scores, self.axes)
        missing = [name for name in self.counted.split() if name not in sizes]
        if missing:
            name, known = f"{type(self).__name__}.counted", ", ".join(sizes)
            raise ValueError(f"{name}: expected axes of the scores ({known}), got {missing[0]!r}")
        extents = [sizes.pop(name) for name in self.counted.split()]
        first = tensors(scores)[0]
        empty = [axis for axis, size in sizes.items() if axis != "batch" and not size]
        if empty and any(extents):
            shapes = ", ".join(str(list(part.shape)) for part in tensors(scores))
            raise ValueError(f"scores: expected at least one {empty[0]}, got {shapes}")
        lengths = as_lengths(lengths)
        if lengths is None:
            columns = torch.stack([torch.full(first.shape[:1], extent, device=first.device) for extent in extents], 1)
        else:
            check_lengths(lengths, first.size(0), len(extents))
            columns = lengths_or_none(first, lengths)
            columns = columns if columns.dim() == 2 else columns[:, None].expand(-1, len(extents))
        return columns if len(extents) > 1 else columns[:, 0]

    def _extents(self, scores: Parts) -> list[int]:
        """Return the sizes of the axes that `lengths` counts."""
        sizes = sizes_of(scores, self.axes)
        return [sizes[name] for name in self.counted.split()]

    def _refuse_infeasible(self, total: Tensor) -> None:
        message = f"scores: {self.none} over the candidates that mask and -inf scores leave"
        refuse_rows(total <= LOW / 2, message)


def by_width(
    run: Callable[..., tuple[Tensor, ...]], leaves: tuple[Tensor, ...], arguments: tuple[Tensor, ...], sizes: Tensor
) -> tuple[Tensor, ...]:
    """Call `run(wide, arguments, sizes)` once for the rows with large scores, and once for the others.

    So no row depends on the others. A graph, and a transform of torch.func, cannot look at scores: there no row is
    wide, and scores have to be below 1e6 or so.
    """
    if is_traced() or sizes.is_meta:
        return run(False, arguments, sizes)
    held = [leaf.detach().flatten(1) for leaf in leaves]
    large = [((part.abs() > WIDE) & (part > LOW / 2)).any(1) for part in held]
    wide = large[0] if len(large) == 1 else torch.stack(large).any(0)
    if not wide.any():
        return run(False, arguments, sizes)
    if wide.all():
        return run(True, arguments, sizes)
    groups = [(~wide).nonzero()[:, 0], wide.nonzero()[:, 0]]
    found = [
        run(kind, tuple(part[rows] for part in arguments), sizes[rows])
        for kind, rows in zip((False, True), groups, strict=True)
    ]
    order = torch.cat(groups).argsort()
    return tuple(torch.cat(both)[order] for both in zip(*found, strict=True))


def _added(limbs: tuple[Tensor, ...]) -> Tensor:
    """Return the number that limbs add up to, from large to small."""
    total = limbs[-1]
    for limb in limbs[-2::-1]:
        total = total + limb
    return total


def _copied(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(part.clone() for part in parts)


def _typed(parts: tuple[Tensor, ...], scores: Parts) -> Parts:
    return map_parts(narrow, like(scores, parts), scores)


def _connected(result: Tensor, leaves: tuple[Tensor, ...]) -> Tensor:
    """Give a result that depends on no score, such as that of rows of length 0, a gradient of 0."""
    if result.requires_grad or not any(leaf.requires_grad for leaf in leaves):
        return result
    return result + 0 * torch.stack([leaf.sum() for leaf in leaves]).sum()
