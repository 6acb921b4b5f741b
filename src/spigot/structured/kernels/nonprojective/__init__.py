"""Non-projective dependency trees.

`argmax.py` stands alone: Chu-Liu-Edmonds by growing paths (Tarjan 1977). For sums read `elimination.py` first: the
matrix-tree theorem (Koo et al. 2007) by elimination without subtraction (Grassmann, Taksar and Heyman 1985). `sums.py`
has log Z, marginals and slopes, by halving the tokens; `sample.py` puts the eliminated tokens back one by one. Shares
of eliminated tokens are kept within a call only.
"""
