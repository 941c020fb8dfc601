"""A result as JSON has it: schema, environment, hashes, summaries, validity, and every cell."""

import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import torch

from groundtruth.bench.cell_key import cell_key, evaluator_sha256, method_sha256, model_sha256
from groundtruth.bench.tracks import find_track
from groundtruth.executors.same_code import versions
from groundtruth.files import or_none
from groundtruth.results.cell import Cell, Failed, Outcome, Skipped, cell_fields
from groundtruth.results.read_results import SCHEMA_VERSION
from groundtruth.results.result import Result
from groundtruth.results.track_tables import TABLES
from groundtruth.user_methods import is_own_method
from mib.metrics.metric_validity import Validity


def result_data(result: Result) -> dict[str, Any]:
    """Write a result as JSON has it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "track": result.tables.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": result.seconds,
        "settings": dict(result.settings),
        "environment": environment(),
        "code_sha256": evaluator_sha256(find_track(result.tables.name)),
        "methods_sha256": methods_sha256(result),
        "models_sha256": {name: model_sha256(name) for name in result.models},
        "summaries": [asdict(s) for ablation in result.ablations for s in result.summaries(ablation)],
        "metric_validity": [
            {"ablation": ablation, **validity_data(entry)}
            for ablation in result.ablations
            for entry in result.validity(ablation)
        ],
        "rank_prediction": [
            {"ablation": ablation, **asdict(entry), "interval": [or_none(end) for end in entry.interval]}
            for ablation in result.ablations
            for entry in result.predictions(ablation)
        ],
        "cells": [cell_data(cell, outcome) for cell, outcome in result.outcomes],
    }


def methods_sha256(result: Result) -> dict[str, str]:
    """Hash the sources of each method that comes from a file or a plug-in; those of our own are part of the code's."""
    track = find_track(result.tables.name)
    methods = track.methods
    plugged = {one.name for one in methods.registered() if methods.is_foreign(one.name)}
    found = {cell.method: cell for cell, _ in result.outcomes if is_own_method(cell.method) or cell.method in plugged}
    return {name: method_sha256(track, name, cell.setting.level) for name, cell in found.items()}


def environment() -> dict[str, Any]:
    """Say where and with what it was run."""
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }


def cell_data(cell: Cell, outcome: Outcome) -> dict[str, Any]:
    """Write one cell as JSON has it; a scored one with the values of its columns."""
    kind = type(outcome).__name__.lower() if isinstance(outcome, Failed | Skipped) else "scored"
    values = {"values": TABLES[cell.setting.track].scoring.values(outcome)} if kind == "scored" else {}
    return {"key": cell_key(cell), "outcome": kind, "cell": cell_fields(cell), **asdict(outcome), **values}


def validity_data(entry: Validity) -> dict[str, Any]:
    """Write one agreement of rankings as JSON has it."""
    return {
        "metric": entry.metric,
        "exact": entry.exact,
        "kendall_tau": or_none(entry.overall.tau),
        "interval": [or_none(end) for end in entry.interval],
        "n_methods": entry.n_methods,
        "n_pairs": entry.overall.n_pairs,
        "per_place": {place: or_none(agreement.tau) for place, agreement in entry.per_model.items()},
    }
