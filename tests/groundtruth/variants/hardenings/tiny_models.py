"""A model so small that every set of its edges can be tried, and what is asked of each variant of it."""

from functools import lru_cache

from tracr.rasp import rasp

import groundtruth
from groundtruth.model import CompiledModel


@lru_cache
def is_early() -> CompiledModel:
    """One MLP that tells, token by token, whether it is not c; there are nine inputs of two tokens."""
    told = rasp.Map(lambda token: token != "c", rasp.tokens).named("is_early")
    return groundtruth.compile(told, vocab="abc", max_seq_len=2, name="is_early")


@lru_cache
def previous_letter() -> CompiledModel:
    """One head that moves the token before, or the token itself at the first position; there are four inputs."""
    before = rasp.Select(rasp.indices, rasp.indices, lambda key, query: key == max(query - 1, 0)).named("before")
    return groundtruth.compile(rasp.Aggregate(before, rasp.tokens).named("previous"), vocab="ab", max_seq_len=2)
