"""The connection between kernels and torch.

Read `operator.py` first: a function becomes an operator that `torch.compile` keeps whole and `vmap` calls once, and
`derivatives.py` gives it its place in autograd and in forward mode. `gibbs.py` wires log Z, the marginals and their
derivative as gradients of each other, `decoding.py` calls argmax kernels, `status.py` has what a kernel reports about a
row, `refusal.py` errors as an operator, `arrays.py` turns tensors into arrays and back, and `parallel.py` splits a
batch over threads. The pool of threads is kept for the process.
"""
