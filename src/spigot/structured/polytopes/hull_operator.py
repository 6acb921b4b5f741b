"""The search of `Hull` as an operator, so that `torch.compile` keeps whole graphs.

The search calls `structure.argmax`, which may be any Python code, and the number of calls depends on the scores, so the
search cannot be traced. The arguments of an operator are tensors, numbers and strings: not all supported versions of
torch let a compiled graph hold other objects. So one table maps names to searches. Tracing enters the search into the
table, which keeps it alive, and the compiled graph holds its name.

The number of vertices is known only when a search ends, so a compiled graph cannot pass them to the derivative. The
derivative searches again.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from ..kernels.hull.face import onto_face
from ..kernels.runtime.operator import like_first, operator
from ..parts.base import Parts, flatten, tensors, unflatten_sizes

if TYPE_CHECKING:
    from .hull import Hull, HullSolution


class _Search(NamedTuple):
    hull: Hull[Any]
    form: Any
    dims: tuple[int, ...]
    """As in `unflatten_sizes`."""

    def run(
        self,
        point: Tensor,
        lengths: Tensor | None,
        mask: Tensor | None,
        start: Tensor | None,
        sizes: Sequence[int],
    ) -> HullSolution[Any]:
        arguments = self._parts(point, sizes), lengths, self._parts(mask, sizes), self._parts(start, sizes)
        # Within an operator this thread has no autograd, which an argmax may use; a new one has.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self.hull.search, *arguments).result()

    def _parts(self, flat: Tensor | None, sizes: Sequence[int]) -> Any:
        return None if flat is None else unflatten_sizes(flat, self.form, self.dims, sizes)


_searches: dict[str, _Search] = {}


def project_in_graph(
    hull: Hull[Parts], point: Parts, lengths: Tensor | None, mask: Parts | None, start: Parts | None
) -> Tensor:
    """Return the projection, flattened; differentiable. Call it only while `torch.compile` traces."""
    return project_onto_hull(*operator_arguments(hull, point, lengths, mask, start))


def operator_arguments(
    hull: Hull[Parts], point: Parts, lengths: Tensor | None, mask: Parts | None, start: Parts | None
) -> Any:
    """Return the arguments of `project_onto_hull`; enters the search into the table."""
    structure, names, values = hull.structure, (), ()
    if is_dataclass(structure):
        names = tuple(field.name for field in fields(structure))
        values = tuple(getattr(structure, name) for name in names)
    given = tensors(point)
    dims = tuple(part.dim() for part in given)
    name = _enter(type(hull), hull.tolerance, hull.max_iterations, type(point), dims, structure, names, *values)
    return (
        flatten(point),
        lengths,
        None if mask is None else flatten(mask),
        None if start is None else flatten(start),
        [size for part in given for size in part.shape[1:]],
        name,
    )


def _enter(
    kind: Any,
    tolerance: float,
    max_iterations: int,
    form: Any,
    dims: tuple[int, ...],
    structure: Any,
    names: tuple[str, ...],
    *values: Any,
) -> str:
    """Make the `Hull`, enter it into the table and return its name. Called once, while `torch.compile` traces.

    `names` and `values` are the fields of the structure, if it is a dataclass.
    """
    if any(name not in getattr(structure, "__dict__", names) for name in names):
        structure = _made_within(type(structure), dict(zip(names, values, strict=True)))
    hull = kind(structure, tolerance, max_iterations)
    # The entry keeps the structure alive, so its id stays unique.
    name = f"{hull!r} of {form.__name__}{list(dims)} at {id(structure):x}"
    _searches[name] = _Search(hull, form, dims)
    return name


def _made_within(kind: type, values: dict[str, Any]) -> Any:
    """Make a structure that the traced code makes itself: only its fields exist while it is traced."""
    if "__dataclass_params__" not in vars(kind) or not kind.__dataclass_params__.init:  # type: ignore[attr-defined]
        raise TypeError(f"structure: expected a {kind.__name__} made outside of what is compiled, got one made within")
    return kind(**values)


# The effect of `torch.compiler.assume_constant_result`, without its import of the compiler.
_enter._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _save_searched(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    point, _, lengths, mask, start, ctx.sizes, ctx.search = inputs
    ctx.save_for_backward(point, lengths, mask, start)


def _backward_again(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    point, lengths, mask, start = ctx.saved_tensors
    # Linear and symmetric in the gradient; in the point it is constant almost everywhere.
    return None, project_onto_hull_vjp(point, grad, lengths, mask, start, ctx.sizes, ctx.search), *[None] * 5


@operator(fake=like_first, backward=_backward_again, save=_save_searched, jvp="symmetric", moving=(1,))
def project_onto_hull_vjp(
    point: Tensor,
    grad: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    start: Tensor | None,
    sizes: list[int],
    search: str,
) -> Tensor:
    """Return the gradient for `point`, given the one for the result of `project_onto_hull`."""
    solution = _searches[search].run(point, lengths, mask, start, sizes)
    return onto_face(grad.double().cpu(), solution.members, solution.weights).to(point)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *given, ctx.sizes, ctx.search = inputs
    ctx.save_for_backward(*given)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    point, lengths, mask, start = ctx.saved_tensors
    slopes = project_onto_hull_vjp(point, grad, lengths, mask, start, ctx.sizes, ctx.search)
    return slopes, None, None, None, None, None


@operator(fake=like_first, backward=_backward, save=_save, jvp="symmetric")
def project_onto_hull(
    point: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    start: Tensor | None,
    sizes: list[int],
    search: str,
) -> Tensor:
    """Return the nearest point of a hull for each row.

    Args:
        point: float32 or float64, flattened: `[batch, part]`.
        lengths: int64, `[batch]`.
        mask: bool, shaped like `point`; True = candidate.
        start: shaped like `point`; see `Hull.project`.
        sizes: of all dimensions but the batch, one tensor of the point after the other.
        search: a name in the table.
    """
    return flatten(_searches[search].run(point, lengths, mask, start, sizes).point)
