"""The key of a cell covers the code that its outcome depends on, and no more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from groundtruth.bench import TRACKS
from groundtruth.source_hash import import_closure

ROOT = Path(__file__).parents[2]
SHOWS_RESULTS = ("cli", "report", "testing", "pitfalls", "bench", "pytest_plugin", "pytest_profiles")


@pytest.mark.parametrize("name", list(TRACKS))
def test_no_module_that_shows_or_tests_results_is_in_the_key_of_a_cell(name: str) -> None:
    found = import_closure(*TRACKS[name].evaluator_modules)
    assert set(TRACKS[name].evaluator_modules) <= set(found)
    assert [module for module in found if module.split(".")[1:2] and module.split(".")[1] in SHOWS_RESULTS] == []


def test_imports_inside_functions_count_and_those_for_types_alone_do_not() -> None:
    found = import_closure("groundtruth.evaluation.circuits.localization_tasks")
    assert "groundtruth.compiled.torch_module" in found  # imported inside a function
    assert "groundtruth.evaluation" in found  # a package runs before what it holds
    assert "groundtruth.bench" not in import_closure("groundtruth.cli.benchmark_run.nothing")
    assert "groundtruth.compiler.compile_program" not in import_closure("groundtruth")  # under TYPE_CHECKING


def test_every_module_that_scoring_loads_is_in_the_closure() -> None:
    program = (
        "import json, sys\n"
        "from groundtruth.evaluation.circuits.circuit_evaluator import CircuitEvaluator\n"
        "from groundtruth.model import load\n"
        "CircuitEvaluator.of(load('hist'), n_pairs=4, max_sizes=2).score('eap')\n"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] in ('groundtruth', 'mib')]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    closure = import_closure("groundtruth.evaluation.circuits.circuit_evaluator", "groundtruth.model")
    assert set(json.loads(done.stdout)) - set(closure) == set()
