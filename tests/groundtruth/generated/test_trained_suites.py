"""A suite of trained models: drawn by a seed, kept where certified, counted where not, and continued where stopped."""

import re
from pathlib import Path

import pytest

from groundtruth.cli import main
from groundtruth.errors import ProgramError
from groundtruth.generated import Bounds, from_code, make_draw, train_draw
from groundtruth.generated.acceptance import Rejected
from groundtruth.generated.make_draw import draw_number
from groundtruth.generated.member import Member
from groundtruth.generated.original_program import program_lines
from groundtruth.generated.suite import TRAINED, Suite, generate
from groundtruth.model import load
from groundtruth.specs import models_in
from groundtruth.store.file_names import TRUTH
from groundtruth.trained.certificate import Claim
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.train_network import Settings
from groundtruth.trained.trained_model import TrainedModel

TINY = Bounds(depth=(1, 1), heads=(1, 1), vocab=(2, 2), length=(2, 2))
FAST = Settings(wired_steps=60, free_steps=40, learning_rate=1e-2, rounds=1)
"""Enough for four inputs."""


@pytest.fixture(autouse=True)
def _fast(monkeypatch):
    monkeypatch.setattr(train_draw, "SETTINGS", FAST)
    # Thousands of random sets of edges take longer than all else, and have tests of their own.
    monkeypatch.setattr(Certifier, "subsets", lambda self, needless, ablation: Claim(0, 0, float("inf")))


def files(folder: Path) -> dict[str, bytes]:
    """The files of a model, without the CPU time in its certificate."""
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    return found | {TRUTH: re.sub(rb'"seconds": [0-9.]+', b"", found[TRUTH])}


def test_a_suite_holds_certified_models_and_is_the_same_again(tmp_path):
    made = generate(1, tmp_path / "suite", seed=7, bounds=TINY, kind="trained")
    training = made.manifest()["training"]
    assert training["tried"] == training["certified"] + sum(training["refused"].values()) >= 1
    (name,), (member,) = models_in([str(tmp_path / "suite")]), made.members
    model = load(name)
    assert isinstance(model, TrainedModel) and model.certificate.unmet(model) == []
    assert model.rasp_source in from_code(member.code).text
    assert (len(model.circuit().edges), model.certificate.inputs) == (member.live, 4)
    assert [str(line) for line in program_lines(model)]
    with pytest.raises(ProgramError, match="holds another suite of trained models"):
        generate(1, tmp_path / "suite", seed=7, bounds=TINY)
    generate(1, tmp_path / "again", seed=7, bounds=TINY, kind="trained")
    assert files(tmp_path / "again" / member.name) == files(tmp_path / "suite" / member.name)


def test_a_run_that_was_stopped_trains_only_the_rest(tmp_path, monkeypatch):
    tried = list[int]()

    def store(drawn, number, bounds, folder):
        tried.append(number)
        if number == 1:
            raise Rejected("not certified: edges")
        if number == 2 and tried.count(2) == 1:
            raise KeyboardInterrupt
        (Path(folder) / drawn.program.name).mkdir()
        return Member(drawn.program.name, drawn.code, 1, 4, 3, 37, 0, 4, False)

    monkeypatch.setattr(make_draw, "store_trained", store)
    asked = {"seed": 7, "bounds": TINY, "kind": "trained"}
    with pytest.raises(KeyboardInterrupt):
        generate(3, tmp_path / "suite", **asked)
    made = generate(3, tmp_path / "suite", **asked)
    assert tried[:4] == [0, 1, 2, 2] and len(tried) == len(set(tried)) + 1
    assert made.refused == {"edges": 1} and len(made.members) == 3


def test_a_network_that_is_not_certified_is_refused_with_what_failed(monkeypatch):
    monkeypatch.setattr(train_draw, "SETTINGS", Settings(wired_steps=1, free_steps=1, rounds=0))
    drawn = draw_number(7, 0, TINY)
    with pytest.raises(Rejected) as refused:
        train_draw.train_draw(drawn, 0, 1)
    assert refused.value.reason == "not certified: behaviour"
    assert "of 4 runs wrong" in str(refused.value)


def test_the_rate_of_certification_is_that_of_networks_that_were_trained():
    rejected = {"nothing fits any more": 3, "drawn before": 1, "not certified: behaviour": 2, "not certified: edges": 1}
    suite = Suite(0, TINY, (), 7, rejected, 1.0, "trained")
    assert suite.manifest()["training"] == {"tried": 4, "certified": 1, "refused": {"behaviour": 2, "edges": 1}}
    assert "kind" not in Suite(0, TINY, (), 7, rejected, 1.0).manifest()


def test_kinds_are_dealt_out_to_every_depth():
    kinds = {(number % 2, train_draw.KINDS[number // 2 % 2]) for number in range(4)}
    assert len(kinds) == 4


def test_what_cannot_be_trained_is_rejected_before_it_is():
    """A program without a head or an MLP of its own: its one Map is folded into the logits."""
    drawn = draw_number(7, 2, Bounds(depth=(1, 2), heads=(1, 2), vocab=(2, 3), length=(2, 3)))
    with pytest.raises(Rejected, match="nothing for a head or an MLP"):
        train_draw.train_draw(drawn, 2, 2)


def test_too_many_inputs_are_refused(tmp_path):
    many = Bounds(depth=(1, 1), heads=(1, 1), vocab=(2, 4), length=(2, 4))
    with pytest.raises(ProgramError, match=r"vocab up to 4 and length up to 4 make 256 inputs; .* at most 81"):
        generate(1, tmp_path / "suite", bounds=many, kind="trained")
    assert not (tmp_path / "suite").exists()
    train_draw.require_enumerable(TRAINED)


@pytest.mark.parametrize("option", ["--seal", "--reveal"])
def test_sealed_suites_are_compiled(option, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["generate", "--trained", option, str(tmp_path / "seal.json")])
    assert ended.value.code == 2
    assert "--trained makes no sealed suite" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
