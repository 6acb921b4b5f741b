"""Binary trees over a sequence of tokens.

Read `argmax.py` first: the recurrence of Cocke, Kasami and Younger. `inside_outside.py` has the same with log-sum-exp
for max, the outside pass, and the slopes of both along a direction (Baker 1979; forward-mode differentiation);
`sums.py` makes operators of it, and `sample.py` walks down the inside chart. The chart is kept within a call only:
gradients run the charts again.
"""
