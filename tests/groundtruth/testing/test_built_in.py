"""Our own methods under our own plug-in: every built-in method passes its smallest profile, but for what is known.

What is known is in groundtruth/testing/known.toml, and shown in docs/properties.md. A failure that is not there fails
here, and so does one that is there and does not happen.
"""

import pytest

import groundtruth.testing.asking
import groundtruth.testing.known  # pytester forgets what a run imports, and some of it cannot be imported twice
import groundtruth.transformer  # noqa: F401
from groundtruth.questions import PROFILES, featurizer_questions, questions
from groundtruth.testing.table import KNOWN, methods
from mib import featurization

pytest_plugins = "pytester"

SMOKE = PROFILES["smoke"]


def passes(pytester, kind, name, asked):
    """Run the plug-in on a method; all that it is asked either passes or fails as known."""
    result = pytester.runpytest_inprocess(
        f"--groundtruth-{kind}", name, "--groundtruth-known", str(KNOWN), "-p", "no:cacheprovider", "-q"
    )
    found = result.parseoutcomes()
    assert result.ret == 0, result.stdout.str()
    assert found.get("passed", 0) + found.get("xfailed", 0) == len(list(asked))


@pytest.mark.parametrize("name", methods())
def test_localization_methods(pytester, name):
    passes(pytester, "method", name, questions(SMOKE, auroc=0.9))


@pytest.mark.parametrize("name", featurization.names())
def test_featurizers(pytester, name):
    passes(pytester, "featurizer", name, featurizer_questions(SMOKE, accuracy=0.9))
