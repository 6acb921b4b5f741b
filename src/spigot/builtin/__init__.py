"""The built-in corpus: sentences drawn from a grammar, with trees, semantic graphs and sentiment.

See docs/builtin-corpus.md for what it is and what it is not.
"""

from spigot.builtin.corpus import generate, splits

__all__ = ["generate", "splits"]
