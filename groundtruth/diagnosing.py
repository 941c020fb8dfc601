"""Why a compiled model differs from its program: the first wrong expression, and the known fault behind it.

The residual stream of a compiled model keeps every expression's value in directions of its own, so what the model
holds can be compared with the program, expression by expression.
"""

from collections.abc import Sequence
from typing import Any

import torch
from tracr.rasp import rasp

from groundtruth.decoding import Decoder
from groundtruth.expressions import children_first, trace
from groundtruth.forward import forward
from groundtruth.model import CompiledModel

_BOS_LEAK = 0.01


def known_cause(model: CompiledModel, tokens: Sequence[Any]) -> str:
    """The known fault of Tracr's construction behind a wrong output, or an empty string.

    Args:
        model: A compiled model.
        tokens: An input on which it differs from its program.
    """
    wrong = first_wrong(model, tokens)
    if wrong is None:
        return ""
    return _cause(model, tokens, wrong)


def first_wrong(model: CompiledModel, tokens: Sequence[Any]) -> rasp.SOp | None:
    """The first expression, in the order of computation, whose value in the residual stream is not the program's."""
    residual = forward(model.weights, model.encode([tokens])).residual[0, 1:]
    expected = trace(model.program, tokens, causal=model.causal)
    for expression in children_first(model.program):
        if not isinstance(expression, rasp.SOp):
            continue
        dimensions = model.provenance.dimensions(expression.label)
        if not dimensions:
            continue
        values = [model.provenance.directions[i].value for i in dimensions]
        decoder = Decoder(tuple(values) if rasp.is_categorical(expression) else ())
        actual = decoder.decode(decoder.codes(residual[:, list(dimensions)]))
        if not decoder.agrees(actual, list(expected[expression.label])):
            return expression
    return None


def _cause(model: CompiledModel, tokens: Sequence[Any], wrong: rasp.SOp) -> str:
    name = wrong.name
    match wrong:
        case rasp.SelectorWidth() | rasp.Aggregate() if leak := _written_at_bos(model, tokens, wrong):
            return (
                f"'{name}' selects on '{leak}', which is computed from a number and is therefore also written at BOS, "
                "where no token is; the head counts it. Select on something computed from categories."
            )
        case rasp.SelectorWidth():
            n = model.domain.max_seq_len
            return (
                f"the SelectorWidth '{name}' thresholds 1/(width+1) too coarsely: over {n} positions it needs "
                f"mlp_exactness >= {2 * n * (n + 1)} and an undiluted softmax (the default settings have both), and a "
                "clean-BOS neuron of its own."
            )
        case rasp.Aggregate() if rasp.is_categorical(wrong):
            return (
                f"the categorical Aggregate '{name}' selects several positions with different values; the model mixes "
                "their one-hot codes. Make its selector pick one position, or aggregate numbers."
            )
        case rasp.Map() | rasp.LinearSequenceMap() if rasp.is_numerical(wrong) and _is_negative(model, tokens, wrong):
            return (
                f"the numerical '{name}' is negative there, and the ReLU of its neuron clips it at zero. Keep "
                "numerical values non-negative, or make it categorical."
            )
        case rasp.Map() if rasp.is_numerical(wrong.inner):
            return (
                f"'{name}' is a Map over the numerical '{wrong.inner.name}', whose possible values Tracr lists "
                "incompletely (1/k, not j/k, for a mean), so thresholds fall in the wrong places. Use a categorical "
                "count (SelectorWidth) instead."
            )
        case _ if None in trace(model.program, tokens, causal=model.causal)[wrong.label]:
            return f"'{name}' is None there (nothing is selected), and None has no direction in the model."
        case _:
            return f"'{name}' is the first expression that the model holds wrongly."


def _is_negative(model: CompiledModel, tokens: Sequence[Any], wrong: rasp.SOp) -> bool:
    values = trace(model.program, tokens, causal=model.causal)[wrong.label]
    return any(value is not None and value < 0 for value in values)


def _written_at_bos(
    model: CompiledModel, tokens: Sequence[Any], reader: rasp.SelectorWidth | rasp.Aggregate[Any]
) -> str:
    """The name of the reader's keys, if the residual stream at BOS holds a value of them."""
    selector = reader.selector
    if not isinstance(selector, rasp.Select):
        return ""
    dimensions = list(model.provenance.dimensions(selector.keys.label))
    at_bos = forward(model.weights, model.encode([tokens])).residual[0, 0, dimensions]
    leaks = bool((at_bos.abs() > _BOS_LEAK).any()) and not torch.equal(at_bos, torch.zeros_like(at_bos))
    return selector.keys.name if leaks else ""
