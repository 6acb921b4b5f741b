"""The search of `Hull` as an operator, so that `torch.compile` keeps whole graphs.

The search calls `structure.argmax`, which may be anybody's Python, as often as the scores demand: nothing to trace. And
an operator takes tensors, numbers and strings, but no structure. So a compiled graph holds the name of one, under which
it is kept here while the graph is made. What is compiled again in another process is named again there.

The vertices that a search finds have no number before it is done, and a graph cannot hand them on to its derivative:
that searches again.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from ..kernels.runtime.operator import like_first, once_differentiable, operator
from ..parts.base import Parts, flatten, tensors

if TYPE_CHECKING:
    from .hull import Hull, HullSolution


class _Named(NamedTuple):
    hull: Hull
    form: Any
    """The type of the points: `Tensor`, or that of the NamedTuple of tensors."""
    dims: tuple[int, ...]
    """How many dimensions each tensor has."""

    def parts(self, flat: Tensor | None, sizes: Sequence[int]) -> Parts | None:
        """Undo `flatten`, given the sizes of all dimensions but the batch, one tensor after the other."""
        if flat is None:
            return None
        values, done, begin = [], 0, 0
        for dim in self.dims:
            shape = sizes[begin : begin + dim - 1]
            count = torch.Size(shape).numel()
            values.append(flat[:, done : done + count].reshape(len(flat), *shape))
            done, begin = done + count, begin + dim - 1
        return values[0] if self.form is Tensor else self.form(*values)


_named: dict[str, _Named] = {}
_names: dict[_Named, str] = {}
"""Back again, so that equal ones share a name; some structures cannot be compared."""


def project_in_graph(
    hull: Hull, point: Parts, lengths: Tensor | None, mask: Parts | None, start: Parts | None
) -> Tensor:
    """Return the projection, flattened; differentiable. To be called while a graph is made."""
    return project_onto_hull(*_arguments(hull, point, lengths, mask, start))


def vjp_in_graph(
    hull: Hull, point: Parts, grad: Parts, lengths: Tensor | None, mask: Parts | None, start: Parts | None
) -> Tensor:
    """Return the gradient for the point, flattened, given the one for its projection."""
    flat, *others = _arguments(hull, point, lengths, mask, start)
    return project_onto_hull_vjp(flat, flatten(grad), *others)


def _arguments(hull: Hull, point: Parts, lengths: Tensor | None, mask: Parts | None, start: Parts | None) -> Any:
    structure, names, values = hull.structure, (), ()
    if is_dataclass(structure):
        names = tuple(field.name for field in fields(structure))
        values = tuple(getattr(structure, name) for name in names)
    given = tensors(point)
    dims = tuple(part.dim() for part in given)
    name = _name(type(hull), hull.tolerance, hull.max_iterations, type(point), dims, structure, names, *values)
    sizes = [size for part in given for size in part.shape[1:]]
    return (
        flatten(point),
        lengths,
        None if mask is None else flatten(mask),
        None if start is None else flatten(start),
        sizes,
        name,
    )


def _name(
    kind: Any,
    tolerance: float,
    max_iterations: int,
    form: Any,
    dims: tuple[int, ...],
    structure: Any,
    names: tuple[str, ...],
    *values: Any,
) -> str:
    """Return the name of a hull, made again of what it is made of; called once, while a graph is made."""
    if any(name not in getattr(structure, "__dict__", names) for name in names):
        structure = _made_within(type(structure), dict(zip(names, values, strict=True)))
    new = _Named(kind(structure, tolerance, max_iterations), Tensor if issubclass(form, Tensor) else form, dims)
    name = f"{new.hull!r} #{len(_named)}"
    if isinstance(structure, Hashable):
        name = _names.setdefault(new, name)
    _named[name] = new
    return name


def _made_within(kind: type, values: dict[str, Any]) -> Any:
    """Make a structure again that the graph itself makes, and of which there is no more yet than what it is made of."""
    if "__dataclass_params__" not in vars(kind) or not kind.__dataclass_params__.init:  # type: ignore[attr-defined]
        raise TypeError(f"structure: expected a {kind.__name__} made outside of what is compiled, got one made within")
    return kind(**values)


# What `torch.compiler.assume_constant_result` would set; but to call that imports the whole compiler.
_name._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _search(
    point: Tensor, lengths: Tensor | None, mask: Tensor | None, start: Tensor | None, sizes: Sequence[int], name: str
) -> HullSolution:
    named = _named[name]
    return named.hull.search(named.parts(point, sizes), lengths, named.parts(mask, sizes), named.parts(start, sizes))


@operator(fake=like_first, backward=once_differentiable)
def project_onto_hull_vjp(
    point: Tensor,
    grad: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    start: Tensor | None,
    sizes: list[int],
    hull: str,
) -> Tensor:
    """Return the gradient for `point`, given the one for what `project_onto_hull` made of it."""
    from .hull import onto_face_of

    _, _, _, _, weights, members = _search(point, lengths, mask, start, sizes, hull)
    return onto_face_of(grad, weights, members).to(point.dtype)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *given, ctx.sizes, ctx.hull = inputs
    ctx.save_for_backward(*given)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    point, lengths, mask, start = ctx.saved_tensors
    slopes = project_onto_hull_vjp(point, grad, lengths, mask, start, ctx.sizes, ctx.hull)
    return slopes, None, None, None, None, None


@operator(fake=like_first, backward=_backward, save=_save)
def project_onto_hull(
    point: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    start: Tensor | None,
    sizes: list[int],
    hull: str,
) -> Tensor:
    """Return the nearest point of a hull for each row.

    Args:
        point: float32 or float64, flattened: `[batch, part]`.
        lengths: int64, `[batch]`.
        mask: bool, shaped like `point`; True = candidate.
        start: shaped like `point`; see `Hull.project`.
        sizes: of the dimensions of what was flattened, but the batch, one tensor after the other.
        hull: a name.
    """
    return flatten(_search(point, lengths, mask, start, sizes, hull).point)
