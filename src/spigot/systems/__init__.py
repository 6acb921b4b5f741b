"""The registry of systems. A new kind of system is a class in its own file and one line here."""

from __future__ import annotations

from spigot.systems.base import System
from spigot.systems.multitask import Multitask
from spigot.systems.semantics_then_sentiment import SemanticsThenSentiment
from spigot.systems.syntax_alone import SyntaxAlone
from spigot.systems.syntax_then_category import SyntaxThenCategory
from spigot.systems.syntax_then_semantics import SyntaxThenSemantics

SYSTEMS: dict[str, type[System]] = {
    system.kind: system
    for system in (SyntaxThenSemantics, SemanticsThenSentiment, SyntaxAlone, Multitask, SyntaxThenCategory)
}
"""The systems by kind, for recipes and checkpoints; the first is a recipe's default."""
