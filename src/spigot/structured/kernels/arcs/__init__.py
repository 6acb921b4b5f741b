"""What the kernels of both kinds of dependency trees share: `read.py` copies one sentence's candidates.

The best score of each modifier is taken off its arcs, which changes no comparison of trees. Nothing is kept between
calls.
"""
