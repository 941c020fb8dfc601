"""References, agreement of ranks and the transfer score, on made-up scores whose answer is known."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import kendalltau

from groundtruth.bench import Cell, result_of
from groundtruth.errors import ArtifactError, DomainError
from groundtruth.report.views.validity_view import validity_markdown, verdict_sentence
from groundtruth.results.circuit_scores import CircuitScores
from groundtruth.results.track_tables import CIRCUIT_TABLES, VARIABLE_TABLES
from groundtruth.validity import write_measurements
from groundtruth.validity.agreement import agreements
from groundtruth.validity.references import Reference, read_references
from groundtruth.validity.tier_scores import TierScores, read_tier_scores
from groundtruth.validity.tiers_of_result import tier_scores
from groundtruth.validity.transfer import fit, ranks, score_of, transfer_scores, transfers
from groundtruth.validity.validity_report import (
    result_report,
    result_transfer,
    shipped_report,
    validity_data,
    validity_report,
)
from groundtruth.validity.write_measurements import panel_reference
from groundtruth.validity.write_tier_scores import write_tier_scores
from mib import featurization, localization
from mib.metrics.metric_validity import kendall_tau
from tests.groundtruth.bench.cell_makers import circuit_cell
from tests.groundtruth.bench.variable_rows import language_model_row
from tests.groundtruth.bench.variable_rows import result as variable_result
from tests.groundtruth.bench.variable_rows import row as variable_row
from tests.groundtruth.results.test_results import row


def with_gap(scores: CircuitScores, gap: float) -> CircuitScores:
    """The same scores with another gap."""
    return replace(scores, truth=replace(scores.truth, live=replace(scores.live, gap=gap)))


METHODS = ("a", "b", "c", "d", "e", "f", "g")
GOOD = dict(zip(METHODS, (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7), strict=True))
NOISE = dict(zip(METHODS, (0.5, 0.1, 0.6, 0.7, 0.2, 0.3, 0.4), strict=True))


def tier(name: str, values: dict[str, float], *, better: str = "higher") -> TierScores:
    return TierScores(name, "auroc", better, 3, values)


def reference(name: str, values: dict[str, float], *, source: str = "", better: str = "higher") -> Reference:
    return Reference(name, "circuits", better, values, source or name, "measured", "2026-11-26")  # type: ignore[arg-type]


def test_tau_is_that_of_scipy_and_low_values_of_cmd_are_good() -> None:
    (found,) = agreements([tier("soft", NOISE)], [reference("cmd", GOOD, better="lower")])
    assert found.tau == pytest.approx(kendalltau(list(NOISE.values()), [-v for v in GOOD.values()]).statistic)
    assert found.interval[0] <= found.tau <= found.interval[1]
    assert found.methods == METHODS


def test_few_methods_in_common_give_no_correlation() -> None:
    few = {method: GOOD[method] for method in METHODS[:4]}
    assert agreements([tier("soft", GOOD)], [reference("cmd", few)]) == []
    assert transfers([tier("soft", GOOD)], [reference("one", few), reference("two", few)]) == []


def test_the_tier_that_predicts_gets_the_weight_and_is_tested_on_what_it_was_not_fitted_to() -> None:
    tiers = [tier("noise", NOISE), tier("good", GOOD)]
    found = transfers(tiers, [reference("one", GOOD), reference("two", GOOD)])
    assert [(one.reference, one.fitted_to) for one in found] == [("one", ("two",)), ("two", ("one",))]
    for one in found:
        assert one.tau == pytest.approx(1.0)
        assert one.weights["good"] == pytest.approx(1.0)


def test_tiers_that_all_weigh_alike_are_told_beside_and_no_reference_moves_them() -> None:
    tiers = [tier("noise", NOISE), tier("good", GOOD)]
    both = {method: ranks(GOOD)[method] + ranks(NOISE)[method] for method in GOOD}
    against = {method: -value for method, value in GOOD.items()}
    for other in (GOOD, NOISE, against):
        found = transfers(tiers, [reference("one", GOOD), reference("two", other)])[0]
        assert found.equal_tau == pytest.approx(kendall_tau(list(both.values()), list(GOOD.values())))
    even = [tier("good", GOOD), tier("against", against)]  # the sum of their ranks is the same for all methods
    report = validity_report(CIRCUIT_TABLES, even, [reference("one", GOOD), reference("two", GOOD)])
    assert validity_data(report)["transfers"][0]["equal_tau"] is None


def test_a_reference_that_nothing_else_resembles_is_not_predicted() -> None:
    against = {method: -value for method, value in GOOD.items()}
    tiers = [tier("noise", NOISE), tier("good", GOOD)]
    held = [reference("one", GOOD), reference("two", GOOD), reference("odd", against)]
    found = {one.reference: one for one in transfers(tiers, held)}
    assert found["odd"].tau == pytest.approx(-1.0)  # a fit that had seen it would not be so wrong


def test_references_of_one_source_are_left_out_together() -> None:
    shared = [reference("one", GOOD, source="paper"), reference("two", GOOD, source="paper")]
    assert transfers([tier("good", GOOD)], shared) == []
    found = transfers([tier("good", GOOD)], [*shared, reference("three", NOISE)])
    assert {one.reference: one.fitted_to for one in found} == {
        "one": ("three",), "two": ("three",), "three": ("one", "two"),
    }  # fmt: skip


def test_the_method_that_is_scored_is_not_fitted_to() -> None:
    """One method that fits one tier alone moves the weights; its own score must not come from those."""
    odd = {**NOISE, "a": 0.99}
    tiers = {"good": ranks(GOOD), "odd": ranks(odd)}
    fitted = fit(tiers, [reference("one", {**GOOD, "a": 0.99})])
    assert fit(tiers, [reference("one", {**GOOD, "a": 0.99})], without="a")["odd"] < fitted["odd"]
    assert sum(fitted.values()) == pytest.approx(1.0)
    assert min(fitted.values()) >= 0.0


def test_ranks_go_from_0_to_1_and_ties_share_theirs() -> None:
    assert ranks({"a": 3.0, "b": 1.0, "c": 3.0}) == {"a": 0.75, "b": 0.0, "c": 0.75}


@pytest.mark.parametrize(("track", "methods"), [("circuits", localization), ("variables", featurization)])
def test_references_that_ship_name_contestants_of_ours(track: str, methods) -> None:
    found = read_references(track)
    assert len(found) > 1
    for one in found:
        assert all(not methods.get(name).control for name in one.values), one.name


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"schema_version": 1, "track": "circuits"}))
    with pytest.raises(ArtifactError, match=r"x\.json is no file of references: .*source"):
        read_references("circuits", tmp_path)
    entry = {"name": "twice", "better": "higher", "values": {"a": 1.0, "b": 2.0}}
    data = {"schema_version": 1, "track": "circuits", "source": "s", "trust": "paper", "date": "2026-01-01"}
    (tmp_path / "x.json").write_text(json.dumps({**data, "references": [entry, entry]}))
    with pytest.raises(ArtifactError, match="two references are called 'twice'"):
        read_references("circuits", tmp_path)


def test_a_report_is_of_one_score_and_refuses_what_predicts_nothing() -> None:
    held = [reference("one", GOOD), reference("two", GOOD)]
    other = TierScores("good", "cmd", "lower", 3, NOISE)
    report = validity_report(CIRCUIT_TABLES, [tier("good", GOOD), other], held)
    assert [one.score for one in report.scores] == ["auroc"]
    assert validity_data(report)["transfers"][0]["tau"] == pytest.approx(1.0)
    with pytest.raises(DomainError, match="score='aurocc' predicts nothing. Did you mean: auroc"):
        validity_report(CIRCUIT_TABLES, [], held, "aurocc")
    assert validity_report(VARIABLE_TABLES, [], held).score == "accuracy"


def test_a_line_tells_what_the_verdict_is_worth_by_the_references_that_matter() -> None:
    held = [replace(reference("MIB", GOOD), headline=True), reference("other", GOOD)]
    report = validity_report(CIRCUIT_TABLES, [tier("good", GOOD), tier("noise", NOISE)], held)
    (line,) = verdict_sentence(report)
    alike = "tau 1.00 (1.00 to 1.00, 7 methods; all tiers alike: 0.55). `groundtruth validity`"
    assert f"rank methods as MIB does: {alike}" in line.plain
    assert report.transfers[0].equal_tau == pytest.approx(0.55, abs=0.005)
    assert line.plain.startswith(
        "What is the verdict worth? Its 2 tiers, weighted by other references, rank methods as"
    )
    assert verdict_sentence(None) == []
    assert verdict_sentence(replace(report, references=(held[1],))) == []


def test_the_line_says_of_which_tiers_it_is() -> None:
    shipped = shipped_report("circuits")
    (all_tiers,) = verdict_sentence(shipped)
    assert all_tiers.plain.startswith("What is the verdict worth? All 11 tiers, weighted by other references, rank")
    one = replace(shipped, scores=tuple(one for one in shipped.scores if one.tier == "votes"))
    (alone,) = verdict_sentence(one)
    assert alone.plain.startswith("What is the verdict worth? Its 1 tier, weighted by other references, ranks methods")


def test_a_reference_of_too_few_methods_is_told_and_has_no_row() -> None:
    few = reference("few", {"a": 1.0, "b": 2.0, "z": 3.0})
    text = validity_markdown(validity_report(CIRCUIT_TABLES, [tier("good", GOOD)], [reference("MIB", GOOD), few]))
    assert "- No row for few: it ranks 2 methods that were measured here, and 5 are needed." in text
    assert "| few |" not in text and "No row for MIB" not in text


def test_gaps_are_averaged_as_ratios_wherever_they_are_and_their_validity_is_measured() -> None:
    rows = [
        (circuit_cell(m, model), with_gap(row(m, model, 0.5, 0.5, 0.5), gap))
        for m in METHODS
        for model, gap in (("hist@soft", 0.01), ("sort@soft", 100.0), ("reverse@soft", 10.0))
    ]
    (one,) = tier_scores(result_of(rows, seconds=1.0), ["gap"])
    assert one.values["a"] == pytest.approx(10 ** (1 / 3))
    assert one.on(["hist@soft", "sort@soft"]).values["a"] == pytest.approx(1.0)
    for score in ("gap", "size_to_sufficiency"):
        report = validity_report(CIRCUIT_TABLES, read_tier_scores("circuits"), read_references("circuits"), score)
        assert {"raw", "votes", "trained"} <= {one.tier for one in report.scores}
        assert {one.reference for one in report.transfers} >= {"MIB, mean CMD", "CMD on 6 learned models"}


def test_scores_are_written_and_read_again(tmp_path: Path) -> None:
    rows = [
        (circuit_cell(m, model), row(m, model, GOOD[m], 0.5, 0.3)) for m in METHODS for model in ("hist", "hist@soft")
    ]
    more = (circuit_cell("a", "reverse"), row("a", "reverse", 1.0, 0.5, 0.3))  # the others were not run there
    control = [(circuit_cell("random", model), row("random", model, 0.5, 0.5, 0.3)) for model in ("hist", "hist@soft")]
    result = result_of([*rows, more, *control], seconds=1.0, controls=["random"])
    write_tier_scores(result, tmp_path / "circuits.json")
    read = {(one.tier, one.score): one for one in read_tier_scores("circuits", tmp_path)}
    assert read["soft", "auroc"].values == pytest.approx(GOOD)
    assert set(read["raw", "auroc"].values) == {"a"}  # means are over the same models for all methods
    assert read["raw", "cmd"].better == "lower"
    assert read_tier_scores("variables", tmp_path) == []
    (tmp_path / "circuits.json").write_text('{"schema_version": 99, "scores": []}')
    with pytest.raises(ArtifactError, match="circuits.json is no file of tier scores: schema_version is 99"):
        read_tier_scores("circuits", tmp_path)


def test_a_panel_counts_methods_that_were_scored_on_all_of_it_and_no_control(tmp_path: Path) -> None:
    def cell(method: str, model: str) -> Cell:
        return circuit_cell(method, model, task="ioi")

    rows = [
        (cell(m, model), replace(row(m, model, 0.5, 0.5, GOOD[m]), task="ioi")) for m in "abc" for model in ("x", "y")
    ]
    rows += [
        (cell(m, model), replace(row(m, model, 0.5, 0.5, 0.1), task="ioi"))
        for m, models in (("d", "x"), ("random", "xy"))
        for model in models
    ]
    data = panel_reference(result_of(rows, seconds=1.0, controls=["random"], profile="full"), date="2026-11-26")
    (tmp_path / "panel.json").write_text(json.dumps(data))
    cmd, cpr = read_references("circuits", tmp_path)
    assert (cmd.name, cmd.better, cmd.headline, cmd.trust) == ("CMD on 2 learned models", "lower", True, "measured")
    assert cmd.values == pytest.approx({m: GOOD[m] for m in "abc"})
    assert (cpr.name, cpr.headline) == ("CPR on 2 learned models", False)
    assert cmd.by_place == {m: {f"{model}/ioi": pytest.approx(GOOD[m]) for model in ("x", "y")} for m in "abc"}
    later = [(cell("e", model), replace(row("e", model, 0.5, 0.5, 0.2), task="ioi")) for model in ("x", "y")]
    for profile, kept in (("full", {m: GOOD[m] for m in "abc"}), ("smoke", {})):
        again = panel_reference(result_of(later, seconds=1.0, profile=profile), date="2026-11-27", before=[cmd, cpr])
        assert again["references"][0]["values"] == pytest.approx({**kept, "e": 0.2})  # type: ignore[index]
        assert again["references"][0]["by_place"].keys() == {*kept, "e"}  # type: ignore[index]


def test_a_tier_that_only_the_scored_method_speaks_for_does_not_help_that_method() -> None:
    """Tier odd has a on top, as both references do; without a nothing speaks for that tier, and a stays last."""
    odd = {**NOISE, "a": 0.99}
    topped = {**GOOD, "a": 0.99}
    tiers = [tier("good", GOOD), tier("odd", odd)]
    found = {one.reference: one for one in transfers(tiers, [reference("one", topped), reference("two", topped)])}
    assert found["two"].weights["odd"] > 0.2  # what a fit that sees a makes of it
    ranked = {one.tier: ranks(one.goodness) for one in tiers}
    left_out, seen = (
        [score_of(m, ranked, fit(ranked, [reference("one", topped)], without=m if leave else "")) for m in METHODS]
        for leave in (True, False)
    )
    assert left_out[0] == pytest.approx(0.0) and seen[0] > 0.5  # a
    assert found["two"].tau == pytest.approx(kendalltau(left_out, list(topped.values())).statistic)
    assert found["two"].tau < kendalltau(seen, list(topped.values())).statistic


def test_the_transfer_score_is_the_weighted_share_of_contestants_that_a_method_stands_above() -> None:
    values = {"a": 0.9, "b": 0.7, "c": 0.5, "d": 0.3, "e": 0.1}
    models = ("x@soft", "y@soft")
    known = replace(tier("soft", values), models=models)
    yardsticks = [reference("r", values)]
    own = replace(tier("soft", {**values, "best": 1.0, "tied": 0.5}), models=models)
    found = transfer_scores([own], [known], yardsticks)
    assert {name: found[name] for name in values} == {"a": 1.0, "b": 0.75, "c": 0.5, "d": 0.25, "e": 0.0}
    assert found["best"] == 1.0 and found["tied"] == 0.5
    assert transfer_scores([replace(own, models=("x@soft",))], [known], yardsticks) == {}
    assert transfer_scores([], [known], yardsticks) == {}


def test_a_result_is_told_of_the_tiers_that_it_ran_on_the_models_that_were_measured(monkeypatch) -> None:
    values = dict(zip(METHODS, (0.9, 0.7, 0.5, 0.3, 0.2, 0.1), strict=False))
    measured = [
        replace(tier(name, values), score="auroc", models=(f"hist@{name}", f"sort@{name}")) for name in ("soft", "all")
    ]
    yardsticks = [reference("r", values, source="r"), reference("s", values, source="s")]
    shipped = validity_report(CIRCUIT_TABLES, measured, yardsticks)
    monkeypatch.setattr("groundtruth.validity.validity_report.shipped_report", lambda _: shipped)

    def result(*models: str, ablation: str = "resample"):
        rows = [(circuit_cell(m, name, ablation), row(m, name, values[m], 0.5, 0.5)) for m in values for name in models]
        return result_of(rows, seconds=0.0)

    ran = result("hist@soft", "sort@soft", "hist@all")
    assert [one.tier for one in result_report(ran, "resample").scores] == ["soft"]
    assert result_transfer(ran, "resample")[max(values, key=values.__getitem__)] == 1.0
    others = result("hist@soft")
    assert result_report(others, "resample") is shipped and result_transfer(others, "resample") == {}
    assert result_report(result("hist@soft", ablation="zero"), "zero") is None


def test_a_table_of_variables_is_told_of_its_own_places_where_these_were_measured() -> None:
    shipped = shipped_report("variables")
    soft = next(one for one in shipped.scores if one.tier == "soft")

    def told(*places: str):
        rows = [
            replace(variable_row(method, value, variable=sought[0], site=sought[1]), model=model)
            for method, value in zip(METHODS, (0.9, 0.7, 0.5, 0.3, 0.2, 0.1), strict=False)
            for model, sought in ((place.partition(":")[0], place.partition(":")[2].split("@")) for place in places)
        ]
        return result_report(variable_result(*rows), "")

    (own,) = told(*soft.models[:3]).scores
    assert (own.tier, own.models) == ("soft", soft.models[:3])
    assert own.values == soft.on(soft.models[:3]).values != soft.values
    assert (
        told(soft.models[0])
        is shipped
        is told("hist_no_bos@soft:tokens@residual.0.post", soft.models[0], soft.models[1])
    )
    assert result_report(variable_result(language_model_row("das", 0.5)), "") is None


def test_tiers_that_a_result_lacks_stay_in_the_file(tmp_path: Path) -> None:
    def result(name: str, auroc: float):
        return result_of(
            [(circuit_cell(m, name), row(m, name, auroc, 0.5, 0.5)) for m in ("eap", "exact")], seconds=1.0
        )

    for name, auroc in (("hist@soft", 0.5), ("hist@votes", 0.6), ("sort@soft", 0.7)):
        write_tier_scores(result(name, auroc), tmp_path / "circuits.json", scores=["auroc"])
    found = {one.tier: one for one in read_tier_scores("circuits", tmp_path)}
    assert {tier: (one.models, one.values["eap"]) for tier, one in found.items()} == {
        "votes": (("hist@votes",), 0.6),
        "soft": (("sort@soft",), 0.7),
    }


def test_methods_that_a_result_lacks_stay_where_a_tier_has_the_same_models(tmp_path: Path) -> None:
    path = tmp_path / "circuits.json"

    def write(auroc: float, methods: Sequence[str], *models: str) -> TierScores:
        rows = [(circuit_cell(m, name), row(m, name, auroc, 0.5, 0.5)) for m in methods for name in models]
        write_tier_scores(result_of(rows, seconds=1.0), path, scores=["auroc"])
        (one,) = read_tier_scores("circuits", tmp_path)
        return one

    write(0.5, ["eap", "exact"], "hist@soft", "sort@soft")
    both = write(0.75, ["exact", "ugs"], "hist@soft", "sort@soft")
    assert both.values == {"eap": 0.5, "exact": 0.75, "ugs": 0.75}
    assert {method: statistics.fmean(own.values()) for method, own in both.by_place.items()} == both.values
    assert write(1.0, ["ugs"], "hist@soft").values == {"ugs": 1.0}
    data = json.loads(path.read_text())
    data["scores"][0]["by_place"] = {}  # means alone: then no method's places are told
    path.write_text(json.dumps(data))
    beside = write(0.5, ["eap"], "hist@soft")
    assert beside.values == {"ugs": 1.0, "eap": 0.5} and not beside.by_place


def test_the_learned_models_of_a_default_table_are_no_panel(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(write_measurements, "FOLDER", tmp_path)
    monkeypatch.setattr(write_measurements, "SHIPPED", tmp_path / "tiers")
    panel = tmp_path / "panel-circuits.json"

    def write(*models: str, compiled: bool = False) -> None:
        rows = [
            (circuit_cell(m, model, task="ioi"), replace(row(m, model, 0.5, 0.5, 0.5), task="ioi"))
            for m in METHODS
            for model in models
        ]
        rows += [(circuit_cell(m, "hist"), row(m, "hist", 0.5, 0.5, 0.5)) for m in METHODS if compiled]
        monkeypatch.setattr(write_measurements, "read_results", lambda _: result_of(rows, seconds=1.0))
        write_measurements.main(["result.json"])

    write("learned", compiled=True)
    assert not panel.exists()
    write("learned-gpt2-1", "learned-gpt2-2")
    measured = panel.read_bytes()
    write("learned-gpt2-1", compiled=True)
    assert panel.read_bytes() == measured
    write("learned-gpt2-1")
    assert panel.read_bytes() != measured


def test_what_a_tier_gave_can_be_told_of_some_of_its_models() -> None:
    by_place = {"a": {"x@soft": 0.9, "y@soft": 0.5, "z@soft": 0.1}, "b": {"x@soft": 0.2, "y@soft": 0.4, "z@soft": 0.6}}
    whole = TierScores("soft", "auroc", "higher", 3, {"a": 0.5, "b": 0.4}, ("x@soft", "y@soft", "z@soft"), by_place)
    part = whole.on(["y@soft", "x@soft"])
    assert part is not None
    assert (part.models, part.n_models) == (("x@soft", "y@soft"), 2)
    assert part.values == pytest.approx({"a": 0.7, "b": 0.3})
    assert whole.on(["z@soft", "y@soft", "x@soft"]) is whole
    assert whole.on(["x@soft", "other@soft"]) is None
    assert whole.on(["x@soft"]) is None  # one model ranks no methods
    assert replace(whole, by_place={}).on(["x@soft", "y@soft"]) is None
