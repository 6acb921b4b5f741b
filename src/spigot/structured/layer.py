"""A hard structured decision as a layer of a network.

ẑ = argmax_z <scores, z>        forward, exact
∇scores = surrogate(...)        backward, in place of the Jacobian of the argmax, which is 0 or undefined

Autograd differentiates a `DifferentiableSurrogate`; for a `CustomSurrogate` see `custom_gradient.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import is_dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from .base import Polytope, Structure
from .checks import as_lengths, check_form, check_function, check_instance, check_scores, narrow, widen
from .custom_gradient import custom_gradient
from .differentiation import Function, apply, is_traced, is_tracked, no_autocast, same
from .parts.base import Parts, like, map_parts, per_row, tensors
from .parts.rows import Rows, rows_of
from .problem import Problem
from .results import check_unchanged, differentiable, returned, versions
from .settings import check_positive
from .shapes import Lengths
from .surrogates.base import CustomSurrogate, DifferentiableSurrogate, Surrogate, check_surrogate


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
    check_surrogate("surrogate", surrogate)
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
    with no_autocast(given[0]):
        name = type(surrogate).__name__
        if isinstance(surrogate, DifferentiableSurrogate):
            wide = tuple(widen(part) for part in given)
            wide = wide if scale is None else apply(_ScaledGradient, scale, *wide)
            problem = Problem(structure, like(scores, wide), lengths, mask, downstream, name)
            _check_needs(surrogate, problem, given)
            before = versions(problem.scores)
            output = returned(name, "forward", surrogate.forward(problem), problem.scores)
            check_unchanged(name, "forward", before, problem.scores)
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
            outputs = custom_gradient(problem, cast(CustomSurrogate, surrogate), lengths, wide, masks)
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

    polytope = getattr(surrogate, "polytope", None)
    if isinstance(polytope, Polytope) and polytope.axis is not None and is_dataclass(surrogate):
        surrogate = replace(surrogate, polytope=rows.owner(polytope))
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
        check_surrogate("surrogate", surrogate)
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
