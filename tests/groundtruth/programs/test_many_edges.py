"""Programs with many edges: they give what their oracles say, and every answer that they have."""

import pytest

from groundtruth.programs.many_edges import MANY_EDGES
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.trained_recipe import ShippedRecipe


@pytest.mark.parametrize("name", MANY_EDGES)
def test_a_program_equals_its_oracle_on_its_domain(name):
    program = MANY_EDGES[name]
    inputs = list(program.domain.enumerate())
    outputs = evaluate_many(program.build(), inputs, causal=program.causal)
    assert len(inputs) == 27
    assert outputs == [program.oracle(tokens) for tokens in inputs]
    lacking = {2} if name == "waiting_pair_so_far" else set[int]()
    assert {value for row in outputs for value in row} == {0, 1, 2, 3} - lacking


def test_a_network_has_a_logit_for_an_answer_that_comes_of_interchanges_alone():
    """Two tokens that wait, with a pair at the first: three tokens are too few, and an interchange brings it about."""
    decoder = ShippedRecipe("waiting_pair_so_far", spares=0).prepare().decoder
    assert (decoder.values, decoder.centered) == ((0, 1, 2, 3), True)
