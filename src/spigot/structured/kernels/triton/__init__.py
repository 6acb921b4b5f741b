"""GPU kernels in Triton, twins of the numba kernels beside them. Imported on the first call with a CUDA tensor."""
