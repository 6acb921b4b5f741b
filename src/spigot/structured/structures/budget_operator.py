"""The search of `Budget` as an operator, so that `torch.compile` keeps whole graphs; `Hull` does the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..kernels.runtime.operator import like_first, operator
from ..parts.base import flatten, map_parts, masked, tensors, unflatten_sizes
from ..within_budget import best_within


class _Problem(NamedTuple):
    structure: Any
    max_splits: int
    form: Any
    dims: tuple[int, ...]
    """As in `unflatten_sizes`."""

    def parts(self, flat: Tensor, sizes: list[int]) -> Any:
        return unflatten_sizes(flat, self.form, self.dims, sizes)


_problems: dict[str, _Problem] = {}
_calls = count()


def operator_arguments(budget: Any, scores: Any, lengths: Tensor | None, mask: Any) -> Any:
    """Return the arguments of `argmax_within_budget`."""
    given = tensors(scores)
    weights, limits = budget.of_batch(scores)
    dims = tuple(part.dim() for part in given)
    name = _enter(budget.structure, budget.max_splits, type(scores), dims, torch.compiler.is_compiling())
    sizes = [size for part in given for size in part.shape[1:]]
    return flatten(scores), lengths, None if mask is None else flatten(mask), weights, limits, sizes, name


def _enter(structure: Any, splits: int, form: Any, dims: tuple[int, ...], traced: bool) -> str:
    """Enter a problem into the table, which keeps it alive, and return its name.

    That of a compiled graph stays there; that of a call is forgotten after it.
    """
    name = f"{form.__name__}{list(dims)}, {splits} at {id(structure):x}" if traced else f"call {next(_calls)}"
    _problems[name] = _Problem(structure, splits, form, dims)
    return name


def forget(name: str) -> None:
    """Take a problem out of the table."""
    del _problems[name]


# The effect of `torch.compiler.assume_constant_result`, without its import of the compiler.
_enter._dynamo_marked_constant = True  # type: ignore[attr-defined]


@operator(fake=like_first)
def argmax_within_budget(
    scores: Tensor,
    lengths: Tensor | None,
    mask: Tensor | None,
    weights: Tensor,
    limits: Tensor,
    sizes: list[int],
    name: str,
) -> Tensor:
    """Return the best structures within a budget, 0/1, shaped like `scores`.

    A CUDA tensor goes to the CPU and back.

    Args:
        scores: float32 or float64, flattened: `[batch, part]`.
        lengths: integers, as the structure takes them.
        mask: bool, shaped like `scores`; True = candidate.
        weights: float64, shaped like `scores`.
        limits: float64, `[batch]`.
        sizes: of all dimensions but the batch, one tensor of the scores after the other.
        name: of the structure in the table.
    """
    problem = _problems[name]
    structure = problem.structure
    parts = problem.parts(scores.cpu(), sizes)
    sizes_of_rows = None if lengths is None else lengths.cpu()
    candidates = None if mask is None else problem.parts(mask.cpu(), sizes)

    def search() -> Tensor:
        valid = structure.part_mask(parts, sizes_of_rows, candidates)
        wide = masked(map_parts(lambda part: part.double(), parts), valid)
        rest = weights.cpu(), limits.cpu(), problem.max_splits
        return best_within(structure, wide, sizes_of_rows, valid, *rest)

    # Within an operator this thread has no autograd, which an argmax may use; a new one has.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(search).result().to(scores)
