"""The connection between kernels and torch.

Read `operator.py` first: a function becomes an operator that `torch.compile` keeps whole. `gibbs.py` wires log Z, the
marginals and their derivative as gradients of each other, `decoding.py` calls argmax kernels, `arrays.py` turns tensors
into arrays and back, and `parallel.py` splits a batch over threads. The pool of threads is kept for the process.
"""
