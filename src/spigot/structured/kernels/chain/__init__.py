"""Linear chains: sequences of tags.

Read `argmax.py` first: the recurrence of Viterbi (1967), and the layout of scores and masks. `forward_backward.py` has
the sums (Baum et al. 1970) and their slopes, `shared.py` those for transitions that are the same at all positions;
`sums.py` runs the former over batches, and `operators.py` makes operators of both. `sample.py` filters forwards and
draws backwards; `k_best.py` keeps the k best beginnings. Each step's shares pass from forward to backward in the array
of the result; gradients start again from the scores.
"""
