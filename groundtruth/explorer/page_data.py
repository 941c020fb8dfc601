"""All that the page of one model needs, as JSON."""

from collections.abc import Sequence
from typing import Any

from groundtruth.compiled.domain import Tokens
from groundtruth.explorer.network_data import network_data
from groundtruth.explorer.program_data import program_data
from groundtruth.explorer.trained_data import trained_data
from groundtruth.explorer.trained_steps import trained_parts
from groundtruth.explorer.truth_data import circuits_of, truth_data
from groundtruth.model import CompiledModel, KnownModel
from groundtruth.store.json_values import pack
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.circuits.circuit import Circuit
from groundtruth.truth.circuits.input_pool import POOL_LIMIT, SAMPLE_SIZE
from mib.counted_nouns import layers_by_heads

SCHEMA_VERSION = 1


def page_data(model: KnownModel, circuits: Sequence[Circuit] | None = None) -> dict[str, Any]:
    """A model with its program, its truth and an input to begin with.

    Args:
        model: Any compiled model or variant, or a trained model.
        circuits: Circuits to show; by default all that ``circuits_of`` gives.
    """
    inputs = model.domain.inputs(limit=POOL_LIMIT)
    return {
        **model_data(model, circuits),
        "program": program_data(model, inputs),
        "example": [pack(token) for token in example(model)],
    }


def example(model: KnownModel) -> Tokens:
    """An input that shows much: of many different outputs and tokens, and long."""
    drawn = model.domain.sample(64, seed=0)
    outputs = model.run_many(drawn)
    best = max(range(len(drawn)), key=lambda i: (len(set(outputs[i])), len(set(drawn[i])), len(drawn[i])))
    return drawn[best]


def model_data(model: KnownModel, circuits: Sequence[Circuit] | None = None) -> dict[str, Any]:
    """A model with its truth, without its program: enough to run it and to cut its edges.

    Args:
        model: See ``page_data``.
        circuits: See ``page_data``.
    """
    truth = truth_data(model, circuits or circuits_of(model))
    if isinstance(model, TrainedModel):
        network, truth["variables"] = trained_data(model)
    else:
        network = network_data(model)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": model.name,
        "description": model.description,
        "family": model.family,
        "facts": facts(model),
        "certainty": model.certainty,
        "trained": isinstance(model, TrainedModel),
        "pad_safe": model.pad_safe,
        "tokens": [pack(value) for value in model.token_values],
        "bos": model.bos_id,
        "pad": model.pad_id,
        "output": {"values": [pack(value) for value in model.decoder.values], "centered": model.decoder.centered},
        "domain": domain_data(model),
        **(trained_parts(model) if isinstance(model, TrainedModel) else compiled_parts(model)),
        "network": network,
        "truth": truth,
    }


def facts(model: KnownModel) -> str:
    """One line on what kind of model this is, and on which inputs it was checked."""
    if isinstance(model, TrainedModel):
        kind, seed = model.training.kind, model.training.seed
        how = f"compiled (gains: seed {seed})" if kind == "compiled" else f"trained ({kind}, seed {seed})"
        size = f"{model.domain.size:,} inputs" if model.domain.size else "every input"
        return f"{model.family} · {how} · {model.architecture} · {model.domain} · certified on {size}"
    w = model.weights
    size = f"{layers_by_heads(w.n_layers, w.n_heads)} · d_model {w.d_model}"
    causal = " · causal" if model.causal else ""
    return f"{model.family} · {size}{causal} · {model.domain} · equal to its program on {model.check}"


def domain_data(model: KnownModel) -> dict[str, Any]:
    """The declared inputs: all of them by rule, as a list where a rule in Python says which are valid, or a sample.

    Where the domain is too large to be run whole, ``inputs`` are those over which the proofs take their means.
    """
    domain = model.domain
    inputs = domain.inputs(limit=POOL_LIMIT)
    by_rule = inputs.exhaustive and domain.valid is None
    place = {token: index for index, token in enumerate(domain.vocab)}
    listed = inputs if inputs.exhaustive else domain.inputs(limit=SAMPLE_SIZE - SAMPLE_SIZE // 2)
    return {
        "vocab": [pack(token) for token in domain.vocab],
        "min": domain.min_seq_len,
        "max": domain.max_seq_len,
        "rule": domain.valid_text,
        "exhaustive": inputs.exhaustive,
        "size": domain.size,
        "inputs": None if by_rule else [[place[token] for token in tokens] for tokens in listed],
    }


def compiled_parts(model: CompiledModel) -> dict[str, list[list[Any]]]:
    """Say what each part is for.

    Returns:
        ``directions``: ``[kind, expression, value]``. ``heads``: ``[layer, head, expression, role]``. ``neurons``:
        ``[layer, expression, role, how many]``.
    """
    counted: dict[tuple[int, str, str], int] = {}
    for neuron in model.provenance.neurons:
        key = (neuron.layer, neuron.expression, neuron.role)
        counted[key] = counted.get(key, 0) + 1
    return {
        "directions": [[d.kind, d.expression, pack(d.value)] for d in model.provenance.directions],
        "heads": [[h.layer, h.head, h.expression, h.role] for h in model.provenance.heads if h.role != "idle"],
        "neurons": [[*key, n] for key, n in counted.items()],
    }
