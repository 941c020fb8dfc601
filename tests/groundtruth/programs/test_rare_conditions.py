"""Shipped models of rare conditions: right where the condition holds, with the circuit that is known."""

import random

import pytest

import groundtruth
from groundtruth.programs.rare_conditions import RARE_PROGRAMS
from groundtruth.rasp.expressions import evaluate
from groundtruth.store.catalog import shipped, shipped_large
from groundtruth.truth.circuits.circuit import ABLATIONS
from tests.groundtruth.rare_conditions import RARE

KNOWN = {
    "all_same": RARE["all equal"],
    "reverse_if_sorted": RARE["turned if sorted"],
    "reverse_if_falling": RARE["turned if descending"],
}
"""The same programs with their circuits, which other tests find by trying everything at a small size."""


def rare_inputs(name: str) -> list[list[object]]:
    """Inputs at which the condition holds, then each of them with one token changed."""
    domain, rng = RARE_PROGRAMS[name].domain, random.Random(0)
    found: list[list[object]] = []
    for _ in range(20):
        drawn = [rng.choice(domain.vocab) for _ in range(domain.max_seq_len)]
        ordered = [drawn[0]] * len(drawn) if name == "all_same" else sorted(drawn, reverse=name.endswith("falling"))
        at = rng.randrange(len(drawn))
        found += [ordered, [*ordered[:at], rng.choice(domain.vocab), *ordered[at + 1 :]]]
    return found


def test_they_ship_beside_the_library() -> None:
    assert {*shipped_large()} == {*RARE_PROGRAMS}
    assert not {*shipped_large()} & {*shipped()}


@pytest.mark.parametrize("name", shipped_large())
def test_weights_and_stored_program_are_right_where_the_condition_holds_and_beside_it(name: str) -> None:
    model, program = groundtruth.load(name), RARE_PROGRAMS[name]
    assert program.oracle is not None
    inputs = rare_inputs(name)
    wanted = [list(program.oracle(tokens)) for tokens in inputs]
    assert sum(output != tokens for output, tokens in zip(wanted, inputs, strict=True)) >= 15
    assert [list(output) for output in model.run_many(inputs)] == wanted
    assert [list(evaluate(model.program, tokens)) for tokens in inputs] == wanted


@pytest.mark.parametrize("name", shipped_large())
def test_every_edge_is_decided_on_the_whole_domain_and_the_live_ones_are_those_that_are_known(name: str) -> None:
    model = groundtruth.load(name)
    assert {str(edge) for edge in model.circuit("resample").edges} == set(KNOWN[name].live)
    assert {circuit.ablation for circuit in model.known_circuits} == {*ABLATIONS}
    for circuit in model.known_circuits:
        assert circuit.coverage == "value classes", circuit.ablation
        assert circuit.counts["undecided"] == 0
        assert circuit.sufficiency.holds


@pytest.mark.slow
def test_their_claims_are_proven_again() -> None:
    assert groundtruth.verify("all_same").ok
