"""Subsets of k of the candidates.

Read `sums.py` first: the recurrence of the elementary symmetric polynomials, forward in log space, backward by shares.
`sample.py` uses the same shares. The argmax is a sort, in `structures/k_subset.py`. Shares are kept within a call only.
"""
