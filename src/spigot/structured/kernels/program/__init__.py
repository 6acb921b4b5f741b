"""Linear programs, by general solvers (`pip install 'torch-spigot[lp]'`).

Read `constraints.py` first: the set, and how a row's candidates cut it down. `argmax.py` calls HiGHS (Huangfu and Hall
2018), first without integrality; `cuts.py` adds constraints that a solution violates. `projection.py` calls Clarabel
(Goulart and Chen 2024) to find the face, then solves for the point on it (Peng et al. 2018, Algorithm 1). The face is
kept for the gradient.
"""
