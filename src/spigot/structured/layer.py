"""A hard structured decision as a layer of a network.

ẑ = argmax_z <scores, z>        forward, exact
∇scores = surrogate(...)        backward, in place of the Jacobian of the argmax, which is 0 or undefined

Autograd differentiates a `DifferentiableSurrogate`. All `CustomSurrogate`s share one autograd Function, below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from .base import Structure
from .checks import as_lengths, check_form, check_function, check_instance, check_scores, kind_of, narrow, widen
from .differentiation import Function, apply, is_batched, is_traced, is_tracked, no_derivatives, same
from .parts.base import Parts, flatten, like, map_parts, masked, per_row, tensors
from .parts.rows import Rows, rows_of
from .problem import Problem
from .results import differentiable, returned
from .settings import check_positive
from .shapes import Lengths
from .surrogates.base import CustomSurrogate, DifferentiableSurrogate, Surrogate
from .surrogates.once import differentiable_once


@dataclass(frozen=True)
class _Forms:
    """For each value that a surrogate saves: its type (None for a tensor) and its number of tensors."""

    each: tuple[tuple[Any, int], ...]


_NO_FORMS = _Forms(())


class _CustomGradient(Function):
    """Calls a `CustomSurrogate`. Autograd tracks tensors only, so those of `problem` are separate arguments."""

    @staticmethod
    def forward(
        problem: Problem[Parts], surrogate: CustomSurrogate, lengths: Tensor | None, *flat: Tensor
    ) -> tuple[Any, ...]:
        """Return the output's tensors, those that the surrogate saves, and the forms of these."""
        count = len(tensors(problem.scores))
        problem = _with_tensors(problem, lengths, flat[:count], flat[count:])
        output, saved = _output_and_saved(surrogate, problem)
        if not saved:
            return *tensors(output), _NO_FORMS
        forms = tuple((None if isinstance(parts, Tensor) else type(parts), len(tensors(parts))) for parts in saved)
        return *tensors(output), *(part for parts in saved for part in tensors(parts)), _Forms(forms)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Any, ...]) -> None:
        ctx.problem, ctx.surrogate, lengths, *flat = inputs
        *outputs, forms = output
        count = len(tensors(ctx.problem.scores))
        ctx.name, ctx.count, ctx.masks, ctx.forms = ctx.problem.surrogate, count, len(flat) - count, forms.each
        ctx.save_for_backward(lengths, *flat, *outputs)
        if forms.each:
            ctx.mark_non_differentiable(*outputs[count:])

    @staticmethod
    def backward(ctx: Any, *all_grads: Any) -> tuple[Tensor | None, ...]:
        lengths, *flat = ctx.saved_tensors
        grads = all_grads[: ctx.count]
        if any(map(is_batched, grads)):
            raise RuntimeError(f"{ctx.name}: expected torch.func.jacrev for several gradients, got is_grads_batched")
        count, masks = ctx.count, ctx.masks
        problem = _with_tensors(ctx.problem, lengths, tuple(flat[:count]), tuple(flat[count : count + masks]))
        output = like(problem.scores, tuple(flat[count + masks : 2 * count + masks]))
        saved, begin = [], 2 * count + masks
        for form, size in ctx.forms:
            parts = flat[begin : begin + size]
            saved.append(parts[0] if form is None else tuple(parts) if form is tuple else form(*parts))
            begin += size
        with _no_autocast(grads[0]), no_derivatives():
            problem = replace(problem, candidates=problem.valid)
            grad_output = masked(like(problem.scores, grads), problem.valid)
            finite = _finite_rows(tensors(grad_output))
            if finite is None:
                grad = tensors(_gradient(ctx.surrogate, problem, output, tuple(saved), grad_output))
            else:
                grad = _of_finite_rows(ctx.surrogate, problem, output, tuple(saved), grad_output, finite)
        if ctx.surrogate.passes_gradient:
            grad = differentiable_once(problem.surrogate, grad, *flat[:count], *grads)
        return None, None, None, *grad, *[None] * masks


def _is_parts(value: object) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, tuple) and all(isinstance(part, Tensor) for part in value))


def _output_and_saved(surrogate: CustomSurrogate, problem: Problem[Parts]) -> tuple[Parts, Any]:
    """Return what `surrogate.forward` returns, checked."""
    result: Any = surrogate.forward(problem)
    if not isinstance(result, tuple) or len(result) != 2:
        got = kind_of(result)
        raise TypeError(f"{problem.surrogate}.forward: expected two results, the output and what it saves, got {got}")
    output, saved = result[0], () if result[1] is None else result[1]
    wrong = [part for part in saved if not _is_parts(part)] if isinstance(saved, tuple | list) else [saved]
    if wrong:
        got = kind_of(wrong[0])
        raise TypeError(f"{problem.surrogate}.forward: expected to save a tuple of tensors, got {got}")
    return returned(problem.surrogate, "forward", output, problem.scores), saved


def _gradient(
    surrogate: CustomSurrogate, problem: Problem[Parts], output: Parts, saved: Any, grad_output: Parts
) -> Parts:
    """Return what `surrogate.backward` returns, checked, and 0 where there is no candidate."""
    grad = surrogate.backward(problem, output, saved, grad_output)
    returned(problem.surrogate, "backward", grad, problem.scores)
    # What it computed from scores that are no candidates, such as NaN, must not reach the network.
    return grad if grad is grad_output else masked(grad, problem.valid)


def _finite_rows(grads: tuple[Tensor, ...]) -> Tensor | None:
    """Return which rows of a gradient are finite, bool, `[batch]`; None: all."""
    # One sum is several times faster than looking at each number; where it overflows, they are looked at.
    if not is_traced() and all(g.is_meta or (g.is_cpu and math.isfinite(g.sum().item())) for g in grads):
        return None
    return flatten(grads).isfinite().all(1)


def _of_finite_rows(
    surrogate: CustomSurrogate, problem: Problem[Parts], output: Parts, saved: Any, grad_output: Parts, finite: Tensor
) -> tuple[Tensor, ...]:
    """Return the gradient; NaN in rows whose incoming gradient is not finite, as after an overflow in half precision.

    By this a gradient scaler knows that it has to skip the step. No argmax or projection could use such a gradient.
    """
    spared = map_parts(lambda grad: grad.where(per_row(finite, grad, torch.bool), 0), grad_output)
    if is_traced() or bool(finite.any()) or not surrogate.passes_gradient:
        grads = _gradient(surrogate, problem, output, saved, spared)
    else:
        grads = spared  # what a surrogate learns from its gradients is not to be learnt from these
    if not surrogate.passes_gradient:
        return tensors(grads)
    valid = problem.valid
    return tensors(map_parts(lambda g, v: g.masked_fill(v & ~per_row(finite, g, torch.bool), torch.nan), grads, valid))


class _ScaledGradient(Function):
    """The identity. The gradient is multiplied by a factor: one number, or one for each row."""

    @staticmethod
    def forward(factor: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        return tuple(map(same, parts))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def jvp(ctx: Any, factor: None, *tangents: Tensor) -> tuple[Tensor, ...]:
        return tangents

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (factor,) = ctx.saved_tensors
        return None, *(grad * per_row(factor, grad) for grad in grads)


class _CandidateGradient(Function):
    """The identity. Its backward pass sets the gradient to 0 outside the candidates, where it may be NaN."""

    @staticmethod
    def forward(*parts: Tensor) -> tuple[Tensor, ...]:
        return tuple(map(same, parts[len(parts) // 2 :]))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs[: len(output)])

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor) -> tuple[Tensor, ...]:
        return tangents[len(tangents) // 2 :]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        valid = ctx.saved_tensors
        return *[None] * len(valid), *(torch.where(v, grad, 0) for v, grad in zip(valid, grads, strict=True))


def _with_tensors(
    problem: Problem[Parts], lengths: Tensor | None, scores: tuple[Tensor, ...], masks: tuple[Tensor, ...]
) -> Problem[Parts]:
    return replace(
        problem,
        scores=like(problem.scores, scores),
        lengths=lengths,
        mask=like(problem.scores, masks) if masks else None,
    )


def structured_argmax(
    scores: Parts,
    structure: Structure[Parts],
    surrogate: Surrogate,
    *,
    lengths: Lengths | None = None,
    mask: Parts | None = None,
    downstream: Callable[[Parts], Tensor] | None = None,
    loss_scale: float | Tensor | None = None,
) -> Parts:
    """Return the highest-scoring structure, with a surrogate gradient to train through it.

    Args:
        scores: one score for each part, batch first; for trees `[batch, head, modifier]`, node 0 being ROOT. A
            NamedTuple of tensors for a structure with several kinds of parts, such as `SemanticGraph`. Half
            precision is computed in float32, also under autocast. -inf marks a part that is no candidate.
        structure: the set of structures to choose from, such as `ProjectiveTree()`.
        surrogate: the rule for the gradient, such as `SPIGOT()`.
        lengths: the real size of each row, `[batch]`; for trees the tokens without ROOT. None: all rows are full.
        mask: bool, shaped like `scores`; True = candidate.
        downstream: a function from (relaxed) structures to the loss of each row, `[batch]`; only for surrogates
            that evaluate the loss again, such as `SPIGOT(steps=5)`. Its parameters get no gradient from this.
        loss_scale: the factor of each row's own loss before it is differentiated, one positive number or one for each
            row, `[batch]`: 1 / batch for a mean, `scaler.get_scale()` under a `GradScaler`, or their product. The
            surrogate gets the gradient without this factor, and the scores get theirs with it. It matters to
            surrogates that are not linear in the gradient: the SPIGOT family, Blackbox, IMLE, all with a `max_norm`.

    Returns:
        0/1 (fractional if the surrogate relaxes it), shaped and typed like `scores`, 0 where there is no candidate.

    Raises:
        ValueError: shapes do not fit; a candidate scores NaN or +inf; a row has no structure.
        TypeError: a wrong dtype, or a surrogate that needs marginals with a structure that has none.
    """
    check_scores("scores", scores)
    check_instance("structure", structure, Structure, "ProjectiveTree()")
    check_instance("surrogate", surrogate, Surrogate, "SPIGOT()")
    check_form("mask", mask, scores)
    if downstream is not None:
        check_function("downstream", downstream, "structures to the loss of each row")
    rows = rows_of("scores", scores, structure.axis)
    if rows is not None:
        return _of_rows(rows, scores, structure, surrogate, lengths, mask, downstream, loss_scale)  # type: ignore[return-value]
    lengths, given = as_lengths(lengths), tensors(scores)
    scale = None if loss_scale is None else _scale("loss_scale", loss_scale, given[0])
    if not is_tracked(*given):
        scale = None  # there is no gradient
    with _no_autocast(given[0]):
        name = type(surrogate).__name__
        if isinstance(surrogate, DifferentiableSurrogate):
            wide = tuple(widen(part) for part in given)
            wide = wide if scale is None else apply(_ScaledGradient, scale, *wide)
            problem = Problem(structure, like(scores, wide), lengths, mask, downstream, name)
            _check_needs(surrogate, problem, given)
            output = returned(name, "forward", surrogate.forward(problem), problem.scores)
            if surrogate.passes_gradient:
                output = differentiable(name, "forward", output, problem.scores)
            if is_tracked(*tensors(output)):
                output = like(output, apply(_CandidateGradient, *tensors(problem.valid), *tensors(output)))
            outputs = tensors(output)
        else:
            problem = Problem(structure, map_parts(torch.detach, scores), None, None, downstream, name)
            _check_needs(surrogate, problem, given)
            wide, masks = tuple(widen(part) for part in given), () if mask is None else tensors(mask)
            wide = wide if scale is None else apply(_ScaledGradient, scale, *wide)
            outputs = apply(_CustomGradient, problem, surrogate, lengths, *wide, *masks)[: len(given)]
        outputs = outputs if scale is None else apply(_ScaledGradient, 1 / scale, *outputs)
        return like(scores, tuple(map(narrow, outputs, given)))


def _of_rows(
    rows: Rows,
    scores: Any,
    structure: Structure[Any],
    surrogate: Surrogate,
    lengths: Lengths | None,
    mask: Any,
    downstream: Callable[[Any], Tensor] | None,
    loss_scale: float | Tensor | None,
) -> Tensor:
    """Return what the layer returns for scores of any shape."""

    def of_rows(structures: Tensor) -> Tensor:
        losses = downstream(rows.back(structures))  # type: ignore[misc]
        return losses.flatten() if isinstance(losses, Tensor) and losses.shape == rows.batch else losses

    output = structured_argmax(
        rows.flat("scores", scores),
        rows.owner(structure),
        surrogate,
        lengths=rows.flat("lengths", lengths),
        mask=rows.flat("mask", mask),
        downstream=None if downstream is None else of_rows,
        loss_scale=rows.flat("loss_scale", loss_scale),
    )
    return rows.back(output)  # type: ignore[no-any-return]


def _check_needs(surrogate: Surrogate, problem: Problem[Parts], scores: tuple[Tensor, ...]) -> None:
    """Raise an error unless the surrogate has what it needs: sums, and the loss if there is to be a gradient."""
    if surrogate.needs_marginals:
        problem.summable()
    if surrogate.needs_downstream and is_tracked(*scores):
        problem.required_downstream()


def _no_autocast(tensor: Tensor) -> AbstractContextManager[Any]:
    """Return a context in which operations on the device of `tensor` keep their precision."""
    return nullcontext() if tensor.is_meta else torch.autocast(tensor.device.type, enabled=False)


def _scale(name: str, scale: float | Tensor, scores: Tensor) -> Tensor:
    """Return a loss scale, checked, as a tensor on the device of the scores."""
    if not isinstance(scale, Tensor):
        check_positive(name, scale)
        return torch.tensor(scale, dtype=torch.float64, device=scores.device)
    if scale.dim() > 0 and scale.shape != scores.shape[:1]:
        raise ValueError(f"{name}: expected one number or shape [{scores.size(0)}], got {list(scale.shape)}")
    # Numbers on another device are not fetched to be looked at.
    if scale.is_cpu and not is_traced() and not bool(((scale > 0) & scale.isfinite()).all()):
        raise ValueError(f"{name}: expected positive numbers, got {scale.tolist()}")
    return scale.detach().to(scores.device, torch.float64)


class StructuredArgmax(nn.Module):
    """`structured_argmax` as a module.

    It has the tensors of its surrogate: those in `state` are in the `state_dict`, and a setting that is an
    `nn.Parameter`, such as a learnable `temperature`, is among the parameters.
    """

    def __init__(self, structure: Structure[Any], surrogate: Surrogate) -> None:
        super().__init__()
        check_instance("structure", structure, Structure, "ProjectiveTree()")
        check_instance("surrogate", surrogate, Surrogate, "SPIGOT()")
        self.structure = structure
        self.surrogate = surrogate
        if surrogate.state is not None:
            self.surrogate_state = surrogate.state
        self._learnt = tuple(name for name, value in vars(surrogate).items() if isinstance(value, nn.Parameter))
        for setting in self._learnt:
            self.register_parameter(setting, getattr(surrogate, setting))

    def forward(
        self,
        scores: Parts,
        lengths: Lengths | None = None,
        mask: Parts | None = None,
        downstream: Callable[[Parts], Tensor] | None = None,
        loss_scale: float | Tensor | None = None,
    ) -> Parts:
        """See `structured_argmax`."""
        return structured_argmax(
            scores,
            self.structure,
            self._surrogate() if self._learnt else self.surrogate,
            lengths=lengths,
            mask=mask,
            downstream=downstream,
            loss_scale=loss_scale,
        )

    def extra_repr(self) -> str:
        """Name structure and surrogate in the module's repr."""
        return f"{self.structure!r}, {self._surrogate()!r}"

    def _surrogate(self) -> Surrogate:
        """Return the surrogate with the parameters that the module has now.

        They are others in `torch.func.functional_call`, under a parametrization, and after
        `to_empty` and `load_state_dict(..., assign=True)`.
        """
        changed = [name for name in self._learnt if getattr(self, name) is not getattr(self.surrogate, name)]
        if not changed:
            return self.surrogate
        surrogate = copy(self.surrogate)
        for setting in changed:
            object.__setattr__(surrogate, setting, getattr(self, setting))
        return surrogate
