"""Projective dependency trees.

Read `argmax.py` first: the charts of Eisner (1996). `sums.py` has the operators of inside-outside (Baker 1979). It runs
`scaled.py`, plain sums and products over the charts of `charts.py` and `root.py` with the potentials of
`potentials.py`; where these leave the range of float64, `forest.py`, whose recurrences are easier to read.
`sample.py` walks down the log charts. Charts are kept within a call only: gradients run them again.
"""
