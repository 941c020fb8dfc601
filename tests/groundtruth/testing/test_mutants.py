"""The suite catches ten realistic errors in EAP, and docs/mutations.md says which assertion caught which.

``python -m tests.groundtruth.testing.test_mutants`` writes that page.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from groundtruth.errors import GroundTruthError
from groundtruth.evaluation.circuits.localization_tasks import localization_task
from groundtruth.specs import find_model
from groundtruth.testing import PROPERTIES, MethodFailure
from groundtruth.testing.trial import PlainRuns
from mib.errors import MibError
from mib.localization import get
from tests.groundtruth.testing import mutants

PAGE = Path(__file__).parents[3] / "docs" / "mutations.md"
MODELS = ("hist_of_hist", "follow_pointer_twice")
"""On these EAP itself has every property."""

ASKED = (
    "recovers",
    "exact_at_logits",
    "deterministic",
    "no_mutation",
    "batch_size_free",
    "example_order_free",
    "scale_equivariant",
    "ignores_decoys",
    "invariant:rotate",
)

HEADER = """# Ten errors planted in EAP, and what catches them
Each row is a copy of edge attribution patching with one realistic error in it
([tests/groundtruth/testing/mutants.py](../tests/groundtruth/testing/mutants.py)); each column one of the assertions of
`groundtruth.testing`, on the models {models},
on which the copy without an error has every property (with 24 examples). `x`: caught. An error that leaves every
ranking as it is, such as a wrong sign, is caught by the size of effects where nothing is approximated
(`exact_at_logits`).
`python -m tests.groundtruth.testing.test_mutants` writes this page; a test holds it to a fresh run.

"""


@cache
def caught(name: str, model: str) -> frozenset[str]:
    """The properties that a copy of EAP lacks on a model."""
    method = getattr(mutants, name)
    found: set[str] = set()
    plain: PlainRuns = {}
    for check in ASKED:
        shared = {"plain": plain} if PROPERTIES[check].sound else {}  # as the plug-in shares what it compares with
        try:
            PROPERTIES[check](method, model, n_pairs=24, **shared)  # by name: loaded, and its tasks made, once
        except (MethodFailure, MibError, GroundTruthError):
            found.add(check)
    return frozenset(found)


def by_all(name: str) -> frozenset[str]:
    return frozenset().union(*(caught(name, model) for model in MODELS))


def page() -> str:
    rows = ["| error | " + " | ".join(ASKED) + " |", "| --- |" + " :-: |" * len(ASKED)]
    for mutant in mutants.MUTANTS:
        found = by_all(mutant.__name__)
        marks = " | ".join("x" if check in found else "" for check in ASKED)
        rows.append(f"| {mutant.__doc__.rstrip('.')} (`{mutant.__name__}`) | {marks} |")
    return HEADER.format(models=", ".join(f"`{model}`" for model in MODELS)) + "\n".join(rows) + "\n"


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_the_copy_is_eap_and_has_every_property(model):
    task = localization_task(find_model(model), n_pairs=24)
    assert np.allclose(mutants.copy_of_eap(task).flat, get("eap")(task).flat, rtol=1e-5)
    assert caught("copy_of_eap", model) == frozenset()


@pytest.mark.slow
@pytest.mark.parametrize("mutant", mutants.MUTANTS, ids=lambda mutant: mutant.__name__)
def test_every_error_is_caught(mutant):
    assert by_all(mutant.__name__)


@pytest.mark.slow
def test_the_page_says_what_is_so():
    assert PAGE.read_text() == page(), "run python -m tests.groundtruth.testing.test_mutants"


if __name__ == "__main__":
    PAGE.write_text(page())
