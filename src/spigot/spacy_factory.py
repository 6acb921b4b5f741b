"""What spaCy imports through the entry point `spigot` of the group `spacy_factories`, whenever it loads any pipeline.

So this module imports nothing but types and a default before a pipeline asks for the component.
"""

from __future__ import annotations

from typing import Any

from spigot.data.lengths import MAX_LENGTH
from spigot.precision import MixedPrecision


def make_component(
    nlp: Any, name: str, model: str, device: str, mixed_precision: MixedPrecision, max_length: int
) -> Any:
    """Return the component for a pipeline; its settings are those of `spigot.load` and of the parser."""
    from spigot.systems.parser import load
    from spigot.systems.spacy_component import SpigotComponent

    return SpigotComponent(load(model, device, mixed_precision), max_length, name)


def _register() -> None:
    from spacy.language import Language

    Language.factory(
        "spigot",
        default_config={"model": "en", "device": "cpu", "mixed_precision": "no", "max_length": MAX_LENGTH},
        assigns=[
            *("token.head", "token.dep", "token.tag", "token.pos", "token.is_sent_start", "doc._.graphs"),
            *("span._.categories", "span._.sentiment", "span._.sentiment_probability"),
        ],
        func=make_component,
    )


_register()
