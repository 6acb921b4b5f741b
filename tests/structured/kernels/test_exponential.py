import numpy as np
from numba import njit

from spigot.structured.kernels.numerics.exponential import exp_nonpositive, log1p_fraction


@njit(error_model="numpy")
def both(x, fractions, exponentials, logarithms):
    for k in range(x.size):
        exponentials[k] = exp_nonpositive(x[k])
        logarithms[k] = log1p_fraction(fractions[k])


def test_as_exact_as_the_library():
    generator = np.random.default_rng(0)
    spread = -np.exp(generator.uniform(-40, 6.55, 20_000))
    x = np.concatenate([[0.0, -0.0, -np.inf, -1e308, -708.5, -5e-324], spread])
    fractions = np.concatenate([[0.0, 1.0, 1e-300], generator.random(x.size - 603), np.exp(-np.arange(600.0))])
    exponentials, logarithms = np.empty_like(x), np.empty_like(x)
    both(x, fractions, exponentials, logarithms)
    with np.errstate(under="ignore"):
        expected = np.where(x > -708, np.exp(x), 0)
    assert np.allclose(exponentials, expected, rtol=4e-16, atol=0)
    assert np.allclose(logarithms, np.log1p(fractions), rtol=6e-16, atol=0)
