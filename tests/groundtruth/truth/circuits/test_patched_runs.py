"""Runs with edges cut, held to the torch module, to NumPy means, and to what must be the same however it is run."""

import numpy as np
import pytest
import torch
from tracr.rasp import rasp

from groundtruth import load
from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.compiler.compile_program import compile
from groundtruth.truth.circuits.circuit import ABLATIONS
from groundtruth.truth.circuits.cut_edge import cut_output
from groundtruth.truth.circuits.pair_batches import every_pair, likely_pairs
from groundtruth.truth.circuits.patched_runs import (
    Continuations,
    distinct,
    largest,
    pool,
    unit,
)
from groundtruth.truth.circuits.prover import ground
from mib.graph import Edge

MODELS = ["hist", "reverse", "pair_balance", "running_parity"]


@pytest.fixture(scope="module")
def grounds():
    known = {}

    def get(name, ablation="resample", lengths="fixed"):
        key = (name, ablation, lengths)
        return known.setdefault(key, ground(load(name), ablation, lengths))

    return get


@pytest.mark.parametrize("name", MODELS)
def test_sources_write_what_the_module_with_hooks_has_at_its_hooks(grounds, name):
    runs = grounds(name).runs
    module = CompiledTransformer(runs.weights, dtype=torch.float64)
    logits, cache = module.run_with_cache(runs.tokens)
    torch.testing.assert_close(runs.outputs["input"], cache["hook_embed"])
    torch.testing.assert_close(runs.outputs["pos"], cache["hook_pos_embed"])
    for layer in range(runs.weights.n_layers):
        torch.testing.assert_close(runs.outputs[f"m{layer}"], cache[f"blocks.{layer}.hook_mlp_out"])
        for head in range(runs.weights.n_heads):
            result = cache[f"blocks.{layer}.attn.hook_result"][:, :, head]
            torch.testing.assert_close(runs.outputs[f"a{layer}.h{head}"], result)
    assert torch.equal(runs.codes, runs.decoder.codes(logits.detach())) or not runs.decoder.categorical


def test_replacements_are_what_the_ablations_say(grounds):
    head = grounds("reverse").runs.outputs["a3.h0"].numpy()
    put = {ablation: grounds("reverse", ablation).runs.replacement_outputs["a3.h0"].numpy() for ablation in ABLATIONS}
    np.testing.assert_array_equal(put["resample"], head)
    np.testing.assert_array_equal(put["zero"], 0 * head[:1])
    np.testing.assert_allclose(put["mean-positional"], np.mean(head, axis=0, keepdims=True))
    for position in range(head.shape[1]):  # BOS is among the positions that are averaged
        np.testing.assert_allclose(put["mean"][0, position], np.mean(head, axis=(0, 1)))


def test_all_replacements_differ_where_the_ablations_differ(grounds):
    put = [grounds("reverse", ablation).runs.replacement_outputs["input"] for ablation in ABLATIONS]
    means = [each.mean(0) for each in put]
    assert not torch.allclose(means[1], means[2])
    assert not torch.allclose(means[2], means[3])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_a_circuit_of_all_edges_is_the_model(grounds, name, ablation):
    runs = grounds(name, ablation).runs
    rows = torch.arange(len(runs.tokens))
    codes = runs.circuit_codes(runs.graph.edge_mask, rows, torch.zeros_like(rows))
    assert not runs.changed(rows, codes).any()


@pytest.mark.parametrize("name", MODELS)
def test_a_circuit_of_no_edges_gives_what_the_counterfactual_gives(grounds, name):
    runs = grounds(name).runs
    none = np.zeros_like(runs.graph.edge_mask)
    rows = torch.arange(len(runs.tokens))
    others = rows.roll(5)
    codes = runs.circuit_codes(none, rows, others)
    assert not runs.decoder.differ(codes, runs.codes[others])[runs.counts[rows]].any()
    assert runs.changed(rows, codes).any()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_cutting_one_edge_is_the_circuit_of_all_others(grounds, name, ablation):
    runs = grounds(name, ablation).runs
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        edge = runs.graph.edges[int(torch.randint(len(runs.graph.edges), (), generator=generator))]
        row = int(torch.randint(len(runs.tokens), (), generator=generator))
        put = int(torch.randint(runs.n_replacements, (), generator=generator))
        kept = runs.graph.edge_mask.copy()
        kept[runs.graph.index(edge)] = False
        whole = runs.circuit_codes(kept, torch.tensor([row]), torch.tensor([put]))[0]
        single = cut_output(runs, edge, row, put)
        assert not runs.decoder.differ(single, whole)[runs.counts[row]].any(), edge


def test_the_input_of_a_head_is_cut_for_one_letter_only(grounds):
    base = grounds("reverse")
    row, other = base.inputs.index((1, 1, 2, 3, 3)), base.inputs.index((3, 3, 1, 1, 2))
    changed = {
        letter: base.runs.changed(
            torch.tensor([row]), cut_output(base.runs, Edge("input", f"a3.h0<{letter}>"), row, other)[None]
        ).item()
        for letter in "qkv"
    }
    assert changed == {"q": False, "k": False, "v": True}


def test_streams_of_different_batches_are_not_taken_for_each_other():
    """A number twice as large, in a batch whose largest number is twice as large, is another number."""
    weights = load("frac_prevs").weights
    last = 2 * weights.n_layers
    runs = Continuations(weights, Decoder(()))
    stream = torch.rand(4, 3, weights.d_model, dtype=torch.float64) * 5
    for scale in (1.0, 2.0, 4.0):
        expected = Decoder(()).codes(scale * stream @ weights.W_U)
        torch.testing.assert_close(runs.codes(last, scale * stream), expected)


def test_a_stream_seen_before_gives_the_same_as_run_anew(grounds):
    runs = grounds("reverse").runs
    for half, stream in runs.streams.items():
        again = torch.cat([stream.flip(0), stream, stream[:1]])
        expected = torch.cat([runs.codes.flip(0), runs.codes, runs.codes[:1]])
        assert torch.equal(runs.continuations.codes(half, again), expected)


def test_only_positions_that_count_can_change(grounds):
    runs = grounds("hist", "resample", "mixed").runs
    rows = torch.arange(len(runs.tokens))
    elsewhere = runs.codes.clone()
    elsewhere[~runs.counts] = 99
    assert not runs.changed(rows, elsewhere).any()
    everywhere = runs.codes.clone()
    everywhere[:, 1] = 99
    assert runs.changed(rows, everywhere).all()


def test_neither_bos_nor_pad_counts():
    tokens = torch.tensor([[3, 0, 1, 4], [3, 2, 4, 4]])
    assert pool(tokens, special=(3, 4)).tolist() == [[False, True, True, False], [False, True, False, False]]


def test_rows_are_grouped_up_to_rounding():
    rows = torch.tensor([[1.0, 2.0], [5.0, 2.0], [1.0 + 1e-12, 2.0], [5.0, 2.0 - 1e-12], [1.0, 2.001]])
    first, group = distinct(rows.double())
    assert first.tolist() == [0, 1, 4]
    assert group.tolist() == [0, 1, 0, 1, 2]


def test_values_are_scaled_to_a_largest_of_one():
    assert unit(torch.tensor([0.5, -4.0])).tolist() == [0.125, -1.0]
    assert unit(torch.zeros(2)).tolist() == [0.0, 0.0]
    assert largest(torch.tensor([0.5, -4.0])) == 4.0
    assert largest(torch.empty(0)) == 0.0


def test_every_pair_is_every_pair_once_and_likely_pairs_are_some(grounds):
    runs = grounds("reverse").runs
    rows, replacements = torch.tensor([3, 1, 7]), torch.tensor([0, 5])
    pairs = [pair for left, right in every_pair(runs, rows, replacements) for pair in zip(left, right, strict=True)]
    assert [(int(a), int(b)) for a, b in pairs] == [(3, 0), (3, 5), (1, 0), (1, 5), (7, 0), (7, 5)]
    for left, right in likely_pairs(runs, replacements):
        assert set(right.tolist()) <= {0, 5}
        assert left.max() < len(runs.tokens)


def mean_of_numbers(scale):
    """The mean of scale times each token; a head compares categories to no effect, so that one edge is absorbed."""
    number = rasp.numerical(rasp.Map(lambda x: scale * x, rasp.tokens))
    is_two = rasp.Map(lambda x: x > 1, rasp.tokens)
    every = rasp.Select(is_two, is_two, rasp.Comparison.TRUE)
    return compile(rasp.numerical(rasp.Aggregate(every, number, default=0)), vocab=(1, 2), max_seq_len=2)


@pytest.fixture(scope="module")
def loud():
    return mean_of_numbers(1e9)


def test_numbers_too_large_for_a_grid_of_int64_are_told_apart(loud):
    quiet, circuit = mean_of_numbers(1.0).circuit("resample", "fixed"), loud.circuit("resample", "fixed")
    assert circuit["m0->a1.h0<k>"].proof == quiet["m0->a1.h0<k>"].proof == "absorbed"
    assert circuit.edges == quiet.edges and len(quiet.edges) == 3
    runs = ground(loud, "resample", "fixed").runs
    sublayer = runs.sublayer_after(runs.graph.locate("m0"))
    assert torch.equal(runs.continuations.codes(sublayer, runs.streams[sublayer]), runs.codes)


def test_a_loud_part_of_what_a_cut_run_depends_on_hides_no_quiet_one(loud):
    runs = ground(loud, "resample", "fixed").runs
    assert largest(runs.codes) > 1e9  # what passes by the last MLP, which itself reads nothing
    assert largest(runs.others(runs.graph.locate("m1"), {}, afterwards=True)) <= 1.0 + 1e-12
