"""A program for `has_larger` that was learned by gradient descent, and equals it on vocabulary 1 2 3 · length 3.

Learned again by: groundtruth learn-program has_larger --length 3 --seed 0
"""

import groundtruth
from groundtruth.programs.shorthand import SOp, combine, count, select, tokens

# The keys (tokens) that each query (tokens) attends to.
COUNT_3 = {1: (1,), 2: (1, 2), 3: (1, 2, 3)}

# The keys (tokens) that each query (tokens) attends to.
COUNT_4 = {1: (), 2: (1, 2), 3: (1, 2, 3)}

# By count_4 and count_3.
TABLE_5 = {
    (0, 0): 0,
    (0, 1): 0,
    (0, 2): 1,
    (0, 3): 2,
    (1, 0): 0,
    (1, 1): 0,
    (1, 2): 0,
    (1, 3): 2,
    (2, 0): 2,
    (2, 1): 0,
    (2, 2): 1,
    (2, 3): 2,
    (3, 0): 2,
    (3, 1): 2,
    (3, 2): 2,
    (3, 3): 2,
}

# By table_5 and tokens.
OUTPUT = {
    (0, 1): True,
    (0, 2): True,
    (0, 3): False,
    (1, 1): True,
    (1, 2): True,
    (1, 3): False,
    (2, 1): False,
    (2, 2): False,
    (2, 3): False,
}


@groundtruth.program(
    "learned_has_larger",
    vocab=(1, 2, 3),
    min_seq_len=3,
    max_seq_len=3,
    family="learned",
    source="learned, after Friedman et al. 2023, arXiv 2306.01128",
)
def learned_has_larger() -> SOp:
    """Whether any token is larger than this one, as gradient descent found it."""
    count_3_match = select("count_3_match", tokens, tokens, lambda key, query: key in COUNT_3[query])
    count_3 = count("count_3", count_3_match)
    count_4_match = select("count_4_match", tokens, tokens, lambda key, query: key in COUNT_4[query])
    count_4 = count("count_4", count_4_match)
    table_5 = combine("table_5", lambda one, other: TABLE_5[one, other], count_4, count_3)
    output = combine("output", lambda one, other: OUTPUT[one, other], table_5, tokens)
    return output
