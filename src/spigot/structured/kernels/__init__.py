"""The numerical work: numba kernels over arrays, the torch operators that wrap them, and their GPU forms.

One folder a family, named after its structure; in most, `argmax.py` decodes, `sums.py` registers the operators of the
Gibbs distribution, `sample.py` draws from it, `projection.py` or files named after a polytope project. `runtime/` makes
operators and splits batches over threads, `numerics/` is the arithmetic that families share, `arcs/` reads arc scores
for both kinds of trees, `hull/` serves any structure, `triton/` holds the GPU forms. Begin with `runtime/operator.py`,
then `chain/argmax.py`, the shortest whole example. `runtime/cache.py` says where numba keeps compiled kernels.
"""

from spigot.structured.kernels.runtime.cache import ensure_cache

ensure_cache()
