"""Our own methods under our own plug-in: every built-in method passes its smallest profile, but for what is known.

groundtruth/testing/expected_failures.toml holds what is known, and docs/properties.md shows it. A failure that is not
there fails here, and so does one that is there and does not happen. What "may fail" is not asked: nothing could come
of it but a crash, which the other questions, on the same models and on random programs, meet as well.
"""

import pytest

from groundtruth.testing.expected_failures import read_known
from groundtruth.testing.property_table import KNOWN, methods
from groundtruth.testing.pytest_profiles import PROFILES, featurizer_questions, questions
from mib import featurization

SMOKE = PROFILES["smoke"]
OPEN = {name: frozenset(known.may_fail) for name, known in read_known(KNOWN).items()}
"""Questions by method that may be answered either way."""


class Outcomes:
    """What the tests of a run came to."""

    def __init__(self):
        self.good, self.bad = [], []

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.bad.append(f"{report.nodeid}\n{report.longreprtext}")
        elif report.when == "call":
            self.good.append(report.nodeid)


def passes(folder, kind, method, asked):
    """Run the plug-in on a method; all that could be wrong either passes or fails as known."""
    questions = [question.name for question in asked]
    settled = [name for name in questions if name not in OPEN.get(method, ())]
    (folder / "pytest.ini").write_text("[pytest]\n")
    options = [
        "-c",
        str(folder / "pytest.ini"),
        "--rootdir",
        str(folder),
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:unraisableexception",  # which collects garbage many times where a run ends
        *(f"--deselect=::{method}::{name}" for name in questions if name not in settled),
    ]
    outcomes = Outcomes()
    pytest.main(
        [*options, "-p", "no:xdist", f"--groundtruth-{kind}", method, "--groundtruth-known", str(KNOWN), str(folder)],
        plugins=[outcomes],
    )
    assert not outcomes.bad, "\n\n".join(outcomes.bad)
    assert outcomes.good == [f"::{method}::{name}" for name in settled]


@pytest.mark.parametrize("name", methods())
def test_localization_methods(tmp_path, name):
    passes(tmp_path, "method", name, questions(SMOKE, auroc=0.9))


@pytest.mark.parametrize("name", featurization.names())
def test_featurizers(tmp_path, name):
    passes(tmp_path, "featurizer", name, featurizer_questions(SMOKE, accuracy=0.9))
