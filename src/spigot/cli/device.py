"""The options that say how a model computes: --device and --mixed-precision."""

from __future__ import annotations

from typing import Annotated

import typer

from spigot.precision import MixedPrecision

DeviceOption = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
MixedPrecisionOption = Annotated[
    MixedPrecision,
    typer.Option(
        "--mixed-precision",
        help="bf16: products and LSTMs in bfloat16. Faster on GPUs and processors that have such numbers; a few "
        "predictions change.",
    ),
]


def checked_device(name: str) -> str:
    """Return the name of a device if it can be used; raise a usage error if not."""
    from spigot.precision import check_device

    try:
        check_device(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--device") from None
    return name
