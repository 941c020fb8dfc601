"""The plug-in in somebody else's project: what it adds, what it catches, what it prints, and what it leaves alone."""

import subprocess
import sys

import pytest

# pytester forgets what a run imports, and some of it cannot be imported twice
import groundtruth.compiled.torch_module
import groundtruth.testing.expected_failures
import groundtruth.testing.run_property  # noqa: F401
from groundtruth import pytest_plugin
from groundtruth.testing.pytest_profiles import PROFILES, Profile

pytest_plugins = "pytester"

METHODS = """
import mib
import torch

def exact(task):
    return mib.localization.get("exact")(task)

def unseeded(task):
    return mib.EdgeScores(task.graph, torch.rand(len(task.graph.edges)).numpy())

def crash(task):
    return [][0]

def idle(task):
    return mib.featurization.get("no-op")(task)

def probe(task: mib.FeaturizationTask) -> mib.Featurizer:
    return mib.featurization.get("lda")(task)

def unseeded_subspace(task):
    return mib.Featurizer.subspace(torch.linalg.qr(torch.randn(task.width, 2, dtype=torch.float64))[0])
"""

HIST = "hist:hist@resid_post0"
TINY = Profile(("hist",), ("hist",), ("rotate",), 8, 8, 2, (1, 1), found=(HIST,), sought=(HIST,))


@pytest.fixture
def project(pytester, monkeypatch):
    monkeypatch.setattr(pytest_plugin, "PROFILES", {**PROFILES, "smoke": TINY})
    pytester.makepyfile(methods=METHODS)
    pytester.syspathinsert()
    return pytester


def test_a_sound_method_passes_every_property(project):
    result = project.runpytest_inprocess("--groundtruth-method", "methods:exact", "-v")
    result.assert_outcomes(passed=10)
    result.stdout.fnmatch_lines(
        ["*exact::recovers[[]hist[]] PASSED*", "*recovers[[]random programs[]]*", "*invariant:rotate[[]hist[]]*"]
    )
    assert result.ret == 0


def test_a_wrong_method_is_told_what_is_wrong_and_how_to_repeat_it(project):
    result = project.runpytest_inprocess("--groundtruth-method", "methods:unseeded", "-k", "deterministic or recovers")
    assert result.ret == 1
    result.assert_outcomes(failed=3, deselected=7)
    result.stdout.fnmatch_lines(
        [
            "unseeded misses a live edge on 'hist'",
            "*input * counterfactual *",
            "unseeded misses a live edge on a generated program",
            "*groundtruth repro gen:1* --method methods.py:unseeded --property recovers*",
            "*--auroc 0.9 *",
            "unseeded gives another result when it is run again on 'hist'",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "pytest_plugin.py" not in result.stdout.str()


def test_properties_that_are_known_to_fail_can_be_left_out(project):
    result = project.runpytest_inprocess(
        "--groundtruth-method",
        "methods:unseeded",
        "--groundtruth-skip",
        "recovers,deterministic",
        "--collect-only",
        "-q",
    )
    assert "recovers" not in result.stdout.str() and "deterministic" not in result.stdout.str()
    assert "unseeded::scale_equivariant[hist]" in result.stdout.str()
    unknown = project.runpytest_inprocess("--groundtruth-method", "methods:exact", "--groundtruth-skip", "recover")
    assert unknown.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: --groundtruth-skip: unknown property 'recover'. Did you mean: recovers"
        in unknown.stdout.str() + unknown.stderr.str()
    )


def test_a_threshold_is_asked_for(project):
    asked = ("--groundtruth-method", "random", "-k", "recovers and hist", "--groundtruth-auroc")
    assert project.runpytest_inprocess(*asked, "0.0").ret == 0
    assert project.runpytest_inprocess(*asked, "1.0").ret == 1


def test_own_tests_get_methods_and_models(project):
    project.makepyfile(
        """
        import pytest
        from groundtruth.testing import assert_recovers

        @pytest.mark.groundtruth(models=["hist", "frac_prevs"])
        def test_mine(groundtruth_method, groundtruth_model):
            assert groundtruth_model.name in ("hist", "frac_prevs")
            assert_recovers(groundtruth_method, groundtruth_model, n_pairs=8)
        """
    )
    result = project.runpytest_inprocess("--groundtruth-method", "methods:exact", "-k", "test_mine", "--strict-markers")
    result.assert_outcomes(passed=2, deselected=10)


def test_a_featurizer_is_held_to_its_own_properties(project):
    result = project.runpytest_inprocess("--groundtruth-featurizer", "methods:probe", "-v")
    result.assert_outcomes(passed=12)
    result.stdout.fnmatch_lines(
        [
            "*probe::finds[[]hist:hist@resid_post0[]] PASSED*",
            "*finds[[]random programs[]]*",
            "*equivariant[[]hist:hist@*",
        ]
    )


def test_a_wrong_featurizer_is_told_what_is_wrong(project):
    asked = ("--groundtruth-featurizer", "methods:idle", "--groundtruth-featurizer", "methods:unseeded_subspace")
    result = project.runpytest_inprocess(*asked, "-k", "(idle and finds and random) or (unseeded and deterministic)")
    result.assert_outcomes(failed=2, deselected=22)
    result.stdout.fnmatch_lines(
        [
            "idle misses a variable on a generated program",
            "*input * swapped in from *",
            "*groundtruth repro gen:1* --method methods.py:idle*",
            "unseeded_subspace gives another result when it is run again on 'hist'",
            "*draw random numbers from task.generator()",
        ]
    )


def test_known_failures_are_expected_and_must_happen(project):
    known = project.makefile(
        ".toml",
        known="""
        [unseeded.fails]
        "recovers[hist]" = "chance"
        "recovers[random programs]" = "chance"
        "deterministic[hist]" = "draws from the global generator"
        "no_mutation[hist]" = "this is not so"
        """,
    )
    asked = ("--groundtruth-method", "methods:unseeded", "--groundtruth-known", str(known), "-rx")
    result = project.runpytest_inprocess(*asked, "-k", "recovers or deterministic")
    result.assert_outcomes(xfailed=3, deselected=7)
    result.stdout.fnmatch_lines(["XFAIL *unseeded::deterministic[[]hist[]] - draws from the global generator"])
    better = project.runpytest_inprocess(*asked, "-k", "no_mutation and hist")
    better.assert_outcomes(failed=1, deselected=9)
    better.stdout.fnmatch_lines(["*XPASS(strict)*this is not so"])
    missing = project.runpytest_inprocess("--groundtruth-method", "methods:exact", "--groundtruth-known", "no.toml")
    assert missing.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: --groundtruth-known: no file of known failures at no.toml"
        in missing.stdout.str() + missing.stderr.str()
    )


def test_what_rounding_decides_may_pass_or_fail(project):
    known = project.makefile(
        ".toml",
        known="""
        [unseeded.may_fail]
        "deterministic[hist]" = "draws from the global generator"
        "no_mutation[hist]" = "holds here"
        """,
    )
    asked = ("--groundtruth-method", "methods:unseeded", "--groundtruth-known", str(known))
    result = project.runpytest_inprocess(*asked, "-k", "hist and (deterministic or no_mutation)")
    result.assert_outcomes(xfailed=1, xpassed=1, deselected=8)
    assert result.ret == 0


def test_a_known_failure_is_no_licence_to_crash(project):
    known = project.makefile(".toml", known='[crash.fails]\n"deterministic[hist]" = "chance"')
    asked = ("--groundtruth-method", "methods:crash", "--groundtruth-known", str(known), "-k", "deterministic")
    project.runpytest_inprocess(*asked).assert_outcomes(failed=1, deselected=9)


def test_parameters_of_the_file_reach_the_method(project):
    known = project.makefile(".toml", known="[random]\nparameters = {no_such = 3}")
    asked = ("--groundtruth-method", "random", "--groundtruth-known", str(known), "-k", "deterministic")
    result = project.runpytest_inprocess(*asked)
    result.assert_outcomes(failed=1, deselected=9)
    result.stdout.fnmatch_lines(["*no_such*"])


def test_a_method_of_the_other_kind_is_sent_to_its_option(project):
    wrong = project.runpytest_inprocess("--groundtruth-method", "methods:probe", "-k", "deterministic")
    told = (
        "ERROR: --groundtruth-method: 'methods:probe' is a featurizer: give it to --track variables, of pytest to "
        "--groundtruth-featurizer."
    )
    assert told in wrong.stdout.str() + wrong.stderr.str()


def test_without_a_method_nothing_is_added(project):
    project.makepyfile("def test_mine(): pass")
    project.runpytest_inprocess().assert_outcomes(passed=1)


def test_an_error_of_the_method_is_shown_as_what_it_is(project):
    result = project.runpytest_inprocess("--groundtruth-method", "methods:crash", "-k", "deterministic")
    result.assert_outcomes(failed=1, deselected=9)
    result.stdout.fnmatch_lines(["*IndexError*"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--groundtruth-method", "methods:nothing"), "methods.py has no function 'nothing'."),
        (("--groundtruth-method", "broken:f"), "broken.py fails when it is imported: ZeroDivisionError"),
        (("--groundtruth-method", "leaves:f"), "leaves.py fails when it is imported: it ends the process"),
        (("--groundtruth-method", "broken.py:f"), "broken.py fails when it is imported: ZeroDivisionError"),
        (("--groundtruth-featurizer", "no-such"), "--groundtruth-featurizer: unknown featurizer 'no-such'"),
        (
            ("--groundtruth-auroc", "0.9"),
            "--groundtruth-auroc is about a method, and none is named: add --groundtruth-",
        ),
        (("--groundtruth-auroc", "0.0"), "--groundtruth-auroc is about a method, and none is named"),
        (("--groundtruth-accuracy", "1", "--groundtruth-method", "eap"), "add --groundtruth-featurizer SPEC."),
        (("--groundtruth-known", "known.toml"), "add --groundtruth-method SPEC or --groundtruth-featurizer SPEC."),
        (("--groundtruth-skip", "recovers"), "--groundtruth-skip is about a method, and none is named"),
        (
            ("--groundtruth-known", "wrong.toml", "--groundtruth-method", "eap"),
            "--groundtruth-known: wrong.toml: [eap.fails] names 'recovers[hsit]', which no profile asks for.",
        ),
    ],
)
def test_what_cannot_be_run_is_one_usage_error(project, arguments, told):
    project.makepyfile(broken="1 / 0", leaves="raise SystemExit(0)")
    project.makefile(".toml", wrong='[eap.fails]\n"recovers[hsit]" = "why"')
    result = project.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in (*result.outlines, *result.errlines) if line.startswith("ERROR: ")]
    assert len(lines) == 1 and told in lines[0]
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_a_misspelt_method_in_a_file_of_known_failures_is_said(project):
    known = project.makefile(".toml", known='[exct.fails]\n"recovers[hist]" = "why"')
    asked = ("--groundtruth-method", "methods:exact", "--groundtruth-known", str(known), "--collect-only")
    result = project.runpytest_inprocess(*asked)
    result.stdout.fnmatch_lines(["*PytestWarning: *known.toml says nothing of [[]exact]. Did you mean: exct?*"])


def test_pytest_starts_without_what_is_heavy():
    heavy = "[m for m in ('torch', 'tracr', 'hypothesis') if m in sys.modules]"
    code = f"import sys, groundtruth.pytest_plugin; print({heavy})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", PROFILES)
def test_the_models_of_a_profile_ship(name):
    from groundtruth.store.catalog import shipped

    profile = PROFILES[name]
    variables = {*profile.found, *profile.sought}
    assert {*profile.recovered, *profile.examined, *(where.partition(":")[0] for where in variables)} <= set(shipped())
