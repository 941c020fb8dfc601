"""Evaluating many inputs at once gives what Tracr's evaluators give one by one, types included."""

import itertools

import pytest
from tracr.compiler import lib
from tracr.rasp import causal_eval, rasp

from groundtruth import programs
from groundtruth.rasp.evaluate import BATCH, batches_of_one_length, columns, evaluate_many
from groundtruth.rasp.expressions import children_first, evaluate, trace

TOKENS, INDICES = rasp.tokens, rasp.indices


def typed(outputs):
    """Values with their types, since 1 == 1.0 == True."""
    return [[(type(value), value) for value in output] for output in outputs]


@pytest.mark.parametrize("name", programs.names())
def test_library_programs_give_what_rasp_evaluate_and_causal_eval_give(name):
    program = programs.get(name)
    sop = program.build()
    inputs = program.domain.inputs(limit=150, seed=2).tokens
    reference = causal_eval.evaluate if program.causal else rasp.evaluate
    expected = typed([reference(sop, tokens) for tokens in inputs])
    assert typed(evaluate_many(sop, inputs, causal=program.causal)) == expected
    assert typed([evaluate(sop, tokens, causal=program.causal) for tokens in inputs[::5]]) == expected[::5]


@pytest.mark.parametrize("name", ["dyck1_prefix", "induction", "shuffle_dyck2"])
def test_every_expression_on_the_way_has_its_value(name):
    program = programs.get(name)
    sop = program.build()
    tokens = program.domain.sample(1, seed=6)[0]
    found = columns(sop, [tokens], causal=program.causal)
    one_by_one = trace(sop, tokens, causal=program.causal)
    reference = causal_eval.evaluate if program.causal else rasp.evaluate
    sops = [expression for expression in children_first(sop) if isinstance(expression, rasp.SOp)]
    assert {expression.label for expression in sops} == set(one_by_one)
    for expression in sops:
        expected = typed([reference(expression, tokens)])
        assert typed(found[id(expression)].rows()) == expected == typed([one_by_one[expression.label]])


def test_equal_values_of_different_types_stay_apart():
    shown = rasp.Map(repr, rasp.Map({"a": 1, "b": 1.0, "c": True, "d": 0.0, "e": -0.0}.get, TOKENS, simplify=False),
                     simplify=False)  # fmt: skip
    assert evaluate_many(shown, ["abc", "dea"]) == [["1", "1.0", "True"], ["0.0", "-0.0", "1"]]
    pair = rasp.SequenceMap(lambda x, y: (x, y == 1), rasp.Map({"a": 1, "b": True}.get, TOKENS), INDICES)
    assert evaluate_many(rasp.Map(repr, pair, simplify=False), ["ab"]) == [["(1, False)", "(True, True)"]]


def test_none_and_the_mean_of_floats_are_as_in_rasp():
    pattern = lib.detect_pattern(TOKENS, "ab")
    thirds = rasp.Map({"a": 0.1, "b": 0.2, "c": 0.3}.get, TOKENS)
    mean = rasp.Aggregate(rasp.Select(INDICES, INDICES, rasp.Comparison.LEQ), thirds)
    for sop, tokens in itertools.product([pattern, mean], itertools.product("abc", repeat=4)):
        assert typed(evaluate_many(sop, [tokens])) == typed([rasp.evaluate(sop, tokens)])


@pytest.mark.parametrize("causal", [False, True])
def test_expressions_that_are_not_compiled_are_evaluated_all_the_same(causal):
    select = rasp.SelectorAnd(
        rasp.Select(TOKENS, TOKENS, rasp.Comparison.EQ), rasp.Select(INDICES, rasp.length, rasp.Comparison.LT)
    )
    sop = rasp.SequenceMap(lambda n, fill: n + fill, rasp.SelectorWidth(select), rasp.Full(10))
    reference = causal_eval.evaluate if causal else rasp.evaluate
    inputs = ["a", "ab", "aab", "aba"]
    assert evaluate_many(sop, inputs, causal=causal) == [reference(sop, tokens) for tokens in inputs]


def test_an_error_of_the_program_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        evaluate_many(rasp.Map(lambda x: 1 / x, TOKENS), [(1, 0)])
    with pytest.raises(ValueError, match="only numbers can be averaged, not 'a', 'b'"):
        evaluate_many(rasp.Aggregate(rasp.Select(TOKENS, TOKENS, rasp.Comparison.TRUE), TOKENS), ["ab"])


def test_functions_are_called_once_for_each_value():
    calls = []
    evaluate_many(rasp.Map(calls.append, TOKENS), list(itertools.product("abc", repeat=4)))
    assert sorted(calls) == ["a", "b", "c"]


def test_batches_hold_one_length_each_and_every_input_once():
    inputs = [(1,) * (1 + i % 3) for i in range(3 * BATCH)] + [()]
    batches = list(batches_of_one_length(inputs))
    assert sorted(itertools.chain.from_iterable(batches)) == list(range(len(inputs)))
    assert all(len(batch) <= BATCH and len({len(inputs[i]) for i in batch}) == 1 for batch in batches)
    assert evaluate_many(TOKENS, [(), (1,)]) == [[], [1]]


def test_rows_too_long_for_one_number_are_averaged_as_well():
    tokens = tuple(range(30)) * 2
    mean = rasp.Aggregate(rasp.Select(INDICES, INDICES, rasp.Comparison.LEQ), TOKENS)
    assert typed(evaluate_many(mean, [tokens])) == typed([rasp.evaluate(mean, tokens)])
