"""Cells and profiles of the variable track: what is run, under which name, and what is known from before."""

from dataclasses import replace
from pathlib import Path

import pytest

from groundtruth.bench import CellStore, Failed, Skipped, find_profile, run_cells
from groundtruth.bench.cell_key import cell_key
from groundtruth.bench.variable_subjects import VARIABLE_PROFILES, places_of
from groundtruth.bench.variable_track import BASELINES, VARIABLES
from groundtruth.errors import DomainError, GroundTruthError
from groundtruth.evaluation.variables import Sizes, VariableScores
from groundtruth.evaluation.variables.featurization_tasks import ground_of
from groundtruth.evaluation.variables.informative_variables import informative
from groundtruth.evaluation.variables.landscape import Landscape
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import load
from groundtruth.results.cell import Cell
from groundtruth.specs import find_model
from groundtruth.truth.variables import Site, VariableTruth
from mib.errors import MethodError
from tests.groundtruth.bench.cell_makers import planned, variable_cell

SIZES = Sizes(40, 10, 30)

MINE = """import mib

def everything(task):
    return mib.featurization.get("full-vector").function(task)

def failing(task):
    return 1 / 0
"""


def cell(method: str, variable: str = "step", site: str = "residual.1.mid", **options: object) -> Cell:
    return variable_cell(method, "second_step", variable, site, **{"sizes": SIZES, **options})


def test_a_second_run_knows_the_outcomes_of_the_first(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    wanted = [cell("oracle"), cell("pca", parameters=(("rank", 3),)), cell(f"{file}:everything")]
    store = CellStore(tmp_path / "cells")
    first, second = (list(run_cells(wanted, store)) for _ in range(2))
    assert [known for *_, known in first] == [False] * 3
    assert [known for *_, known in second] == [True] * 3
    assert [outcome for _, outcome, _ in first] == [outcome for _, outcome, _ in second]
    oracle, pca, mine = (outcome for _, outcome, _ in first)
    assert isinstance(oracle, VariableScores)
    assert isinstance(pca, VariableScores)
    assert isinstance(mine, VariableScores)
    assert (oracle.accuracy, pca.rank, mine.method) == (1.0, 3, f"{file}:everything")
    assert [control.kind for control in pca.controls] == ["shuffled", "arbitrary", "variant"]


def test_what_cannot_be_run_is_skipped_and_what_fails_is_told(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE)
    wanted = [
        cell("no-op", "step", "residual.1.post"),
        replace(cell("mdas", "hist", "residual.0.post"), model="hist"),
        cell(f"{file}:failing"),
    ]
    dead, unable, failed = (outcome for _, outcome, _ in run_cells(wanted, CellStore(tmp_path / "cells")))
    assert isinstance(dead, Skipped)
    assert dead.scope == "model"
    assert "there is nothing to find" in dead.reason
    assert isinstance(unable, Skipped)
    assert unable.scope == "method"
    assert "mdas learns from isolation pairs too" in unable.reason
    assert failed == Failed("ZeroDivisionError: division by zero (mine.py, line 7)")


def test_the_key_covers_all_that_the_outcome_depends_on() -> None:
    first = cell("das")
    others = [
        cell("dbm"),
        cell("das", seed=1),
        cell("das", site="residual.1.pre"),
        cell("das", parameters=(("rank", 3),)),
        cell("das", sizes=Sizes(41, 10, 30)),
        cell("das", controls=False),
        cell("das", dtype="float64"),
        replace(first, model="hist"),
    ]
    assert len({cell_key(first), *(cell_key(other) for other in others)}) == 1 + len(others)
    assert cell_key(cell("das")) == cell_key(first)


@pytest.mark.parametrize("profile", ["smoke", "default"])
def test_profiles_seek_variables_that_are_certified_beside_others(profile: str) -> None:
    for name, variable, site in VARIABLE_PROFILES[profile].choice.chosen():
        model, place = find_model(name), Site.of(task_site(site))
        truth = model.variable_at(variable, place)
        assert truth.at(place).certified
        if isinstance(truth, VariableTruth):
            assert truth.at(place).state != "dead"
            assert Landscape.of(ground_of(model), truth, place).others.shape[1] > 0
        assert truth.variable.label != model.program.label  # not the output itself


def test_baselines_stand_beside_whatever_is_asked_for() -> None:
    cells = planned("smoke", VARIABLES, methods=["das"], seed=5)
    assert [c.method for c in cells if c.seed == 5] == [*BASELINES, "das"]
    assert sorted({c.seed for c in cells}) == [5, 6, 7]
    assert dict(cells[-1].parameters) == {"rank": 8, "steps": 300}


def test_pairs_that_are_asked_for_stand_for_those_of_the_profile_on_every_model() -> None:
    asked = {"models": ["default", "learned"], "tasks": ["ioi"], "methods": ["das"]}
    own, other = (planned("smoke", VARIABLES, **asked, pairs=pairs) for pairs in (None, Sizes(24, 8, 40)))
    assert {(c.model, c.setting.sizes.test) for c in own} == {("second_step", 150), ("learned", 80)}
    assert {(c.model, c.setting.sizes) for c in other} == {(c.model, Sizes(24, 8, 40)) for c in own}


def test_a_model_alone_stands_for_its_most_telling_variables() -> None:
    found = places_of("second_step")
    assert found == [("second_step", *place) for place in informative(load("second_step"))[:2]]
    assert all(variable not in ("tokens", "indices", "second_step") for _, variable, _ in found)
    assert places_of("second_step:step@resid_mid1") == [("second_step", "step", "residual.1.mid")]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("hist", "'hist' has no residual stream where a variable is read beside another one. Name one, such as hist:"),
        ("second_step:stpe@residual.1.mid", "has no variable 'stpe'. Did you mean: step"),
        ("second_step:step@residual.0.pre", "'step' is not at 'resid_pre0'"),
    ],
)
def test_places_that_do_not_exist_are_refused(name: str, message: str) -> None:
    with pytest.raises(GroundTruthError, match=message):
        places_of(name)


def test_unknown_profiles_and_methods_are_refused() -> None:
    with pytest.raises(DomainError, match="unknown profile 'smok'. Did you mean: smoke"):
        find_profile(VARIABLES, "smok")
    with pytest.raises(MethodError, match="unknown featurizer 'dsa'"):
        planned("smoke", VARIABLES, methods=["dsa"])
