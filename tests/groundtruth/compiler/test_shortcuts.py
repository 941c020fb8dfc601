"""Shortcuts through Tracr's passes are taken while something is compiled, and give the same bits."""

import threading

import numpy as np
import pytest
from tracr.compiler import craft_graph_to_model, rasp_to_graph
from tracr.craft import bases, vectorspace_fns
from tracr.craft.chamber import numerical_mlp

from groundtruth import programs
from groundtruth.compiler.compile_program import compile
from groundtruth.compiler.shortcuts import shortcuts

PLACES = [
    (bases.VectorSpaceWithBasis, "vector_from_basis_direction"),
    (vectorspace_fns.Linear, "combine_in_parallel"),
    (craft_graph_to_model, "compute_computational_depth"),
    (numerical_mlp, "_get_discretising_layer"),
]


def functions():
    return [vars(owner)[name] for owner, name in PLACES]


def test_tracr_is_left_as_it_was_also_after_an_error():
    before = functions()
    with pytest.raises(KeyError), shortcuts():
        assert all(shortcut is not original for shortcut, original in zip(functions(), before, strict=True))
        raise KeyError
    assert functions() == before


@pytest.mark.parametrize("name", programs.names())
def test_depths_are_tracr_s(name):
    extracted = rasp_to_graph.extract_rasp_graph(programs.get(name).build())
    sources = list({source["ID"] for source in extracted.sources})
    theirs = craft_graph_to_model.compute_computational_depth(extracted.graph, sources)
    with shortcuts():
        assert craft_graph_to_model.compute_computational_depth(extracted.graph, sources) == theirs


@pytest.mark.parametrize("values", [{0, 1}, {0.5, 2, -1, 7}, {1 / n for n in range(1, 9)}, {3}])
def test_a_discretising_layer_is_tracr_s_to_the_bit(values):
    one, x = bases.BasisDirection("one"), bases.BasisDirection("x")

    def layer():
        made = numerical_mlp._get_discretising_layer(
            input_value_set=values, f=lambda v: 1 / (v - 1), hidden_name="h_", one_direction=one, large_number=100
        )
        return made.hidden_space.basis, made.output_values, made.action(one).magnitudes, made.action(x).magnitudes

    theirs = layer()
    with shortcuts():
        ours = layer()
    assert ours[:2] == theirs[:2]
    for mine, original in zip(ours[2:], theirs[2:], strict=True):
        np.testing.assert_array_equal(mine, original)
        assert mine.tobytes() == original.tobytes()


def test_threads_compile_side_by_side():
    found, names = {}, ["reverse", "hist", "sort", "frac_prevs"]
    before = functions()

    def work(name):
        found[name] = compile(programs.get(name)).weights.W_out

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert functions() == before
    assert all(found[name].equal(compile(programs.get(name)).weights.W_out) for name in names)
