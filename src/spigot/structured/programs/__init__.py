"""Structures from a recurrence that is written once. Read in this order:

- `value.py`: what a recurrence is written with, tensors of numbers of a semiring;
- `semirings.py`: which numbers these are, and what each is good for; `sampling.py`: the one whose gradient is drawn;
- `program.py`: `DynamicProgram`, from a recurrence to all operations; `axes.py` checks the shapes of scores;
- `semi_markov.py`, `monotone_alignment.py`, `ctc.py`, `pcfg.py`: programs; `hidden_markov.py`: scores of a chain.
"""

from .axes import within
from .value import Value, cat, stack

__all__ = ["Value", "cat", "stack", "within"]
