"""Counting tokens, and counting counts."""

from groundtruth.programs.registry import program
from groundtruth.programs.words import EQ, LEQ, SOp, count, indices, mean, number, select, tokens
from groundtruth.programs.words import length as make_length


@program(
    "length",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.make_length",
    oracle=lambda t: [len(t)] * len(t),
)
def length() -> SOp:
    """How many tokens there are."""
    return make_length()


@program(
    "hist",
    family="counting",
    vocab=(1, 2, 3),
    max_seq_len=5,
    pad_safe=True,
    source="Weiss et al. 2021, histogram with BOS; Tracr lib.make_hist",
    oracle=lambda t: [t.count(token) for token in t],
)
def hist() -> SOp:
    """How often each token occurs in the sequence."""
    return count("hist", select("same_token", tokens, tokens, EQ))


@program(
    "frac_prevs",
    family="counting",
    vocab=("a", "b", "x"),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.make_frac_prevs; xproportion of Conmy et al. 2023 (ACDC)",
    oracle=lambda t: [t[: i + 1].count("x") / (i + 1) for i in range(len(t))],
)
def frac_prevs() -> SOp:
    """The fraction of x among the tokens up to here."""
    is_x = number("is_x", lambda token: token == "x", tokens)
    return mean("frac_prevs", select("so_far", indices, indices, LEQ), is_x)
