"""GPU kernels in Triton, twins of the numba kernels beside them.

Read `projective_argmax.py` first: the charts of Eisner (1996) by width, one program a sentence. `projective_sums.py` is
inside-outside over the same charts, with the log-space arithmetic of `log_space.py`; `chain_argmax.py` is Viterbi's
recurrence, `simplex.py` Michelot's threshold; `arcs.py` reads arc scores, `launch.py` launches. A module is imported on
the first call with a CUDA tensor; Triton keeps the compiled programs.
"""
