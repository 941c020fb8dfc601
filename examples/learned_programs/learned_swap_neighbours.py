"""A program for `swap_neighbours` that was learned by gradient descent, and equals it on vocabulary 1 2 3 · length 4.

Learned again by: groundtruth learn-program swap_neighbours --length 4 --attempts 4 --seed 0
"""

import groundtruth
from groundtruth.programs.shorthand import SOp, aggregate, apply, indices, select, tokens

# The keys (indices) that each query (indices) attends to.
LOOKUP_1 = {0: (1,), 1: (0,), 2: (3,), 3: (2,)}

# By lookup_1.
OUTPUT = {1: 1, 2: 2, 3: 3}


@groundtruth.program(
    "learned_swap_neighbours",
    vocab=(1, 2, 3),
    min_seq_len=4,
    max_seq_len=4,
    family="learned",
    source="learned, after Friedman et al. 2023, arXiv 2306.01128",
)
def learned_swap_neighbours() -> SOp:
    """Each two neighbours swapped; the last of an odd number stays, as gradient descent found it."""
    lookup_1_match = select("lookup_1_match", indices, indices, lambda key, query: key in LOOKUP_1[query])
    lookup_1 = aggregate("lookup_1", lookup_1_match, tokens)
    output = apply("output", lambda value: OUTPUT[value], lookup_1)
    return output
