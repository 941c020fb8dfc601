"""Published counts and lists of edges, situations that were planted, and what holds over the whole shipped library."""

import pytest
from tracr.rasp import rasp

from groundtruth import compile, load, programs
from groundtruth.errors import DomainError
from groundtruth.store import catalog
from groundtruth.store.read import read_circuits
from groundtruth.truth.circuits.circuit import ABLATIONS
from groundtruth.truth.circuits.prover import default_lengths, ground, prove, prove_edge, sufficiency_of
from tests.groundtruth.brute_force import BruteForce, disagreements

REVERSE_STRUCTURAL = [
    *["input->a0.h0<q>", "input->a0.h0<k>", "input->a0.h0<v>", "input->m0", "a0.h0->m0"],
    *["input->m1", "pos->m1", "m0->m1", "m1->m2", "input->a3.h0<q>", "m2->a3.h0<q>"],
    *["input->a3.h0<k>", "pos->a3.h0<k>", "input->a3.h0<v>", "a3.h0->logits"],
]
REVERSE_ZERO = [
    *["input->m0", "input->m1", "pos->m1", "m0->m1", "m1->m2", "m2->a3.h0<q>", "pos->a3.h0<k>"],
    *["input->a3.h0<v>", "a3.h0->logits"],
]
REVERSE_RESAMPLE = ["input->a3.h0<v>", "a3.h0->logits"]

FRAC_PREVS_STRUCTURAL = [
    *["input->m0", "input->a1.h0<q>", "input->a1.h0<k>", "pos->a1.h0<q>", "pos->a1.h0<k>", "m0->a1.h0<v>"],
    "a1.h0->logits",
]
FRAC_PREVS_ZERO = ["input->m0", "pos->a1.h0<q>", "pos->a1.h0<k>", "m0->a1.h0<v>", "a1.h0->logits"]
FRAC_PREVS_RESAMPLE = ["input->m0", "m0->a1.h0<v>", "a1.h0->logits"]


@pytest.fixture(scope="module")
def library():
    """Models of the library, compiled and not read from artifacts."""
    compiled = {}
    return lambda name: compiled.setdefault(name, compile(programs.get(name)))


def names(edges):
    return sorted(map(str, edges))


def counts(model, lengths="fixed"):
    """How many edges there are, are structural, and are live under zero, mean-positional and resample ablation."""
    circuits = [
        prove(model, ablation=ablation, lengths=lengths) for ablation in ("zero", "mean-positional", "resample")
    ]
    return (len(circuits[0].truths), len(circuits[0].structural), *(len(circuit.edges) for circuit in circuits))


# What is published as "mean" is the mean over inputs at each position. The mean over inputs and positions, which is
# ``mean`` here, destroys what differs between positions and leaves more edges live: 8 of reverse, 5 of frac_prevs.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reverse", (94, 15, 9, 2, 2)),
        ("hist", (13, 6, 6, 4, 4)),
        ("sort", (59, 15, 13, 7, 7)),
        ("frac_prevs", (32, 7, 5, 3, 3)),
    ],
)
def test_counts_are_the_published_ones(library, name, expected):
    assert counts(library(name)) == expected


def test_a_mean_over_positions_too_leaves_more_edges_live(library):
    assert len(prove(library("reverse"), ablation="mean", lengths="fixed").edges) == 8
    assert len(prove(library("frac_prevs"), ablation="mean", lengths="fixed").edges) == 5


def test_with_several_lengths_the_length_circuit_of_reverse_is_live(library):
    edges, structural, zero, _, resample = counts(library("reverse"), "mixed")
    assert (edges, structural, zero, resample) == (94, 15, 13, 8)


@pytest.mark.parametrize(
    ("name", "structural", "zero", "resample"),
    [
        ("reverse", REVERSE_STRUCTURAL, REVERSE_ZERO, REVERSE_RESAMPLE),
        ("frac_prevs", FRAC_PREVS_STRUCTURAL, FRAC_PREVS_ZERO, FRAC_PREVS_RESAMPLE),
    ],
)
def test_edges_are_the_published_ones(library, name, structural, zero, resample):
    model = library(name)
    assert names(prove(model, ablation="zero", lengths="fixed").structural) == sorted(structural)
    assert names(prove(model, ablation="zero", lengths="fixed").edges) == sorted(zero)
    assert names(prove(model, ablation="resample", lengths="fixed").edges) == sorted(resample)
    assert names(prove(model, ablation="mean-positional", lengths="fixed").edges) == sorted(resample)


def guarded():
    """The tokens, unless three voters disagree with a fourth, which never happens."""
    tokens = rasp.tokens

    def has_x(number):
        is_x = rasp.numerical(rasp.Map(lambda t: t == "x", tokens)).named(f"is_x{number}")
        everywhere = rasp.Select(tokens, tokens, rasp.Comparison.TRUE)
        share = rasp.numerical(rasp.Aggregate(everywhere, is_x, default=0)).named(f"share{number}")
        return rasp.categorical(rasp.Map(lambda s: s > 0, share)).named(f"has_x{number}")

    def combine(name, function, left, right):
        return rasp.categorical(rasp.SequenceMap(function, left, right)).named(name)

    first, second, third, fourth = map(has_x, range(4))
    votes = combine("votes", lambda x, y: int(x) + int(y), first, second)
    elected = combine("elected", lambda n, z: n + int(z) >= 2, votes, third)
    mismatch = combine("mismatch", lambda a, b: a != b, elected, fourth)
    return combine("guarded", lambda t, bad: "?" if bad else t, tokens, mismatch)


def test_what_carries_a_constant_is_cut_when_the_live_edges_are_run():
    """Cut together, the voters trip the guard; what the guard sends on is a constant, and cut as such."""
    model = compile(guarded(), vocab=("x", "y"), max_seq_len=2)
    base = ground(model, "resample", "mixed")
    truths = [prove_edge(base, edge) for edge in model.graph.edges]  # without the family, which takes long
    assert {str(truth.edge): truth.proof for truth in truths}["m4->m5"] == "constant"
    found = sufficiency_of(base, truths)
    assert (found.by, found.holds) == ("exhaustive", True)
    live = {(truth.edge.source, truth.edge.destination) for truth in truths if truth.status == "live"}
    assert not BruteForce(model, "resample", "mixed").matters_without(live)


@pytest.mark.slow
def test_trying_everything_confirms_the_guarded_program():
    model = compile(guarded(), vocab=("x", "y"), max_seq_len=2)
    assert disagreements(model, prove(model, ablation="mean-positional", lengths="fixed")) == []


def test_lengths_are_mixed_where_padding_is_harmless(library):
    assert default_lengths(library("reverse")) == "mixed"
    assert default_lengths(library("sort_hist")) == "fixed"
    assert prove(library("hist")).lengths == "mixed"


def test_mixed_lengths_are_refused_where_padding_disturbs(library):
    with pytest.raises(DomainError) as caught:
        prove(library("sort_hist"), lengths="mixed")
    assert str(caught.value) == (
        "lengths='mixed' pads inputs to one length, and padding changes what 'sort_hist' gives. Use lengths='fixed'."
    )


def test_a_sampled_domain_is_called_that():
    program = programs.get("previous_token")
    model = compile(program.build(), vocab=program.domain.vocab, max_seq_len=8, causal=True, check_limit=500)
    circuit = prove(model, ablation="zero", lengths="fixed")
    assert not circuit.exhaustive
    assert circuit.inputs < 3**8
    assert {"a0.h0->logits", "input->a0.h0<v>"} <= set(names(circuit.edges))


@pytest.fixture(scope="module")
def shipped_circuits():
    found = []
    for name in catalog.shipped():
        model = load(name)
        found += [(name, model, circuit) for circuit in read_circuits(model.folder, model.graph)]
    return found


@pytest.mark.slow
def test_no_edge_of_the_shipped_library_is_undecided(shipped_circuits):
    undecided = [(name, str(edge)) for name, _, circuit in shipped_circuits for edge in circuit.of_status("undecided")]
    assert undecided == []
    assert sum(len(circuit.structural) for _, _, circuit in shipped_circuits) > 10_000


@pytest.mark.slow
def test_the_library_has_circuits_of_every_ablation_for_each_model(shipped_circuits):
    by_name, models = {}, {}
    for name, model, circuit in shipped_circuits:
        by_name.setdefault(name, []).append((circuit.ablation, circuit.lengths))
        models[name] = model
    assert len(by_name) >= 40
    for name, kinds in by_name.items():
        mixed = models[name].pad_safe and len(models[name].domain.lengths) > 1
        lengths = ("fixed", "mixed") if mixed else ("fixed",)
        assert sorted(kinds) == sorted((ablation, kind) for ablation in ABLATIONS for kind in lengths), name


@pytest.mark.parametrize(
    "name", ["hist", "reverse", "sort", "follow_pointer", "detect_ab", "surplus", "induction_once"]
)
def test_witnesses_of_shipped_models_show_what_they_say(name):
    model = load(name)
    for circuit in read_circuits(model.folder, model.graph):
        force = BruteForce(model, circuit.ablation, circuit.lengths)
        assert circuit.edges
        for truth in circuit.truths:
            if truth.status == "live":
                edge = (truth.edge.source, truth.edge.destination)
                assert force.false_witness(edge, truth.witness) == [], truth.edge
