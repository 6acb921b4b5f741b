"""PropBank's roles on the tokens of UD English EWT, as bi-lexical graphs.

Palmer, Gildea and Kingsbury (2005), "The Proposition Bank"; Pradhan et al. (2022), "PropBank Comes of Age".
`skeleton.py` reads what PropBank publishes, which has no words; `alignment.py` finds the words for its tokens;
`roles.py` makes an arc of each span; `corpus.py` goes through the corpus.
"""

from .corpus import convert

__all__ = ["convert"]
