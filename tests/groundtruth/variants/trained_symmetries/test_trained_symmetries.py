"""Every symmetry of a trained network leaves function, circuit and variables what they are, enumerated on it anew."""

import itertools
from dataclasses import replace

import pytest
import torch

import groundtruth
from groundtruth import localization_task
from groundtruth.errors import VariantError
from groundtruth.files import from_json, to_json
from groundtruth.report.views.trained_view import trained_facts
from groundtruth.specs import find_model
from groundtruth.store.read_trained import read_trained_network
from groundtruth.store.save_trained import save_trained
from groundtruth.trained.certify_network import Certifier, certify
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.circuits.circuit import ABLATIONS
from groundtruth.variants.symmetries import SYMMETRIES
from groundtruth.variants.trained_symmetries import TRAINED_SYMMETRIES, TrainedSymmetry, TrainedVariant, compose_trained
from groundtruth.variants.trained_symmetries.trained_variant import TrainedChange
from groundtruth.variants.variant import same_nodes
from groundtruth.verification.trained_recipe_claims import require_trained_recipe
from groundtruth.verification.verify_model import every_check
from mib import localization
from tests.groundtruth.trained.small_networks import ARCHITECTURES, LLAMA, random_network
from tests.groundtruth.trained.wired_by_hand import copying_network

SHAPES = {**ARCHITECTURES, "grouped queries": replace(LLAMA, n_heads=4, n_kv_heads=2), "relu": ARCHITECTURES["gpt2"]}
SHAPES["relu"] = replace(SHAPES["relu"], activation="relu")

SCALED = ("llama", "grouped queries", "relu")
"""Architectures whose neurons can be on another scale."""

READERS = {"W_Q", "W_K", "W_V", "W_in", "W_gate", "W_U"}
WRITERS = {"W_E", "W_pos", "W_O", "W_out", "b_out"}
GAINS = {"attn_gain", "mlp_gain", "final_gain"}
HEADS = {"W_Q", "W_K", "W_V", "W_O", "b_Q", "b_K", "b_V"}
NEURONS = {"W_in", "W_gate", "W_out", "b_in"}
CHANGES = {
    "rotate": READERS | WRITERS | GAINS,
    "embed": READERS | WRITERS | GAINS,
    "gauge_qk": {"W_Q", "W_K", "b_Q", "b_K"},
    "gauge_ov": {"W_V", "W_O", "b_V"},
    "permute_neurons": NEURONS,
    "scale_neurons": NEURONS - {"W_gate"},
    "permute_heads": HEADS,
    "insert_heads": HEADS,
    "insert_layers": HEADS | NEURONS | {"b_out", "attn_gain", "mlp_gain"},
}
"""The weights that each symmetry may change, and does where the architecture has them."""


@pytest.fixture(name="models", scope="module")
def _models():
    return {name: TrainedModel.of(random_network(shape, seed=3)) for name, shape in SHAPES.items()}


def _changed(variant: TrainedVariant) -> set[str]:
    before, after = variant.original.weights.tensors, variant.model.weights.tensors
    assert set(before) == set(after)
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", TRAINED_SYMMETRIES)
def test_a_symmetry_keeps_the_function(name, shape, models):
    model = models[shape]
    if name == "scale_neurons" and shape not in SCALED:
        with pytest.raises(VariantError, match=f"{model.architecture.activation} of twice a number is not twice"):
            TRAINED_SYMMETRIES[name].apply(model, seed=1)
        return
    variant = TRAINED_SYMMETRIES[name].apply(model, seed=1)
    # Heads of one group share their keys and values, so that these stay when only heads change places.
    expected = CHANGES[name] & set(model.weights.tensors)
    if name == "permute_heads" and model.architecture.kv_heads == 1:
        expected -= {"W_K", "W_V", "b_K", "b_V"}
    assert _changed(variant) == expected
    assert variant.largest_difference() < 1e-12 * float(
        model.logits(model.encode([*model.domain.enumerate()])).abs().max()
    )


def _certified(model: TrainedModel) -> TrainedModel:
    """A model with its certificate, random subsets left out: they take the longest, and are drawn edge by edge."""
    return TrainedModel.of(model, certificate=certify(model, n_subsets=0))


def _composed(model: TrainedModel, seed: int) -> TrainedVariant:
    """All symmetries that the architecture has, one after the other."""
    scaled = model.architecture.gated or model.architecture.activation == "relu"
    names = [name for name in TRAINED_SYMMETRIES if name != "scale_neurons" or scaled]
    variant = compose_trained(model, names, seed=seed)
    assert [step.name for step in variant.model.recipe] == names
    assert len(variant.model.graph.edges) > len(model.graph.edges) == len(set(variant.edges.values()))
    return variant


@pytest.mark.parametrize(
    ("shape", "ablation"), [("gpt2", "resample"), ("grouped queries", "mean"), ("biases, exact gelu", "zero")]
)
def test_every_edge_moves_logits_as_far_as_before(shape, ablation, models):
    """Cut alone on every pair: the same runs come out wrong, by the same margins, with random weights everywhere."""
    variant = _composed(models[shape], seed=5)
    before, after = Certifier(variant.original), Certifier(variant.model)
    n_live = 0
    for edge, place in variant.edges.items():
        old, new = before.edge(edge, ablation), after.edge(place, ablation)
        assert (new.status, new.claim.runs, new.claim.wrong) == (old.status, old.claim.runs, old.claim.wrong)
        assert new.moved == pytest.approx(old.moved, rel=1e-3, abs=1e-3)
        n_live += old.status == "live"
    assert n_live > 5


def test_symmetries_keep_every_claim_of_the_certificate():
    """Statuses, reasons, sufficiency, circuits and interchanges under every ablation."""
    variant = _composed(_certified(TrainedModel.of(copying_network())), seed=2)
    variant = replace(variant, model=_certified(variant.model))
    for ablation in ABLATIONS:
        before, after = variant.original.circuit(ablation), variant.require_same_truth(ablation)
        assert after.counts["live"] == before.counts["live"] > 0
        assert [after[variant.edges[t.edge]].reason for t in before.truths] == [t.reason for t in before.truths]
    assert not variant.model.certificate.unmet(variant.model)
    assert f"variant that keeps the function · {variant.model.recipe[0]} · " in trained_facts(variant.model).plain


@pytest.mark.parametrize("name", TRAINED_SYMMETRIES)
def test_the_seed_decides(name, models):
    model = models["grouped queries"]
    first, again, other = (TRAINED_SYMMETRIES[name](model, seed=seed).weights.tensors for seed in (7, 7, 8))
    assert all(torch.equal(value, again[part]) for part, value in first.items())
    if name not in ("permute_heads", "insert_heads", "insert_layers"):  # of few places two seeds may draw the same
        assert any(not torch.equal(value, other[part]) for part, value in first.items())


def test_layer_norm_is_turned_around_the_mean_and_rms_norm_in_all_directions(models):
    """Behind LayerNorm the stream's mean at every position stays what it is; RMSNorm has no mean to keep."""
    means = {}
    for shape in ("gpt2", "llama"):
        variant = TRAINED_SYMMETRIES["rotate"].apply(models[shape], seed=0)
        own, turned = (model.weights.W_E.mean(-1) for model in (variant.original, variant.model))
        means[shape] = float((own - turned).abs().max())
    assert means["gpt2"] < 1e-14 < 0.1 < means["llama"]


def test_what_is_said_of_a_variant_is_proven_again_from_its_files(tmp_path):
    model = find_model("contains_either@free-llama-1@rotated")
    assert isinstance(model, TrainedModel)
    assert [step.name for step in model.recipe] == [
        "gauge_qk", "gauge_ov", "permute_neurons", "scale_neurons", "permute_heads", "rotate",
    ]  # fmt: skip
    model = _certified(model)
    save_trained(model, tmp_path)
    stored = groundtruth.load(tmp_path)
    assert isinstance(stored, TrainedModel) and stored.recipe == model.recipe
    # The checks after these enumerate the domain again, as those of any trained model do.
    checks = list(itertools.islice(every_check(tmp_path), 3))
    assert all(check.ok for check in checks), checks
    said = {check.what: check.detail for check in checks}
    assert [*said] == ["files", "recipe", "weights = program"]
    assert said["recipe"].startswith("'contains_either@free-llama-1', then gauge_qk(seed=0), gauge_ov(seed=1)")
    assert all(not item.claim.wrong for item in model.certificate.interchanges)
    for changed, words in (
        ({"name": "contains_either@free-llama-1@rotate"}, "but its recipe is gauge_qk, gauge_ov"),
        ({"recipe": [["gauge_qk", 9, {}], *_steps(model)[1:]]}, "another W_Q"),
        ({"recipe": [["decoys", 0, {}], *_steps(model)[1:]]}, "the recipe has a step 'decoys'"),
        ({"recipe": [["gauge_qk", 0, {"extra": 3}], *_steps(model)[1:]]}, "has no parameter 'extra'"),
    ):
        assert words in _recipe_claim(tmp_path, changed)


def _steps(model):
    return [[step.name, step.seed, dict(step.parameters)] for step in model.recipe]


def _recipe_claim(folder, changed) -> str:
    """What the recipe claim says of files in which some fields of model.json are others."""

    described = (folder / "model.json").read_bytes()
    try:
        (folder / "model.json").write_bytes(to_json(from_json(described) | changed))
        with pytest.raises(groundtruth.GroundTruthError) as refused:
            require_trained_recipe(read_trained_network(folder))
    finally:
        (folder / "model.json").write_bytes(described)
    return str(refused.value)


def test_methods_give_moved_edges_the_same_scores():
    """What a method makes of a variant is what it makes of the original, edge by edge: its scores know no basis."""
    model = find_model("contains_both@free-llama-0")
    assert isinstance(model, TrainedModel)
    variant = compose_trained(model, ("gauge_qk", "gauge_ov", "scale_neurons", "permute_heads", "rotate"), seed=1)
    before, after = (
        localization.get("eap")(localization_task(model, n_pairs=32, dtype=torch.float64))
        for model in (variant.original, variant.model)
    )
    for edge, place in variant.edges.items():
        assert float(before[edge]) == pytest.approx(float(after[place]), abs=1e-9)


def test_names_stand_for_variants_of_trained_models():
    model = find_model("hist@free-0@embed+permute_heads")
    assert (model.name, model.graph.d_model) == ("hist@free-0@embed+permute_heads", 72)
    assert find_model("hist@layernorm@scale_neurons").name == "hist@layernorm@scale_neurons"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hist@free-0@soft", "'hist@free-0' has no variant 'soft'. Variants that give it other parts are for compiled"),
        ("hist@free-0@rotatd", "has no variant 'rotatd'. Did you mean: rotated, rotate?"),
        ("hist@free-0@layernorm", "has no variant 'layernorm'"),
        ("hist@free-0@scale_neurons", "gelu_new of twice a number is not twice its gelu_new. Take permute_neurons"),
        ("hist@free-0@rotated+rotate", "all but rotated may be joined by '[+]'"),
    ],
)
def test_what_a_trained_model_does_not_have_is_refused_with_the_reason(name, words):
    with pytest.raises(VariantError, match=words):
        find_model(name)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("embed", {"extra": 0}, r"embed\(extra=0\)"),
        ("insert_heads", {"count": 0}, r"insert_heads\(count=0\)"),
        ("insert_layers", {"count": 15}, "n_layers=17 is out of range"),
        ("embed", {"extra": 501}, "cannot be embedded: d_model=513 is out of range"),
    ],
)
def test_parameters_out_of_range_are_refused(name, given, words, models):
    with pytest.raises(VariantError, match=words):
        TRAINED_SYMMETRIES[name].apply(models["gpt2"], **given)


def test_a_change_of_function_and_a_wrong_map_are_noticed(models):
    model = models["gpt2"]

    def break_it(network, rng):
        broken = replace(network.weights, W_U=network.weights.W_U.flip(1))
        return TrainedChange(replace(network, weights=broken), same_nodes(network))

    with pytest.raises(VariantError, match=r"'random@broken' gives \[.*\] on \(1, 1, 1\), where 'random' gives"):
        TrainedSymmetry("broken", "wrong", break_it).apply(model)
    model = _certified(TrainedModel.of(copying_network()))
    variant = TRAINED_SYMMETRIES["permute_heads"].apply(model, seed=0)
    wrong = TrainedVariant(model, _certified(variant.model), same_nodes(model))
    with pytest.raises(VariantError, match="claims of '.*[+@]permute_heads' are others: .* was (live|absent), is"):
        wrong.require_same_truth()


def test_they_have_the_names_of_the_symmetries_of_compiled_models():
    assert [*TRAINED_SYMMETRIES] == [*SYMMETRIES] == [*CHANGES]
    assert all(TRAINED_SYMMETRIES[name].description == SYMMETRIES[name].description for name in SYMMETRIES)


@pytest.mark.parametrize("name", ["waiting_pair@wired-3", "contains_x_by_vote@wired-0", "hist@sparse-0"])
def test_deep_voting_and_sparse_networks_can_be_rotated(name):
    """Each answers as before on its whole domain, else making the variant is an error."""
    assert find_model(f"{name}@rotated").name == f"{name}@rotated"
