"""First-order semantic graphs with deterministic labels; each predicate is solved on its own.

Read `argmax.py` first: best labels (Flanigan et al. 2014), and `assignment.py` where arguments compete for one.
`labeled_arcs.py` is the projection of Equation 6 (Peng et al. 2018). Hull: `predicate_dual.py`, `predicate_hull.py`,
`predicate_derivative.py`, and `hull.py` for batches. AD³ (Martins et al. 2011): `ad3_predicate.py`, and `ad3.py` for
batches. Both read scores with `predicate.py`. Nothing is kept between calls; derivatives need the projection alone.
"""
