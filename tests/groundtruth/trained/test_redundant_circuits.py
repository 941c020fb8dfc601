"""The search for minimal circuits, on runs that are made up: votes of three, of which two suffice."""

from itertools import combinations

import pytest

from groundtruth.trained.certificate import Claim, EdgeRecord
from groundtruth.trained.redundant_circuits import find_circuits
from mib.graph import Graph

GRAPH = Graph(1, 3, 8)
NOTHING = Claim(0, 0, float("inf"))


@pytest.mark.parametrize("letters", ["v", "qkv"])
def test_votes_have_a_circuit_for_each_two_voters(letters):
    """With six needed edges every set is tried, with twelve orders of deletion; both find all three circuits."""
    voters = [
        [*(f"input->a0.h{head}<{letter}>" for letter in letters), f"a0.h{head}->m0"] for head in range(GRAPH.n_heads)
    ]
    live = ["input->m0", "m0->logits"]
    needed = {edge for voter in voters for edge in voter}
    records = [
        EdgeRecord(edge, "live" if str(edge) in live else "inert", "exhaustive", NOTHING, 0.0) for edge in GRAPH.edges
    ]

    def unchanged(cut):
        off = {str(edge) for edge in cut}
        return not off & set(live) and sum(not off & set(voter) for voter in voters) >= 2

    edges = [edge for edge in GRAPH.edges if str(edge) in needed]
    sufficiency, circuits = find_circuits(GRAPH, records, edges, unchanged, n_pairs=4)
    assert not sufficiency.holds
    assert {frozenset(map(str, circuit)) for circuit in circuits} == {
        frozenset([*live, *first, *second]) for first, second in combinations(voters, 2)
    }
