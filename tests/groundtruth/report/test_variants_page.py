"""The page that sets variants beside their models: means over the models that have both, and what bites in words."""

from dataclasses import replace

import pytest

from groundtruth.bench.result_data import result_data
from groundtruth.errors import DomainError
from groundtruth.files import to_json
from groundtruth.report.views.variants_page import main, variant_tables
from groundtruth.results.result import Result
from tests.groundtruth.bench.cell_makers import circuit_cell
from tests.groundtruth.results.test_read_results import _row

SCORED = {
    ("exact", "hist"): (1.0, 100.0), ("exact", "sort"): (1.0, 1.0),
    ("exact", "hist@votes"): (0.6, 1e-6), ("exact", "hist@repair"): (0.95, 2.0), ("exact", "sort@repair"): (0.95, 0.5),
    ("eap", "hist"): (0.9, 1.0), ("eap", "sort"): (0.9, 1.0), ("eap", "hist@votes"): (0.3, 1.0),
}  # fmt: skip
"""AUROC and gap by method and model."""


def _result():
    outcomes = []
    for (method, model), (auroc, gap) in SCORED.items():
        row = _row(method, model, auroc)
        live = replace(row.truth.live, gap=gap)
        outcomes.append((circuit_cell(method, model), replace(row, truth=replace(row.truth, live=live))))
    return Result(tuple(outcomes), {}, 0.0)


def test_each_column_is_averaged_over_the_models_that_have_the_variant():
    lines = variant_tables(_result(), "resample").splitlines()
    exact = [line for line in lines if line.startswith("| exact ")]
    assert exact[0] == "| exact | 1.00 | 0.60 | 0.95 |"
    assert exact[2] == "| exact | 10.00 | 0.00 | 1.00 |"  # gaps are averaged as ratios
    assert [line for line in lines if line.startswith("| eap ")][0] == "| eap | 0.90 | 0.30 | – |"


def test_only_a_method_that_is_good_on_the_models_themselves_can_be_bitten():
    text = variant_tables(_result(), "resample")
    assert "votes (1 model) bites: exact -0.40" in text
    assert "repair (2 models) does not bite: no method with 0.95 or more loses 0.1" in text


def test_the_page_is_printed_from_result_files_and_refuses_those_without_variants(tmp_path, capsys):
    path = tmp_path / "a.json"
    path.write_bytes(to_json(result_data(_result())))
    assert main([str(path)]) == 0
    assert capsys.readouterr().out == variant_tables(_result(), "resample")
    only = Result(tuple(item for item in _result().outcomes if "@" not in item[0].model), {}, 0.0)
    with pytest.raises(DomainError, match="the result needs models and variants of them, such as hist and hist@votes"):
        variant_tables(only, "resample")
    path.write_bytes(to_json(result_data(only)))
    assert main([str(path)]) == 1
    assert "error: nothing to compare" in capsys.readouterr().err
