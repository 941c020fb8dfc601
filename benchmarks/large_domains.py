"""Cases at InterpBench's sizes: how the truth of each is decided on a domain that is too large to run whole.

Run: ``python benchmarks/large_domains.py [CASE ...] [--ablation resample]``; ``--idle 30`` proves the histogram
among idle layers and heads, 30 layers of 30 heads, and gives the most memory held. The programs are written anew
from the one-line descriptions of InterpBench's cases (https://huggingface.co/cybershiptrooper/InterpBench); numbers are
theirs.
"""

import argparse
import math
import resource
import string
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tracr.compiler import lib
from tracr.rasp import rasp

from groundtruth import CompiledModel, compile
from groundtruth.programs.shorthand import (
    EQ,
    GT,
    LT,
    TRUE,
    SOp,
    aggregate,
    apply,
    combine,
    count,
    indices,
    length,
    mean,
    number,
    select,
    tokens,
)
from groundtruth.truth.circuits.prover import prove
from groundtruth.variants.symmetries.insertions import insert_heads, insert_layers

NUMBERS = tuple(range(30))
LETTERS = tuple(string.ascii_lowercase)
WORDS = ("J", "LB", "TPSI", "apple", "banana", "cat", "dog", "free", "listen", "no", "offer", "silent", "win", "yes")

CHECKED = 4_000
"""Inputs on which each model is compared with its program."""


@dataclass(frozen=True)
class Case:
    """A program at the size of its authors.

    Attributes:
        name: InterpBench's number and some words.
        build: Builds the program.
        vocab: Its tokens.
        length: The length of its inputs.
    """

    name: str
    build: Callable[[], SOp]
    vocab: tuple[Any, ...]
    length: int = 10


def each(function: Callable[[Any], Any]) -> Callable[[], SOp]:
    """A function of each token by itself."""
    return lambda: apply("result", function, tokens)


def by_index(function: Callable[[Any, int], Any]) -> Callable[[], SOp]:
    """A function of each token and its index."""
    return lambda: combine("result", function, tokens, indices)


def shifted(name: str, step: int) -> SOp:
    """The token some steps further on, or the first or last one."""
    return aggregate(name, select(f"at_{name}", indices, indices, lambda k, q: k == min(max(q + step, 0), 9)), tokens)


def moved(target: Callable[[int], int], name: str = "moved") -> SOp:
    """The token of another index."""
    return aggregate(name, select(f"at_{name}", indices, indices, lambda k, q: k == target(q)), tokens)


def first_occurrence(function: Callable[[Any, bool], Any]) -> SOp:
    """A function of each token and of whether it was not there before."""
    place = combine("place", lambda token, index: f"{token}{index}", tokens, indices)
    before = select("same_before", place, place, lambda k, q: k[0] == q[0] and k[1] < q[1])
    n_before = count("n_before", before)
    return combine("result", function, tokens, apply("is_first", lambda n: n == 0, n_before))


def all_hold(holds: Callable[[Any], bool]) -> SOp:
    """Tell whether something holds of every token."""
    share = mean("share", select("everywhere", tokens, tokens, TRUE), number("fails", lambda t: not holds(t), tokens))
    return apply("all_hold", lambda x: x == 0, share)


def all_equal() -> SOp:
    """Tell whether all tokens are the same."""
    n_same = count("n_same", select("same_token", tokens, tokens, EQ))
    return combine("all_equal", lambda n, m: n == m, n_same, length())


def invert_if_ordered(wrong: Callable[[Any, Any], bool], vocabulary: tuple[Any, ...], n: int) -> SOp:
    """Backwards if no token stands in a wrong order with the one before it, else as it is."""
    before = aggregate("before", select("at_before", indices, indices, lambda k, q: k == max(q - 1, 0)), tokens)
    fails = number("fails", lambda x: x, combine("is_wrong", wrong, before, tokens))
    ordered = apply("ordered", lambda x: x == 0, mean("share", select("everywhere", tokens, tokens, TRUE), fails))
    backwards = aggregate("backwards", select("opposite", indices, indices, lambda k, q: k == n - 1 - q), tokens)
    kept = "" if isinstance(vocabulary[0], str) else -1
    wanted = combine("wanted", lambda turn, token: token if turn else kept, ordered, backwards)
    return combine("result", lambda new, old: old if new == kept else new, wanted, tokens)


def fraction_before(token: Any) -> SOp:
    """The share of a token among those up to here."""
    return mean(
        "share", select("so_far", indices, indices, rasp.Comparison.LEQ), number("is_it", lambda t: t == token, tokens)
    )


def count_where(comparison: rasp.Comparison) -> Callable[[], SOp]:
    """Count how many tokens compare to each one."""
    return lambda: count("result", select("compared", tokens, tokens, comparison))


def of_count(function: Callable[[int], Any]) -> Callable[[], SOp]:
    """A function of how often each token occurs."""
    return lambda: apply("result", function, count("n_same", select("same_token", tokens, tokens, EQ)))


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % d for d in range(2, math.isqrt(n) + 1))


def _trend(before: int, now: int) -> str:
    return "constant" if before == now else "increasing" if before < now else "decreasing"


CASES = (
    Case("detect_pattern abc", lambda: lib.detect_pattern(rasp.tokens, "abc"), LETTERS, 6),
    Case("124 all equal", all_equal, tuple(range(11)), 9),
    Case("124 all equal", all_equal, NUMBERS),
    Case("113 invert if sorted", lambda: invert_if_ordered(lambda a, b: a > b, NUMBERS, 10), NUMBERS),
    Case("113 invert if descending", lambda: invert_if_ordered(lambda a, b: a < b, LETTERS, 9), LETTERS, 9),
    Case("129 all multiples of 2", lambda: all_hold(lambda t: t % 2 == 0), NUMBERS),
    Case("2 reverse", lambda: moved(lambda q: 9 - q), NUMBERS),
    Case("3 fraction of x so far", lambda: fraction_before("x"), LETTERS),
    Case("7 histogram", count_where(EQ), LETTERS),
    Case("8 identity", each(lambda t: t), NUMBERS),
    Case("13 trend", lambda: combine("result", _trend, shifted("before", -1), tokens), NUMBERS),
    Case("14 how often a", lambda: count("result", select("a", tokens, tokens, lambda k, q: k == "a")), LETTERS),
    Case("15 doubled less index", by_index(lambda t, i: 2 * t - i), NUMBERS),
    Case(
        "18 rare, common, frequent", of_count(lambda n: "rare" if n < 2 else "common" if n < 4 else "frequent"), LETTERS
    ),
    Case(
        "19 no repeats in a row",
        lambda: combine("result", lambda a, b: "_" if a == b else b, shifted("before", 1), tokens),
        LETTERS,
    ),
    Case("20 spam keyword", each(lambda t: "spam" if t in ("free", "win", "offer") else "ham"), WORDS),
    Case("21 unique tokens", lambda: first_occurrence(lambda t, new: t if new else "_"), LETTERS),
    Case("24 first occurrence", lambda: first_occurrence(lambda t, new: new), LETTERS),
    Case("31 anagram of listen", each(lambda t: sorted(t) == sorted("listen")), WORDS),
    Case("35 alternate capitals", by_index(lambda t, i: t.upper() if i % 2 else t), LETTERS),
    Case("44 how many are greater", count_where(GT), NUMBERS),
    Case("45 first half doubled", by_index(lambda t, i: 2 * t if i < 5 else t), NUMBERS),
    Case("51 Fibonacci", each(lambda t: t in (0, 1, 2, 3, 5, 8, 13, 21)), NUMBERS),
    Case("56 every third is zero", by_index(lambda t, i: 0 if i % 3 == 2 else t), NUMBERS),
    Case("58 first half mirrored", lambda: moved(lambda q: min(q, 9 - q)), NUMBERS),
    Case("63 how many are less", count_where(LT), NUMBERS),
    Case("67 times the length", lambda: combine("result", lambda t, n: t * n, tokens, length()), NUMBERS),
    Case("79 prime", each(_is_prime), NUMBERS),
    Case("85 square", each(lambda t: t * t), NUMBERS),
    Case("87 threshold", each(lambda t: int(t >= 10)), NUMBERS),
    Case("90 one token replaced", each(lambda t: 7 if t == 3 else t), NUMBERS),
    Case("93 neighbours swapped", lambda: moved(lambda q: q ^ 1), NUMBERS),
    Case("106 all but one are zero", by_index(lambda t, i: t if i == 1 else 0), NUMBERS),
    Case(
        "110 zeros between",
        lambda: combine("result", lambda t, i: 0 if i % 2 else t, moved(lambda q: q // 2), indices),
        NUMBERS,
    ),
    Case(
        "111 last, then zeros",
        lambda: combine("result", lambda t, i: 0 if i else t, moved(lambda q: 9), indices),
        NUMBERS,
    ),
    Case("130 clipped", each(lambda t: min(max(t, 2), 7)), NUMBERS),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", help="words of the names of cases; by default all")
    parser.add_argument("--ablation", default="resample")
    parser.add_argument("--idle", type=int, help="layers and heads of a model that is idle but for a histogram")
    given = parser.parse_args()
    if given.idle is not None:
        _measure_idle(_among_idle(given.idle), given.ablation)
        return
    chosen = [case for case in CASES if not given.cases or any(word in case.name for word in given.cases)]
    print(f"{given.ablation} ablation, inputs of the greatest length, circuits proven with the default budget")
    print(f"{'case':28}{'inputs':>10}  {'decided':14}{'live':>6}{'read':>6}{'open':>6}{'compile s':>11}{'prove s':>9}")
    for case in chosen:
        _measure(case, given.ablation)


def _among_idle(n: int) -> CompiledModel:
    """The histogram of three tokens, among so many layers of so many heads."""
    rng = np.random.default_rng(0)
    model = compile(lib.make_hist(), vocab=(1, 2, 3), max_seq_len=5)
    model = insert_heads(model, rng, count=n - model.weights.n_heads).model
    return insert_layers(model, rng, count=n - model.weights.n_layers).model


def _measure_idle(model: CompiledModel, ablation: str) -> None:
    start = time.process_time()
    circuit = prove(model, ablation=ablation, lengths="fixed")
    seconds = time.process_time() - start
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = f"{model.weights.n_layers} layers x {model.weights.n_heads} heads"
    print(f"{size}: {circuit}, {seconds:.1f} CPU s, {held:.1f} GiB")


def _measure(case: Case, ablation: str) -> None:
    start = time.process_time()
    model = compile(
        case.build(), vocab=case.vocab, max_seq_len=case.length, min_seq_len=case.length, check_limit=CHECKED
    )
    compiled = time.process_time()
    circuit = model.circuit(ablation, "fixed")
    proven = time.process_time()
    size = len(case.vocab) ** case.length
    print(
        f"{case.name:28}{size:>10.1e}  {circuit.coverage:14}{len(circuit.edges):>6}{len(circuit.structural):>6}"
        f"{circuit.counts['undecided']:>6}{compiled - start:>11.1f}{proven - compiled:>9.1f}  {circuit.sufficiency}",
        flush=True,
    )


if __name__ == "__main__":
    main()
