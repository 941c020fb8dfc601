"""Why a compiled model differs from its program: the first wrong expression, and the known fault behind it.

The residual stream of a compiled model keeps every expression's value in directions of its own, so what the model
holds can be compared with the program, expression by expression.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from tracr.rasp import causal_eval, rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.forward import forward
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.rasp.annotations import why_unlisted
from groundtruth.rasp.expressions import children_first, trace

_BLUR = 0.01
"""A one-hot code that is off by more than this is not clean."""


def known_cause(model: CompiledNetwork, tokens: Sequence[Any]) -> str:
    """The known fault of Tracr's construction behind a wrong output, or an empty string.

    Args:
        model: A compiled model.
        tokens: An input on which it differs from its program.
    """
    wrong = first_wrong(model, tokens)
    if wrong is None:
        return ""
    return _cause(model, tokens, wrong)


def first_wrong(model: CompiledNetwork, tokens: Sequence[Any]) -> rasp.SOp | None:
    """The first expression, in the order of computation, whose value in the residual stream is not the program's.

    Args:
        model: A compiled model.
        tokens: An input of its domain.
    """
    residual = model.held(forward(model.weights, model.encode([tokens])).residual[0, 1:])
    expected = trace(model.program, tokens, causal=model.causal)
    # In the order of computation, so that what is found is the origin and not what follows from it.
    for expression in children_first(model.program):
        if not isinstance(expression, rasp.SOp):
            continue
        dimensions = model.provenance.dimensions(expression.label)
        held = residual[:, list(dimensions)]
        if dimensions and not _holds(model, expression, held, expected[expression.label]):
            return expression
    return None


def _holds(model: CompiledNetwork, expression: rasp.SOp, held: Tensor, values: Sequence[Any]) -> bool:
    """Tell whether directions [position, value] hold an expression's values: as numbers, or as clean one-hot codes."""
    if rasp.is_numerical(expression):
        return Decoder(()).agrees(held[:, 0].tolist(), values)
    known = [model.provenance.directions[i].value for i in model.provenance.dimensions(expression.label)]
    if any(value is not None and value not in known for value in values):
        return False
    one_hot = torch.tensor([[value is not None and value == other for other in known] for value in values])
    return bool(((held - one_hot.to(held)).abs() <= _BLUR).all())


def _cause(model: CompiledNetwork, tokens: Sequence[Any], wrong: rasp.SOp) -> str:
    name = wrong.name
    values = trace(model.program, tokens, causal=model.causal)
    match wrong:
        case rasp.SelectorWidth() | rasp.Aggregate():
            return _head_cause(model, tokens, wrong, values)
        case _ if rasp.is_numerical(wrong) and None in values[wrong.label]:
            return (
                f"the numerical '{name}' is None there (nothing is selected), which in the model is the number 0. "
                "Aggregate numbers with default=0."
            )
        case rasp.Map() if rasp.is_numerical(wrong.inner):
            return _threshold_cause(wrong)
        case rasp.Map() if rasp.is_numerical(wrong) and min(values[wrong.label]) < 0:
            return (
                f"the numerical '{name}' is negative there, and the ReLU of its neuron clips it at zero. The default "
                "settings give it a second neuron."
            )
        case _:
            return f"'{name}' is the first expression that the model holds wrongly."


def _threshold_cause(wrong: rasp.Map) -> str:
    """Why the neurons of a Map over numbers take one number for another."""
    read = wrong.inner.name
    if why := why_unlisted(wrong.inner):
        return (
            f"'{wrong.name}' is a Map over the numerical '{read}', whose values cannot be told apart: {why}. Use a "
            "categorical count (SelectorWidth) instead."
        )
    return (
        f"'{wrong.name}' is a Map over the numerical '{read}', whose possible values Tracr lists incompletely (1/k, "
        "not j/k, for a mean), so thresholds fall in the wrong places. The default settings list those that occur."
    )


def _head_cause(
    model: CompiledNetwork,
    tokens: Sequence[Any],
    wrong: rasp.SelectorWidth | rasp.Aggregate[Any],
    values: Mapping[str, Sequence[Any]],
) -> str:
    name, n = wrong.name, model.domain.max_seq_len
    if none := _selected_on_none(wrong, values):
        return (
            f"'{name}' selects on '{none}', which is None there (nothing is selected). The model selects nothing "
            "on None, whatever the predicate says. Give it a value everywhere, by a selector that always picks one."
        )
    # Causes from the most particular to the most general: the last ones are what is left when no other is seen.
    if leak := _written_at_bos(model, tokens, wrong):
        return _leak_cause(name, leak)
    if isinstance(wrong, rasp.SelectorWidth):
        return (
            f"the SelectorWidth '{name}' thresholds 1/(width+1) too coarsely: over {n} positions it needs "
            f"mlp_exactness >= {2 * n * (n + 1)} and an undiluted softmax. The default settings have both."
        )
    if rasp.is_categorical(wrong) and _mixes(model, tokens, wrong):
        return (
            f"the categorical Aggregate '{name}' selects several positions with different values; the model mixes "
            "their one-hot codes. Make its selector pick one position, or aggregate numbers."
        )
    return (
        f"the head of '{name}' attends too softly: its temperature of 100 is divided by the square root "
        f"of the head size, {model.weights.d_head}. An undiluted softmax, as is the default, makes up for it."
    )


def _leak_cause(name: str, leak: rasp.SOp) -> str:
    if isinstance(leak, rasp.SelectorWidth):
        return (
            f"'{name}' reads the SelectorWidth '{leak.name}' also at BOS, where it is not clean: SelectorWidths in one "
            "MLP share the neuron that cleans BOS, which then subtracts too much. The default settings give each one "
            "its own."
        )
    return (
        f"'{name}' reads '{leak.name}', which is computed from a number and is therefore also written at BOS, where "
        "no token is. The default settings clean it there; or read something computed from categories."
    )


def _reads(reader: rasp.SelectorWidth | rasp.Aggregate[Any]) -> list[rasp.SOp]:
    """Return what a head reads at the positions that it attends to."""
    keys = [reader.selector.keys] if isinstance(reader.selector, rasp.Select) else []
    return [*keys, reader.sop] if isinstance(reader, rasp.Aggregate) else keys


def _selected_on_none(reader: rasp.SelectorWidth | rasp.Aggregate[Any], values: Mapping[str, Sequence[Any]]) -> str:
    """The name of the reader's keys or queries, if they are ``None`` somewhere."""
    if not isinstance(reader.selector, rasp.Select):
        return ""
    sides = (reader.selector.keys, reader.selector.queries)
    return next((side.name for side in sides if None in values[side.label]), "")


def _mixes(model: CompiledNetwork, tokens: Sequence[Any], reader: rasp.Aggregate[Any]) -> bool:
    """Tell whether an Aggregate selects different values for one position."""
    evaluate = causal_eval.evaluate if model.causal else rasp.evaluate
    values = trace(model.program, tokens, causal=model.causal)[reader.sop.label]
    rows: Any = evaluate(reader.selector, tokens)
    return any(len({value for value, chosen in zip(values, row, strict=True) if chosen}) > 1 for row in rows)


def _written_at_bos(
    model: CompiledNetwork, tokens: Sequence[Any], reader: rasp.SelectorWidth | rasp.Aggregate[Any]
) -> rasp.SOp | None:
    """Return what the reader attends to and finds written at BOS, where only BOS itself should be."""
    at_bos = model.held(forward(model.weights, model.encode([tokens])).residual[0, 0])
    for read in _reads(reader):
        dimensions = list(model.provenance.dimensions(read.label))
        if bool((at_bos[dimensions].abs() > _BLUR).any()):
            return read
    return None
