"""Hard structured decisions inside neural networks, and gradients to train through them.

This package exports the core, `spigot.structured`, and `load` for the parsers. Python imports them when they are first
used: commands that need no torch (`spigot --help`, `spigot score`) start at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .structured import *  # noqa: F403 (its __all__ is ours)
    from .systems.parser import Parser


def load(source: Any, device: Any = "cpu", **hub: Any) -> "Parser":
    """Load a parser: see `spigot.systems.parser.load`."""
    try:
        from .systems.parser import load as load_parser
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(__name__):
            raise
        raise ImportError(f"spigot.load needs {error.name}: pip install 'torch-spigot[nlp,text]'") from None
    return load_parser(source, device, **hub)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # takes as long to import as the rest of this module

        return version("torch-spigot")
    # Other special names are asked for while the package itself is imported.
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module 'spigot' has no attribute {name!r}")
    structured = import_module(".structured", __name__)
    if name == "structured":
        return structured
    exported = {"__all__": structured.__all__} | {name: getattr(structured, name) for name in structured.__all__}
    if name not in exported:
        raise AttributeError(f"module 'spigot' has no attribute {name!r}")
    # All at once: from here on they are ordinary attributes.
    globals().update(exported)
    return exported[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module(".structured", __name__).__all__})
