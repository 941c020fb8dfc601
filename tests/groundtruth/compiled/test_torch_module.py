"""The module with hooks is Tracr's JAX model, and the plain functions that proofs run on, at every place."""

from fnmatch import fnmatch

import numpy as np
import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation

from groundtruth import programs
from groundtruth.compiled.forward import forward, logits
from groundtruth.compiled.settings import TRACR
from groundtruth.compiled.torch_module import CompiledTransformer
from groundtruth.compiler.compile_program import compile_unchecked
from groundtruth.errors import DomainError
from tests.groundtruth.library_models import compiled
from tests.groundtruth.tracr_oracle import tracr_model, tracr_run

TRACRS = ["reverse", "frac_prevs", "running_parity", "shuffle_dyck2"]
"""Values, a number, a causal mask, and several heads a layer: JAX takes a second or more to compile each."""
KINDS = ["reverse", "pair_balance", "running_parity", "bracket_depth", "shuffle_dyck2"]


@pytest.mark.parametrize("name", TRACRS)
def test_every_residual_is_that_of_tracr_s_jax_model(name):
    program = programs.get(name)
    ours = compile_unchecked(program.function(), program.domain, causal=program.causal, settings=TRACR)
    module = CompiledTransformer(ours.weights, dtype=torch.float32)
    inputs = program.domain.sample(12, seed=1)
    ends = min(map(len, inputs)), max(map(len, inputs))  # JAX compiles every step anew for each length
    for tokens in (tokens for tokens in inputs if len(tokens) in ends):
        _, cache = module.run_with_cache(ours.encode([tokens]))
        halves = [cache[f"blocks.{layer}.hook_resid_mid"][0] for layer in range(module.cfg.n_layers)]
        fulls = [cache[f"blocks.{layer}.hook_resid_post"][0] for layer in range(module.cfg.n_layers)]
        residuals = torch.stack([each for pair in zip(halves, fulls, strict=True) for each in pair]).detach().numpy()
        theirs, output = tracr_run(tracr_model(name), tokens)
        assert residuals.shape == theirs.shape
        np.testing.assert_allclose(residuals, theirs, rtol=0, atol=1e-6)
        assert ours.run_many([tokens])[0] == pytest.approx(output, abs=1e-6)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 0.0), (torch.float32, 1e-5)])
@pytest.mark.parametrize("name", KINDS)
def test_the_module_is_the_plain_forward_pass(name, dtype, tolerance):
    model = compiled(name)
    ids = model.encode(model.domain.inputs(limit=300).tokens)  # of all lengths: padded
    states = forward(model.weights, ids)
    output, cache = CompiledTransformer(model.weights, dtype=dtype).run_with_cache(ids)
    layers = range(model.weights.n_layers)
    pairs = {
        "logits": (output, states.logits),
        "embed": (cache["hook_embed"], states.embed),
        "pos": (cache["hook_pos_embed"], states.pos.expand_as(states.embed)),
        "heads": (torch.stack([cache[f"blocks.{layer}.attn.hook_result"] for layer in layers]), states.heads),
        "mlps": (torch.stack([cache[f"blocks.{layer}.hook_mlp_out"] for layer in layers]), states.mlps),
        "residual": (cache[f"blocks.{model.weights.n_layers - 1}.hook_resid_post"], states.residual),
    }
    for place, (ours, plain) in pairs.items():
        assert ours.dtype == dtype and ours.shape == plain.shape, place
        assert (ours.double() - plain).abs().max() <= tolerance, place


@pytest.mark.parametrize("name", [*KINDS, "hist", "add_with_hints"])
def test_leaving_out_what_is_zero_changes_no_logit(name):
    model = compiled(name)
    ids = model.encode(model.domain.sample(20, seed=3))
    torch.testing.assert_close(logits(model.weights, ids), forward(model.weights, ids).logits, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_a_batch_is_its_rows(name):
    model = compiled(name)
    module = CompiledTransformer(model.weights, dtype=torch.float64)
    ids = model.encode(model.domain.sample(12, seed=2))
    rows = torch.cat([module(row[None]) for row in ids])
    torch.testing.assert_close(module(ids), rows, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["reverse", "hist", "shuffle_dyck2"])
def test_padding_changes_nothing_where_it_is_declared_harmless(name):
    model = compiled(name)
    assert programs.get(name).pad_safe
    module = model.transformer
    for tokens in model.domain.sample(20, seed=4):
        alone = module(model.encode([tokens]))
        padded = module(model.encode([tokens], length=model.domain.max_seq_len))
        assert padded.shape[1] == model.domain.max_seq_len + 1
        torch.testing.assert_close(padded[:, : len(tokens) + 1], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name, attends_forward", [("running_parity", False), ("reverse", True)])
def test_causal_models_see_only_the_past(name, attends_forward):
    model = compiled(name)
    _, cache = CompiledTransformer(model.weights).run_with_cache(model.encode(model.domain.sample(9, seed=5)))
    future = sum(
        cache[f"blocks.{layer}.attn.hook_pattern"].triu(1).abs().sum() for layer in range(model.weights.n_layers)
    )
    assert bool(future > 0) == attends_forward
    assert model.transformer.cfg.attention_dir == ("bidirectional" if attends_forward else "causal")


def test_every_hook_has_transformerlens_s_name_and_shape():
    model = compiled("shuffle_dyck2")
    w = model.weights
    ids = model.encode(model.domain.sample(7, seed=0), length=model.domain.max_seq_len)
    output, cache = model.transformer.run_with_cache(ids)
    batch, position = ids.shape
    stream, per_head = (batch, position, w.d_model), (batch, position, w.n_heads, w.d_model)
    inner, scores = (batch, position, w.n_heads, w.d_head), (batch, w.n_heads, position, position)
    neurons = (batch, position, w.d_mlp)
    shapes = {
        "hook_embed": stream, "hook_pos_embed": stream,
        **{f"blocks.*.hook_{letter}_input": per_head for letter in "qkv"},
        **{f"blocks.*.attn.hook_{letter}": inner for letter in "qkvz"},
        "blocks.*.attn.hook_attn_scores": scores, "blocks.*.attn.hook_pattern": scores,
        "blocks.*.attn.hook_result": per_head, "blocks.*.hook_attn_out": stream,
        "blocks.*.hook_mlp_in": stream, "blocks.*.mlp.hook_pre": neurons, "blocks.*.mlp.hook_post": neurons,
        "blocks.*.hook_mlp_out": stream,
        **{f"blocks.*.hook_resid_{place}": stream for place in ("pre", "mid", "post")},
    }  # fmt: skip
    found = {name: tuple(cache[name].shape) for name in cache}
    assert len(found) == 2 + w.n_layers * (len(shapes) - 2)
    for name, shape in found.items():
        assert [shapes[pattern] for pattern in shapes if fnmatch(name, pattern)] == [shape], name
    assert output.shape == (batch, position, len(model.decoder.values))


@pytest.mark.parametrize(
    "hook, changes",
    [("blocks.3.attn.hook_z", True), ("blocks.3.hook_q_input", True), ("blocks.1.attn.hook_z", False)],
)
def test_what_a_hook_returns_is_what_the_model_goes_on_with(hook, changes):
    model = compiled("reverse")
    ids = model.encode([(1, 2, 3, 3, 2)])
    plain = model.transformer(ids)
    cut = model.transformer.run_with_hooks(ids, fwd_hooks=[(hook, lambda value, hook: torch.zeros_like(value))])
    assert (not torch.equal(plain, cut)) == changes  # the second layer of reverse has no attention


def test_the_inputs_of_one_head_can_be_changed_alone():
    model = compiled("shuffle_dyck2")
    ids = model.encode([("(", ")", "{")])

    def blind_first_head(value, hook):
        value[:, :, 0] = 0
        return value

    _, plain = model.transformer.run_with_cache(ids)
    model.transformer.add_hook("blocks.0.hook_v_input", blind_first_head)
    _, changed = model.transformer.run_with_cache(ids)
    model.transformer.reset_hooks()
    heads = (plain["blocks.0.attn.hook_result"] - changed["blocks.0.attn.hook_result"]).abs().amax((0, 1, 3))
    assert heads[0] > 0.1 and (heads[1:] == 0).all()
    torch.testing.assert_close(plain["blocks.0.hook_resid_pre"], changed["blocks.0.hook_resid_pre"], rtol=0, atol=0)


def test_gradients_flow_and_the_weights_of_the_model_stay_its_own():
    model = compiled("hist")
    module = CompiledTransformer(model.weights, dtype=torch.float64)
    before = model.weights.W_out.clone()
    module(model.encode([(1, 1, 2)])).sum().backward()
    with torch.no_grad():
        for parameter in module.parameters():
            assert parameter.grad is not None
            parameter.zero_()
    assert torch.equal(model.weights.W_out, before) and not model.weights.W_out.requires_grad


def test_more_positions_than_the_model_has_are_refused():
    with pytest.raises(DomainError, match="8 positions; the model has 6, BOS among them"):
        compiled("reverse").transformer(torch.zeros(1, 8, dtype=torch.long))


def test_shapes_are_checked_under_test():
    model = compiled("hist")
    with pytest.raises(BeartypeCallHintParamViolation, match="batch position"):
        forward(model.weights, torch.tensor([0, 1, 2]))
    with pytest.raises(BeartypeCallHintParamViolation, match="batch position"):
        model.transformer(torch.tensor([[0.0, 1.0, 2.0]]))
