"""A site is one activation of a model; running on from it equals patching the model by its hooks."""

from typing import Any

import pytest
import torch

from mib.errors import TaskError
from mib.featurization import Site
from mib.featurization.site_positions import site_positions
from mib.featurization.site_runs import record, resume
from tests.mib.small_models import SmallModel, golden_gpt2, random_model

SITES = [
    Site.residual(1, "pre"),
    Site.residual(1, "mid", positions=-1),
    Site.residual(0, positions=(0, 2)),
    Site.at_head(1, 0),
    Site.at_head(0, 1, "result", positions=3),
    Site.at_mlp(1),
]


@pytest.mark.parametrize("site", SITES, ids=str)
def test_names_of_sites_read_back(site: Site) -> None:
    assert Site.parse(str(site)) == site


def test_names_are_those_of_the_graph_and_of_the_hooks() -> None:
    assert [str(site) for site in SITES] == [
        "residual.1.pre", "residual.1.mid@-1", "residual.0.post@0,2", "a1.h0.z", "a0.h1.result@3", "m1",
    ]  # fmt: skip
    assert [site.hook for site in SITES] == [
        "blocks.1.hook_resid_pre", "blocks.1.hook_resid_mid", "blocks.0.hook_resid_post", "blocks.1.attn.hook_z",
        "blocks.0.attn.hook_result", "blocks.1.hook_mlp_out",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("resid_post2", "residual.2.post"),
        ("resid_mid0@-1", "residual.0.mid@-1"),
        ("blocks.1.hook_resid_pre", "residual.1.pre"),
        ("a1.h0", "a1.h0.result"),
        ("a1.h0@2,3", "a1.h0.result@2,3"),
        ("blocks.0.hook_mlp_out", "m0"),
    ],
)
def test_other_spellings_are_read_as_the_one_that_is_written(alias: str, name: str) -> None:
    assert Site.parse(alias) == Site.parse(name) and str(Site.parse(alias)) == name


@pytest.mark.parametrize(
    "name",
    [
        "resid0",
        "resid_after1",
        "a1.h0.",
        "",
        "residual",
        "residual.1",
        "residual.1.after",
        "a1.h.z",
        "h1.a0.z",
        "m",
        "m0@x",
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(TaskError, match=f"'{name}' is no site"):
        Site.parse(name)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Site.residual(-1), "layer=-1 is negative"),
        (lambda: Site("residual", 0), "stage=None of a residual site; use one of 'pre', 'mid', 'post'"),
        (lambda: Site("mlp", 0, stage="pre"), "stage='pre' of a mlp site; use one of None"),
        (lambda: Site("head", 0, output="z"), "head=None of a head site"),
        (lambda: Site.residual(0, positions=(1, 1)), r"positions=\(1, 1\); name distinct positions"),
        (
            lambda: site_positions(Site.residual(0, positions=4), 2, 4),
            "is at position 4; the inputs have positions 0 to 3",
        ),
    ],
)
def test_sites_that_cannot_be_are_refused(make: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        make()


def patched_by_hand(model: SmallModel, tokens: torch.Tensor, site: Site, new: torch.Tensor) -> torch.Tensor:
    """The forward pass of ``SmallModel`` written out, with one activation replaced."""
    stream = model.embed.W_E[tokens] + model.pos_embed.W_pos[: tokens.shape[1]]

    def swap(value: torch.Tensor, kind: str, layer: int, stage: str | None) -> torch.Tensor:
        return new if (kind, layer, stage) == (site.kind, site.layer, site.stage) else value

    for layer, block in enumerate(model.blocks):
        stream = swap(stream, "residual", layer, "pre")
        attn: Any = block.attn
        q, k, v = (torch.einsum("bpd,hdk->bphk", stream, getattr(attn, f"W_{x}")) for x in "QKV")
        q, k, v = q + attn.b_Q, k + attn.b_K, v + attn.b_V
        scores = torch.einsum("bqhk,bshk->bhqs", q, k) / model.cfg.attn_scale
        z = torch.einsum("bhqs,bshk->bqhk", scores.softmax(-1), v)
        results = torch.einsum("bqhk,hkd->bqhd", z, attn.W_O)
        if (site.kind, site.layer) == ("head", layer):
            results[:, :, site.head] = new @ attn.W_O[site.head] if site.output == "z" else new
        before, stream = stream, stream + results.sum(2) + attn.b_O
        stream = swap(stream, "residual", layer, "mid")
        read = before if model.cfg.parallel_attn_mlp else stream
        hidden = torch.relu(read @ block.mlp.W_in + block.mlp.b_in)
        stream = stream + swap(hidden @ block.mlp.W_out + block.mlp.b_out, "mlp", layer, None)
        stream = swap(stream, "residual", layer, "post")
    return stream @ model.unembed.W_U + model.unembed.b_U


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("site", SITES, ids=str)
def test_running_on_from_a_site_is_the_model_with_that_activation(site: Site, parallel: bool) -> None:
    from mib.models.adapters import decompose

    model = random_model(parallel=parallel)
    anatomy = decompose(model)
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(7, (3, 5), generator=generator)
    recording = record(anatomy, site, tokens)
    torch.testing.assert_close(resume(anatomy, site, recording, tokens), model(tokens))
    new = torch.randn(recording.activation.shape, generator=generator, dtype=torch.float64)
    changed = type(recording)(new, recording.others)
    expected = patched_by_hand(model, tokens, site, new)
    assert not torch.allclose(expected, model(tokens))
    torch.testing.assert_close(resume(anatomy, site, changed, tokens), expected)


@pytest.mark.parametrize("site", [Site.residual(1, "pre"), Site.residual(0), Site.at_mlp(1)], ids=str)
def test_sites_of_a_real_model_are_its_hooks(site: Site) -> None:
    from mib.models.adapters import decompose

    model: Any = golden_gpt2()
    tokens = torch.randint(50, (3, 6), generator=torch.Generator().manual_seed(0))
    recording = record(decompose(model), site, tokens)
    seen: list[torch.Tensor] = []

    def patch(value: torch.Tensor, hook: Any) -> torch.Tensor:
        seen.append(value.clone())
        return value.roll(1, 0)

    with torch.no_grad():
        expected = model.run_with_hooks(tokens, fwd_hooks=[(site.hook, patch)])
    torch.testing.assert_close(recording.activation, seen[0], rtol=1e-4, atol=1e-4)
    rolled = type(recording)(recording.activation.roll(1, 0), recording.others)
    torch.testing.assert_close(resume(decompose(model), site, rolled, tokens), expected, rtol=1e-3, atol=1e-3)


def test_the_z_of_a_real_models_head_is_its_row_of_the_hook() -> None:
    from mib.models.adapters import decompose

    model: Any = golden_gpt2()
    site, tokens = Site.at_head(1, 2), torch.randint(50, (3, 6), generator=torch.Generator().manual_seed(0))
    recording = record(decompose(model), site, tokens)

    def patch(value: torch.Tensor, hook: Any) -> torch.Tensor:
        heads = value if value.ndim == 4 else value.unflatten(-1, (model.cfg.n_heads, -1))
        torch.testing.assert_close(recording.activation, heads[:, :, 2], rtol=1e-4, atol=1e-4)
        patched = heads.clone()
        patched[:, :, 2] = heads[:, :, 2].roll(1, 0)
        return patched.view_as(value)

    with torch.no_grad():
        expected = model.run_with_hooks(tokens, fwd_hooks=[(site.hook, patch)])
    rolled = type(recording)(recording.activation.roll(1, 0), recording.others)
    torch.testing.assert_close(resume(decompose(model), site, rolled, tokens), expected, rtol=1e-3, atol=1e-3)


def test_mid_reaches_the_skip_connection_too_which_the_bridges_hook_does_not() -> None:
    from mib.models.adapters import decompose

    model: Any = golden_gpt2()
    anatomy, site = decompose(model), Site.residual(2, "mid")
    tokens = torch.randint(50, (3, 6), generator=torch.Generator().manual_seed(0))
    recording = record(anatomy, site, tokens)
    rolled = recording.activation.roll(1, 0)
    with torch.no_grad():
        hooked = model.run_with_hooks(tokens, fwd_hooks=[(site.hook, lambda value, hook: value.roll(1, 0))])
    only_mlp = anatomy.unembed(recording.activation + anatomy.blocks[2].mlp(rolled))
    torch.testing.assert_close(hooked, only_mlp, rtol=1e-3, atol=1e-3)
    both = resume(anatomy, site, type(recording)(rolled, {}), tokens)
    torch.testing.assert_close(both, anatomy.unembed(rolled + anatomy.blocks[2].mlp(rolled)))
