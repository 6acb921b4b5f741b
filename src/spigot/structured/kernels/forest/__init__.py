"""Sums over the derivations of a forest: the slow and safe way, for rows whose scores are of very different sizes.

`sums.py` is the algorithm, for any structure that a dynamic program builds. The families of structures list their
forests in `FAMILY/forest.py`, and come here with the rows for which float64 has too few digits.
"""
