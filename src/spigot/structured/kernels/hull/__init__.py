"""The convex hull of any structure, given its argmax alone.

Read `active_set.py` first: the algorithm of Wolfe (1976), in steps between which the caller finds the next vertex. Its
linear algebra is `numerics/gram.py`. `face.py` is the derivative. The active sets of a batch and their Cholesky factors
are kept from step to step, and end with the projection.
"""
