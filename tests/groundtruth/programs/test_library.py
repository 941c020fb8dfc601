import pytest
from tracr.rasp import causal_eval, rasp

from groundtruth import programs


@pytest.mark.parametrize("name", programs.names())
def test_a_program_equals_its_plain_python_on_its_whole_domain(name):
    program = programs.get(name)
    sop = program.build()
    evaluate = causal_eval.evaluate if program.causal else rasp.evaluate
    inputs = program.domain.inputs(limit=20_000)
    assert inputs.exhaustive
    for tokens in inputs:
        assert list(evaluate(sop, tokens)) == pytest.approx(list(program.oracle(tokens))), tokens
