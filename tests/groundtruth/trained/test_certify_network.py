"""The certificate against an enumeration in NumPy that shares no code with it, and against changed weights."""

from dataclasses import replace
from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch

from groundtruth.errors import DomainError
from groundtruth.programs import get
from groundtruth.rasp.compiled_program import CompiledProgram
from groundtruth.rasp.expressions import trace
from groundtruth.rasp.interning import UNDEFINED
from groundtruth.trained import domain_runs
from groundtruth.trained.certificate import Certificate, Claim
from groundtruth.trained.certify_network import Certifier, certify
from groundtruth.trained.prepare_network import Plan, fixed_length, prepare_network
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import Origin
from groundtruth.truth.circuits.circuit import ABLATIONS
from tests.groundtruth.plain import Plain
from tests.groundtruth.trained.plain_enumeration import PlainNetwork, answers
from tests.groundtruth.trained.small_networks import ARCHITECTURES, GPT2, LLAMA, PLAIN, random_network

SHAPES = {
    **ARCHITECTURES,
    "llama, bidirectional": replace(LLAMA, n_kv_heads=None, causal=False),
    "relu": replace(GPT2, activation="relu"),
}
SEEDS = {**dict.fromkeys(SHAPES, 1), "llama": 0}
"""Seeds of networks that have both live and inert edges under every ablation."""


def _enumerate(network, ablation):
    """Which edges change an output when cut alone, and on how many pairs, in NumPy."""
    shape = network.architecture
    arrays = {name: value.numpy() for name, value in network.weights.tensors.items()}
    plain = PlainNetwork(arrays, style=shape.style, norm=shape.norm, causal=shape.causal, activation=shape.activation)
    ids = network.encode(list(network.domain.enumerate())).tolist()
    full = [plain.run(row) for row in ids]
    written = {name: np.stack([sources[name] for _, sources in full]) for name in full[0][1]}
    puts = {
        "resample": lambda value: value,
        "zero": lambda value: 0 * value[:1],
        "mean": lambda value: np.broadcast_to(value.mean((0, 1)), value[:1].shape),
        "mean-positional": lambda value: value.mean(0, keepdims=True),
    }[ablation]
    changed = {}
    for edge in network.graph.edges:
        changed[edge] = sum(
            answers(plain.run(row, {(edge.source, edge.destination): put})[0]) != answers(logits)
            for row, (logits, _) in zip(ids, full, strict=True)
            for put in puts(written[edge.source])
        )
    return changed


@pytest.mark.parametrize(
    ("name", "ablation"),
    [(name, kind) for name in SHAPES for kind in ABLATIONS if name in ARCHITECTURES or kind == "resample"],
)
def test_certificate_counts_what_numpy_counts(name, ablation):
    network = random_network(SHAPES[name], length=2, seed=SEEDS[name])
    certifier = Certifier(network, n_subsets=0)
    counted = _enumerate(network, ablation)
    assert {0, *map(bool, counted.values())} == {False, True}  # both kinds of edges are there
    for edge, count in counted.items():
        record = certifier.edge(edge, ablation)
        assert (record.status == "live") == bool(count), edge
        if ablation != "resample" or record.claim.runs == 16:  # equal donors are one
            assert record.claim.wrong == count, edge


def test_every_run_is_rechecked_where_float32_is_not_trusted(monkeypatch):
    monkeypatch.setattr(domain_runs, "_CHECKED", 1)  # else all runs of so few are made again
    network = random_network(GPT2, seed=1)
    screened = Certifier(network, n_subsets=50)
    first = [screened.edge(edge, "resample") for edge in network.graph.edges]
    monkeypatch.setattr(domain_runs, "NEAR", torch.inf)
    exact = Certifier(network, n_subsets=50)
    second = [exact.edge(edge, "resample") for edge in network.graph.edges]
    assert exact.runs.rechecked == exact.cells > 5 * screened.runs.rechecked
    assert [(r.status, r.claim.wrong) for r in first] == [(r.status, r.claim.wrong) for r in second]


@pytest.mark.parametrize("what", ["edges", "subsets"])
def test_every_run_is_rechecked_where_float32_is_far_off_in_runs_with_cuts_alone(what, monkeypatch):
    """The full runs in float32 are as good as ever, so that the error on the domain shows nothing."""
    monkeypatch.setattr(domain_runs, "_CHECKED", 1)  # else all runs of so few are made again
    network = random_network(GPT2, seed=1)
    certifiers = [Certifier(network, n_subsets=2000) for _ in range(2)]
    blurred, exact = certifiers
    single = blurred.runs.single
    generator = torch.Generator().manual_seed(0)
    noise, turned = (torch.randn(x.shape, generator=generator) for x in (single.streams, single.weights.W_O))
    weights = replace(single.weights, W_O=single.weights.W_O + turned)
    blurred.runs.__dict__["single"] = replace(single, streams=single.streams + noise, weights=weights)
    assert blurred.runs.float32_error < 1e-4
    if what == "edges":
        found = [[one.edge(edge, "resample").claim for edge in network.graph.edges] for one in certifiers]
    else:
        found = [[one.subsets(network.graph.edges[::3], "resample")] for one in certifiers]
    assert [(claim.runs, claim.wrong) for claim in found[0]] == [(claim.runs, claim.wrong) for claim in found[1]]
    assert blurred.runs.rechecked > 5 * exact.runs.rechecked


def test_a_screen_in_float64_leaves_nothing_to_rounding():
    network = random_network(GPT2, seed=1)
    screened, exact = (Certifier(network, n_subsets=50, screen=dtype) for dtype in (torch.float32, torch.float64))
    assert exact.runs.single is exact.runs.double and exact.runs.float32_error == 0.0
    for edge in network.graph.edges:
        one, other = screened.edge(edge, "resample"), exact.edge(edge, "resample")
        assert (one.status, one.claim.wrong) == (other.status, other.claim.wrong)
        assert one.claim.margin == pytest.approx(other.claim.margin, abs=1e-4)
    assert exact.runs.rechecked == 0


def test_an_edge_whose_product_is_zero_is_absent_without_a_norm():
    network = random_network(PLAIN)
    tensors = network.weights.tensors
    matrix = tensors["W_Q"].clone()
    written = tensors["W_E"][:-1]
    projection = torch.eye(written.shape[1], dtype=torch.float64) - torch.linalg.pinv(written) @ written
    matrix[0, 1] = projection @ matrix[0, 1]
    changed = replace(network, weights=type(network.weights).of(tensors | {"W_Q": matrix}))
    assert Certifier(network).edge(network.graph.edges[1], "resample").proof != "zero"
    edge = next(edge for edge in network.graph.edges if str(edge) == "input->a0.h1<q>")
    assert Certifier(changed).edge(edge, "resample").proof == "zero"
    assert Certifier(changed).edge(edge, "zero").status == "absent"


def test_positions_are_constant_under_resample_and_not_under_zero():
    network = random_network(GPT2)
    edge = next(edge for edge in network.graph.edges if edge.source == "pos")
    assert Certifier(network).edge(edge, "resample").proof == "constant"
    assert Certifier(network).edge(edge, "zero").claim.runs == 8


def test_a_model_makes_its_circuits_of_the_certificate():
    network = random_network(PLAIN, length=2, seed=1)
    model = TrainedModel.of(network, certificate=certify(network, n_subsets=50))
    for ablation in ABLATIONS:
        circuit = model.circuit(ablation)
        assert len(circuit.truths) == len(model.graph.edges) and circuit.exhaustive
        for truth in circuit.truths:
            assert (truth.witness is not None) == (truth.status == "live")
        for witness in (truth.witness for truth in circuit.truths if truth.witness):
            assert witness.output != witness.cut_output and list(witness.output) == model.run(witness.clean)
        wholes = [Certifier(network).circuit_tally(_cut(circuit, kept), ablation) for kept in circuit.minimal_circuits]
        assert not any(claim.wrong for claim in wholes)
    assert len(model.known_circuits) == len(ABLATIONS)


def _cut(circuit, kept):
    return tuple(truth.edge for truth in circuit.truths if truth.edge not in kept and truth.status != "absent")


def test_a_random_network_is_refused_with_edge_pair_and_margin():
    network = random_network(GPT2)
    failures = list(certify(network, n_subsets=50).failures(network))
    assert failures[0].startswith("behaviour: ") and "smallest margin -" in failures[0]
    assert any(text.startswith("needless edge ") and "cut edges from" in text for text in failures)


def test_mixed_lengths_and_large_domains_are_refused():
    network = random_network(GPT2)
    with pytest.raises(DomainError, match="was trained on length 3 alone. Use lengths='fixed'"):
        TrainedModel.of(network).circuit(lengths="mixed")
    with pytest.raises(DomainError, match=r"has 8,192 inputs; a certificate enumerates at most 4,096"):
        certify(random_network(GPT2, length=13))


def test_pairs_on_which_the_program_has_no_value_are_counted_and_not_taken_for_right():
    """Where an interchange has different letters selected, RASP has no value: at some positions, or at all."""
    program = get("induction_once")
    plan = Plan({}, None, 0, "none", 0)
    domain = fixed_length(program.domain, max_seq_len=3)
    network = prepare_network("induction_once", program.build(), domain, plan, causal=program.causal)
    inputs, values = list(domain.enumerate()), {}
    traces = {donor: trace(network.program, donor, causal=network.causal) for donor in inputs}
    found = Certifier(network).interchanges()
    for item in found:
        for base, donor in product(inputs, inputs):
            plain = Plain(network, base, {label: traces[donor][label] for label in item.expressions}, {})
            values[base, donor] = [value is not UNDEFINED for value in plain.replaced(network.program, "logits")]
        assert item.claim.runs == sum(map(any, values.values()))
        assert item.partly == sum(any(row) and not all(row) for row in values.values())
    certificate = Certificate(len(inputs), Claim(0, 0, 0.0), (), found, 0, 0, 0, 0.0, 0.0)
    assert {certificate.coverage(item) for item in found} == {
        "on all 576 pairs",
        "on 576 of all 576 pairs: on 0 the program then has no value, on 24 none at some position",
        "on 576 of all 576 pairs: on 0 the program then has no value, on 36 none at some position",
    }


def test_an_interchange_that_was_asked_on_no_pair_is_a_failure():
    network = random_network(PLAIN, length=2)
    certificate = Certifier(network, n_subsets=0).certify(("resample",))
    nothing = replace(certificate.interchanges[0], claim=Claim(0, 0, float("inf")))
    failures = list(replace(certificate, interchanges=(nothing,)).failures(network))
    assert (nothing.accuracy, failures[-1]) == (
        0.0,
        "interchange of previous_4 on a0.h1 on 0 of all 16 pairs: on 16 the program then has no value: 0 of 0 runs "
        "wrong, smallest margin inf",
    )


@pytest.mark.parametrize("kind", get_args(Origin))
def test_a_program_means_what_rasp_means_unless_the_weights_were_compiled(kind):
    network = random_network(PLAIN, length=2)
    program = replace(network, training=replace(network.training, kind=kind)).numbered_program()
    assert isinstance(program, CompiledProgram) == (kind == "compiled")
