"""Provenance tells the truth about every head, neuron and direction, and the arrays about their sizes."""

import pytest
import torch
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.compiled.domain import BOS, PAD, Domain
from groundtruth.compiled.forward import forward
from groundtruth.compiled.settings import Settings
from groundtruth.compiler.compile_program import compile, compile_unchecked
from groundtruth.rasp.expressions import children_first, trace, walk
from tests.groundtruth.library_models import compiled


@pytest.mark.parametrize("name", programs.names())
def test_every_direction_holds_what_provenance_says(name):
    model = compiled(name)
    tokens = model.domain.sample(1, seed=11)[0]
    residual = forward(model.weights, model.encode([tokens])).residual[0, 1:]
    values = trace(model.program, tokens, causal=model.causal)
    encodings = {e.label: e for e in walk(model.program) if isinstance(e, rasp.SOp)}
    for dimension, direction in enumerate(model.provenance.directions):
        held = residual[:, dimension]
        if direction.kind == "one":
            expected = [1.0] * len(tokens)
        elif direction.kind in ("bos", "pad"):
            expected = [0.0] * len(tokens)
        elif direction.kind == "scratch":
            continue  # 1 / (width + 1): tested below
        elif direction.kind == "variable" and rasp.is_numerical(encodings[direction.expression]):
            expected = [float(value) for value in values[direction.expression]]
        else:
            given = {"tokens": tokens, "indices": range(len(tokens)), **values}
            expected = [float(value is not None and value == direction.value) for value in given[direction.expression]]
        assert held.tolist() == pytest.approx(expected, abs=1e-6), direction


@pytest.mark.parametrize("name", ["hist", "sort_freq", "length_numerical"])
def test_scratch_holds_one_over_the_width_and_one(name):
    model = compiled(name)
    tokens = model.domain.sample(1, seed=11)[0]
    residual = forward(model.weights, model.encode([tokens])).residual[0, 1:]
    scratch = [(i, d.expression) for i, d in enumerate(model.provenance.directions) if d.kind == "scratch"]
    assert scratch
    for dimension, label in scratch:
        expected = [1 / (width + 1) for width in trace(model.program, tokens, causal=model.causal)[label]]
        assert residual[:, dimension].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("name", programs.names())
def test_each_head_and_neuron_writes_where_its_expression_lives_and_nowhere_else(name):
    model = compiled(name)
    w, provenance = model.weights, model.provenance
    owner = [direction.expression for direction in provenance.directions]
    for head in provenance.heads:
        written = w.W_O[head.layer, head.head].abs().sum(0).nonzero().flatten().tolist()
        assert {owner[dimension] for dimension in written} == ({head.expression} if head.expression else set())
        assert (head.role == "idle") == (not written)
    for neuron in provenance.neurons:
        written = w.W_out[neuron.layer, neuron.index].nonzero().flatten().tolist()
        assert {owner[dimension] for dimension in written} <= {neuron.expression}
    for layer in range(w.n_layers):
        n_neurons = len(provenance.neurons_in(layer))
        assert not w.W_in[layer][:, n_neurons:].any() and not w.W_out[layer][n_neurons:].any()


@pytest.mark.parametrize("name", programs.names())
def test_every_expression_is_computed_once_by_what_it_is(name):
    model = compiled(name)
    computed = [e for e in children_first(model.program) if isinstance(e, rasp.SOp) and e.children]
    heads = {head.expression: head.role for head in model.provenance.heads if head.expression}
    neurons = {neuron.expression for neuron in model.provenance.neurons}
    for expression in computed:
        width, aggregate = isinstance(expression, rasp.SelectorWidth), isinstance(expression, rasp.Aggregate)
        assert heads.get(expression.label) == ("width" if width else "aggregate" if aggregate else None)
        assert (expression.label in neurons) == (not aggregate)
        cleaning = [n for n in model.provenance.neurons if (n.expression, n.role) == (expression.label, "clean_bos")]
        assert len(cleaning) == width
    assert len(heads) + model.provenance.heads.count(None) == sum(
        h.expression is not None for h in model.provenance.heads
    )


def test_a_clean_bos_neuron_is_told_by_its_exact_name():
    select = rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.EQ)
    model = compile(rasp.SelectorWidth(select).named("clean_bos_of"), vocab=(1, 2), max_seq_len=2)
    assert sorted(neuron.role for neuron in model.provenance.neurons).count("clean_bos") == 1


def test_embeddings_are_one_hot_and_bos_has_no_position():
    model = compiled("reverse")
    names = [direction.name for direction in model.provenance.directions]
    variables = [name.split(":")[0] for name in names]
    assert variables == sorted(variables) and model.token_values == (1, 2, 3, BOS, PAD)
    for token, row in zip(model.token_values, model.weights.W_E, strict=True):
        assert [names[i] for i in row.nonzero().flatten()] == ["one", f"tokens:{token}"]
    assert not model.weights.W_pos[0].any()
    assert [names[i] for i in model.weights.W_pos[1:].nonzero()[:, 1]] == [f"indices:{i}" for i in range(5)]


@pytest.mark.parametrize("n_values, d_head", [(2, 5), (9, 9)])
def test_heads_are_as_wide_as_their_queries_with_one_and_bos_or_as_their_values(n_values, d_head):
    select = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.EQ)
    moved = rasp.Aggregate(select, rasp.Map(lambda x: x, rasp.tokens))
    assert compile_unchecked(moved, Domain(tuple(range(n_values)), 3)).weights.d_head == d_head


def test_the_softmax_is_undiluted_by_the_query_alone():
    domain = programs.get("reverse").domain
    plain = compile_unchecked(programs.get("reverse").build(), domain, settings=Settings(undiluted_softmax=False))
    exact = compiled("reverse")
    torch.testing.assert_close(exact.weights.W_Q, plain.weights.W_Q * exact.weights.attn_scale, rtol=0, atol=0)
    for name in ("W_E", "W_pos", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U"):
        assert torch.equal(getattr(exact.weights, name), getattr(plain.weights, name))
