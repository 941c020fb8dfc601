"""The columns that tables are written from say of every value in a summary how it is shown."""

import pytest

from groundtruth.bench.variable_track import VARIABLES
from groundtruth.column import Column, column_names, lower_is_better
from groundtruth.results.circuit_columns import CIRCUIT_COLUMNS
from groundtruth.results.circuit_values import circuit_values
from groundtruth.results.variable_columns import VARIABLE_COLUMNS
from groundtruth.results.variable_values import variable_values
from tests.groundtruth.bench.variable_rows import row as variable_row
from tests.groundtruth.report.test_result_page import row as circuit_row


@pytest.mark.parametrize("columns", [CIRCUIT_COLUMNS, VARIABLE_COLUMNS])
def test_names_are_unique_and_each_shown_column_has_a_priority_of_its_own(columns: tuple[Column, ...]) -> None:
    names = column_names(columns)
    assert len(set(names)) == len(names)
    ranks = [column.priority for column in columns if column.place != "data"]
    assert len(set(ranks)) == len(ranks)


def test_every_value_of_a_summary_has_a_column() -> None:
    circuit, variable = circuit_values(circuit_row("eap", 0.5)), variable_values(variable_row("das", 0.5))
    assert set(circuit) <= set(column_names(CIRCUIT_COLUMNS))
    assert {*variable, *(f"real_{name}" for name in VARIABLES.tables.scoring.language_model_columns)} <= set(
        column_names(VARIABLE_COLUMNS)
    )


def test_less_is_better_of_costs_controls_and_distances_alone() -> None:
    assert set(lower_is_better(CIRCUIT_COLUMNS)) == {
        "cmd", "mib_cmd", "real_cmd", "real_mib_cmd", "true_cmd", "passes", "seconds",
    }  # fmt: skip
    assert set(lower_is_better(VARIABLE_COLUMNS)) == {
        "rank", "real_rank", "shuffled", "arbitrary", "variant", "illusion", "seconds",
    }  # fmt: skip
