"""Stored models, copied to be tampered with, whose unchanged parts are proven once a module."""

import shutil

import pytest

from tests.groundtruth.store.tamperings import keep_proofs


@pytest.fixture(scope="module")
def proven_once():
    """What was not changed is not proven again."""
    with pytest.MonkeyPatch.context() as patch:
        keep_proofs(patch)
        yield


@pytest.fixture
def copied(stored, tmp_path):
    """Copies a model of a module's own ``stored``, by name."""
    return lambda name="hist": shutil.copytree(stored / name, tmp_path / name)
