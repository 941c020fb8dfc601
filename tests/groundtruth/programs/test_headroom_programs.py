"""Programs with headroom: they give what their oracles say, and swapping everything is not swapping their variable."""

import numpy as np
import pytest

from groundtruth.programs.headroom_programs import HEADROOM_PROGRAMS
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.rasp.expressions import canonical, readable_names
from groundtruth.rasp.interning import NumberedProgram, Replacement
from groundtruth.validity.headroom import MOST_FULL

VARIABLES = {
    "add_carry": "carry",
    "shift_by_ends": "key",
    "next_cell": "odd_neighbours",
    "catch_up": "behind",
    "mark_if_one_kind": "one_kind",
    "reverse_if_double": "double",
}

ANSWERS = {
    "add_carry": {0, 1, 2},
    "shift_by_ends": {0, 1, 2},
    "next_cell": {0, 1},
    "catch_up": {0, 1, 2},
    "mark_if_one_kind": {*"abxABX"},
    "reverse_if_double": {*"abc"},
}


@pytest.mark.parametrize("name", HEADROOM_PROGRAMS)
def test_a_program_equals_its_oracle_on_its_domain(name):
    program = HEADROOM_PROGRAMS[name]
    inputs = list(program.domain.enumerate())
    outputs = evaluate_many(program.build(), inputs, causal=program.causal)
    assert len(inputs) == (32 if name == "next_cell" else 27)
    assert outputs == [list(program.oracle(tokens)) for tokens in inputs]
    assert {value for row in outputs for value in row} == ANSWERS[name]


@pytest.mark.parametrize("name", HEADROOM_PROGRAMS)
def test_swapping_everything_is_wrong_where_swapping_the_variable_changes_the_answer(name):
    """Whoever swaps a whole stream at all positions swaps the answer, whatever network computes the program."""
    program = HEADROOM_PROGRAMS[name]
    sop = canonical(program.build())
    numbered = NumberedProgram(sop, causal=program.causal)
    columns = numbered.run(list(program.domain.enumerate()))
    (label,) = (label for label, spelt in readable_names(sop).items() if spelt == VARIABLES[name])
    n = len(columns[label])
    rows, donors = np.divmod(np.arange(n**2), n)
    swapped = Replacement(columns[label][donors], np.ones((n**2, program.domain.max_seq_len), dtype=np.bool_))
    wanted = numbered.rerun({key: codes[rows] for key, codes in columns.items()}, {label: swapped})[numbered.output]
    answers = columns[numbered.output]
    changed = (wanted != answers[rows]).any(1)
    everything = (wanted == answers[donors]).all(1)
    assert changed.sum() > n
    assert everything[changed].mean() <= MOST_FULL
