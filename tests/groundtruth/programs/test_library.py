"""Facts about every program of the library, on its whole domain."""

import subprocess
import sys
from collections import Counter

import pytest
from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.compiled.forward import forward
from groundtruth.rasp.expressions import evaluate, trace, walk
from tests.groundtruth.library_models import compiled


def heads_of_widest_layer(model):
    return max(Counter(head.layer for head in model.provenance.heads if head.role != "idle").values(), default=0)


def expressions_of_fullest_mlp(model):
    return max(len(model.provenance.expressions_in_mlp(layer)) for layer in range(model.weights.n_layers))


@pytest.mark.parametrize("name", programs.names())
def test_a_program_equals_its_plain_python_on_its_whole_domain_and_its_outputs_differ(name):
    program = programs.get(name)
    sop = program.build()
    inputs = program.domain.inputs(limit=2_000)
    assert inputs.exhaustive
    outputs = [list(evaluate(sop, tokens, causal=program.causal)) for tokens in inputs]
    for tokens, output in zip(inputs, outputs, strict=True):
        assert output == pytest.approx(list(program.oracle(tokens))), tokens
    assert name == "local_maxima" or all(value is not None for output in outputs for value in output)
    assert len(set(map(tuple, outputs))) > 1


@pytest.mark.parametrize("name", programs.names())
def test_a_program_compiles_exactly_on_its_whole_domain_and_stays_small(name):
    model = compiled(name)
    assert model.check.exhaustive and model.check.inputs == programs.get(name).domain.size
    assert model.weights.d_model <= 150


def padding_breaks(name):
    """The first input whose outputs change when it is padded, over all inputs and all amounts of padding."""
    model, domain = compiled(name), programs.get(name).domain
    for length in domain.lengths:
        shorter = [tokens for tokens in domain.enumerate() if len(tokens) < length]
        alone = model.run_many(shorter)
        for start in range(0, len(shorter), 500):
            batch = shorter[start : start + 500]
            codes = model.decoder.codes(forward(model.weights, model.encode(batch, length=length)).logits[:, 1:])
            for tokens, row, expected in zip(batch, codes, alone[start:], strict=False):
                if not model.decoder.agrees(model.decoder.decode(row[: len(tokens)]), expected):
                    return tokens, length
    return None


PADDED = [name for name in programs.names() if not programs.get(name).pad_safe]
PADDED += ["hist", "reverse", "frac_prevs", "induction", "follow_pointer", "shuffle_dyck2"]
"""All that padding disturbs, and some of every kind that it does not; test_pad_safety.py asks all of their weights."""


@pytest.mark.parametrize("name", PADDED)
def test_padding_is_harmless_exactly_where_it_is_declared_so(name):
    assert (padding_breaks(name) is None) == programs.get(name).pad_safe


def test_the_library_is_as_deep_as_it_says():
    models = [compiled(name) for name in programs.names()]
    assert len(models) >= 60
    assert sum(model.weights.n_layers >= 3 for model in models) >= 20
    assert sum(heads_of_widest_layer(model) >= 2 for model in models) >= 15
    assert sum(expressions_of_fullest_mlp(model) >= 2 for model in models) >= 8
    assert sum(not model.decoder.categorical for model in models) >= 6
    assert sum(model.causal for model in models) >= 6
    assert programs.families() == [
        "sequence",
        "counting",
        "sorting",
        "brackets",
        "logic",
        "arithmetic",
        "text",
        "prediction",
    ]


def shares_a_selector(sop):
    readers = Counter(id(child) for expression in walk(sop) for child in expression.children)
    return any(isinstance(e, rasp.Selector) and readers[id(e)] > 1 for e in walk(sop))


def repeats_an_expression(sop, inputs, *, causal):
    """Whether two different S-Ops of one kind are equal on every input, neither being read by the other."""
    values = {}
    for tokens in inputs:
        for label, sequence in trace(sop, tokens, causal=causal).items():
            values.setdefault(label, []).append(tuple(sequence))
    sops = [e for e in walk(sop) if isinstance(e, rasp.SOp) and e.children]
    kinds = Counter((type(e), tuple(values[e.label])) for e in sops)
    return max(kinds.values()) > 1


@pytest.mark.parametrize("name", ["reverse_twice", "pair_balance_shared"])
def test_these_programs_share_a_selector(name):
    assert shares_a_selector(programs.get(name).build())


@pytest.mark.parametrize("name", ["contains_x_by_vote", "contains_x_twice_told", "hist_by_median"])
def test_these_programs_compute_something_twice(name):
    program = programs.get(name)
    assert repeats_an_expression(program.build(), program.domain.enumerate(), causal=program.causal)


@pytest.mark.parametrize("name, n_edges", [("reverse", 94), ("hist", 13), ("sort", 59), ("frac_prevs", 32)])
def test_the_graph_has_as_many_edges_as_the_published_lists(name, n_edges):
    assert len(compiled(name).graph.edges) == n_edges


def tracr_programs():
    from tracr.compiler import lib

    tokens = rasp.tokens
    return {
        "length": lib.make_length(),
        "reverse": lib.make_reverse(tokens),
        "hist": lib.make_hist(),
        "sort": lib.make_sort(tokens, tokens, max_seq_len=4, min_key=1),
        "sort_unique": lib.make_sort_unique(tokens, tokens),
        "sort_freq": lib.make_sort_freq(5),
        "frac_prevs": lib.make_frac_prevs(tokens == "x"),
        "pair_balance": lib.make_pair_balance(tokens, "(", ")"),
        "shuffle_dyck": lib.make_shuffle_dyck(["()"]),
        "shuffle_dyck2": lib.make_shuffle_dyck(["()", "{}"]),
        "shuffle_dyck3": lib.make_shuffle_dyck(["()", "{}", "[]"]),
        "count_x": lib.make_count(tokens, "x"),
        "count_less_freq": lib.make_count_less_freq(2),
    }


def test_programs_of_tracr_have_its_structure_and_its_intermediate_values():
    for name, original in tracr_programs().items():
        own = programs.get(name).build()
        theirs, ours = list(walk(original)), list(walk(own))
        assert [type(e) for e in theirs] == [type(e) for e in ours], name
        for tokens in programs.get(name).domain.sample(30):
            for their, our in zip(theirs, ours, strict=True):
                assert rasp.evaluate(their, tokens) == rasp.evaluate(our, tokens), (name, our.label, tokens)


LABELS = """
import sys, groundtruth.programs as programs
from groundtruth.rasp.expressions import walk
names = programs.names()
for name in names[::-1] if sys.argv[1] == "backwards" else names:
    programs.get(name).build()
for name in names:
    print(name, [e.label for e in walk(programs.get(name).build())])
assert not {"jax", "haiku", "transformers", "transformer_lens"} & set(sys.modules)
"""


def test_labels_depend_on_neither_the_order_of_building_nor_the_hash_seed_and_building_needs_no_jax():
    runs = [("forwards", "1"), ("backwards", "2")]
    outputs = [
        subprocess.run(
            [sys.executable, "-c", LABELS, order],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for order, seed in runs
    ]
    assert outputs[0] == outputs[1]
    assert "reverse ['reverse_1'," in outputs[0]
