import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from groundtruth.bench import Failed, Skipped, find_profile, result_of
from groundtruth.bench.circuit_subjects import CIRCUIT_PROFILES
from groundtruth.bench.circuit_track import CIRCUITS
from groundtruth.bench.result_data import result_data
from groundtruth.errors import DomainError
from groundtruth.report.terminal import THEME
from groundtruth.report.views.track_report import result_csv, result_ending, result_markdown, result_view, write_result
from groundtruth.results.circuit_scores import CircuitScores, ExactCircuitScores, Ranked, WrongEdge
from groundtruth.results.result import Result
from groundtruth.results.thresholds import parse_thresholds, unmet_thresholds
from groundtruth.variants.tiers import RAW
from tests.groundtruth.bench.cell_makers import circuit_cell, planned


def row(method: str, model: str, auroc: float, cpr: float, cmd: float) -> CircuitScores:
    live = Ranked(13, 4, auroc, auroc, auroc, auroc, auroc, exact=auroc == 1.0)
    wrong = (WrongEdge("input->a0.h0<q>", "missed", 0.0, "live", "tokens for hist"),) if auroc < 1 else ()
    return CircuitScores(
        method=method,
        model=model,
        ablation="resample",
        level="edge",
        seed=0,
        n_examples=8,
        mib_cpr=cpr,
        mib_cmd=cmd,
        cpr=cpr,
        cmd=cmd,
        cpr_interval=(cpr, cpr),
        cmd_interval=(cmd, cmd),
        forward=2.0,
        backward=1.0,
        seconds=0.1,
        truth=ExactCircuitScores("mixed", live, live, live, 0.8, 0.2, wrong),
    )


@pytest.fixture
def result() -> Result:
    values = {
        ("oracle", "hist"): (1.0, 0.8, 0.2),
        ("oracle", "reverse"): (1.0, 0.8, 0.2),
        ("good", "hist"): (1.0, 0.7, 0.3),
        ("good", "reverse"): (0.8, 0.5, 0.4),
        ("poor", "hist"): (0.5, 1.9, 0.6),
        ("poor", "reverse"): (0.6, 1.5, 0.5),
    }
    outcomes = [
        (circuit_cell(method, model), row(method, model, *numbers)) for (method, model), numbers in values.items()
    ]
    return result_of(outcomes, seconds=3.0, seed=0, level="edge")


def printed(*parts: object) -> str:
    console = Console(width=100, theme=THEME, file=io.StringIO(), highlight=False)
    console.print(*parts)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_summary_has_mean_spread_and_the_number_of_exact_recoveries(result: Result) -> None:
    good, poor, oracle = result.summaries("resample")
    assert [s.method for s in (good, poor, oracle)] == ["good", "poor", "oracle"]
    assert [s.is_control for s in (good, poor, oracle)] == [False, False, True]
    assert good.columns["auroc"].mean == pytest.approx(0.9)
    assert good.columns["auroc"].std == pytest.approx(0.1414, abs=1e-4)
    assert (good.fractions["exact"], good.n_scored, poor.fractions["exact"]) == ((1, 2), 2, (0, 2))
    assert good.columns["passes"].mean == 3.0


def test_validity_leaves_the_oracle_out_and_turns_cmd_around(result: Result) -> None:
    taus = {(v.metric, v.exact): v.overall for v in result.validity("resample")}
    # On both models good ranks above poor by AUROC; CPR says the reverse, CMD agrees.
    assert taus["cpr", "auroc"].tau == -1.0
    assert taus["cmd", "auroc"].tau == 1.0
    assert taus["cmd", "auroc"].n_pairs == 2


def test_the_report_fits_100_columns_and_says_what_it_found(result: Result) -> None:
    text = printed(result_view(result))
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    flat = " ".join(text.split())
    assert "Circuit localization · 2 models · resample ablation" in flat
    assert "Kendall" not in flat and "±" not in flat  # of two methods on two models: no statistic is worth a line
    assert "CPR goes past the truth: poor reaches 1.70, the true circuit 0.80." in flat
    assert "poor misses 4 of 8 needed edges (50%); 100% of those score exactly 0, 100% are queries." in flat
    assert "Worst: hist (AUROC 0.50), without input->a0.h0<q> (tokens for hist)." in flat


def test_the_best_of_a_column_is_marked_and_the_oracle_is_not_in_the_race(result: Result) -> None:
    rows = [line for line in result_markdown(result).splitlines() if "| `" in line]
    lines = {line.split("`")[1]: line for line in rows}
    assert lines["good"].count("**") == 2 * 6  # AUROC, AP, F1, exact, CMD, MIB's CMD
    assert "**" not in lines["oracle"]
    assert "**" not in lines["poor"]


def test_skipped_and_failed_cells_are_told(result: Result) -> None:
    more = (
        (circuit_cell("good", "odd"), Skipped("no edge of 'odd' is live: there is nothing to localize.", "model")),
        (circuit_cell("other", "hist"), Skipped("other cannot run with ablation='resample'.", "method")),
        (circuit_cell("poor", "sort"), Failed("ZeroDivisionError: division by zero (x.py, line 1)")),
    )
    fuller = replace(result, outcomes=(*result.outcomes, *more))
    text = " ".join(printed(result_view(fuller), result_ending(fuller, [Path("results/x.json")])).split())
    assert "nothing to localize under resample: odd" in text
    assert "Left out: other cannot run with ablation='resample'." in text
    assert "poor (1 failed)" in text
    assert "failed poor on sort, resample: ZeroDivisionError: division by zero (x.py, line 1)" in text


def test_the_files_hold_every_row(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groundtruth.bench.result_data.cell_key", lambda cell: f"{cell.method}/{cell.model}")
    monkeypatch.setattr("groundtruth.bench.result_data.model_sha256", lambda name: f"sha of {name}")
    paths = write_result(result, tmp_path / "new", "run")
    assert [path.name for path in paths] == ["run.json", "run.csv", "run.md"]
    data = json.loads(paths[0].read_text())
    assert data["schema_version"] == 2
    assert data["models_sha256"] == {"hist": "sha of hist", "reverse": "sha of reverse"}
    assert {"torch", "python", "groundtruth"} <= set(data["environment"]["versions"])
    assert [cell["truth"]["live"]["auroc"] for cell in data["cells"]] == [1.0, 1.0, 1.0, 0.8, 0.5, 0.6]
    assert {
        entry["metric"]: entry["kendall_tau"] for entry in data["metric_validity"] if entry["exact"] == "auroc"
    } == {
        "cpr": -1.0,
        "cmd": 1.0,
        "mib_cpr": -1.0,
        "mib_cmd": 1.0,
    }
    records = list(csv.DictReader(io.StringIO(result_csv(result))))
    assert [(r["method"], r["model"], float(r["auroc"])) for r in records][3] == ("good", "reverse", 0.8)
    assert result_data(result)["cells"][0]["key"] == "oracle/hist"


def test_thresholds_are_parsed_and_held(result: Result) -> None:
    assert parse_thresholds("auroc=0.9, cmd=0.35", CIRCUITS.tables.thresholds) == {"auroc": 0.9, "cmd": 0.35}
    assert parse_thresholds(None, CIRCUITS.tables.thresholds) == {}
    assert unmet_thresholds(result, "good", {"auroc": 0.9, "cmd": 0.35}) == []
    assert unmet_thresholds(result, "good", {"auroc": 0.91, "cmd": 0.3}) == [
        "not met: auroc is 0.9000 under resample ablation, wanted at least 0.91",
        "not met: cmd is 0.3500 under resample ablation, wanted at most 0.3",
    ]
    assert unmet_thresholds(result, "absent", {"auroc": 0.1}) == ["not met: auroc has no value under resample ablation"]
    with pytest.raises(DomainError, match="unknown column 'aurok'. Did you mean: auroc"):
        parse_thresholds("aurok=1", CIRCUITS.tables.thresholds)
    with pytest.raises(DomainError, match="'auroc>1' is no threshold|unknown column"):
        parse_thresholds("auroc>1", CIRCUITS.tables.thresholds)
    with pytest.raises(DomainError, match="--fail-under '' holds nothing. Write such as auroc=0.9, or leave it out."):
        parse_thresholds("", CIRCUITS.tables.thresholds)
    with pytest.raises(DomainError, match="'auroc=high' is no threshold; write auroc=NUMBER"):
        parse_thresholds("auroc=high", CIRCUITS.tables.thresholds)


@pytest.mark.parametrize("name", list(CIRCUIT_PROFILES))
def test_a_profile_draws_on_every_family(name: str) -> None:
    from groundtruth.store.summaries import summaries

    choice = CIRCUIT_PROFILES[name].choice
    largest = choice.max_edges or float("inf")
    # No model of next-token prediction is small enough for the smallest profile.
    families = {s["name"]: s["family"] for s in summaries() if s["edges"] <= largest}
    chosen = choice.models([RAW])
    assert len(set(chosen)) == len(chosen)
    assert {families[model] for model in chosen} == set(families.values())
    assert len(set(families.values())) >= 7
    limit = CIRCUIT_PROFILES[name].choice.n_models
    assert limit is None or len(chosen) <= limit


def test_cells_are_the_product_of_what_is_asked_for() -> None:
    cells = planned("smoke", models=["a", "b"], methods=["eap", "exact"], ablations=["zero", "mean"])
    assert [(c.ablation, c.model, c.method) for c in cells[:3]] == [
        ("zero", "a", "eap"),
        ("zero", "a", "exact"),
        ("zero", "b", "eap"),
    ]
    assert len(cells) == 8
    with pytest.raises(DomainError, match="unknown profile 'smok'. Did you mean: smoke"):
        find_profile(CIRCUITS, "smok")


def test_of_methods_that_no_sentence_is_about_it_is_told_how_much_no_single_cut_shows() -> None:
    def cells(method: str, recall: float, *statuses: str):
        scores = row(method, "hist", recall, 0.5, 0.5)
        wrong = tuple(WrongEdge(f"m{i}->logits", "missed", 0.1, status, "") for i, status in enumerate(statuses))
        return circuit_cell(method, "hist"), replace(scores, truth=replace(scores.truth, wrong=wrong))

    worst = [cells(name, 0.0, *["live"] * 4) for name in ("w", "x", "y", "z")]
    others = [cells("exact", 0.5, "inert", "inert"), cells("half", 0.5, "inert", "live"), cells("fine", 1.0)]
    shown = " ".join(printed(result_view(result_of([*worst, *others], seconds=1.0))).split())
    assert (
        "Of the edges that each of the others misses, inert alone and needed together: exact 100%, half 50%." in shown
    )
    assert "inert alone and needed together" not in " ".join(
        printed(result_view(result_of(worst, seconds=1.0))).split()
    )
