"""Whatever a file holds, a reader gives what it should or raises FormatError, in one line that names the file."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mib import tasks
from mib.errors import FormatError
from mib.leaderboard.formats import read_ioi_parameters
from mib.leaderboard.submissions.submission_settings import FILE, settings_of
from mib.learned.checkpoint_files import read
from mib.tasks.builtin_tasks import BUILTIN
from mib.tasks.data_sources import examples_of
from mib.tasks.example import Example
from tests.mutations import MUTATED, mutated, mutated_bytes, mutated_json, require_one_line

DRAWN = {task.name: list(itertools.islice(task.stream(), 2)) for task in BUILTIN if task.draw is not None}


@pytest.mark.parametrize("suffix", ["jsonl", "json"])
@MUTATED
@given(data=st.data())
def test_data_rows(tmp_path_factory, suffix, data):
    folder = tmp_path_factory.mktemp("data")
    task = tasks.get(data.draw(st.sampled_from(sorted(DRAWN))))
    rows = [data.draw(mutated(row)) for row in json.loads(json.dumps(DRAWN[task.name]))]
    text = json.dumps(rows) if suffix == "json" else "".join(f"{json.dumps(row)}\n" for row in rows)
    content = text.encode("utf-8", "backslashreplace")
    (folder / f"train.{suffix}").write_bytes(data.draw(st.just(content) | mutated_bytes(content)))
    try:
        found = list(examples_of(task, folder, split="train", seed=0))
    except FormatError as error:
        require_one_line(error, folder)
    else:
        assert all(isinstance(example, Example) for example in found)


@MUTATED
@given(data=st.data())
def test_the_record_of_a_submission(tmp_path, data):
    whole = {"schema_version": 1, "cells": {"ioi_gpt2": {"method": "eap", "n": 6, "parameters": {}}}}
    (tmp_path / FILE).write_bytes(data.draw(mutated_json(whole)))
    try:
        found = settings_of(tmp_path)
    except FormatError as error:
        require_one_line(error, tmp_path / FILE)
    else:
        assert all(isinstance(cell, dict) for cell in found.values())


@MUTATED
@given(data=st.data())
def test_parameters_of_iois_causal_model(tmp_path, data):
    whole = {"gpt2": {"bias": 0.5, "token_coeff": 1.0, "position_coeff": -2.0}}
    path = tmp_path / "ioi_linear_params.json"
    path.write_bytes(data.draw(mutated_json(whole)))
    try:
        read_ioi_parameters(path)
    except FormatError as error:
        require_one_line(error, path)


@MUTATED
@given(data=st.data())
def test_the_log_of_the_learned_models_training(tmp_path, data):
    path = tmp_path / "training.json"
    path.write_bytes(data.draw(mutated_json({"schema_version": 1, "claimed": ["ioi"], "held_out": {}})))
    try:
        assert read(path)["schema_version"] == 1
    except FormatError as error:
        require_one_line(error, path)
