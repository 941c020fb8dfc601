"""What a table of the variable track says of its rows."""

import csv
import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from groundtruth.bench.result_data import result_data
from groundtruth.bench.variable_track import VARIABLES
from groundtruth.errors import DomainError
from groundtruth.files import to_json
from groundtruth.report.terminal import THEME
from groundtruth.report.views.scores_by_method import scores_by_method
from groundtruth.report.views.track_report import TRACK_REPORTS, result_csv, result_markdown, result_view
from groundtruth.report.views.variable_report import sought_in
from groundtruth.report.views.variable_sentences import variable_sentences
from groundtruth.results.cell import Failed, Skipped
from groundtruth.results.result import Result
from groundtruth.results.thresholds import parse_thresholds, unmet_thresholds
from groundtruth.results.variable_scores import Control, VariableScores
from groundtruth.results.variable_values import mib_values, variable_values
from tests.groundtruth.bench.cell_makers import variable_cell
from tests.groundtruth.bench.variable_rows import language_model_row, result, row


def test_means_are_over_variables_and_spreads_over_seeds() -> None:
    found = result(
        row("das", 0.2, variable="a", seed=0),
        row("das", 0.4, variable="a", seed=1),
        row("das", 0.9, variable="b", seed=0),
        row("das", 0.9, variable="b", seed=1),
    ).summaries()[0]
    accuracy = found.columns["accuracy"]
    assert accuracy.mean == pytest.approx((0.3 + 0.9) / 2)
    assert accuracy.std == pytest.approx((0.02**0.5 + 0.0) / 2)
    assert (accuracy.n, found.n_scored) == (2, 4)
    assert (found.columns["rank"].mean, found.columns["minimal_rank"].mean) == (8.0, 4.0)


def test_methods_without_a_subspace_stand_below_those_with_one_and_controls_last() -> None:
    found = result(
        row("sae", 1.0, linear=False),
        row("low", 1.0, recall=0.5, precision=0.5),
        row("oracle", 0.0, recall=0.0, precision=0.0),
        row("high", 0.0, recall=0.9, precision=0.9),
    ).summaries()
    assert [summary.method for summary in found] == ["high", "low", "sae", "oracle"]
    assert "recall" not in found[-2].columns


def on(model: str, scores: VariableScores) -> VariableScores:
    return replace(scores, model=model)


def test_a_table_of_several_tiers_is_ordered_by_accuracy_and_one_of_a_single_tier_by_what_is_exact() -> None:
    """F1 is defined at few places of the tiers, and need not rank methods as the verdict does."""
    tiers = ("reverse", "reverse@soft")
    exact, accurate = (
        [on(tier, row(name, accuracy, recall=recall)) for tier in tiers]
        for name, accuracy, recall in (("exact", 0.2, 1.0), ("accurate", 0.9, 0.5))
    )
    assert [summary.method for summary in result(*exact, *accurate).summaries()] == ["accurate", "exact"]
    assert [summary.method for summary in result(exact[0], accurate[0]).summaries()] == ["exact", "accurate"]


@pytest.mark.parametrize(("n_seeds", "shown"), [(1, False), (2, True)])
def test_a_spread_needs_several_seeds_also_where_a_column_is_undefined_at_places(n_seeds: int, shown: bool) -> None:
    """Six places with precision and six without: with one seed each nothing is known of the spread over seeds."""
    rows = [
        row("das", 0.1 * seed, variable=f"{kind}{place}", seed=seed, linear=kind == "subspace")
        for seed in range(n_seeds)
        for place in range(6)
        for kind in ("subspace", "none")
    ]
    (scores,) = scores_by_method(result(*rows))
    assert "precision" in scores.means and ("precision" in scores.spreads) == shown == ("accuracy" in scores.spreads)


def test_f1_is_the_harmonic_mean_and_0_where_nothing_was_found() -> None:
    assert variable_values(row("a", 1.0, recall=1.0, precision=0.5))["f1"] == pytest.approx(2 / 3)
    assert variable_values(row("a", 0.0, recall=0.0, precision=None))["f1"] == 0.0


def test_selectivity_is_the_gap_to_the_highest_control() -> None:
    controls = (Control("shuffled", 0.1), Control("arbitrary", 0.3), Control("variant", None, "no variant"))
    columns = variable_values(row("das", 0.9, controls=controls))
    assert columns["selectivity"] == pytest.approx(0.6)
    assert (columns["shuffled"], columns["arbitrary"], columns["variant"]) == (0.1, 0.3, None)
    assert variable_values(row("das", 0.9))["selectivity"] is None


def test_mibs_summary_chooses_layers_on_the_validation_split() -> None:
    rows = [
        row("das", 0.9, site="residual.0.post", validation=0.2),
        row("das", 0.5, site="residual.1.post", validation=0.8),
        row("das", 0.3, site="residual.1.mid", validation=0.9),
    ]
    # Layer 1 has two places: the one with the better validation accuracy is its own, though it scores less.
    assert mib_values(rows) == pytest.approx({"mib_mean": 0.6, "mib_best": 0.3, "mib_best_on_test": 0.9})


@pytest.mark.parametrize(("recalls", "tau"), [((0.2, 0.5, 0.9), 1.0), ((0.9, 0.5, 0.2), -1.0)])
def test_validity_says_whether_accuracy_ranks_methods_as_recall_does(recalls: tuple[float, ...], tau: float) -> None:
    rows = [row(f"m{i}", accuracy, recall=recalls[i]) for i, accuracy in enumerate((0.1, 0.6, 0.8))]
    found = result(*rows, row("oracle", 0.0, recall=1.0)).validity()
    entry = next(v for v in found if (v.metric, v.exact) == ("accuracy", "recall"))
    assert (entry.overall.tau, entry.overall.n_methods) == (tau, 3)  # the oracle is left out


def test_files_hold_every_row_and_no_nan() -> None:
    failed = (variable_cell("pca", "reverse", "opposite", "residual.2.post"), Failed("ValueError: no"))
    found = result(
        row("das", 0.95, precision=0.3),
        row("no-op", 0.0, recall=0.0, precision=None, inside=None),
        others=(failed,),
        profile="smoke",
    )
    data = json.loads(to_json(result_data(found)))
    assert data["track"] == "variables"
    assert [cell["outcome"] for cell in data["cells"]] == ["scored", "scored", "failed"]
    assert data["cells"][0]["values"]["illusion"] == 1.0
    assert data["cells"][0]["truth"]["overlap"]["energy"]["dead"] == 0.3
    assert {entry["exact"] for entry in data["metric_validity"]} >= {"recall", "inside"}
    table = list(csv.DictReader(io.StringIO(result_csv(found))))
    assert [line["method"] for line in table] == ["das", "no-op"]
    assert table[0]["precision"] == "0.3"
    assert "| `das` |" in result_markdown(found)


def test_words_name_illusions_and_what_is_found_where_there_is_nothing() -> None:
    shown = [
        line.plain
        for line in variable_sentences(
            result(
                row("das", 0.95, precision=0.3, controls=(Control("shuffled", 0.8), Control("arbitrary", 0.1))),
                row("pca", 0.85, precision=0.3),
            )
        )
    ]
    text = "\n".join(shown)
    assert (
        "das: 1 of 1, with rank 8 for 4; of what it found lies 30% in other live variables, 30% in copies that nothing "
        "reads." in text
    )
    assert "das finds where there is nothing: IIA 0.80 on shuffled weights." in text
    assert "pca:" not in text


def test_what_was_left_out_is_told() -> None:
    skipped = (variable_cell("mdas", "hist", "hist", "residual.0.post"), Skipped("no isolation pairs", "method"))
    text = "\n".join(line.plain for line in variable_sentences(result(row("das", 0.5), others=(skipped,))))
    assert "Left out: mdas on hist:hist@residual.0.post: no isolation pairs" in text


def test_the_table_fits_a_hundred_columns() -> None:
    controls = (Control("shuffled", 0.1), Control("arbitrary", 0.3), Control("variant", 0.25))
    names = ("oracle", "dbm-sae-batch-top-k", "difference-in-means")
    rows = [row(name, 0.95, precision=0.3, controls=controls, seed=s) for name in names for s in range(12)]
    screen = Console(width=100, record=True, file=io.StringIO(), theme=THEME)
    screen.print(result_view(result(*rows, dtype="float32", device="cpu")))
    lines = screen.export_text().splitlines()
    table = [line for line in lines if line.startswith(names)]
    assert len(table) == 3
    assert all(len(line) <= 100 for line in lines)
    assert all("…" not in line for line in table)
    assert all("12/12" in line for line in table)


def test_thresholds_of_this_track() -> None:
    found = result(row("mine", 0.9, recall=0.4, controls=(Control("shuffled", 0.2),)))
    assert (
        unmet_thresholds(found, "mine", parse_thresholds("accuracy=0.8,shuffled=0.3", VARIABLES.tables.thresholds))
        == []
    )
    lines = unmet_thresholds(
        found, "mine", parse_thresholds("recall=0.5,shuffled=0.1,variant=0.5", VARIABLES.tables.thresholds)
    )
    assert lines == [
        "not met: recall is 0.4000, wanted at least 0.5",
        "not met: shuffled is 0.2000, wanted at most 0.1",
        "not met: variant has no value",
    ]
    with pytest.raises(DomainError, match=r"unknown column 'precison'. Did you mean: precision"):
        parse_thresholds("precison=1", VARIABLES.tables.thresholds)


# -- language models beside compiled ones -----------------------------------------------------------------------------


def test_mibs_summary_on_a_language_model_is_over_families_positions_and_layers() -> None:
    rows = [
        language_model_row("das", 0.0, site="residual.0.post@last", families=(("a", 0.2, 0.9), ("b", 0.4, 0.9))),
        language_model_row("das", 0.0, site="residual.0.post@S2", families=(("a", 0.9, 0.1), ("b", 0.9, 0.1))),
        language_model_row("das", 0.0, site="residual.1.post@last", families=(("a", 0.6, 0.2), ("b", 0.6, 0.2))),
    ]
    # The first layer's place is chosen by validation (0.9 over 0.1), and so is the layer.
    assert mib_values(rows) == pytest.approx({"mib_mean": 0.45, "mib_best": 0.3, "mib_best_on_test": 0.9})


def mixed() -> Result:
    order = ("das", "dbm", "pca", "svd", "lda")
    compiled = [row(name, 0.1 * i, recall=0.2 * i, precision=0.3) for i, name in enumerate(order)]
    real = [language_model_row(name, 0.9 - 0.1 * i, seed=seed) for i, name in enumerate(order) for seed in (0, 1)]
    return result(row("oracle", 1.0), *compiled, *real, profile="made up", dtype="float32", device="cpu")


def test_columns_of_language_models_stand_beside_those_of_compiled_ones() -> None:
    found = {summary.method: summary for summary in mixed().summaries()}
    assert found["dbm"].columns["accuracy"].mean == pytest.approx(0.1)
    assert found["dbm"].columns["real_accuracy"].mean == pytest.approx(0.8)
    assert found["dbm"].columns["real_mib_best"].mean == pytest.approx(0.5)
    assert (found["dbm"].n_scored, found["dbm"].columns["minimal_rank"].mean) == (1, 4.0)
    assert "real_accuracy" not in found["oracle"].columns
    assert {entry.overall.n_methods for entry in mixed().validity()} == {5}


def test_a_line_says_whether_ranks_on_compiled_models_predict_those_on_real_ones() -> None:
    taus = {(e.column, e.predicted): e.tau for e in mixed().predictions()}
    assert taus["accuracy", "real_accuracy"] == pytest.approx(-1.0)
    assert taus["recall", "real_accuracy"] == pytest.approx(-1.0)
    told = next(line.plain for line in variable_sentences(mixed()) if "predict" in line.plain)
    assert told.startswith(
        "Does a method's rank on compiled models predict its rank on language models? Kendall tau with IIA "
    )
    assert "5 methods: IIA -1.00 (-1.00 to -1.00) · recall -1.00" in told


def test_a_table_of_both_fits_the_screen_and_all_files_have_both() -> None:
    console = Console(width=100, theme=THEME)
    with console.capture() as captured:
        console.print(result_view(mixed()))
    text = captured.get()
    assert max(map(len, text.splitlines())) <= 100
    assert "1 variable at 1 site and learned (arithmetic-addition: ones_carry)" in " ".join(text.split())
    assert "10 held-out pairs each; no truth is known there" in " ".join(text.split())
    data = json.loads(to_json(result_data(mixed())))
    assert ("recall", "real_accuracy") in {(e["column"], e["predicted"]) for e in data["rank_prediction"]}
    lines = list(csv.DictReader(io.StringIO(result_csv(mixed()))))
    assert {line["task"] for line in lines} == {"", "arithmetic-addition"}
    assert {line["recall"] for line in lines if line["task"]} == {""}
    assert "IIA LM" in result_markdown(mixed())


def test_a_title_counts_language_models_where_there_are_several_and_names_one_seed() -> None:
    real = [on(name, language_model_row("das", 0.9)) for name in ("learned-a", "learned-b")]
    both = result(row("das", 0.5), on("reverse@soft", row("das", 0.5)), *real)
    assert sought_in(both) == "2 variables at 2 sites on 2 tiers and 2 language models"
    (section,) = TRACK_REPORTS["variables"].sections(both)
    assert "language models · seed 0" in section.title.plain
    assert "the mean over learned-a (arithmetic-addition: ones_carry), learned-b (" in section.legend


def test_language_models_alone_have_a_table_of_their_own() -> None:
    controls = (Control("shuffled", 0.0), Control("arbitrary", 0.2))
    sites = ("residual.0.post@last", "residual.1.post@last")
    alone = result(
        *(language_model_row(name, 0.5, site=site, controls=controls) for name in ("das", "dbm") for site in sites)
    )
    console = Console(width=100, theme=THEME)
    with console.capture() as captured:
        console.print(result_view(alone))
    text = captured.get()
    assert "recall" not in text and "re-" not in text and "illu-" not in text
    assert "0.post" in text and "1.post" in text  # a table by place
    assert alone.summaries()[0].columns["selectivity"].mean == pytest.approx(0.3)
    assert "No truth is known" in " ".join(text.split())
    assert "illusions" not in result_markdown(alone).splitlines()[2]
