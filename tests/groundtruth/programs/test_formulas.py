import inspect

import pytest
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.rasp.expressions import trace


def lines(sop):
    return [str(line) for line in programs.listing(sop)]


def test_reverse_reads_as_in_a_paper():
    assert lines(programs.get("reverse").build()) == [
        "length = SelectorWidth(Select(tokens, tokens, TRUE))",
        "remaining = length - indices",
        "opposite = remaining - 1",
        "reverse = Aggregate(Select(indices, opposite, EQ), tokens)",
    ]


def test_operators_of_rasp_show_their_constants_and_merged_maps_both_functions():
    sop = (~(rasp.tokens + 1 == 3)).named("out")
    assert lines(sop) == ["out = not tokens + 1 == 3"]
    sop = rasp.SequenceMap(lambda x, y: x * y, (2 - rasp.tokens).named("left"), rasp.indices).named("out")
    assert lines(sop) == ["left = 2 - tokens", "out = left * indices"]


def test_weighted_sums_defaults_and_lambdas_on_one_line_are_told_apart():
    a, b = (rasp.numerical(rasp.Map(lambda t, n=n: t * n, rasp.tokens)).named(f"v{n}") for n in (1, 2))
    f, g = lambda x, y: x - y, lambda x, y: y - x
    pair = [rasp.SequenceMap(h, rasp.tokens, rasp.indices).named("pair") for h in (f, g)]
    assert lines(rasp.LinearSequenceMap(a, b, -1, 2).named("sum")) == [
        "v1 = tokens * 1",
        "v2 = tokens * 2",
        "sum = -v1 + 2 * v2",
    ]
    assert [lines(sop)[-1] for sop in pair] == ["pair = tokens - indices", "pair = indices - tokens"]


def test_functions_with_a_name_are_called_and_equal_names_are_told_apart_by_label():
    def helper(token):
        return token

    first = rasp.Map(helper, rasp.tokens).named("same")
    second = rasp.Map(abs, rasp.tokens).named("same")
    shown = lines(rasp.SequenceMap(max, first, second).named("out"))
    assert {line.split(" = ")[1] for line in shown[:2]} == {"helper(tokens)", "abs(tokens)"}
    assert shown[2] == f"out = max({first.label}, {second.label})"


@pytest.mark.parametrize("name", programs.names())
def test_every_formula_of_a_map_computes_its_variable(name):
    program = programs.get(name)
    sop = program.build()
    shown = programs.listing(sop)
    assert shown[-1].expression is sop
    labels = {line.name: line.expression.label for line in shown} | {"tokens": "tokens", "indices": "indices"}
    for tokens in program.domain.sample(20):
        values = trace(sop, tokens, causal=program.causal) | {"indices": list(range(len(tokens))), "tokens": tokens}
        for line in shown:
            if not isinstance(line.expression, rasp.Map | rasp.SequenceMap):
                continue
            function = getattr(line.expression, "f", None)
            enclosed = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
            known = {**getattr(function, "__globals__", {}), **enclosed, function.__name__: function}
            given = [child.label for child in line.expression.children]
            for position in range(len(tokens)):
                if any(values[label][position] is None for label in given):
                    assert values[line.expression.label][position] is None  # RASP maps nothing to nothing
                    continue
                here = {variable: values[label][position] for variable, label in labels.items()}
                computed = eval(line.formula, known, here)
                assert computed == pytest.approx(values[line.expression.label][position]), line
