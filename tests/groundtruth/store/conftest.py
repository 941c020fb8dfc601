"""Small models that are stored once and copied for each test that changes them."""

import shutil

import pytest

from groundtruth import compile, programs

SMALL = {
    "hist": ((1, 2), 2),
    "contains_x_twice_told": (("x", "y"), 2),
    "follow_pointer": (None, 2),
    "frac_prevs": (("x", "y"), 2),
    "previous_token": (None, 2),
    "sort_hist": ((1, 2), 2),
}
"""Vocabulary and greatest length; between them numbers, a validity rule, causality, copies, and PAD that disturbs."""


@pytest.fixture(scope="session")
def small_models():
    """By name, just compiled."""
    models = {}
    for name, (vocab, max_seq_len) in SMALL.items():
        program = programs.get(name)
        models[name] = compile(
            program.build(),
            vocab=vocab or program.domain.vocab,
            max_seq_len=max_seq_len,
            causal=program.causal,
            valid=program.domain.valid,
            name=name,
        )
    return models


@pytest.fixture(scope="session")
def stored(small_models, tmp_path_factory):
    """The folder of all of them, saved."""
    folder = tmp_path_factory.mktemp("stored")
    for name, model in small_models.items():
        model.save(folder / name)
    return folder


@pytest.fixture
def copied(stored, tmp_path):
    """A function from a name to a folder of one's own to change."""

    def copy(name="hist"):
        return shutil.copytree(stored / name, tmp_path / name)

    return copy
