"""What Tracr cannot compile, found before anything is compiled, with all reasons at once."""

from collections.abc import Iterator
from numbers import Real
from typing import Any

from tracr.rasp import rasp

from groundtruth.errors import ProgramError, UnsupportedProgram
from groundtruth.rasp.expressions import walk


def require_supported(program: object) -> rasp.SOp:
    """The program itself, if every expression in it is one that Tracr compiles.

    Raises:
        ProgramError: If it is no S-Op at all.
        UnsupportedProgram: With every reason found.
    """
    if not isinstance(program, rasp.SOp):
        raise ProgramError(
            f"a program must be a RASP S-Op (tracr.rasp.rasp.SOp), not {type(program).__name__}. "
            "A selector becomes one by SelectorWidth or Aggregate."
        )
    reasons = [reason for expression in walk(program) for reason in _reasons(expression)]
    if isinstance(program, rasp.TokensType | rasp.IndicesType):
        reasons.append(f"the program is just '{program.label}': it computes nothing, so no model is needed.")
    if not any(isinstance(expression, rasp.TokensType) for expression in walk(program)):
        reasons.append("the program never reads rasp.tokens, so its output cannot depend on the input.")
    if reasons:
        raise UnsupportedProgram(reasons)
    return program


def value_kind(value: Any) -> str:
    """The kind of a value, in words; values of one kind can be sorted."""
    if isinstance(value, Real):
        return "numbers"
    if isinstance(value, str):
        return "strings"
    if isinstance(value, tuple):
        items: tuple[Any, ...] = value
        return f"tuples of ({', '.join(value_kind(item) for item in items)})"
    return f"{type(value).__name__} values"


def _reasons(expression: rasp.RASPExpr) -> Iterator[str]:
    name = expression.name
    match expression:
        case rasp.LengthType():
            yield (
                "'length': rasp.length is not compiled. Count instead: "
                "SelectorWidth(Select(tokens, tokens, Comparison.TRUE))."
            )
        case rasp.Full() | rasp.ConstantSOp():
            yield (
                f"'{name}': a constant S-Op ({type(expression).__name__}) is not compiled. "
                "Use a Map that ignores its input."
            )
        case rasp.ConstantSelector() | rasp.SelectorNot() | rasp.SelectorAnd() | rasp.SelectorOr():
            yield (
                f"'{name}': a {type(expression).__name__} is not compiled: one head can compare one key with one "
                "query. Combine keys (or queries) with a SequenceMap first, and Select on the result."
            )
        case rasp.TokensType() | rasp.IndicesType():
            if not rasp.is_categorical(expression):
                yield f"'{name}': tokens and indices are one-hot in the model; a numerical encoding of them is not."
        case rasp.Select():
            yield from _select_reasons(expression)
        case rasp.Aggregate():
            yield from _aggregate_reasons(expression)
        case rasp.LinearSequenceMap():
            if not all(rasp.is_numerical(sop) for sop in (expression.fst, expression.snd, expression)):
                yield (
                    f"'{name}': a LinearSequenceMap needs numerical inputs and a numerical output. "
                    "Wrap them in rasp.numerical."
                )
        case rasp.SequenceMap():
            if not all(rasp.is_categorical(sop) for sop in (expression.fst, expression.snd, expression)):
                yield (
                    f"'{name}': a SequenceMap needs categorical inputs and output. "
                    "Map numerical ones to categories first."
                )
        case _:
            pass


def _select_reasons(select: rasp.Select) -> Iterator[str]:
    for side, sop in (("keys", select.keys), ("queries", select.queries)):
        if not rasp.is_categorical(sop):
            yield f"'{select.name}': the {side} ('{sop.name}') are numerical; a Select compares categories."


def _aggregate_reasons(aggregate: rasp.Aggregate[Any]) -> Iterator[str]:
    if not isinstance(aggregate.selector, rasp.Select):
        return  # said of the selector itself
    if rasp.get_encoding(aggregate) != rasp.get_encoding(aggregate.sop):
        yield (
            f"'{aggregate.name}': an Aggregate keeps the encoding of what it moves "
            f"('{aggregate.sop.name}' is {rasp.get_encoding(aggregate.sop).value})."
        )
    elif rasp.is_categorical(aggregate) and aggregate.default is not None:
        yield f"'{aggregate.name}': the default of a categorical Aggregate must be None, not {aggregate.default!r}."
    elif rasp.is_numerical(aggregate) and aggregate.default != 0:
        yield f"'{aggregate.name}': the default of a numerical Aggregate must be 0, not {aggregate.default!r}."
