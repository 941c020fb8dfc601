"""Share of random programs that compile exactly: ``python benchmarks/compile_random_programs.py [--n 300]``.

The programs are drawn without a thought for what can be compiled, as people write them who do not know Tracr's limits:
numbers are added, subtracted and averaged, computed values are compared with each other and with constants, and heads
select on whatever there is. Each is compiled twice, with Tracr's own lists of values alone (``repairs=False``) and as
``groundtruth.compile`` does it. What is refused is counted by its cause.
"""

import argparse
import collections
import logging
import os
import random
import re
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from tracr.rasp import rasp

from groundtruth import GroundTruthError, MiscompiledProgram, UnsupportedProgram, compile
from groundtruth.compiled.settings import Settings

VOCAB, MAX_SEQ_LEN = (1, 2, 3), 5

Family = tuple[Callable[[Any, Any], Any], tuple[float, ...]]
"""A function of a value and a constant, and the constants to choose from."""

CATEGORIES: dict[str, Family] = {
    "add": (lambda x, c: x + c, (1, 2, 3)),
    "modulo": (lambda x, c: x % c, (2, 3)),
    "above": (lambda x, c: x > c, (0, 1, 2)),
    "negate": (lambda x, c: -x, (0,)),
    "cap": (min, (1, 2, 3)),
}
NUMBERS: dict[str, Family] = {
    "itself": (lambda x, c: x, (0,)),
    "less": (lambda x, c: x - c, (1, 2, 3, 4)),
    "is": (lambda x, c: x == c, (1, 2, 3)),
    "half": (lambda x, c: x / c, (2,)),
}
OF_NUMBERS: dict[str, Family] = {
    "above": (lambda x, c: x > c, (0, 0.25, 0.4, 0.5, 0.6, 1, 2)),
    "zero": (lambda x, c: x == c, (0,)),
    "rounded": (lambda x, c: round(x * c), (1, 2, 4)),
}
PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "sum": lambda x, y: x + y,
    "difference": lambda x, y: x - y,
    "less": lambda x, y: x < y,
    "equal": lambda x, y: x == y,
    "greatest": max,
}
PREDICATES = [getattr(rasp.Comparison, name) for name in ("EQ", "LT", "LEQ", "GT", "GEQ", "NEQ", "TRUE")]


class Sampler:
    """One random program.

    Args:
        seed: The same seed draws the same program.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.categories: list[rasp.SOp] = [rasp.tokens, rasp.tokens, rasp.indices]
        self.numbers: list[rasp.SOp] = []

    def draw(self) -> rasp.SOp:
        """The program: the last of some expressions that reads the tokens."""
        for _ in range(self.random.randint(4, 12)):
            step = self.random.choice(
                (self._category, self._number, self._pair, self._weighted, self._head, self._head)
            )
            step()
        made = [e for e in (*self.categories[3:], *self.numbers) if _reads_tokens(e)]
        return max(made, key=lambda e: e.unique_id) if made else self.draw()

    def _category(self) -> None:
        if self.numbers and self.random.random() < 0.6:
            inner, functions = self.random.choice(self.numbers), OF_NUMBERS
        else:
            inner, functions = self.random.choice(self.categories), CATEGORIES
        self.categories.append(rasp.Map(self._function(functions), inner, simplify=False))

    def _number(self) -> None:
        inner = self.random.choice(self.categories)
        self.numbers.append(rasp.numerical(rasp.Map(self._function(NUMBERS), inner, simplify=False)))

    def _function(self, families: dict[str, Family]) -> Callable[[Any], Any]:
        f, constants = families[self.random.choice(sorted(families))]
        constant = self.random.choice(constants)
        return lambda x: f(x, constant)

    def _pair(self) -> None:
        f = PAIRS[self.random.choice(sorted(PAIRS))]
        self.categories.append(rasp.SequenceMap(f, *self.random.sample(self.categories, 2)))

    def _weighted(self) -> None:
        if len(self.numbers) >= 2:
            factors = [self.random.choice((1, -1, 0.5, 2)) for _ in range(2)]
            self.numbers.append(rasp.numerical(rasp.LinearSequenceMap(*self.random.sample(self.numbers, 2), *factors)))

    def _head(self) -> None:
        keys, queries = (self.random.choice(self.categories) for _ in range(2))
        select = rasp.Select(keys, queries, self.random.choice(PREDICATES))
        if self.numbers and self.random.random() < 0.7:
            moved = self.random.choice(self.numbers)
            self.numbers.append(rasp.numerical(rasp.Aggregate(select, moved, default=0)))
        else:
            self.categories.append(rasp.SelectorWidth(select))


def _reads_tokens(program: rasp.SOp) -> bool:
    waiting = [program]
    while waiting:
        expression = waiting.pop()
        if isinstance(expression, rasp.TokensType):
            return True
        waiting += expression.children
    return False


def outcome(program: rasp.SOp, settings: Settings) -> str:
    """``exact``, or the cause of the refusal without names and numbers."""
    try:
        compile(program, vocab=VOCAB, max_seq_len=MAX_SEQ_LEN, settings=settings)
    except MiscompiledProgram as error:
        return _general(error.cause or "unknown cause")
    except UnsupportedProgram as error:
        return _general(error.reasons[0])
    except GroundTruthError as error:
        return f"{type(error).__name__}"
    return "exact"


def _general(text: str) -> str:
    return re.sub(r"-?\d+(\.\d+)?", "N", re.sub(r"'[^']*'", "X", text))[:100]


def main() -> None:
    """Compile and print the shares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=300, help="how many programs")
    parser.add_argument("--causes", action="store_true", help="list the causes of what is refused")
    given = parser.parse_args()
    logging.getLogger("absl").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    for name, settings in (("Tracr's lists of values", Settings(repairs=False)), ("with repairs", Settings())):
        start = time.process_time()
        counts = collections.Counter(outcome(Sampler(seed).draw(), settings) for seed in range(given.n))
        share = counts.pop("exact", 0) / given.n
        print(f"{name:24} {share:6.1%} of {given.n} compile exactly · {time.process_time() - start:.0f} CPU s")
        for cause, count in counts.most_common() if given.causes else ():
            print(f"    {count:4} {cause}")


if __name__ == "__main__":
    main()
