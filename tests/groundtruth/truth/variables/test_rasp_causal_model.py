"""The causal model: the program itself, run with values of other inputs."""

import random
from collections.abc import Sequence
from typing import Any

import networkx as nx
import pytest

import groundtruth
from groundtruth.errors import DomainError
from groundtruth.model import CompiledModel
from groundtruth.rasp.expressions import trace
from groundtruth.truth.variables.rasp_causal_model import UNDEFINED, CausalModel
from tests.groundtruth.plain import KEEP, Plain

NAMES = ("reverse", "sort", "frac_prevs", "dyck1_prefix", "pair_balance", "induction", "add_bit_pairs", "contains_ab")


def traced(model: CompiledModel, tokens: Sequence[Any]) -> dict[str, list[Any]]:
    """The program's values by label, as the causal model has them."""
    return {k: list(v) for k, v in trace(model.program, tokens, causal=model.causal).items()}


@pytest.mark.parametrize("name", NAMES)
def test_without_sources_it_is_the_program(name: str) -> None:
    model = groundtruth.load(name)
    causal = CausalModel(model)
    for tokens in model.domain.sample(20, seed=1):
        assert causal.run(tokens) == traced(model, tokens)
        assert causal.interchange(tokens, {}) == traced(model, tokens)


@pytest.mark.parametrize("name", NAMES)
def test_interchange_is_a_plain_evaluation_with_values_put_in_place(name: str) -> None:
    model = groundtruth.load(name)
    causal = CausalModel(model)
    rng = random.Random(0)
    expressions = causal.program.sops
    changed = 0
    for _ in range(60):
        base, *others = model.domain.sample(3, seed=rng.randrange(10**6))
        sources: dict[str, Any] = {}
        put: dict[str, list[Any]] = {}
        readers: dict[str, list[str]] = {}
        for label, source in zip(rng.sample(list(expressions), 2), others, strict=True):
            common = min(len(base), len(source))
            positions = rng.choice([None, [rng.randrange(common)]])
            values = traced(model, source)[label]
            chosen = range(common) if positions is None else positions
            put[label] = [values[i] if i in chosen else KEEP for i in range(len(base))]
            sources[label] = (source, positions)
            possible = [other for other, operands in causal.program.operands.items() if label in operands]
            if possible and rng.random() < 0.5:
                readers[label] = rng.sample(possible, rng.randint(1, len(possible)))
        found = causal.interchange(base, sources, readers=readers)
        plain = Plain(model, base, put, readers)
        for label, sop in expressions.items():
            expected = plain.own(sop) if label in readers else plain.replaced(sop, "anything")
            assert found[label] == expected, (base, sources, readers, label)
        changed += found != traced(model, base)
    assert changed > 20


def test_many_at_once_is_one_at_a_time() -> None:
    model = groundtruth.load("reverse")
    causal = CausalModel(model)
    bases, others = model.domain.sample(50, seed=0), model.domain.sample(50, seed=1)
    many = causal.interchange_many(bases, {"length_5": [(tokens, None) for tokens in others]})
    assert many == [
        causal.interchange(base, {"length_5": (source, None)}) for base, source in zip(bases, others, strict=True)
    ]


def test_positions_that_only_one_input_has_keep_their_value() -> None:
    causal = CausalModel(groundtruth.load("reverse"))
    found = causal.interchange((1, 2, 3), {"opposite_3": ((1, 1), None)})
    assert found["opposite_3"] == [1, 0, 0]
    assert found["reverse_1"] == [2, 1, 1]


def test_readers_that_are_not_named_read_their_own_copy() -> None:
    causal = CausalModel(groundtruth.load("reverse_twice"))
    labels = {name: label for label, name in causal.variables.items()}
    base, source = (1, 2, 3), (3, 3, 1)
    opposite = labels["opposite"]
    everywhere = causal.interchange(base, {opposite: ((1, 1), None)})
    assert everywhere[labels["reverse"]] == [2, 1, 1]
    late = causal.interchange(base, {opposite: ((1, 1), None)}, readers={opposite: [labels["restored"]]})
    assert late[labels["reverse"]] == [3, 2, 1]
    assert late[labels["restored"]] == [2, 3, 3]
    assert late[opposite] == [2, 1, 0]
    output = causal.interchange(base, {causal.output: (source, None)}, readers={causal.output: ["logits"]})
    assert output[causal.output] == [3, 3, 1]


def test_a_categorical_aggregate_of_different_values_is_undefined() -> None:
    model = groundtruth.load("sort")
    causal = CausalModel(model)
    labels = {name: label for label, name in causal.variables.items()}
    found = causal.interchange((1, 2), {labels["rank"]: ((2, 1), [0])})
    assert found[labels["rank"]] == [1, 1]
    assert found[labels["sort"]] == [None, UNDEFINED]


def test_an_aggregate_that_selects_nothing_is_undefined_where_its_values_are_also_at_bos() -> None:
    model = groundtruth.load("shuffle_dyck")
    causal = CausalModel(model)
    labels = {name: label for label, name in causal.variables.items()}
    at_last = causal.interchange(("(",), {labels["last"]: (("(", ")"), None)})
    assert at_last[labels["last"]] == [1]
    assert at_last[labels["all_closed"]] == [UNDEFINED]
    assert at_last[labels["balanced"]] == [UNDEFINED]
    assert at_last[labels["never_negative"]] == [True]


def test_graph_of_reverse() -> None:
    graph = CausalModel(groundtruth.load("reverse")).graph()
    assert nx.is_directed_acyclic_graph(graph)
    assert {(graph.nodes[a]["name"], graph.nodes[b]["name"], roles) for a, b, roles in graph.edges(data="roles")} == {
        ("tokens", "length", ("query", "key")),
        ("length", "remaining", ("argument",)),
        ("indices", "remaining", ("argument",)),
        ("remaining", "opposite", ("argument",)),
        ("opposite", "reverse", ("query",)),
        ("indices", "reverse", ("key",)),
        ("tokens", "reverse", ("value",)),
    }
    assert graph.nodes["length_5"] == {"name": "length", "kind": "SelectorWidth", "encoding": "categorical"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 2), {"lenth_5": ((1, 2), None)}), "unknown variable 'lenth_5' of 'reverse'. Did you mean: length_5?"),
        (
            ((1, 2), {"length_5": ((1,), [1])}),
            "position 1 of variable 'length_5': base and source share positions 0 to 0.",
        ),
        (((1, 9), {"length_5": ((1,), None)}), "token 9 at position 1 of '1 9' is not in the vocabulary 1 2 3"),
        (((1, 2), {"length_5": ((9,), None)}), "token 9 at position 0 of '9' is not in the vocabulary 1 2 3"),
    ],
)
def test_errors_name_what_is_wrong(arguments: Any, message: str) -> None:
    causal = CausalModel(groundtruth.load("reverse"))
    with pytest.raises(DomainError) as raised:
        causal.interchange(*arguments)
    assert message in str(raised.value)


def test_errors_about_readers_and_counts() -> None:
    causal = CausalModel(groundtruth.load("reverse"))
    sources = {"length_5": ((1, 2), None)}
    with pytest.raises(DomainError, match="unknown reader of 'length_5' 'logits' .* Choose from remaining_4"):
        causal.interchange((1, 2), sources, readers={"length_5": ["logits"]})
    with pytest.raises(DomainError, match="readers are given for 'tokens', which is not replaced"):
        causal.interchange((1, 2), sources, readers={"tokens": ["length_5"]})
    with pytest.raises(DomainError, match="'length_5' has 1 sources for 2 bases; give one each"):
        causal.interchange_many([(1,), (2,)], {"length_5": [((1,), None)]})
