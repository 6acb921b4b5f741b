"""Arithmetic that families share; nothing here knows a structure.

`exponential.py` and `vector.py` are vector code for the inner loops; `quads.py` and `weights.py` carry values with
their slopes; `threshold.py` and `gram.py` serve projections. `splitmix.py` is the random generator (Steele, Lea and
Flood 2014), `drawing.py` the step of all samplers, `sum_of_gamma.py` a noise. All are functions without state.
"""
