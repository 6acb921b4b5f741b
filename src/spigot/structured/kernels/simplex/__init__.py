"""Projections onto the simplex and the capped simplex.

Read `columns.py` first: the threshold of Michelot (1986). `capped.py` finds it by Newton's method. `support.py` is the
derivative of both. The projection is kept for the gradient, since its values show the face.
"""
