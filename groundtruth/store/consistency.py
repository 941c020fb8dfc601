"""What the parts of a stored model must have in common: arrays, tokens, program and provenance name the same things."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from groundtruth.compiled.domain import BOS, PAD
from groundtruth.compiled.forward import NAMES
from groundtruth.errors import ArtifactError
from groundtruth.store.file_names import FRAME
from groundtruth.store.json_values import unpack
from groundtruth.store.schema import ModelData
from groundtruth.store.trained_schema import TrainedModelData
from mib.counted_nouns import layers_by_heads, plural

Arrays = Mapping[str, NDArray[np.float64]]


def require_consistent(data: ModelData, arrays: Arrays) -> None:
    """Check that a model's description and its arrays fit each other.

    Raises:
        ArtifactError: If not, naming the first part that does not.
    """
    _require_arrays(data, arrays)
    require_values(data)
    if data.domain.valid_text and data.domain.inputs is None:
        raise ArtifactError("domain: there is a rule for inputs in words, but no list of inputs.")
    _require_provenance(data)


def require_values(data: ModelData | TrainedModelData) -> None:
    """Check that a model's tokens are its vocabulary with BOS and PAD, and that no output value comes twice.

    Raises:
        ArtifactError: If not.
    """
    # By their spelling, for Python calls 1, 1.0 and True equal, and a program need not.
    tokens = [unpack(value) for value in data.token_values]
    if sorted(map(repr, tokens)) != sorted(map(repr, [*map(unpack, data.domain.vocab), BOS, PAD])):
        raise ArtifactError(f"token_values are not the vocabulary with {BOS} and {PAD}, each once.")
    outputs = [unpack(value) for value in data.output_values]
    if len(set(map(repr, outputs))) < len(outputs):
        raise ArtifactError("output_values holds a value twice.")


def _require_provenance(data: ModelData) -> None:
    labels = {entry.label for entry in data.program.expressions}
    named = [(item[2], False) for group in (data.heads, data.neurons) for item in group]
    # Tokens and indices have directions also where the program reads neither.
    named += [(expression, kind == "scratch") for _, kind, expression, _ in data.directions]
    for label, must in named:
        if label not in labels and (must or label not in (None, "tokens", "indices")):
            raise ArtifactError(f"provenance names the expression '{label}', which the program has not.")


def _require_arrays(data: ModelData, arrays: Arrays) -> None:
    if set(arrays) - {FRAME} != set(NAMES):
        raise ArtifactError(f"the arrays are {', '.join(sorted(arrays))}; expected {', '.join(sorted(NAMES))}.")
    if any(array.dtype != np.float64 for array in arrays.values()):
        raise ArtifactError("the arrays are not all float64.")
    if arrays["W_Q"].ndim != 4 or arrays["W_in"].ndim != 3:
        raise ArtifactError("W_Q is not [layer, head, d_model, d_head] or W_in not [layer, d_model, d_mlp].")
    layers, heads, d_model, d_head = arrays["W_Q"].shape
    if not heads:
        raise ArtifactError("there are no heads.")
    d_mlp, context = arrays["W_in"].shape[2], data.domain.max_seq_len + 1
    expected = {
        "W_E": (len(data.token_values), d_model),
        "W_pos": (max([context, *arrays["W_pos"].shape[:1]]), d_model),
        **{name: (layers, heads, d_model, d_head) for name in ("W_Q", "W_K", "W_V")},
        "W_O": (layers, heads, d_head, d_model),
        "W_in": (layers, d_model, d_mlp),
        "W_out": (layers, d_mlp, d_model),
        "W_U": (d_model, max(1, len(data.output_values))),
    }
    if FRAME in arrays:
        expected[FRAME] = (len(data.directions), d_model)
    elif len(data.directions) != d_model:
        raise ArtifactError(f"there are {len(data.directions)} directions for {d_model} residual dimensions.")
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise ArtifactError(f"{name} has the shape {list(arrays[name].shape)}; expected {list(shape)}.")
        if not np.isfinite(arrays[name]).all():
            raise ArtifactError(f"{name} holds numbers that are not finite.")
    if [item[:2] for item in data.heads] != [(layer, head) for layer in range(layers) for head in range(heads)]:
        raise ArtifactError(f"heads are not those of {layers_by_heads(layers, heads)}, in order.")
    if not all(layer < layers and index < d_mlp for layer, index, _, _ in data.neurons):
        raise ArtifactError(f"a neuron is not one of {plural(layers, 'layer')} x {plural(d_mlp, 'neuron')}.")
