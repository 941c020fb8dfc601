"""What cannot be compiled is said before anything is compiled, all of it at once."""

import pytest
from tracr.compiler import lib
from tracr.compiler.validating import static_validate
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.compiler.compile_program import compile
from groundtruth.errors import ProgramError, UnsupportedProgram
from groundtruth.rasp.infer_values import tabulate
from groundtruth.rasp.validate import require_supported

TOKENS, INDICES = rasp.tokens, rasp.indices
EQ, LT = rasp.Comparison.EQ, rasp.Comparison.LT
SAME, EARLIER = rasp.Select(TOKENS, TOKENS, EQ), rasp.Select(INDICES, INDICES, LT)
number = rasp.numerical(rasp.Map(lambda x: x == 1, TOKENS)).named("number")


def reasons(program, vocab=(1, 2), max_seq_len=3):
    with pytest.raises(UnsupportedProgram) as caught:
        compile(program, vocab=vocab, max_seq_len=max_seq_len)
    listed = str(caught.value).splitlines()
    assert listed == ["the program cannot be compiled:", *(f"  - {reason}" for reason in caught.value.reasons)]
    return caught.value.reasons


@pytest.mark.parametrize(
    "program, said",
    [
        (TOKENS, "the program is just 'tokens': it computes nothing"),
        (rasp.Map(abs, INDICES), "the program never reads rasp.tokens"),
        (rasp.SequenceMap(max, TOKENS, rasp.length), "'length': rasp.length is not compiled. Count instead:"),
        (rasp.SequenceMap(max, TOKENS, rasp.Full(3)), "'full': a constant S-Op (Full) is not compiled."),
        (rasp.SequenceMap(max, TOKENS, rasp.ConstantSOp([1])), "'constant_sop': a constant S-Op (ConstantSOp)"),
        (rasp.SelectorWidth(rasp.SelectorAnd(SAME, EARLIER)), "'selector_and': a SelectorAnd is not compiled:"),
        (rasp.SelectorWidth(rasp.SelectorOr(SAME, EARLIER)), "'selector_or': a SelectorOr is not compiled:"),
        (rasp.SelectorWidth(rasp.SelectorNot(SAME)), "'selector_not': a SelectorNot is not compiled:"),
        (rasp.Aggregate(rasp.ConstantSelector([[True]]), TOKENS), "'constant_selector': a ConstantSelector is not"),
        (rasp.Map(abs, rasp.numerical(TOKENS)), "'tokens': tokens and indices are one-hot in the model"),
        (rasp.SelectorWidth(rasp.Select(number, TOKENS, EQ)), "'select': the keys ('number') are numerical;"),
        (rasp.SelectorWidth(rasp.Select(TOKENS, number, EQ)), "'select': the queries ('number') are numerical;"),
        (rasp.Aggregate(SAME, number), "'aggregate': an Aggregate keeps the encoding of what it moves ('number' is n"),
        (rasp.Aggregate(SAME, TOKENS, default=0), "'aggregate': the default of a categorical Aggregate must be None"),
        (rasp.numerical(rasp.Aggregate(SAME, number)), "'aggregate': the default of a numerical Aggregate must be 0"),
        (rasp.LinearSequenceMap(TOKENS, TOKENS, 1, 1), "'linear_sequence_map': a LinearSequenceMap needs numerical"),
        (rasp.SequenceMap(max, number, TOKENS), "'sequence_map': a SequenceMap needs categorical inputs and output."),
    ],
)
def test_unsupported_rasp_is_refused_by_name(program, said):
    (reason,) = reasons(program)
    assert reason.startswith(said)


def test_all_reasons_come_at_once_also_of_expressions_of_one_name():
    # Tracr's own validation stops at the first expression of a name, here 'same'.
    wrong_key = rasp.Select(number, TOKENS, EQ).named("same")
    wrong_query = rasp.Select(TOKENS, number, EQ).named("same")
    program = rasp.SequenceMap(
        max,
        rasp.SequenceMap(max, rasp.SelectorWidth(wrong_key), rasp.SelectorWidth(wrong_query)),
        rasp.SequenceMap(max, rasp.length, rasp.Full(1)),
    )
    assert [reason.split(":")[0] for reason in reasons(program)] == ["'length'", "'full'", "'same'", "'same'"]
    assert len(static_validate(program)) < 4


def test_a_program_that_is_just_the_position_has_two_faults():
    assert [reason[:22] for reason in reasons(INDICES)] == ["the program is just 'i", "the program never read"]


def test_something_else_than_an_sop_is_no_program():
    with pytest.raises(ProgramError, match=r"must be a RASP S-Op .*, not Select\. A selector becomes one by"):
        compile(SAME, vocab=(1, 2), max_seq_len=3)
    with pytest.raises(ProgramError, match="not function"):
        require_supported(lambda: TOKENS)


def mapped(results):
    return rasp.Map(lambda token: results[token - 1], TOKENS).named("mapped")


@pytest.mark.parametrize(
    "program, said",
    [
        (mapped([1, "one"]), "its values mix numbers and strings, which Tracr cannot put in an order"),
        (mapped([(1, 2), (1, "2")]), "its values mix tuples of (numbers, numbers) and tuples of (numbers, strings)"),
        (mapped([{1}, {2}]), "its values cannot be told apart (unhashable type: 'set')"),
        (mapped([frozenset(), frozenset([1])]), "it can be frozenset(), which has no order."),
        (mapped([float("nan"), 1]), "it can be nan, which has no order."),
        (mapped([None, None]), "it has no value: it is None on every input."),
        (mapped([]), "it has no value: its function fails on 1 (IndexError: list index out of range)."),
        (rasp.numerical(mapped(["1", "2"])), "it is numerical, but can be '1'. Make it a finite number."),
        (rasp.numerical(mapped([1, float("inf")])), "it is numerical, but can be inf."),
    ],
)
def test_values_that_cannot_be_encoded_are_refused_with_the_expression(program, said):
    (reason,) = reasons(program)
    assert reason.startswith(f"'mapped': {said}")


def test_every_expression_with_such_values_is_named_but_not_those_that_read_it():
    bad = [mapped([1, "one"]).named("first"), mapped([{1}, {2}]).named("second")]
    moved = [rasp.Aggregate(SAME, each).named("reader") for each in bad]
    given = reasons(rasp.SequenceMap(lambda x, y: (x, y), *moved))
    assert [reason.split(":")[0] for reason in given] == ["'first'", "'second'"]


@pytest.mark.parametrize("name", programs.names())
def test_value_sets_are_those_of_tracr_s_basis_inference(name):
    from tracr.compiler import basis_inference, nodes, rasp_to_graph

    program = programs.get(name)
    extracted = rasp_to_graph.extract_rasp_graph(program.build())
    sizes = (set(program.domain.vocab), program.domain.max_seq_len)
    if name == "add_with_hints":
        # Its functions are partial, and Tracr tries them on values that never meet.
        with pytest.raises(KeyError):
            basis_inference.infer_bases(extracted.graph, extracted.sink, *sizes)
        return
    basis_inference.infer_bases(extracted.graph, extracted.sink, *sizes)
    theirs = {label: node[nodes.VALUE_SET] for label, node in extracted.graph.nodes.items() if nodes.VALUE_SET in node}
    ours = tabulate(program.build(), program.domain.vocab, program.domain.max_seq_len)
    assert {label: set(values) for label, values in ours.items()} == theirs
    assert all(len(values) == len(set(values)) for values in ours.values())


def test_functions_become_tables_that_never_fail():
    ratio = rasp.SequenceMap(lambda x, n: x / n, TOKENS, lib.make_hist()).named("ratio")
    values = tabulate(ratio, (1, 2), 2)
    assert sorted(values["ratio_" + ratio.label.split("_")[1]]) == [0.5, 1, 2]
    assert ratio.f(1, 2) == 0.5 and ratio.f(1, 0) is None
