"""A program for `hist` that was learned by gradient descent, and equals it on vocabulary 1 2 3 · length 4.

Learned again by: groundtruth learn-program hist --length 4 --seed 0
"""

import groundtruth
from groundtruth.programs.shorthand import SOp, apply, count, select, tokens

# The keys (tokens) that each query (tokens) attends to.
COUNT_4 = {1: (2, 3), 2: (1, 3), 3: (1, 2)}

# By count_4.
OUTPUT = {0: 4, 1: 3, 2: 2, 3: 1, 4: 1}


@groundtruth.program(
    "learned_hist",
    vocab=(1, 2, 3),
    min_seq_len=4,
    max_seq_len=4,
    family="learned",
    source="learned, after Friedman et al. 2023, arXiv 2306.01128",
)
def learned_hist() -> SOp:
    """How often each token occurs in the sequence, as gradient descent found it."""
    count_4_match = select("count_4_match", tokens, tokens, lambda key, query: key in COUNT_4[query])
    count_4 = count("count_4", count_4_match)
    output = apply("output", lambda value: OUTPUT[value], count_4)
    return output
