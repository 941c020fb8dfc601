"""Harder variants keep their output on the whole domain, and what is said of their circuits is proven on them."""

import contextlib
from dataclasses import replace

import pytest
import torch

import groundtruth
from groundtruth.compiled.forward import NAMES, forward, logits
from groundtruth.compiler.compile_program import check
from groundtruth.errors import VariantError
from groundtruth.rasp.expressions import walk
from groundtruth.store.catalog import shipped_variants
from groundtruth.truth.circuits.circuit import ABLATIONS
from groundtruth.truth.variables import prove_variables
from groundtruth.variants.hardenings import HARDENINGS, side_by_side
from groundtruth.variants.hardenings.exactness import Exactness
from groundtruth.variants.hardenings.softness import SOFTEST, softened, softest, thresholds
from groundtruth.variants.make_variant import variant_of
from groundtruth.variants.symmetries import SYMMETRIES
from groundtruth.verification.verify_model import circuit_again, verify
from tests.groundtruth.brute_force import small

FOR_ALL = ("decoys", "guest", "copies", "soft", "noise")
"""Hardenings that every kind of model allows."""


def _outputs(model, inputs):
    return model.decoder.codes(logits(model.weights, model.encode(inputs))[:, 1:])


@pytest.mark.parametrize("model", ["hist", "frac_prevs"])
@pytest.mark.parametrize("name", FOR_ALL)
def test_a_hardening_leaves_the_output_what_it_was(name, model):
    original = groundtruth.load(model)
    variant = HARDENINGS[name](original, seed=3)
    assert check(variant) == original.check
    assert variant.pad_safe == original.pad_safe
    assert [step.name for step in variant.recipe] == [name]
    assert any(
        getattr(variant.weights, part).shape != getattr(original.weights, part).shape
        or not torch.equal(getattr(variant.weights, part), getattr(original.weights, part))
        for part in NAMES
    )


@pytest.mark.parametrize("name", sorted(HARDENINGS))
def test_a_hardening_leaves_the_program_of_its_model_alone(name):
    original = groundtruth.load("contains_x")  # it reads an average, whose values a table of a function would list
    functions = [(e, getattr(e, "f", None), getattr(e, "predicate", None)) for e in walk(original.program)]
    with contextlib.suppress(VariantError):
        HARDENINGS[name](original, seed=0)
    again = [(e, getattr(e, "f", None), getattr(e, "predicate", None)) for e in walk(original.program)]
    assert [tuple(map(id, one)) for one in again] == [tuple(map(id, one)) for one in functions]


@pytest.mark.parametrize("name", ["decoys", "guest"])
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_decoys_are_true_negatives(name, ablation):
    original = groundtruth.load("follow_pointer_twice")
    variant = HARDENINGS[name].apply(original, seed=1)
    before, after = original.circuit(ablation), variant.model.circuit(ablation)
    assert {variant.edges[edge] for edge in before.edges} == set(after.edges)
    assert after.sufficiency == before.sufficiency
    new = [truth for truth in after.truths if truth.edge not in set(variant.edges.values())]
    assert {(t.status, t.proof) for t in new} == {("absent", "zero"), ("inert", "unread")}
    assert {t.reason.used_for for t in new if t.proof == "unread"} == {("a decoy",)}


def test_decoys_are_loud_and_follow_the_input():
    variant = HARDENINGS["decoys"](groundtruth.load("first_letters"), seed=0, heads=2, neurons=3)
    tokens = list(variant.domain.inputs(limit=200).tokens)
    states = forward(variant.weights, variant.encode(tokens))
    decoys = [head for head in variant.provenance.heads if head.role == "decoy"]
    assert len(decoys) == 2 * variant.weights.n_layers
    for head in decoys:
        written = states.heads[head.layer, :, 1:, head.head]
        assert float(written.norm(dim=-1).mean()) > 0.5
        assert float(written.std(0).amax()) > 0.1
    for layer in range(variant.weights.n_layers):
        own = [n.index for n in variant.provenance.neurons_in(layer) if n.role == "decoy"]
        assert len(own) == 3
    unread = [index for index, d in enumerate(variant.provenance.directions) if d.kind == "decoy"]
    assert float(states.residual[..., unread].abs().mean()) > 0.5


def test_what_is_called_a_decoy_must_be_of_no_use():
    variant = HARDENINGS["decoys"](groundtruth.load("hist"), seed=0)
    heads = tuple(replace(head, role="decoy", expression=None) for head in variant.provenance.heads)
    wrong = replace(variant, provenance=replace(variant.provenance, heads=heads))
    with pytest.raises(VariantError, match="head 0 of layer 0 is called a decoy, but what it writes is read"):
        wrong.circuit()


def test_a_dense_unembedding_reads_everything_and_moves_no_difference_of_logits():
    original = small("sort_unique")
    variant = HARDENINGS["dense"](original, seed=0)
    assert bool(variant.weights.W_U.ne(0).all()) and not bool(original.weights.W_U.ne(0).all(1).any())
    tokens = list(original.domain.inputs().tokens)
    ours, theirs = (logits(m.weights, m.encode(tokens)) for m in (variant, original))
    assert float((ours - theirs).abs().max()) > 1.0
    centred = [values - values.mean(-1, keepdim=True) for values in (ours, theirs)]
    assert torch.allclose(*centred, rtol=0.0, atol=1e-12)
    for ablation in ABLATIONS:
        assert [(t.edge, t.status, t.proof) for t in variant.circuit(ablation).truths] == [
            (t.edge, t.status, t.proof) for t in original.circuit(ablation).truths
        ]
    assert all(truth.certified for truth in prove_variables(variant))


@pytest.mark.parametrize("model", ["frac_prevs", "mark_first"])
def test_logits_that_mean_something_by_themselves_are_not_made_dense(model):
    original = groundtruth.load("frac_prevs") if model == "frac_prevs" else _selects_nothing()
    with pytest.raises(VariantError, match="its logits mean something by themselves"):
        HARDENINGS["dense"](original)


def _selects_nothing():
    from tracr.rasp import rasp

    first = rasp.Select(rasp.indices, rasp.Map(lambda i: i + 1, rasp.indices), rasp.Comparison.EQ)
    return groundtruth.compile(rasp.Aggregate(first, rasp.tokens, default=None), vocab="ab", max_seq_len=3, name="next")


def test_programs_side_by_side_share_all_weights_but_the_unembedding():
    models = [groundtruth.load(name) for name in ("hist", "count_larger", "shift_by_one")]
    sums = side_by_side(models)
    for part in set(NAMES) - {"W_U"}:
        assert all(torch.equal(getattr(other.weights, part), getattr(sums[0].weights, part)) for other in sums)
    for own, together in zip(models, sums, strict=True):
        tokens = list(own.domain.inputs().tokens)
        for length in own.domain.lengths:
            batch = [item for item in tokens if len(item) == length]
            assert not bool(own.decoder.differ(_outputs(together, batch), _outputs(own, batch)).any())
        assert len(together.circuit().edges) == len(own.circuit().edges)


def test_a_guest_must_take_the_inputs_of_its_host():
    with pytest.raises(VariantError, match="'odd_one_out' cannot stand beside 'hist': it has no tokens 1, 2, 3"):
        HARDENINGS["guest"](groundtruth.load("hist"), guest="odd_one_out")
    with pytest.raises(VariantError, match="one is causal and one is not"):
        HARDENINGS["guest"](groundtruth.load("hist"), guest="hist_so_far")


def test_copies_are_redundant_when_zeroed_and_needed_when_resampled():
    """A half of a one-hot value still decodes; a half of another value beside a half of the right one is a tie."""
    original = groundtruth.load("copy_first")
    variant = HARDENINGS["copies"].apply(original, seed=0)
    names = {"a0.h0", "a0.h1"}
    resampled, zeroed = variant.model.circuit("resample", "fixed"), variant.model.circuit("zero", "fixed")
    assert {edge.source for edge in resampled.edges if edge.destination == "logits"} == names
    assert zeroed.sufficiency.holds is False
    assert not {edge.source for edge in zeroed.edges} & names
    alternatives = [{edge.source for edge in circuit} & names for circuit in zeroed.minimal_circuits]
    assert sorted(map(sorted, alternatives)) == [["a0.h0"], ["a0.h1"]]
    assert all(truth.certified for truth in prove_variables(variant.model))


def test_a_backup_acts_only_when_the_first_is_cut():
    original = groundtruth.load("copy_first")
    variant = HARDENINGS["backup"].apply(original, seed=0)
    model = variant.model
    assert variant.nodes["a0.h0"] == "a0.h0"
    assert variant.nodes["m0"] == "m1"
    tokens = model.encode(list(original.domain.inputs().tokens))
    assert float(forward(model.weights, tokens).mlps[0].abs().max()) == 0.0
    cut = model.weights.W_O.clone()
    cut[0, 0] = 0.0
    without_first = replace(model.weights, W_O=cut)
    assert float(forward(without_first, tokens).mlps[0].abs().max()) == 1.0
    zeroed = model.circuit("zero", "fixed")
    ways = [{edge.source for edge in circuit} - {"input", "pos", "a0.h0"} for circuit in zeroed.minimal_circuits]
    assert sorted(map(sorted, ways)) == [[], ["a0.h1", "m0"]]
    values = [{str(edge) for edge in circuit if "<v>" in edge.destination} for circuit in zeroed.minimal_circuits]
    assert sorted(map(sorted, values)) == [["input->a0.h0<v>"], ["input->a0.h1<v>"]]
    before, after = original.circuit("resample", "fixed"), model.circuit("resample", "fixed")
    assert {variant.edges[edge] for edge in before.edges} == set(after.edges)


def test_softness_is_the_largest_that_still_decodes():
    original = groundtruth.load("hist")
    attention, slope = softest(original)
    exact = Exactness(original)
    assert exact(softened(original, attention, slope))
    assert not exact(softened(original, attention / 1.1, slope))
    assert not exact(softened(original, attention, slope / 1.1))
    assert attention < 0.1 and slope < 0.01
    assert len(thresholds(original, 0)) == 5


@pytest.mark.parametrize("name", [name for name in shipped_variants() if name.endswith("@soft")])
def test_the_softness_that_is_stored_is_the_largest_that_decodes(name):
    """It decodes, and none softer does: neither just below, within the resolution of the search, nor far below."""
    original = groundtruth.load(name.partition("@")[0])
    stored = dict(groundtruth.load(name).recipe[0].parameters)
    exact = Exactness(original)
    assert exact(softened(original, stored["attention"], stored["slope"]))
    for factor, value in stored.items():
        nothing_to_soften = factor == "slope" and not any(
            thresholds(original, layer) for layer in range(original.weights.n_layers)
        )
        if value == SOFTEST or nothing_to_soften:
            assert value in (SOFTEST, 1.0)
            continue
        for softer in (value / 1.012, value / 2, value / 30):
            assert not exact(softened(original, **(stored | {factor: softer}))), (factor, softer)


BOTH_ORDERS = (("decoys", "copies"), ("soft", "copies"), ("dense", "soft"), ("guest", "noise"))


@pytest.mark.parametrize("names", [order for a, b in BOTH_ORDERS for order in ((a, b), (b, a))])
def test_hardenings_compose_in_both_orders_and_are_proven_on_what_comes_out(names):
    original = small("copy_first", letters=3)
    variant = variant_of(original, "+".join(names), seed=1)
    assert [step.name for step in variant.recipe] == list(names)
    assert check(variant) == original.check
    for ablation in ("resample", "zero"):
        found = variant.circuit(ablation, "fixed")
        assert found.counts["undecided"] == 0 and found.minimal_circuits and found.edges + found.redundant
        assert circuit_again(variant, found)  # every status by its own proof, and what suffices
    copied = "copies" in names
    resampled = {edge.source for edge in variant.circuit("resample", "fixed").edges if edge.destination == "logits"}
    assert len(resampled) == (2 if copied else 1)
    assert (variant.circuit("zero", "fixed").sufficiency.holds is False) == copied


def test_what_does_not_compose_is_refused_because_outputs_are_compared_again():
    """Noise leaves no margin; read relative to their mean, as dense ones are, some logits fall below what counts."""
    assert variant_of(groundtruth.load("copy_first"), "dense+noise", seed=1).decoder.centered
    with pytest.raises(
        VariantError, match=r"'copy_first@noise\+dense' gives \[None\] on \('a',\), where 'copy_first@noise'"
    ):
        variant_of(groundtruth.load("copy_first"), "noise+dense", seed=1)


def test_soft_attention_has_gradients():
    original = groundtruth.load("hist")
    tokens = original.encode([(1, 2, 3, 1)])
    sizes = []
    for model in (original, HARDENINGS["soft"](original)):
        w_q = model.weights.W_Q.clone().requires_grad_()
        logits(replace(model.weights, W_Q=w_q), tokens)[..., 1].sum().backward()
        assert w_q.grad is not None
        sizes.append(float(w_q.grad.abs().max()))
    assert sizes[0] < 1e-20 < 1e-5 < sizes[1]


def test_soft_models_say_which_interchanges_go_wrong():
    original = small("previous_token", letters=2)

    def wrong(model):
        return sum(i.wrong for t in prove_variables(model) for s in t.stages for i in s.interchanges)

    far, near = HARDENINGS["soft"](original), HARDENINGS["soft"](original, exact_interchanges=True)
    assert wrong(near) == wrong(original) == 0 < wrong(far)
    assert dict(near.recipe[0].parameters)["attention"] > dict(far.recipe[0].parameters)["attention"]
    assert set(far.circuit().edges) == set(original.circuit().edges)


def test_noise_goes_up_to_the_tolerance():
    original = groundtruth.load("hist")
    level = dict(HARDENINGS["noise"](original, seed=2).recipe[0].parameters)["level"]
    assert 1e-9 < level < 1.0
    HARDENINGS["noise"](original, seed=2, level=level)
    with pytest.raises(VariantError, match=r"'hist@noise' gives .* where 'hist' gives"):
        HARDENINGS["noise"](original, seed=2, level=1.05 * level)


def test_superposition_is_exact_in_what_it_decodes_and_measured_in_what_is_known_of_it():
    original = groundtruth.load("previous_token")
    variant = HARDENINGS["superposed"](original, seed=0, dimensions=12)
    assert check(variant) == original.check
    assert (variant.weights.d_model, variant.certainty, len(variant.variables())) == (12, "measured", 0)
    measured = dict(variant.recipe[0].parameters)
    assert measured["directions"] == original.weights.d_model > measured["dimensions"] == 12
    assert 0.01 < measured["coherence"] < 1.0
    zeroed = variant.circuit("zero", "fixed")
    assert {t.reason.travels for t in zeroed.truths if t.structural} == {("superposed directions",)}
    assert len(zeroed.structural) > len(original.circuit("zero", "fixed").structural)
    turned = SYMMETRIES["rotate"].apply(variant, seed=1)
    turned.require_same_truth(ablation="zero", lengths="fixed")
    with pytest.raises(VariantError, match="is in superposition: harden a model first"):
        HARDENINGS["decoys"](variant)
    with pytest.raises(VariantError, match=r"superposed\(dimensions=14\): use 1 to 13, fewer than directions"):
        HARDENINGS["superposed"](original, dimensions=14)
    with pytest.raises(VariantError, match="no fewer dimensions were found that do"):
        HARDENINGS["superposed"](original, dimensions=2)


def test_hardenings_and_symmetries_compose_and_are_proven_again_from_their_files(tmp_path):
    model = small("hist", letters=2)
    for name in ("soft", "rotate", "decoys", "embed", "copies", "guest", "dense", "permute_heads", "rotate"):
        model = (HARDENINGS | SYMMETRIES)[name](model, seed=4)
    model.save(tmp_path)
    outcome = verify(tmp_path)
    assert outcome.ok, [found for found in outcome.checks if not found.ok]
    stored = groundtruth.load(tmp_path)
    assert (stored.recipe, stored.decoder, stored.provenance) == (model.recipe, model.decoder, model.provenance)


def test_the_seed_decides():
    model = groundtruth.load("copy_first")
    for name in ("decoys", "guest", "copies", "backup", "noise"):
        first, again, other = (HARDENINGS[name](model, seed=seed).weights for seed in (1, 1, 2))
        assert all(torch.equal(getattr(first, part), getattr(again, part)) for part in NAMES)
        if name in ("decoys", "noise"):
            assert any(not torch.equal(getattr(first, part), getattr(other, part)) for part in NAMES)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("decoys", {"heads": 0, "neurons": 0}, r"decoys\(heads=0, neurons=0, width=4\) adds nothing"),
        ("copies", {"copies": 1}, r"copies\(copies=1\): a head must be split into at least 2"),
        ("backup", {}, "'hist' has no head that moves one-hot values"),
        ("soft", {"attention": 1.5}, r"soft\(attention=1.5\): a factor must be in \(0, 1\]"),
        ("noise", {"level": 0.0}, r"noise\(level=0.0\): the level must be a positive number"),
    ],
)
def test_what_cannot_be_done_is_said(name, given, message):
    with pytest.raises(VariantError, match=message):
        HARDENINGS[name](groundtruth.load("hist"), **given)
