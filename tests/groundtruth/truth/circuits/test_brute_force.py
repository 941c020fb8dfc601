"""Every status, every witness and every joint claim of the prover, confirmed by trying everything."""

import numpy as np
import pytest
import torch

from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.rasp.expressions import evaluate
from groundtruth.truth.circuits.circuit import ABLATIONS
from tests.groundtruth.brute_force import BruteForce, disagreements, small

MODELS = [
    # Names, letters of the vocabulary, length of the longest input: the smallest of each kind of model.
    ("hist", 3, 3),  # counts, with a clean BOS
    ("frac_prevs", 3, 3),  # a number, without BOS, causal in what it selects
    ("length_numerical", 2, 4),  # a number that no token decides
    ("surplus", 3, 3),  # a number from two heads of a layer
    ("previous_token", 3, 3),  # causal
    ("running_parity", 2, 4),  # causal, a table of a number
    ("seen_before", 3, 3),  # causal, a head that reads an MLP
    ("follow_pointer", 3, 3),  # some inputs are none
    ("odd_one_out", None, 3),  # the same, from rules of its own
    ("copy_last", 3, 3),  # several minimal circuits where means are put
    ("reverse", 2, 3),  # four layers, of which one is MLP alone
    ("repeated_bigram", 2, 3),  # four layers, causal
    ("has_larger", 3, 3),  # a comparison that is no equality
    ("first_is_last", 2, 3),  # two different heads of a layer
    ("spread", 2, 2),  # padding disturbs it
    ("contains_x_twice_told", 2, 3),  # two copies: nothing is live
    ("contains_x_by_vote", 2, 2),  # three voters
]


@pytest.mark.parametrize(("name", "letters", "max_seq_len"), MODELS)
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
