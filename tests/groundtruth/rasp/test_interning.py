"""A program run from the middle gives what RASP's own evaluator gives with the values written into the program."""

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from tracr.rasp import causal_eval, rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.programs.many_edges import MANY_EDGES
from groundtruth.programs.shorthand import EQ, TRUE, aggregate, apply, combine, select, tokens
from groundtruth.rasp.compiled_program import CompiledProgram
from groundtruth.rasp.expressions import canonical, children_first
from groundtruth.rasp.interning import UNDEFINED, NumberedProgram, Replacement
from groundtruth.trained.swapped_programs import SwappedProgram

INPUTS = [(x, y, z) for x in "abx" for y in "abx" for z in "abx"]
OPERANDS = ("inner", "fst", "snd", "sop", "keys", "queries")


def failing() -> rasp.SOp:
    """What no input asks for, an interchange does: a function that fails there."""
    other = apply("other", lambda t: {"a": "b", "b": "a", "x": "x"}[t], tokens)
    return combine("pair", lambda x, y: {"ab": 1, "ba": 2, "xx": 0}[x + y], tokens, other)


def averaging() -> rasp.SOp:
    """Categories that are numbers, of which an interchange has several selected."""
    code = apply("code", lambda t: "abx".index(t) + 1, tokens)
    same = aggregate("same", select("alike", tokens, tokens, EQ), code)
    return combine("told", lambda x, y: (x, y), same, tokens)


PROGRAMS: dict[str, tuple[Callable[[], rasp.SOp], bool]] = {
    "waiting_pair": (MANY_EDGES["waiting_pair"].build, False),
    "waiting_pair_so_far": (MANY_EDGES["waiting_pair_so_far"].build, True),
    "failing": (failing, False),
    "averaging": (averaging, False),
}


def written_into(program: rasp.SOp, label: str, values: Sequence[Any]) -> rasp.SOp:
    """The program with one expression replaced by fixed values."""
    changed = copy.deepcopy(program)
    put = rasp.Map(lambda position: values[position], rasp.indices, simplify=False)
    for expression in children_first(changed):
        for operand in OPERANDS:
            child = getattr(expression, operand, None)
            if isinstance(child, rasp.SOp) and child.label == label:
                setattr(expression, operand, put)
    return changed


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_interchange_gives_what_rasp_gives(name: str) -> None:
    build, causal = PROGRAMS[name]
    program = canonical(build())
    evaluate = causal_eval.evaluate if causal else rasp.evaluate
    numbered, draw, met = NumberedProgram(program, causal=causal), random.Random(0), set[str]()
    columns = dict(numbered.run(INPUTS))
    for label in numbered.sops:
        if label in (numbered.output, "tokens"):
            continue
        for _ in range(40):
            row, donor = draw.randrange(len(INPUTS)), draw.randrange(len(INPUTS))
            put = Replacement(columns[label][[donor]], np.ones((1, 3), dtype=np.bool_))
            rerun = numbered.rerun({key: codes[[row]] for key, codes in columns.items()}, {label: put})
            found = numbered.numbers[numbered.output].decode(rerun[numbered.output][0])
            values = numbered.numbers[label].decode(columns[label][donor])
            try:
                expected = evaluate(written_into(program, label, values), INPUTS[row])
            except KeyError:
                met.add("fails")
                assert UNDEFINED in found
            else:
                met.add("is the program's" if found == evaluate(program, INPUTS[row]) else "differs")
                assert found == expected, (label, INPUTS[row], INPUTS[donor])
    assert met == {"is the program's", "fails" if name == "failing" else "differs"}


def test_what_is_mixed_and_no_number_has_no_value_and_one_value_is_no_mixture() -> None:
    mixed = NumberedProgram(canonical(aggregate("mixed", select("all", tokens, tokens, TRUE), tokens)), causal=False)
    columns = mixed.run([tuple("aaa"), tuple("aab")])
    assert [mixed.numbers[mixed.output].decode(row) for row in columns[mixed.output]] == [["a"] * 3, [UNDEFINED] * 3]


def test_a_compiled_model_has_no_value_where_its_head_reads_bos_and_rasp_has_one_everywhere() -> None:
    program = canonical(PROGRAMS["waiting_pair"][0]())
    plain = NumberedProgram(program, causal=False)
    held = CompiledProgram(program, causal=False, vocab=("a", "b", "x"), max_seq_len=3)
    decoder = Decoder((0, 1, 2, 3), centered=True)
    asked = [
        sum(int((SwappedProgram(item, INPUTS).every_code(decoder, [x]) >= -1).all(-1).sum()) for x in plain.sops)
        for item in (plain, held)
    ]
    assert asked[0] == len(plain.sops) * 27**2 > asked[1]
