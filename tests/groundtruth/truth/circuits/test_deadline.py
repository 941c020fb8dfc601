"""A limit in seconds leaves edges open, never wrong, and never in an artifact."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import groundtruth
from groundtruth.cli import main
from groundtruth.errors import ArtifactError, DomainError
from groundtruth.truth.circuits import deadline as deadline_module
from groundtruth.truth.circuits.deadline import Deadline, OutOfTimeError


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock on which a second goes by each time that somebody looks at it."""
    ticks = itertools.count()
    monkeypatch.setattr(deadline_module, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))


def test_with_time_enough_the_proof_is_the_same() -> None:
    model = groundtruth.load("hist")
    assert model.circuit(budget_seconds=1000.0) == model.circuit()


@pytest.mark.usefixtures("ticking")
def test_what_is_decided_is_right_and_the_rest_is_listed_as_undecided() -> None:
    model = groundtruth.load("reverse")
    whole = {truth.edge: truth for truth in model.circuit().truths}
    stopped = model.circuit(budget_seconds=150.0)
    left = stopped.of_status("undecided")
    assert stopped.stopped_after == 150.0 and left and stopped.edges
    assert all(truth == whole[truth.edge] for truth in stopped.truths if truth.status != "undecided")
    assert str(stopped.sufficiency) == f"sufficiency undecided because {len(left)} edges are undecided"
    assert stopped.minimal_circuits == (stopped.edges,) and not stopped.complete
    assert set(left) <= set(stopped.doubtful)


@pytest.mark.parametrize("part", ["sufficiency_of", "family_of"])
def test_what_is_proven_after_the_edges_may_run_out_of_time_too(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up(*_: object) -> None:
        raise OutOfTimeError

    monkeypatch.setattr(f"groundtruth.truth.circuits.prover.{part}", give_up)
    stopped = groundtruth.load("hist").circuit(budget_seconds=1000.0)
    assert stopped.stopped_after == 1000.0 and not stopped.of_status("undecided")
    assert stopped.minimal_circuits == (stopped.edges,) and not stopped.complete
    known = {"sufficiency_of": "sufficiency undecided: no time was left", "family_of": "jointly sufficient (proven)"}
    assert str(stopped.sufficiency) == known[part]


def looks_until_the_end(limit: Deadline) -> int:
    """How often there was time left, a second a look."""
    for looks in itertools.count():
        try:
            limit.require_time()
        except OutOfTimeError:
            return looks
    raise AssertionError


@pytest.mark.usefixtures("ticking")
def test_a_share_ends_before_the_whole() -> None:
    limit = Deadline(100.0)
    with limit.share(10):
        assert looks_until_the_end(limit) == 9
    assert looks_until_the_end(limit) == 88


@pytest.mark.usefixtures("ticking")
def test_a_circuit_that_was_stopped_is_not_saved(tmp_path: Path) -> None:
    model = groundtruth.compile(groundtruth.programs.get("hist"))
    model._circuits["resample", "mixed"] = model.circuit(budget_seconds=3.0)
    with pytest.raises(ArtifactError, match=r"resample/mixed of 'hist' was stopped after 3 s.*Prove it without"):
        model.save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("seconds", [0, -1.0, float("nan")])
def test_seconds_that_leave_no_time_are_refused(seconds: float) -> None:
    with pytest.raises(DomainError, match=r"budget_seconds=.* leaves a proof no time; give seconds above 0"):
        groundtruth.load("hist").circuit(budget_seconds=seconds)


@pytest.mark.usefixtures("ticking")
def test_show_lists_what_is_undecided(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["show", "hist", "--budget-seconds", "4"])
    assert "undecided, not shown within 4 s: " in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        main(["show", "hist", "--budget-seconds", "4", "--json"])
    circuit = json.loads(capsys.readouterr().out)["circuit"]
    assert circuit["stopped_after"] == 4 and circuit["counts"]["undecided"] > 0
