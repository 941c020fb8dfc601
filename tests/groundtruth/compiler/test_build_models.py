"""Building keeps what is stored, and adds the proofs that it lacks."""

import shutil

import pytest

from groundtruth import load
from groundtruth.compiler import build_models as building
from groundtruth.compiler.build_models import build
from groundtruth.store.catalog import layernorm_folder, library, shipped, trained_folder
from groundtruth.store.read import read_circuits, read_variables
from groundtruth.store.write import save
from groundtruth.variants import build_variants as tiers
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS
from tests.killing import kill_workers

TIER_NAMES = ["--tiers", "rotated", "distractors"]


def test_what_is_stored_is_kept_and_the_variables_that_it_lacks_are_added(tmp_path):
    folder = shutil.copytree(library() / "previous_token", tmp_path / "previous_token")
    complete = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = load(folder)
    variables = read_variables(folder, model)
    save(model, folder, read_circuits(folder, model.graph))
    assert read_variables(folder, load(folder)) == []
    build(("previous_token", tmp_path, True))
    assert {name: (folder / name).read_bytes() for name in (MODEL, WEIGHTS)} == {
        name: complete[name] for name in (MODEL, WEIGHTS)
    }
    again = read_variables(folder, load(folder))
    assert [truth.claims for truth in again] == [truth.claims for truth in variables]


@pytest.mark.parametrize(
    ("builder", "models", "extra"), [(building, ["hist", "previous_token"], []), (tiers, ["hist"], TIER_NAMES)]
)
def test_a_model_whose_process_is_killed_is_named_and_the_others_are_built(
    builder, models, extra, tmp_path, monkeypatch, capsys
):
    first, second = [f"hist@{tier}" for tier in TIER_NAMES[1:]] if extra else models
    monkeypatch.setattr("sys.argv", ["building", *models, *extra, "--out", str(tmp_path)])
    kill_workers(monkeypatch, {0})
    assert builder.main() == 1
    killed, built, end = capsys.readouterr().out.splitlines()
    assert killed == f"{first}  NOT BUILT: its process was killed (signal 9): most likely out of memory"
    assert built.startswith(f"{second}  ") and "undecided" in built
    again = "variants.build_variants hist --tiers {tier}" if extra else "compiler.build_models {first}"
    again = again.format(first=first, tier=TIER_NAMES[1])
    assert end == f"1 of 2 were not built. Run again: python -m groundtruth.{again}"
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [second]


def test_a_model_that_cannot_be_built_costs_its_line_only(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["building", "hits", "hist", "--processes", "1", "--out", str(tmp_path)])
    assert building.main() == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("hits  NOT BUILT: unknown program 'hits'. Did you mean: hist")
    assert told[1].startswith("hist  ")
    assert (tmp_path / "hist" / MODEL).is_file()


def test_every_shipped_model_comes_with_its_certified_variables():
    lacking = []
    for name in shipped():
        truths = read_variables(library() / name, load(name))
        if not truths or not all(truth.certified for truth in truths):
            lacking.append(name)
    assert lacking == []


def test_stored_variables_are_read_and_not_proven_again(monkeypatch):
    model = load("reverse")

    def refuse(*_args, **_options):
        raise AssertionError("proven again")

    monkeypatch.setattr("groundtruth.model.prove_variables", refuse)
    assert [str(truth.variable) for truth in model.variables()][-1] == "reverse"


def test_shipped_files_stay_small():
    """Models in the form of trained ones are counted apart (``test_trained_files.py``)."""
    apart = (trained_folder(), layernorm_folder())
    files = [path for path in library().rglob("*") if path.is_file()]
    compiled = [path for path in files if not any(path.is_relative_to(folder) for folder in apart)]
    assert sum(path.stat().st_size for path in compiled) <= 48e6
    assert (library() / "reverse" / TRUTH).stat().st_size < 30_000
