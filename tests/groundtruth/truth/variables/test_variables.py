"""What is claimed of variables: their directions, readers and sites, and what the certificate counts and refuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tracr.rasp import rasp

import groundtruth
from groundtruth.errors import ArtifactError, DomainError, GroundTruthError
from groundtruth.model import CompiledModel
from groundtruth.store.read import read_model, read_variables
from groundtruth.store.write import save
from groundtruth.truth.variables import Site, VariableTruth, prove_variables
from groundtruth.truth.variables import interchanges as interchanging
from groundtruth.truth.variables.residual_sites import residual_sites
from groundtruth.verification import variable_claims
from groundtruth.verification.variable_claims import require_variables
from mib.site import Site as MibSite


@pytest.fixture(scope="module")
def reverse() -> CompiledModel:
    return groundtruth.compile(groundtruth.programs.get("reverse"))


@pytest.fixture(scope="module")
def stored(reverse: CompiledModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model, saved; not to be written to."""
    folder = tmp_path_factory.mktemp("stored") / "reverse"
    save(reverse, folder, [], variables=reverse.variables())
    return folder


def stages(truth: VariableTruth) -> list[tuple[str, str, list[str]]]:
    return [
        (stage.state, " ".join(map(str, stage.sites)), [reader.destination for reader in stage.readers])
        for stage in truth.stages
    ]


def test_every_site_of_reverse(reverse: CompiledModel) -> None:
    early = "resid_mid0 resid_post0 resid_pre1 resid_mid1"
    assert {str(truth.variable): stages(truth) for truth in reverse.variables()} == {
        "indices": [
            ("live", f"pos resid_pre0 {early}", ["m1", "a3.h0<k>"]),
            ("partly live", "resid_post1 resid_pre2 resid_mid2 resid_post2 resid_pre3", ["a3.h0<k>"]),
            ("dead", "resid_mid3 resid_post3", []),
        ],
        "tokens": [
            ("live", "input resid_pre0", ["a0.h0<k>", "a3.h0<v>"]),
            ("partly live", f"{early} resid_post1 resid_pre2 resid_mid2 resid_post2 resid_pre3", ["a3.h0<v>"]),
            ("dead", "resid_mid3 resid_post3", []),
        ],
        "1/(1+length)": [
            ("live", "a0.h0.z a0.h0 resid_mid0", ["m0"]),
            (
                "dead",
                "resid_post0 resid_pre1 resid_mid1 resid_post1 resid_pre2 resid_mid2 resid_post2 resid_pre3 "
                "resid_mid3 resid_post3",
                [],
            ),
        ],
        "length": [
            ("live", "m0 resid_post0 resid_pre1 resid_mid1", ["m1"]),
            ("dead", "resid_post1 resid_pre2 resid_mid2 resid_post2 resid_pre3 resid_mid3 resid_post3", []),
        ],
        "remaining": [
            ("live", "m1 resid_post1 resid_pre2 resid_mid2", ["m2"]),
            ("dead", "resid_post2 resid_pre3 resid_mid3 resid_post3", []),
        ],
        "opposite": [
            ("live", "m2 resid_post2 resid_pre3", ["a3.h0<q>"]),
            ("dead", "resid_mid3 resid_post3", []),
        ],
        "reverse": [("live", "a3.h0.z a3.h0 resid_mid3 resid_post3", ["logits"])],
    }


def test_counts_of_reverse(reverse: CompiledModel) -> None:
    sizes = [3**length for length in range(1, 6)]
    found = {item.pairs: item for item in reverse.variable("length").at("resid_post0").interchanges}
    assert found["fixed"].tried == sum(size**2 for size in sizes)
    assert found["mixed"].tried == sum(sizes) ** 2 - sum(size**2 for size in sizes)
    assert found["one position"].tried == sum(
        a * b * min(m, n) for m, a in enumerate(sizes, 1) for n, b in enumerate(sizes, 1)
    )
    assert all(item.exhaustive and item.wrong == item.undefined == 0 for item in found.values())
    # Inputs of one length have one length: only pairs of different lengths tell an interchange from none.
    assert found["fixed"].distinguishing == 0
    assert found["mixed"].distinguishing > 0.9 * found["mixed"].tried
    output = {item.pairs: item for item in reverse.variable("reverse").at("a3.h0").interchanges}
    assert output["fixed"].distinguishing == sum(size * (size - 1) for size in sizes)


def test_spans_are_orthonormal_and_hold_every_difference(reverse: CompiledModel) -> None:
    for truth in reverse.variables():
        variable = truth.variable
        assert truth.spread is not None
        assert truth.spread < 1e-9
        k = len(variable.values) - 1 if variable.encoding == "one-hot" else 1
        assert variable.span.shape == (reverse.weights.d_model, k)
        torch.testing.assert_close(variable.span.T @ variable.span, torch.eye(k, dtype=torch.float64))
        states = torch.stack([variable.state(value) for value in variable.values])
        differences = states - states[0]
        torch.testing.assert_close(differences @ variable.span @ variable.span.T, differences)
        assert variable.directions.shape[1] == len(variable.dimensions)


def test_none_is_a_state_of_its_own() -> None:
    before = rasp.Select(rasp.indices, rasp.indices, lambda key, query: key == query - 1)
    model = groundtruth.compile(rasp.Aggregate(before, rasp.tokens).named("before"), vocab="abc", max_seq_len=3)
    truth = model.variable("before")
    assert set(truth.variable.values) == {None, "a", "b", "c"}
    assert truth.variable.span.shape[1] == 3
    assert not truth.variable.state(None).any()
    assert truth.certified


def test_what_never_varies_has_no_span() -> None:
    model = groundtruth.compile(
        rasp.Map(lambda n: n + 1, rasp.SelectorWidth(rasp.Select(rasp.tokens, rasp.tokens, rasp.Comparison.TRUE))),
        vocab="ab",
        min_seq_len=2,
        max_seq_len=2,
    )
    truth = model.variables()[-1]
    assert truth.variable.values == (3,)
    assert truth.variable.span.shape[1] == 0
    assert [stage.state for stage in truth.stages] == ["dead"]


def test_readers_of_a_partly_live_site_are_those_still_to_come() -> None:
    model = groundtruth.load("reverse_twice")
    truth = model.variable("opposite")
    assert [(stage.state, [reader.destination for reader in stage.readers]) for stage in truth.stages] == [
        ("live", ["a3.h0<q>", "a4.h0<q>"]),
        ("partly live", ["a4.h0<q>"]),
        ("dead", []),
    ]
    mixed = truth.stages[1].interchanges[1]
    assert mixed.pairs == "mixed"
    assert mixed.distinguishing > 0


def test_rank_is_what_is_read_of_the_span() -> None:
    """Whether a token is an early one is read off one direction; which token it is needs three."""
    early = rasp.Map(lambda token: token in "ab", rasp.tokens).named("early")
    tokens = groundtruth.compile(early, vocab="abcd", max_seq_len=2).variable("tokens")
    assert tokens.variable.span.shape[1] == 3
    assert [(stage.state, stage.rank) for stage in tokens.stages] == [("live", 1), ("dead", 0)]
    same = rasp.Select(rasp.indices, rasp.indices, rasp.Comparison.EQ)
    copied = groundtruth.compile(rasp.Aggregate(same, rasp.tokens), vocab="abcd", max_seq_len=2).variable("tokens")
    assert [(stage.state, stage.rank) for stage in copied.stages] == [("live", 3), ("dead", 0)]


def test_a_model_that_is_not_its_program_is_not_certified(reverse: CompiledModel) -> None:
    weights = replace(reverse.weights, W_U=reverse.weights.W_U.clone())
    tokens = reverse.variable("tokens").variable
    weights.W_U[list(tokens.dimensions)] += 2 * torch.eye(3, dtype=torch.float64)
    wrong = replace(reverse, weights=weights)
    truth = {str(item.variable): item for item in prove_variables(wrong)}["reverse"]
    assert not truth.certified
    failure = next(item.failure for item in truth.stages[0].interchanges if item.pairs == "fixed")
    assert failure is not None
    assert str(failure) == "from 2 into 1 at positions 0: the model gives 1, the causal model 2"


def test_a_fault_that_no_input_shows_is_found() -> None:
    """A neuron for a combination of values that never occurs together: outputs are right, interchanges are not."""
    is_a = rasp.Map(lambda token: token == "a", rasp.tokens).named("is_a")
    is_b = rasp.Map(lambda token: token == "b", rasp.tokens).named("is_b")
    both = rasp.SequenceMap(lambda x, y: f"{x} {y}", rasp.categorical(is_a), rasp.categorical(is_b)).named("both")
    model = groundtruth.compile(both, vocab="abc", max_seq_len=2)
    assert all(truth.certified for truth in model.variables())
    value = model.provenance.directions
    dimension = next(i for i, item in enumerate(value) if item.kind == "variable" and item.value == "True True")
    weights = replace(model.weights, W_out=model.weights.W_out.clone())
    weights.W_out[:, :, dimension] = 0.0
    broken = replace(model, weights=weights)
    for tokens in model.domain.enumerate():
        assert broken.run(tokens) == model.run(tokens)
    faults = {str(item.variable): item.certified for item in prove_variables(broken)}
    assert faults == {"tokens": True, "is_a": False, "is_b": False, "both": True}


def test_directions_that_do_not_hold_the_value_are_not_certified() -> None:
    model = groundtruth.load("copy_first")
    weights = replace(model.weights, W_E=model.weights.W_E.clone())
    columns = list(model.variable("tokens").variable.dimensions)
    weights.W_E[:, columns] *= 1.01
    found = prove_variables(replace(model, weights=weights))
    assert {str(item.variable): item.certified for item in found} == {"tokens": False, "indices": True, "first": False}
    assert {str(item.variable): item.spread for item in found}["tokens"] == pytest.approx(0.01)
    assert not any(item.wrong for truth in found for stage in truth.stages for item in stage.interchanges)


def test_too_many_pairs_are_sampled(monkeypatch: pytest.MonkeyPatch, reverse: CompiledModel) -> None:
    monkeypatch.setattr(interchanging, "PAIR_LIMIT", 0)
    monkeypatch.setattr(interchanging, "SAMPLE", 4_000)
    found = prove_variables(reverse)
    for truth, whole in zip(found, reverse.variables(), strict=True):
        assert truth.certified
        assert [stage.sites for stage in truth.stages] == [stage.sites for stage in whole.stages]
        for stage, all_of_it in zip(truth.stages, whole.stages, strict=True):
            for item, every in zip(stage.interchanges, all_of_it.interchanges, strict=True):
                assert not item.exhaustive
                assert (600 if item.pairs == "moved" else 1_000) <= item.tried <= 1_010
                if item.pairs in ("fixed", "mixed"):  # at one position, long common parts count once for each
                    share = every.distinguishing / every.tried
                    assert item.distinguishing / item.tried == pytest.approx(share, abs=0.08)
    assert [a.claims for a in prove_variables(reverse)] == [a.claims for a in found]


def test_a_domain_too_large_is_sampled_and_said_so(reverse: CompiledModel) -> None:
    found = prove_variables(reverse, limit=100)
    assert all(truth.certified and not truth.exhaustive for truth in found)
    assert not any(item.exhaustive for truth in found for stage in truth.stages for item in stage.interchanges)


def test_variables_are_found_by_name_and_label(reverse: CompiledModel) -> None:
    assert reverse.variable("length").variable.encoding == "one-hot"
    assert reverse.variable("length_5") is reverse.variable("length")
    assert reverse.variable("1/(1+length)").variable.encoding == "reciprocal"
    with pytest.raises(DomainError, match="'reverse' has no variable 'lenght'. Did you mean: length"):
        reverse.variable("lenght")
    with pytest.raises(GroundTruthError, match="'opposite' is not at 'resid_mid2'. Did you mean: .* It is at m2, "):
        reverse.variable("opposite").at("resid_mid2")


def test_stored_variables_are_those_that_were_proven(stored: Path, reverse: CompiledModel) -> None:
    loaded = groundtruth.load(stored)
    assert [a.claims for a in loaded.variables()] == [a.claims for a in reverse.variables()]
    for read, proven in zip(loaded.variables(), reverse.variables(), strict=True):
        assert torch.equal(read.variable.span, proven.variable.span)
        assert [stage.readers for stage in read.stages] == [stage.readers for stage in proven.stages]
    detail = require_variables(loaded, loaded.variables())
    assert detail == "7 variables at 67 sites (26 live, 14 partly live, 27 dead)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["stages"][0].update(state="dead"), "1 variables are not what they are said to be: 'indices'."),
        (lambda v: v["stages"][0]["interchanges"][0].update(wrong=1), "are not what they are said to be: 'indices'."),
        (lambda v: v["stages"][1]["sites"].pop(), "are not what they are said to be: 'indices'."),
        (lambda v: v["values"].pop(), "are not what they are said to be: 'indices'."),
    ],
)
def test_what_is_not_so_is_refuted(
    tmp_path: Path, stored: Path, reverse: CompiledModel, monkeypatch: pytest.MonkeyPatch, change: Any, message: str
) -> None:
    """The last check of a verification; what comes before it is not changed here, and not proven again."""
    monkeypatch.setattr(variable_claims, "prove_variables", lambda model: reverse.variables())  # of the same weights
    shutil.copytree(stored, tmp_path, dirs_exist_ok=True)
    tampered(tmp_path, change)
    model = read_model(tmp_path)
    with pytest.raises(GroundTruthError) as raised:
        require_variables(model, read_variables(tmp_path, model))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(label="nothing_7"), "variable 'nothing_7': the program has no such expression."),
        (lambda v: v.update(encoding="reciprocal"), "variable 'indices': no direction holds 'indices' (reciprocal)."),
        (lambda v: v["values"].append("x"), "variable 'indices': its value 'x' has no direction."),
        (lambda v: v.update(writer="a0"), "variable 'indices': 'a0' is no site; write resid_pre0"),
        (lambda v: v["stages"][0].update(state="lively"), "variables.0.stages.0.state"),
    ],
)
def test_malformed_variables_are_refused(tmp_path: Path, stored: Path, change: Any, message: str) -> None:
    shutil.copytree(stored, tmp_path, dirs_exist_ok=True)
    tampered(tmp_path, change)
    model = groundtruth.load(tmp_path)
    with pytest.raises(ArtifactError) as raised:
        read_variables(tmp_path, model)
    assert message in str(raised.value)
    assert "truth.json" in str(raised.value)


def tampered(folder: Path, change: Any) -> None:
    path = folder / "truth.json"
    data = json.loads(path.read_text())
    change(data["variables"][0])
    path.write_text(json.dumps(data))


def test_sites_have_names_hooks_and_halves() -> None:
    for site in (
        Site("embed"),
        Site("pos_embed"),
        Site("mlp_out", 3),
        Site("head_value", 1, 2),
        *residual_sites(2, since=0),
    ):
        assert Site.parse(str(site)) == site
    assert Site("head_result", 1, 0).hook == "blocks.1.attn.hook_result"
    assert Site("head_value", 1, 0).hook == "blocks.1.attn.hook_z"
    assert [str(site) for site in residual_sites(2, since=2)] == [
        "resid_post0",
        "resid_pre1",
        "resid_mid1",
        "resid_post1",
    ]
    assert Site.of(MibSite.residual(1, "mid", positions=2)) == Site("resid_mid", 1)
    assert Site.of(MibSite.at_head(1, 0, output="z")) == Site("head_value", 1, 0)
    assert Site.of(MibSite.at_mlp(1)) == Site("mlp_out", 1)
    with pytest.raises(GroundTruthError, match="'resid0' is no site; write resid_pre0, resid_mid0"):
        Site.parse("resid0")
