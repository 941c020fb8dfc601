"""What is measured on models in superposition: the margin, what cuts do, and that it can be measured again."""

import json
import shutil

import pytest
import torch

import groundtruth
from groundtruth.cli import main
from groundtruth.compiled.decoder import NONE_BELOW, NUMERIC_TOLERANCE, Decoder
from groundtruth.compiled.forward import forward
from groundtruth.errors import ArtifactError, GroundTruthError
from groundtruth.store.catalog import shipped_variants, stored
from groundtruth.store.measurements import MEASURED, measurements, read_measurements, require_measurements
from groundtruth.truth.circuits.measured import margins, measure
from groundtruth.verification.verify_model import verify

NAME = "previous_token@superposed"
SUPERPOSED = [name for name in shipped_variants() if name.endswith("@superposed")]


@pytest.fixture
def folder(tmp_path):
    """A copy of the smallest shipped model in superposition."""
    shutil.copytree(stored(NAME), tmp_path / NAME)
    return tmp_path / NAME


def test_margins_are_distances_from_decoding_otherwise():
    decoder = Decoder(("a", "b", "c"))
    given = torch.tensor([[1.0, 0.75, 0.0], [0.5, -2.0, 0.125], [0.0, -1.0, -0.5], [0.25, -3.0, -1.0]])
    expected = torch.tensor([0.25, 0.375, NONE_BELOW, 0.25 - NONE_BELOW])
    assert torch.allclose(margins(decoder, given), expected)
    assert torch.equal(margins(Decoder(()), given[:, :1]), torch.full((4,), NUMERIC_TOLERANCE))


def test_tracr_decodes_by_a_margin_of_one_less_what_none_takes():
    assert measure(groundtruth.load("previous_token")).margin == pytest.approx(1.0 - NONE_BELOW)


@pytest.mark.parametrize("name", SUPERPOSED)
def test_what_moves_less_than_the_margin_changes_nothing_and_what_changes_is_live(name):
    model = groundtruth.load(name)
    found = measurements(model, model.folder)
    assert 0.0 < found.margin < 0.99  # of compiled models 0.99: superposition costs some of it
    for effects in found.effects:
        circuit = model.circuit(effects.ablation, effects.lengths)
        assert [effect.edge for effect in effects.edges] == [str(t.edge) for t in circuit.truths if t.structural]
        assert all(effect.changed == 0.0 for effect in effects.edges if effect.moved < 1.0)
        assert {e.edge for e in effects.edges if e.changed} <= {str(edge) for edge in circuit.edges}
        assert any(effect.changed for effect in effects.edges)


def test_superposition_makes_edges_live_that_carry_nothing_in_the_compiled_model():
    live = {name: {str(edge) for edge in groundtruth.load(name).circuit().edges} for name in ("seen_before", "hist")}
    variants = {name: {str(e) for e in groundtruth.load(f"{name}@superposed").circuit().edges} for name in live}
    assert variants["seen_before"] - live["seen_before"] == {"a0.h0->m1"}
    assert groundtruth.load("seen_before").circuit()["a0.h0->m1"].status != "live"


def test_an_effect_is_what_a_cut_by_hand_does():
    """Zero what the head writes to the logits, on every input, and compare what is decoded."""
    model = groundtruth.load(NAME)
    effect = next(e for e in measure(model).under("zero").edges if e.edge == "a0.h0->logits")
    inputs = list(model.domain.inputs().tokens)
    changed, moved, margin = [], 0.0, 1.0
    for tokens in inputs:
        states = forward(model.weights, model.encode([tokens]))
        logits, cut = states.logits[0, 1:], (states.residual - states.heads[0, :, :, 0])[0, 1:] @ model.weights.W_U
        changed.append(bool(model.decoder.differ(model.decoder.codes(logits), model.decoder.codes(cut)).any()))
        margin = min(margin, float(margins(model.decoder, logits).min()))
        for before, after in zip(logits, cut, strict=True):
            move = after - before
            best = int(before.argmax())
            moved = max(moved, *(max(abs(float(m)), abs(float(m - move[best]))) for m in move))
    assert effect.changed == sum(changed) / len(changed) > 0
    assert effect.moved == pytest.approx(moved / margin, rel=1e-9)


def test_a_stored_model_is_measured_again(monkeypatch):
    # Circuits of a model in superposition are proven again in test_missing_and_false_claims.py.
    monkeypatch.setattr("groundtruth.verification.verify_model.circuit_again", lambda *_: "")
    model = groundtruth.load(NAME)
    assert require_measurements(model, model.folder).startswith("least margin 0.958 on 363 inputs, 36 effects")
    outcome = verify(NAME)
    assert outcome.ok and "measurements" in [check.what for check in outcome.checks]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((), {"margin": 0.5}, "the margin is stored as 0.5 on 363 inputs; it is 0.9575"),
        ((), {"inputs": 7}, "on 7 inputs"),
        (
            ("effects", 0, "edges", 2),
            {"changed": 0.5},
            r"1 edges move the output otherwise .*input->a0.h0<v> \(resample\)",
        ),
        (("effects", 1, "edges", 2), {"moved": 9.0}, r"1 edges move the output otherwise .*input->a0.h0<v> \(zero\)"),
        (("effects", 0, "edges", 1), {"moved": 1e-3}, r"1 edges move the output otherwise .*input->a0.h0<k>"),
        (("effects", 0), {"runs": 9}, "in how many runs"),
    ],
)
def test_a_wrong_measurement_is_found(folder, place, value, message):
    data = json.loads((folder / MEASURED).read_text())
    part = data
    for step in place:
        part = part[step]
    part |= value
    (folder / MEASURED).write_text(json.dumps(data))
    with pytest.raises(GroundTruthError, match=message):
        require_measurements(groundtruth.load(folder), folder)


def test_a_movement_that_is_all_rounding_may_be_another_on_another_processor(folder):
    data = json.loads((folder / MEASURED).read_text())
    effect = data["effects"][0]["edges"][1]
    assert effect["changed"] == 0 and 0 < effect["moved"] < 1e-8
    effect["moved"] *= 100
    (folder / MEASURED).write_text(json.dumps(data))
    assert require_measurements(groundtruth.load(folder), folder).startswith("least margin")


def test_files_that_cannot_be_read_are_refused(folder):
    path = folder / MEASURED
    data = json.loads(path.read_text())
    for wrong, message in (
        (data | {"schema_version": 2}, "has schema_version 2"),
        (data | {"model_sha256": "0"}, "was measured on another model.json"),
        (data | {"more": 1}, "more: Unexpected keyword"),
        (data | {"margin": "wide"}, "margin: Input should be a valid number"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(ArtifactError, match=message):
            read_measurements(folder)
    path.unlink()
    with pytest.raises(ArtifactError, match=r"cannot read .*measured.json"):
        require_measurements(groundtruth.load(folder), folder)


def test_measurements_are_taken_where_none_are_stored():
    model = groundtruth.load(NAME)
    again, stored = measurements(model, None), measurements(model, model.folder)
    assert again.margin == pytest.approx(stored.margin, rel=1e-9)
    for found, kept in zip(again.effects, stored.effects, strict=True):
        assert [(e.edge, e.changed) for e in found.edges] == [(e.edge, e.changed) for e in kept.edges]
        assert [e.moved for e in found.edges] == pytest.approx([e.moved for e in kept.edges], rel=1e-6, abs=1e-9)


def test_they_are_shown(capsys):
    for arguments in (["show", NAME], ["show", NAME, "--edges"], ["models", "--variants"]):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert not left.value.code
    printed = capsys.readouterr().out
    assert "least margin 0.96 on 363 inputs" in printed
    assert "no witness found; moved by, at most, in margins: input->logits 0.69" in printed
    assert f"{NAME}" in printed and f"{len(SUPERPOSED)} of them in superposition" in printed
    with pytest.raises(SystemExit):
        main(["show", NAME, "--json"])
    assert (
        json.loads(capsys.readouterr().out)["measured"]["margin"] == measurements(groundtruth.load(NAME), None).margin
    )
