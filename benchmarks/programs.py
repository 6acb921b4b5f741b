"""Recurrences over semirings: chains and segmentations, beside torch-struct, plain torch and the kernel.

Run `python benchmarks/programs.py --help`. What is compared is first checked to give the same results.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import tables
import torch
from common import finish, interleaved, medians, options, progress, start
from structures import agree, plain_chain
from torch import Tensor

import spigot
from spigot.structured.programs.axes import within
from spigot.structured.programs.value import Value, stack

IMPOSSIBLE = -1e5
Row = dict[str, Any]
Parts = spigot.LinearChainParts | spigot.SegmentationParts


@dataclass(frozen=True)
class Chain(spigot.DynamicProgram[spigot.LinearChainParts]):
    """What `LinearChain` is, as a recurrence."""

    form: ClassVar = spigot.LinearChainParts
    axes: ClassVar = ("batch position tag", "batch position-1 tag tag")
    counted: ClassVar = "position"

    def inside(self, scores: spigot.LinearChainParts, lengths: Tensor) -> spigot.LinearChainParts:
        positions = scores.emissions.size(1)
        return spigot.LinearChainParts(
            within(positions, lengths)[..., None], within(positions - 1, lengths - 1)[..., None, None]
        )

    def total(self, scores: Any, lengths: Tensor) -> Value:
        emissions, transitions = scores.emissions.unbind(1), scores.transitions.unbind(1)
        rows = [emissions[0]]
        for emission, transition in zip(emissions[1:], transitions, strict=True):
            rows.append((rows[-1][..., None] * transition).sum(1) * emission)
        return stack(rows, 1).at(lengths - 1).sum(1)


def plain_segmentations(segments: Tensor, transitions: Tensor, maximum: bool) -> Tensor:
    """Return the best score, or log Z, by the usual loop over positions."""

    def total(terms: Tensor) -> Tensor:
        return terms.amax(1) if maximum else terms.logsumexp(1)

    positions, longest, tags = segments.shape[1:]
    begins = [segments.new_zeros(len(segments), tags)]
    for i in range(positions):
        ways = [begins[i - k] + segments[:, i - k, k] for k in range(min(longest, i + 1))]
        ends = total(torch.stack(ways, 1))
        if i + 1 < positions:
            begins.append(total(ends[:, :, None] + transitions[:, i]))
    return total(ends)


def torch_struct_potentials(scores: Parts) -> tuple[str, Tensor, float]:
    """Return which distribution of torch-struct this is, its potentials, and what its log Z has more than ours."""
    if isinstance(scores, spigot.LinearChainParts):
        potentials = scores.transitions.transpose(2, 3) + scores.emissions[:, 1:, :, None]
        potentials[:, 0] += scores.emissions[:, :1]
        return "LinearChainCRF", potentials, 0.0
    batch, positions, longest, tags = scores.segments.shape
    # A segment is an edge from the tag before it to its own; what would be before the first is any tag.
    potentials = torch.full((batch, positions, longest + 1, tags, tags), IMPOSSIBLE)
    potentials[:, :, 1:] = scores.segments[..., None]
    potentials[:, 1:, 1:] += scores.transitions.transpose(2, 3)[:, :, None]
    return "SemiMarkovCRF", potentials, float(torch.tensor(tags).log())


def by_torch_struct(name: str, potentials: Tensor, task: str) -> Any:
    """Return log Z and its gradient, or the argmax, from a new distribution as a training step makes it."""
    import torch_struct

    leaf = potentials.clone().requires_grad_()
    distribution = getattr(torch_struct, name)(leaf)
    if task == "argmax":
        return distribution.argmax
    return torch.autograd.grad(distribution.partition.sum(), leaf)


def by_gradient(function: Callable[..., Tensor], parts: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the gradients of a sum."""
    leaves = [part.clone().requires_grad_() for part in parts]
    return torch.autograd.grad(function(*leaves).sum(), leaves)


def compare(
    name: str,
    program: spigot.DynamicProgram[Any],
    kernel: spigot.LinearChain | None,
    scores: Parts,
    plain: Callable[..., Tensor],
    seconds: float,
) -> Row:
    """Time argmax, log Z with its gradient, a sample and the 8 best structures."""
    form = type(scores)
    peer, potentials, more = torch_struct_potentials(scores)
    has_peer = importlib.util.find_spec("torch_struct") is not None
    log_z = program.log_partition(scores)
    agree(f"{name}: log Z", log_z, plain(*scores, False))
    agree(f"{name}: the best", program.top_k(scores, 1)[1][:, 0], plain(*scores, True))
    if has_peer:
        import torch_struct

        theirs = getattr(torch_struct, peer)(potentials.clone().requires_grad_())
        agree(f"{name}: log Z of torch-struct", log_z, theirs.partition.detach() - more)

    def sums(structure: Any) -> Callable[..., Tensor]:
        return lambda *parts: structure.log_partition(form(*parts))

    functions: dict[str, Callable[[], Any]] = {
        "argmax": partial(program.argmax, scores),
        "argmax, plain torch": partial(by_gradient, partial(plain, maximum=True), scores),
        "log Z": partial(by_gradient, sums(program), scores),
        "log Z, plain torch": partial(by_gradient, partial(plain, maximum=False), scores),
        "sample": partial(program.sample, scores),
        "8 best": partial(program.top_k, scores, 8),
    }
    if kernel is not None:
        functions["argmax, kernel"] = partial(kernel.argmax, scores)
        functions["log Z, kernel"] = partial(by_gradient, sums(kernel), scores)
    if has_peer:
        functions["argmax, torch-struct"] = partial(by_torch_struct, peer, potentials, "argmax")
        functions["log Z, torch-struct"] = partial(by_torch_struct, peer, potentials, "log Z")
    for function in functions.values():
        function()
    return {"name": name, "shape": list(scores[0].shape), "seconds": medians(interleaved(functions, seconds))}


def main() -> None:
    arguments = options(__doc__.splitlines()[0]).parse_args()
    result = start(arguments)
    warnings.filterwarnings("ignore", message=".*arg_constraints.*")
    seconds = 0.02 if arguments.quick else 3.0
    rows = []
    for batch, positions, tags in [(2, 5, 3)] if arguments.quick else [(1, 20, 10), (32, 50, 20)]:
        progress(f"chains: {batch} of {positions} positions, {tags} tags")
        generator = torch.Generator().manual_seed(tags)
        chains = spigot.LinearChainParts(
            torch.randn(batch, positions, tags, generator=generator),
            torch.randn(batch, positions - 1, tags, tags, generator=generator),
        )
        rows.append(compare("linear chain", Chain(), spigot.LinearChain(), chains, plain_chain, seconds))
    for batch, positions, longest, tags in [(2, 5, 2, 3)] if arguments.quick else [(1, 20, 4, 5), (16, 40, 6, 5)]:
        progress(f"segmentations: {batch} of {positions} positions, {tags} tags, segments of up to {longest}")
        generator = torch.Generator().manual_seed(tags)
        segmentations = spigot.SegmentationParts(
            torch.randn(batch, positions, longest, tags, generator=generator),
            torch.randn(batch, positions - 1, tags, tags, generator=generator),
        )
        rows.append(compare("semi-Markov", spigot.SemiMarkov(), None, segmentations, plain_segmentations, seconds))
    result["rows"] = rows
    print(tables.programs(result))
    finish(arguments, result)


if __name__ == "__main__":
    main()
