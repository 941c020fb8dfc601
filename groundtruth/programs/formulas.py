"""A program as a list of formulas, one a variable: ``opposite = remaining - 1``.

The text of a function is found in the file that it was compiled from; its arguments are replaced by the names of the
variables that it is applied to, and what it closes over by its value.
"""

import ast
import copy
import functools
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from tracr.rasp import rasp

from groundtruth.rasp.expressions import children_first, readable_names


@dataclass(frozen=True)
class Line:
    """One variable of a program.

    Attributes:
        name: Its name in the program; its label where two variables have one name.
        formula: Its formula in Python and RASP.
        expression: The expression itself.
    """

    name: str
    formula: str
    expression: rasp.SOp

    def __str__(self) -> str:
        return f"{self.name} = {self.formula}"


def listing(program: rasp.SOp) -> list[Line]:
    """Every variable of a program after those that it is computed from; selectors stand where they are used.

    Args:
        program: With labels of its own, as ``Program.build`` and compiled models have them.
    """
    sops = [e for e in children_first(program) if isinstance(e, rasp.SOp) and e.children]
    readable = readable_names(program)
    names = {id(sop): readable[sop.label] for sop in sops}
    return [Line(names[id(sop)], _formula(sop, names), sop) for sop in sops]


def _formula(sop: rasp.SOp, names: Mapping[int, str]) -> str:
    def name(child: rasp.SOp) -> str:
        return names.get(id(child), child.label)

    match sop:
        case rasp.LinearSequenceMap():
            return _weighted([(sop.fst_fac, name(sop.fst)), (sop.snd_fac, name(sop.snd))])
        case rasp.SequenceMap():
            return _applied(sop.f, [name(sop.fst), name(sop.snd)])
        case rasp.Map():
            return _applied(sop.f, [name(sop.inner)])
        case rasp.Aggregate():
            return f"Aggregate({_selector(sop.selector, name)}, {name(sop.sop)})"
        case rasp.SelectorWidth():
            return f"SelectorWidth({_selector(sop.selector, name)})"
        case _:
            return type(sop).__name__


def _selector(selector: rasp.Selector, name: Callable[[rasp.SOp], str]) -> str:
    if not isinstance(selector, rasp.Select):
        return selector.label
    predicate = selector.predicate
    text = predicate.name if isinstance(predicate, rasp.Comparison) else _applied(predicate, ["key", "query"])
    return f"Select({name(selector.keys)}, {name(selector.queries)}, {text})"


def _weighted(terms: Sequence[tuple[float, str]]) -> str:
    """A weighted sum as one writes it."""
    text = ""
    for factor, name in terms:
        sign = " - " if factor < 0 else " + "
        text += sign + (name if abs(factor) == 1 else f"{abs(factor):g} * {name}")
    return text.removeprefix(" + ") if text.startswith(" + ") else "-" + text.removeprefix(" - ")


def _applied(function: Any, arguments: Sequence[str]) -> str:
    """A function of named things: the body of a lambda with the names in it, else a call."""
    return ast.unparse(_inlined(function, [ast.Name(argument) for argument in arguments]))


def _inlined(function: Any, arguments: Sequence[ast.expr]) -> ast.expr:
    source = _lambda_of(function.__code__) if isinstance(function, FunctionType) else None
    if source is None:
        return ast.Call(ast.Name(getattr(function, "__name__", repr(function))), list(arguments), [])
    bound: dict[str, Any] = {}
    for cell_name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        bound[cell_name] = cell.cell_contents
    names = [argument.arg for argument in source.args.args]
    defaults = function.__defaults__ or ()
    bound |= dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
    bound |= dict(zip(names, arguments, strict=False))
    return _Substitution(bound).visit(copy.deepcopy(source.body))


class _Substitution(ast.NodeTransformer):
    """Puts expressions, constants and the bodies of lambdas in the place of names."""

    def __init__(self, bound: Mapping[str, Any]) -> None:
        self.bound = bound

    def visit_Name(self, node: ast.Name) -> ast.expr:
        value = self.bound.get(node.id, node)
        if isinstance(value, ast.expr):
            return copy.deepcopy(value)
        return ast.Constant(value) if isinstance(value, bool | int | float | str) else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        function = self.bound.get(node.func.id) if isinstance(node.func, ast.Name) else None
        if isinstance(function, FunctionType) and not node.keywords:
            return _inlined(function, [self.visit(argument) for argument in node.args])
        return self.generic_visit(node)  # pyright: ignore[reportReturnType] (a call stays an expression)


def _lambda_of(code: CodeType) -> ast.Lambda | None:
    """The lambda in the source that a code object was compiled from, told from its neighbours by its columns."""
    if code.co_name != "<lambda>":
        return None
    places = [(line, column) for line, _, column, _ in code.co_positions() if line and column]
    holders = [node for node in _lambdas("".join(linecache.getlines(code.co_filename))) if _holds(node.body, places)]
    return max(holders, key=lambda node: (node.body.lineno, node.body.col_offset), default=None)


def _holds(body: ast.expr, places: Sequence[tuple[int, int]]) -> bool:
    start = (body.lineno, body.col_offset)
    end = (body.end_lineno or 0, body.end_col_offset or 0)
    return bool(places) and all(start <= place < end for place in places)


@functools.lru_cache(maxsize=64)
def _lambdas(text: str) -> tuple[ast.Lambda, ...]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.Lambda))
