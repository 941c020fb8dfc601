import json
import subprocess
import sys

import pytest

import groundtruth

HEAVY = ("torch", "jax", "haiku", "transformers", "transformer_lens", "numpy", "scipy", "sklearn", "tracr", "ray")


def loaded_by(code: str) -> set[str]:
    """Which heavy packages a fresh process has loaded after some code."""
    script = f"import json, sys\n{code}\nprint(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import groundtruth") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["bench", "--help"], ["--version"], ["frobnicate"]])
def test_help_and_usage_errors_load_nothing_heavy(arguments: list[str]) -> None:
    code = f"from groundtruth.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    assert loaded_by(code) == set()


@pytest.mark.parametrize("arguments", [["programs"], ["models"], ["models", "--tier", "trained"]])
def test_listing_programs_and_models_needs_no_torch(arguments: list[str]) -> None:
    code = f"from groundtruth.cli import main\ntry:\n    main({arguments!r})\nexcept SystemExit:\n    pass"
    assert loaded_by(code) <= {"numpy", "tracr"}


@pytest.mark.parametrize(
    "code",
    [
        "from groundtruth.cli import main\ntry:\n    main(['validity', '--json'])\nexcept SystemExit:\n    pass",
        "import groundtruth.results.read_results, groundtruth.results.tiers_run, groundtruth.results.thresholds",
        "import groundtruth.report.views.comparison_view, groundtruth.report.views.result_figures",
    ],
)
def test_reading_comparing_and_plotting_results_needs_no_torch(code: str) -> None:
    assert loaded_by(code) <= {"numpy", "scipy"}


def test_executors_of_clusters_are_imported_when_they_are_chosen() -> None:
    assert loaded_by("from groundtruth.executors import choose_executor\nchoose_executor('processes')") == set()


def test_loading_and_running_a_shipped_model_loads_neither_jax_nor_transformers() -> None:
    used = loaded_by("import groundtruth\nassert groundtruth.load('reverse').run([1, 2, 3]) == [3, 2, 1]")
    assert used.isdisjoint({"jax", "haiku", "transformers", "transformer_lens"})


def test_scoring_and_reporting_load_nothing_that_only_some_methods_need() -> None:
    used = loaded_by("import groundtruth.bench, groundtruth.report.views.track_report")
    assert used.isdisjoint({"jax", "haiku", "scipy", "sklearn", "transformers"})


def test_every_public_name_is_there_and_listed() -> None:
    for name in groundtruth.__all__:
        assert getattr(groundtruth, name) is not None
    assert set(groundtruth.__all__) <= set(dir(groundtruth))
    with pytest.raises(AttributeError, match="module 'groundtruth' has no attribute 'complie'"):
        _ = groundtruth.complie
