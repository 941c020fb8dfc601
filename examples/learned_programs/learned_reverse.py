"""A program for `reverse` that was learned by gradient descent, and equals it on vocabulary 1 2 3 · length 3.

Learned again by: groundtruth learn-program reverse --length 3 --seed 0
"""

import groundtruth
from groundtruth.programs.shorthand import SOp, aggregate, combine, count, indices, select, tokens

# The keys (indices) that each query (indices) attends to.
LOOKUP_2 = {0: (2,), 1: (1,), 2: (0,)}

# The keys (tokens) that each query (indices) attends to.
COUNT_3 = {0: (2,), 1: (2,), 2: (2,)}

# By lookup_2 and count_3.
OUTPUT = {
    (1, 0): 1,
    (1, 1): 1,
    (1, 2): 1,
    (1, 3): 1,
    (2, 0): 2,
    (2, 1): 2,
    (2, 2): 2,
    (2, 3): 2,
    (3, 0): 3,
    (3, 1): 3,
    (3, 2): 3,
    (3, 3): 3,
}


@groundtruth.program(
    "learned_reverse",
    vocab=(1, 2, 3),
    min_seq_len=3,
    max_seq_len=3,
    family="learned",
    source="learned, after Friedman et al. 2023, arXiv 2306.01128",
)
def learned_reverse() -> SOp:
    """The sequence backwards, as gradient descent found it."""
    lookup_2_match = select("lookup_2_match", indices, indices, lambda key, query: key in LOOKUP_2[query])
    lookup_2 = aggregate("lookup_2", lookup_2_match, tokens)
    count_3_match = select("count_3_match", tokens, indices, lambda key, query: key in COUNT_3[query])
    count_3 = count("count_3", count_3_match)
    output = combine("output", lambda one, other: OUTPUT[one, other], lookup_2, count_3)
    return output
