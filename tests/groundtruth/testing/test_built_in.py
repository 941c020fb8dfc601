"""Our own methods under our own plug-in: every built-in method passes its smallest profile, but for what is known.

groundtruth/testing/expected_failures.toml holds what is known, and docs/properties.md shows it. A failure that is not
there fails here, and so does one that is there and does not happen.
"""

import pytest

from groundtruth.testing.property_table import KNOWN, methods
from groundtruth.testing.pytest_profiles import PROFILES, featurizer_questions, questions
from mib import featurization

SMOKE = PROFILES["smoke"]


class Outcomes:
    """What the tests of a run came to."""

    def __init__(self):
        self.good, self.bad = [], []

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.bad.append(f"{report.nodeid}\n{report.longreprtext}")
        elif report.when == "call":
            self.good.append(report.nodeid)


def passes(folder, kind, name, asked):
    """Run the plug-in on a method; all that it is asked either passes or fails as known."""
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
    ]
    outcomes = Outcomes()
    pytest.main(
        [*options, "-p", "no:xdist", f"--groundtruth-{kind}", name, "--groundtruth-known", str(KNOWN), str(folder)],
        plugins=[outcomes],
    )
    assert not outcomes.bad, "\n\n".join(outcomes.bad)
    assert len(outcomes.good) == len(list(asked))


@pytest.mark.parametrize("name", methods())
def test_localization_methods(tmp_path, name):
    passes(tmp_path, "method", name, questions(SMOKE, auroc=0.9))


@pytest.mark.parametrize("name", featurization.names())
def test_featurizers(tmp_path, name):
    passes(tmp_path, "featurizer", name, featurizer_questions(SMOKE, accuracy=0.9))
