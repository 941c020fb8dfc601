"""A claimed circuit is measured as it is: claims that hold by proof are found to hold, and false ones are told."""

import json
import re
from dataclasses import replace

import pytest
import torch

from groundtruth.cli import main
from groundtruth.errors import ArtifactError, DomainError
from groundtruth.interpbench.claimed_circuit import ClaimedCircuit
from groundtruth.interpbench.import_model import import_interpbench, imported_network, token_order
from groundtruth.interpbench.model_folder import read_interpbench
from groundtruth.interpbench.tracr_layout import TracrLayout, hook_pairs
from groundtruth.model import load
from mib.graph import Edge
from tests.groundtruth.interpbench.compiled_folders import compiled_at, lens_weights, write_compiled


@pytest.fixture(scope="module", name="compiled")
def _compiled():
    return {name: compiled_at(name) for name in ("hist", "frac_prevs", "second_step")}


@pytest.mark.parametrize("name", ["hist", "frac_prevs", "second_step"])
def test_a_compiled_model_in_their_format_has_the_circuit_that_is_proven_of_it(tmp_path, compiled, name):
    model = import_interpbench(read_interpbench(write_compiled(tmp_path / "c", compiled[name])), compiled[name])
    found, proven = ClaimedCircuit.of(model), compiled[name].circuit("resample", lengths="fixed")
    live = {str(item.edge) for item in (*found.claimed, *found.unclaimed) if item.status == "live"}
    assert live == {str(truth.edge) for truth in proven.truths if truth.status == "live"}
    assert (found.holds, found.behaviour.wrong, found.alone.wrong, found.live) == (True, 0, 0, ())
    assert [item.accuracy for item in found.interchanges] == [1.0] * len(
        TracrLayout.of(model, _provenance(compiled[name])).held
    )


def _provenance(compiled):
    return compiled.provenance


def test_claims_that_leave_out_a_live_edge_or_name_an_idle_one_are_told(tmp_path, compiled):
    hist = compiled["hist"]
    edges = [edge for edge in TracrLayout.of(hist, hist.provenance).edges() if str(edge) != "input->a0.h0<q>"]
    folder = write_compiled(tmp_path / "c", hist, edges=[*edges, Edge("pos", "m0")])
    found = ClaimedCircuit.of(import_interpbench(read_interpbench(folder), hist))
    assert [str(item.edge) for item in found.live] == ["input->a0.h0<q>"]
    assert found.live[0].claim.wrong == found.alone.wrong > 0 and not found.holds
    assert {str(item.edge) for item in found.not_live} == {"input->a0.h0<v>", "pos->m0"}


def test_a_changed_weight_makes_the_claim_fail(tmp_path, compiled):
    hist = compiled["hist"]
    weights = lens_weights(hist)
    written = weights.W_E.clone()
    written[:3] += 3 * weights.W_U.T[1:4]  # tokens now speak to the output by themselves
    read = read_interpbench(write_compiled(tmp_path / "c", hist, weights=replace(weights, W_E=written)))
    found = ClaimedCircuit.of(import_interpbench(read, hist))
    assert "input->logits" in {str(item.edge) for item in found.live} and not found.holds


def test_a_head_may_stand_in_another_place_than_tracr_gives_it(tmp_path, compiled):
    hist = compiled["hist"]
    moved = TracrLayout.of(hist, hist.provenance).moved_to(["a0.h2"])
    assert list(moved.held) == ["a0.h2", "m0"]
    assert ("blocks.0.attn.hook_result[2]", "blocks.0.hook_mlp_in") in hook_pairs(moved.edges(), 1)


def test_tokens_are_in_the_order_of_tracr_with_their_names():
    # The order of ``input_encoder.encoding_map`` of Tracr compiled with compiler_bos="BOS" and compiler_pad="PAD".
    assert token_order((3, 1, 2)) == (1, 2, 3, "BOS", "PAD")
    assert token_order(("x", "a", "b")) == ("BOS", "PAD", "a", "b", "x")
    assert token_order((")", "(")) == ("(", ")", "BOS", "PAD")


@pytest.mark.parametrize(
    ("other", "how", "message"),
    [
        ("second_step", {}, "the claimed circuit has 0 heads in layer 1, the compiled program 1"),
        ("frac_prevs", {}, "the model has 4 outputs; 'frac_prevs' gives a number, which is one"),
        ("hist", {"vocab": (1, 7)}, "'hist' has no token 7; it has 1, 2, 3"),
        ("hist", {"length": 4}, "length 4 is out of range; the model has 3 positions besides BOS"),
    ],
)
def test_a_model_of_another_program_or_domain_is_refused(tmp_path, compiled, other, how, message):
    read = read_interpbench(write_compiled(tmp_path / "c", compiled["hist"]))
    if other == "second_step":  # of as many outputs, so that the circuit is looked at
        read = replace(read, weights=replace(read.weights, W_U=torch.zeros(14, 9), b_U=torch.zeros(9)))
    with pytest.raises((ArtifactError, DomainError), match=re.escape(message)):
        imported_network(read, compiled[other], **how)


def test_inputs_can_be_fewer_and_are_not_too_many(tmp_path, compiled, monkeypatch):
    read = read_interpbench(write_compiled(tmp_path / "c", compiled["hist"]))
    fewer = imported_network(read, compiled["hist"], vocab=(1, 3))
    assert fewer.domain.size == 8 and fewer.token_values == (1, 3, "compiler_bos", "compiler_pad")
    ids = fewer.encode([(1, 3, 3)])
    assert [fewer.decoder.decode(row) for row in fewer.decoder.codes(fewer.logits(ids)[:, 1:])] == [[1, 2, 2]]
    monkeypatch.setattr("groundtruth.interpbench.import_model.MAX_INPUTS", 20)
    with pytest.raises(DomainError, match="27 inputs of length 3; 1 to 20 are enumerated. Measure on fewer"):
        imported_network(read, compiled["hist"])


def test_the_command_writes_a_model_that_loads_verifies_and_says_that_it_was_imported(tmp_path, compiled, capsys):
    folder = write_compiled(tmp_path / "11", compiled["hist"])
    out = tmp_path / "imported"
    _run(["import", "interpbench", str(folder), "--program", "hist", "--out", str(out), "--json"], 0)
    told = json.loads(capsys.readouterr().out)
    assert told["holds"] is True and told["claimed"]["input->a0.h0<q>"]["status"] == "live"
    assert told["claimed"]["input->a0.h0<v>"] == {"status": "inert", "proof": "exhaustive", "changed": 0, "pairs": 729}
    assert (load(out).name, load(out).training.kind) == ("hist@interpbench-11", "imported")
    _run(["verify", str(out), "--json"], 0)
    assert "the circuit stated elsewhere is not vouched for" in capsys.readouterr().out
    _run(["show", str(out)], 0)
    assert "imported from InterpBench" in capsys.readouterr().out


def test_a_hostile_folder_is_one_error_and_exit_code_2(tmp_path, compiled, capsys):
    folder = write_compiled(tmp_path / "11", compiled["hist"])
    (folder / "edges.pkl").write_bytes(b"cos\nsystem\n(S'touch sprung'\ntR.")
    _run(["import", "interpbench", str(folder), "--program", "hist"], 2)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "names 'os.system', which is refused" in error and error.count("\n") == 1


def _run(arguments, code):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == code
