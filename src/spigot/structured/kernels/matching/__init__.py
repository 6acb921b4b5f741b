"""Matchings of rows and columns.

Read `augment.py` first: one shortest augmenting path (Jonker and Volgenant 1987), also used by `semantic_graph`.
`argmax.py` begins with bids, so that few rows need a path. `projection.py` projects onto the doubly stochastic matrices
by Newton's method on the dual, starting from the prices of the best matching. Prices are kept within a call only.
"""
