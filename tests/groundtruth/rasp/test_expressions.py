"""Canonical copies, and the order of expressions."""

import itertools

import pytest
from tracr.compiler import lib, rasp_to_graph
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.rasp.expressions import canonical, children_first, trace, walk

TOKENS, INDICES = rasp.tokens, rasp.indices


@pytest.mark.parametrize(
    "build",
    [
        lambda: lib.make_reverse(TOKENS),
        lib.make_hist,
        lambda: lib.make_sort_freq(4),
        programs.get("shuffle_dyck2").function,
    ],
)
def test_labels_are_those_of_a_program_that_tracr_compiles_first(build):
    rasp.RASPExpr._ids = itertools.count(1)
    theirs = list(rasp_to_graph.extract_rasp_graph(build()).graph.nodes)
    rasp.RASPExpr._ids = itertools.count(123)
    program = build()
    program.label  # noqa: B018 - uses the counter up, and differently
    assert [expression.label for expression in walk(canonical(program))] == theirs


def test_a_copy_leaves_the_original_as_it_was_and_shares_no_inner_expression():
    program = lib.make_sort_freq(4)
    labels = [expression.label for expression in walk(program)]
    copy = canonical(program)
    assert [expression.label for expression in walk(program)] == labels
    assert not {id(e) for e in walk(program)} & {id(e) for e in walk(copy)}
    assert copy([2, 1, 2, 3]) == program([2, 1, 2, 3])
    assert [(e.name, type(e)) for e in walk(copy)] == [(e.name, type(e)) for e in walk(program)]


def test_a_shared_expression_stays_shared_and_equal_ones_stay_apart():
    shared = rasp.Map(lambda x: x + 1, TOKENS)
    both = canonical(rasp.SequenceMap(lambda x, y: x * y, shared, shared))
    assert both.fst is both.snd
    apart = canonical(rasp.SequenceMap(lambda x, y: x * y, rasp.Map(abs, TOKENS), rasp.Map(abs, TOKENS)))
    assert apart.fst is not apart.snd and apart.fst.label != apart.snd.label


def test_tokens_are_one_expression_whatever_object_stands_for_them():
    loaded = rasp.TokensType()
    loaded.annotations = {"name": "tokens", "encoding": rasp.Encoding.CATEGORICAL}
    program = canonical(rasp.SequenceMap(lambda x, y: x * y, TOKENS, loaded))
    assert program.fst is program.snd
    numbers = canonical(rasp.SequenceMap(lambda x, y: x * y, rasp.indices, rasp.numerical(rasp.indices)))
    assert numbers.fst is not numbers.snd


def test_expressions_that_named_gave_one_counter_get_labels_of_their_own():
    inner = rasp.Map(lambda x: x + 1, TOKENS).named("n")
    inner.label  # noqa: B018
    number = rasp.numerical(inner)
    program = canonical(rasp.LinearSequenceMap(number, rasp.numerical(rasp.Map(abs, inner, simplify=False)), 1, 1))
    labels = [expression.label for expression in walk(program)]
    assert inner.label == number.label and len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", programs.names())
def test_children_come_first_and_every_expression_once(name):
    order = children_first(programs.get(name).build())
    place = {id(expression): index for index, expression in enumerate(order)}
    assert len(place) == len(order) == len(list(walk(order[-1])))
    assert all(place[id(child)] < place[id(expression)] for expression in order for child in expression.children)


def test_a_trace_computes_a_shared_expression_once():
    calls = []
    noisy = rasp.Map(lambda x: calls.append(x) or x, TOKENS)
    both = rasp.SequenceMap(lambda x, y: x + y, noisy, rasp.Map(lambda x: x, noisy, simplify=False))
    program = canonical(both)
    assert trace(program, [1, 2])[program.label] == [2, 4]
    assert calls == [1, 2]
