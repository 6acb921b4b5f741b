"""What the kernels of both kinds of dependency trees share.

`read.py` copies one sentence's candidates; the best score of each modifier is taken off its arcs, which changes no
comparison of trees. `members.py` says whether 0/1 arcs are a tree. Nothing is kept between calls.
"""
