"""RASP expressions as a graph: canonical copies, and their values on an input.

Tracr labels an expression by a global counter and copies it, counter and all, on ``.named()``, so what a program
compiles to depends on what was built before. A canonical copy has labels of its own.
"""

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from tracr.rasp import causal_eval, rasp

Value = Any  # None | int | float | bool | str | tuple, as RASP has them
Values = Sequence[Value]

_CHILD_ATTRIBUTES = ("inner", "fst", "snd", "keys", "queries", "selector", "sop")


def walk(tip: rasp.RASPExpr) -> Iterator[rasp.RASPExpr]:
    """Each distinct expression of a program once, breadth first from its output: the order in which Tracr labels."""
    queue, seen = [tip], {id(tip)}
    # The list grows while it is walked: that makes it breadth first.
    for expression in queue:
        yield expression
        for child in expression.children:
            if id(child) not in seen:
                seen.add(id(child))
                queue.append(child)


def canonical(program: rasp.SOp) -> rasp.SOp:
    """A copy of a program whose labels depend on the program alone.

    Distinct expressions get distinct labels, also where ``.named()`` has given two of them the same counter. The
    labels are those that ``compile_rasp_to_model`` gives to a program compiled first in a fresh process. The tokens are
    one expression, and so are the positions, even if a program is put together of two that were loaded.

    Args:
        program: Any S-Op; it is left as it is.
    """
    copies: dict[int, rasp.RASPExpr] = {}
    primitives: dict[str, rasp.RASPExpr] = {}
    originals = list(walk(program))
    for expression in originals:
        # By identity: two expressions may share a label, and equal ones need not be one.
        copies[id(expression)] = _bare_copy(expression)
        if isinstance(expression, rasp.TokensType | rasp.IndicesType):
            # These have one label each, whatever object stands for them: they are one unless their encodings differ.
            told = {"encoding": rasp.Encoding.CATEGORICAL, **expression.annotations, "name": expression.label}
            copies[id(expression)] = primitives.setdefault(str(sorted(told.items())), copies[id(expression)])
    for expression in originals:
        for name in _CHILD_ATTRIBUTES:
            child = vars(expression).get(name)
            if isinstance(child, rasp.RASPExpr):
                setattr(copies[id(expression)], name, copies[id(child)])
    counter = 0
    for expression in originals:
        if not isinstance(expression, rasp.TokensType | rasp.IndicesType):
            counter += 1
            copies[id(expression)].unique_id = counter
    return cast(rasp.SOp, copies[id(program)])


def children_first(program: rasp.SOp) -> list[rasp.RASPExpr]:
    """Each distinct expression once, after everything that it is computed from."""
    order: list[rasp.RASPExpr] = []
    done: set[int] = set()
    stack: list[tuple[rasp.RASPExpr, bool]] = [(program, False)]
    while stack:
        expression, expanded = stack.pop()
        if id(expression) in done:
            continue
        if expanded:
            done.add(id(expression))
            order.append(expression)
        else:
            stack.append((expression, True))
            # With a stack of its own and not by recursion, which long programs would exhaust.
            stack += [(child, False) for child in reversed(expression.children)]
    return order


def evaluate(program: rasp.SOp, tokens: Values, *, causal: bool = False) -> list[Value]:
    """The program's output on one input: what ``rasp.evaluate`` (or ``causal_eval``) gives, each expression once."""
    return list(trace(program, tokens, causal=causal)[program.label])


def readable_names(program: rasp.SOp) -> dict[str, str]:
    """Name each S-Op of a program, by label: its name, or its label where several S-Ops share the name."""
    sops = {e.label: e.name for e in children_first(program) if isinstance(e, rasp.SOp)}
    shared = Counter(sops.values())
    return {label: name if shared[name] == 1 else label for label, name in sops.items()}


def trace(program: rasp.SOp, tokens: Values, *, causal: bool = False) -> Mapping[str, Values]:
    """The value of every S-Op of a program at every position of one input, by label."""
    evaluator = _OnceEvaluator() if not causal else _OnceCausalEvaluator()
    evaluator.evaluate(program, tokens)
    return {
        expression.label: values for expression, values in evaluator.memory.values() if isinstance(expression, rasp.SOp)
    }


class _OnceEvaluator(rasp.DefaultRASPEvaluator):
    """Tracr's evaluator, which computes a shared expression once for one input and not once a path."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: dict[int, tuple[rasp.RASPExpr, Values]] = {}

    def evaluate(self, expr: rasp.RASPExpr, xs: Values) -> Any:
        if id(expr) not in self.memory:
            self.memory[id(expr)] = (expr, super().evaluate(expr, xs))
        return self.memory[id(expr)][1]


class _OnceCausalEvaluator(causal_eval.CausalEvaluator):
    """The same for Tracr's causal evaluator."""

    def __init__(self) -> None:
        super().__init__()
        self.memory: dict[int, tuple[rasp.RASPExpr, Values]] = {}

    def evaluate(self, expr: rasp.RASPExpr, xs: Values) -> Any:
        if id(expr) not in self.memory:
            self.memory[id(expr)] = (expr, super().evaluate(expr, xs))
        return self.memory[id(expr)][1]


def _bare_copy(expression: rasp.RASPExpr) -> rasp.RASPExpr:
    clone = copy.copy(expression)
    vars(clone).pop("unique_id", None)
    clone.annotations = dict(expression.annotations)
    return clone
