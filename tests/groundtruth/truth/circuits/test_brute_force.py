"""Every status, every witness and every joint claim of the prover, confirmed by trying everything."""

import numpy as np
import pytest
import torch

from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.rasp.expressions import evaluate
from groundtruth.truth.circuits.circuit import ABLATIONS
from tests.groundtruth.brute_force import BruteForce, disagreements, small

FAST = [("hist", 3, 3), ("frac_prevs", 3, 3), ("previous_token", 3, 3), ("contains_x_twice_told", 2, 3)]
SLOW = [
    # Names, letters of the vocabulary, length of the longest input.
    *[("reverse", 3, 3), ("rotate", 3, 3), ("mirror", 2, 3), ("copy_first", 3, 3), ("copy_last", 3, 3)],
    *[("shift_by_one", 3, 3), ("follow_pointer", 3, 3), ("position", 3, 3), ("length", 3, 3)],
    *[("length_numerical", 2, 4), ("count_larger", 3, 3), ("hist_of_hist", 3, 3), ("hist_so_far", 3, 3)],
    *[("odd_one_out", None, 3), ("step", 3, 3), ("sort", 3, 3), ("sort_unique", None, 3), ("rank", 3, 3)],
    *[("minimum", 3, 3), ("spread", 2, 2), ("pair_balance", 3, 3), ("pair_balance_shared", 3, 3)],
    *[("surplus", 3, 3), ("frac_x", 3, 3), ("frac_repeated", 3, 3), ("contains_x", 3, 3), ("all_equal", 2, 3)],
    *[("majority_x", 2, 3), ("has_larger", 3, 3), ("a_before_b", 3, 3), ("running_parity", 2, 4)],
    *[("seen_before", 3, 3), ("repeated_bigram", 2, 4), ("parity", 2, 4), ("mark_first", 3, 3)],
    *[("contains_x_by_vote", 2, 3), ("hist_by_median", 2, 3), ("shuffle_dyck", 2, 3)],
    *[("add_bit_pairs", 2, 3), ("sum_of_three", 2, 3), ("binary_value", 2, 3), ("first_is_last", 2, 3)],
]


@pytest.mark.parametrize(
    ("name", "letters", "max_seq_len"), [*FAST, *(pytest.param(*spec, marks=pytest.mark.slow) for spec in SLOW)]
)
def test_trying_everything_confirms_the_prover(name, letters, max_seq_len):
    model = small(name, letters=letters, max_seq_len=max_seq_len)
    kinds = ["fixed", "mixed"] if model.pad_safe else ["fixed"]
    for ablation in ABLATIONS:
        for lengths in kinds:
            assert disagreements(model, model.circuit(ablation, lengths)) == [], (ablation, lengths)


def hooked_cut(model, force, edge, rows, puts, replaced):
    """The logits with one edge cut by hooks on the torch module: its input gets the difference."""
    source, end = edge
    module = CompiledTransformer(model.weights, dtype=torch.float64)
    ids = torch.from_numpy(force.ids)[rows]
    _, cache = module.run_with_cache(ids)
    if source in ("input", "pos"):
        own = cache["hook_embed" if source == "input" else "hook_pos_embed"]
    elif source.startswith("m"):
        own = cache[f"blocks.{source[1:]}.hook_mlp_out"]
    else:
        own = cache[f"blocks.{source[1]}.attn.hook_result"][:, :, int(source[4:])]
    difference = replaced[puts] - own
    if end == "logits":
        return (cache[f"blocks.{module.cfg.n_layers - 1}.hook_resid_post"] + difference) @ module.unembed.W_U

    def hook(value, hook):
        if value.ndim == 3:
            return value + difference
        value[:, :, int(end.split("h")[1].split("<")[0])] += difference
        return value

    name = f"blocks.{end[1:]}.hook_mlp_in" if end[0] == "m" else f"blocks.{end[1]}.hook_{end[-2]}_input"
    return module.run_with_hooks(ids, fwd_hooks=[(name, hook)])


@pytest.mark.parametrize("name", ["hist", "pair_balance", "previous_token", "contains_x_by_vote"])
def test_the_brute_force_cuts_what_hooks_cut(name):
    model = small(name, letters=2, max_seq_len=3)
    rng = np.random.default_rng(0)
    for ablation in ABLATIONS:
        force = BruteForce(model, ablation, "fixed")
        n_put = len(force.put["input"])
        for index in rng.choice(len(force.edges), size=12):
            edge = force.edges[index]
            rows, puts = rng.integers(len(force.inputs), size=5), rng.integers(n_put, size=5)
            ours = force.run(rows, {name: put[puts] for name, put in force.put.items()}, [edge])["logits"]
            replaced = torch.from_numpy(force.put[edge[0]].copy())
            theirs = hooked_cut(model, force, edge, rows, puts, replaced).detach().numpy()
            np.testing.assert_allclose(ours, theirs, atol=1e-8, err_msg=str((ablation, edge)))


@pytest.mark.parametrize("name", ["hist", "frac_prevs", "follow_pointer", "previous_token"])
def test_the_brute_force_reads_what_the_program_gives(name):
    model = small(name)
    force = BruteForce(model, "zero", "fixed")
    for row, tokens in enumerate(force.inputs):
        expected = evaluate(model.program, tokens, causal=model.causal)
        read = force.decode(force.full["logits"][row], row)
        assert read == (list(expected) if model.decoder.categorical else pytest.approx([*map(float, expected)]))
