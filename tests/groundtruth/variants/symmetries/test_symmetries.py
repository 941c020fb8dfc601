"""Every symmetry leaves function, circuit and variables what they are, proven on the variant itself."""

import functools
from dataclasses import replace

import pytest
import torch

import groundtruth
from groundtruth.compiled.forward import NAMES
from groundtruth.errors import VariantError
from groundtruth.store.read import read_circuits
from groundtruth.truth.circuits.circuit import ABLATIONS
from groundtruth.truth.variables import prove_variables
from groundtruth.variants.symmetries import SYMMETRIES, Symmetry, Variant, compose
from groundtruth.variants.variant import Made, same_nodes
from groundtruth.verification.verify_model import verify
from mib.graph import Edge
from tests.groundtruth.brute_force import small

MODELS = {
    "first_is_last": (3, ("mean", "mean-positional")),
    "contains_x_twice_told": (2, ("resample", "zero")),
}
"""Two heads a layer, all different; copies that stand in for each other: on how long inputs of two letters, and under
which ablations. The composed variants are of others, under all.
"""

CHANGES = {
    "rotate": {"W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U"},
    "embed": {"W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_in", "W_out", "W_U"},
    "gauge_qk": {"W_Q", "W_K"},
    "gauge_ov": {"W_V", "W_O"},
    "permute_neurons": {"W_in", "W_out"},
    "scale_neurons": {"W_in", "W_out"},
    "permute_heads": {"W_Q", "W_K", "W_V", "W_O"},
    "insert_heads": {"W_Q", "W_K", "W_V", "W_O"},
    "insert_layers": {"W_Q", "W_K", "W_V", "W_O", "W_in", "W_out"},
}


_loaded = functools.cache(groundtruth.load)
_small = functools.partial(small, letters=2)
_proven = functools.cache(prove_variables)  # an original is the same object in all its variants


def _changed(variant: Variant) -> set[str]:
    before, after = variant.original.weights, variant.model.weights
    return {name for name in NAMES if not torch.equal(getattr(before, name), getattr(after, name))}


def _claims(variant: Variant) -> tuple[list[object], list[object]]:
    """What is claimed of the variables of both models, with the original's readers where they are in the variant."""
    found = []
    for model, nodes in ((variant.original, variant.nodes), (variant.model, same_nodes(variant.model))):
        found.append(
            [
                (
                    truth.variable.key,
                    truth.variable.values,
                    truth.certified,
                    [(nodes[r.destination], r.expression, len(r.neurons)) for r in truth.variable.readers],
                    [(s.state, s.rank, s.interchanges) for s in truth.stages],
                )
                for truth in _proven(model)
            ]
        )
    return found[0], found[1]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", SYMMETRIES)
def test_a_symmetry_keeps_function_and_circuit(name, model):
    length, ablations = MODELS[model]
    variant = SYMMETRIES[name].apply(_small(model, max_seq_len=length), seed=1)
    weights = variant.original.weights
    alone = (name, 1) in (("permute_heads", weights.n_heads), ("permute_neurons", weights.d_mlp))
    assert _changed(variant) == (set() if alone else CHANGES[name])
    assert variant.largest_difference() < 1e-9
    for ablation in ablations:
        before, after = variant.original.circuit(ablation), variant.require_same_truth(ablation=ablation)
        assert [after[variant.edges[t.edge]].reason for t in before.truths] == [t.reason for t in before.truths]
        assert after.counts["live"] == before.counts["live"] > 0


@pytest.mark.parametrize("name", SYMMETRIES)
def test_a_symmetry_keeps_variables(name):
    before, after = _claims(SYMMETRIES[name].apply(_loaded("seen_before"), seed=2))
    assert after == before
    assert all(certified for _, _, certified, _, _ in before)


@pytest.mark.parametrize(("model", "seed"), [("frac_prevs", 0), ("reverse", 1), ("seen_before", 2)])
def test_symmetries_compose(model, seed):
    variant = compose(_small(model), [*SYMMETRIES.values(), SYMMETRIES["rotate"]], seed=seed)
    assert [step.name for step in variant.model.recipe] == [*SYMMETRIES, "rotate"]
    assert variant.largest_difference() < 1e-9
    for ablation in ABLATIONS:
        variant.require_same_truth(ablation=ablation)
    before, after = _claims(variant)
    assert after == before
    assert len(variant.model.graph.edges) > len(variant.original.graph.edges) == len(set(variant.edges.values()))


def test_what_is_said_of_a_variant_is_proven_again_from_its_files(tmp_path):
    model = compose(_small("hist"), list(SYMMETRIES.values()), seed=5).model
    model.save(tmp_path)
    outcome = verify(tmp_path)
    assert outcome.ok, [check for check in outcome.checks if not check.ok]
    stored = groundtruth.load(tmp_path)
    assert stored.recipe == model.recipe
    assert stored.frame is not None and model.frame is not None and torch.equal(stored.frame, model.frame)
    assert [c.truths for c in read_circuits(tmp_path, model.graph)] == [c.truths for c in model.known_circuits]


@pytest.mark.parametrize("name", SYMMETRIES)
def test_the_seed_decides(name):
    model = SYMMETRIES["insert_heads"](groundtruth.load("first_is_last"), count=3)
    first, again = (SYMMETRIES[name](model, seed=7).weights for _ in range(2))
    assert all(torch.equal(getattr(first, part), getattr(again, part)) for part in NAMES)
    others = [SYMMETRIES[name](model, seed=seed).weights for seed in range(4)]
    for part in CHANGES[name]:
        assert any(not torch.equal(getattr(first, part), getattr(other, part)) for other in others)


def test_a_variant_remembers_how_it_was_made():
    model = SYMMETRIES["embed"](groundtruth.load("hist"), seed=3, extra=5)
    assert [str(step) for step in model.recipe] == ["embed(seed=3, extra=5)"]
    assert (model.name, model.weights.d_model) == ("hist@embed", groundtruth.load("hist").weights.d_model + 5)


def test_a_change_of_function_is_no_symmetry():
    def break_it(model, rng):
        broken = replace(model.weights, W_U=model.weights.W_U.flip(1))
        return Made(replace(model, weights=broken), same_nodes(model))

    with pytest.raises(VariantError, match=r"'hist@broken' gives \[.*\] on \(1,\), where 'hist' gives \[1\]"):
        Symmetry("broken", "wrong", break_it).apply(groundtruth.load("hist"))


def test_a_wrong_map_of_edges_is_noticed():
    variant = SYMMETRIES["insert_layers"].apply(groundtruth.load("reverse"), seed=0)
    wrong = Variant(variant.original, variant.model, same_nodes(variant.original))
    with pytest.raises(
        VariantError, match=r"edges of 'reverse@insert_layers' have another truth: .* was live, is absent"
    ):
        wrong.require_same_truth()
    assert variant.edges[Edge("input", "m0")].source == "input"


def test_a_frame_of_other_weights_is_noticed():
    model = SYMMETRIES["rotate"](groundtruth.load("hist"), seed=0)
    assert model.frame is not None
    with pytest.raises(VariantError, match="rows of a frame must be orthonormal; these are off by 3"):
        _ = replace(model, frame=2 * model.frame).aligned
    embedded = SYMMETRIES["embed"](model, seed=0)
    assert embedded.frame is not None
    other = SYMMETRIES["embed"](model, seed=1).frame
    with pytest.raises(VariantError, match="W_E acts outside the frame"):
        _ = replace(embedded, frame=other).aligned


@pytest.mark.parametrize(("name", "given"), [("embed", {"extra": 0}), ("insert_heads", {"count": 0})])
def test_parameters_that_change_nothing_are_refused(name, given):
    with pytest.raises(VariantError, match=rf"{name}\(\w+=0\)"):
        SYMMETRIES[name].apply(groundtruth.load("hist"), **given)


def test_every_symmetry_is_what_it_says():
    assert set(SYMMETRIES) == set(CHANGES)
    assert all(symmetry.name == name and symmetry.description for name, symmetry in SYMMETRIES.items())
