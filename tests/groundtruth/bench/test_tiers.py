"""The tiers: eight models ship on every tier, and methods are compared tier by tier on the same models."""

import json
from dataclasses import replace

import pytest

import groundtruth
from groundtruth.bench.tier_choice import choose_tier_models
from groundtruth.cli import main
from groundtruth.errors import ArtifactError, DomainError, VariantError
from groundtruth.report.views.tiers_view import entry, fall, falls_in_words, residues_in_words, tier_markdown, tier_view
from groundtruth.results.cell import Failed, Skipped
from groundtruth.results.circuit_scores import CircuitScores, ExactCircuitScores
from groundtruth.results.model_tiers import TIER_NAMES, mixtures
from groundtruth.results.result import Result
from groundtruth.results.tiers_run import climbs, shipped_on_all_tiers, tier_data, tier_models
from groundtruth.specs import find_model
from groundtruth.store.catalog import library, shipped, shipped_layernorm, shipped_variants, stored
from groundtruth.store.read import read_circuits
from groundtruth.variants.build_variants import MODELS, NEED_EVERY_DIMENSION
from groundtruth.variants.make_variant import TRANSFORMATIONS
from groundtruth.variants.tiers import RAW, TIERS
from tests.groundtruth.bench.cell_makers import circuit_cell
from tests.groundtruth.report.test_fitted_table import printed as printed_at


def _run(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0), capsys.readouterr()


def test_eight_models_ship_on_every_tier():
    assert len(shipped_on_all_tiers()) >= 8
    assert set(shipped_on_all_tiers()) <= set(shipped())
    exact = {f"{base}@{tier}" for base in shipped_on_all_tiers() for tier in TIERS}
    assert exact == {name for name in shipped_variants() if not name.endswith("@superposed")}
    assert sum(path.stat().st_size for path in (library() / "variants").glob("*/*")) < 5_000_000
    assert {name for tier in TIERS.values() for name in tier.steps} <= set(TRANSFORMATIONS)


def _superposed():
    return [name for name in shipped_variants() if name.endswith("@superposed")]


def test_models_in_superposition_ship_and_are_not_said_to_be_exact():
    assert set(_superposed()) == {f"{name}@superposed" for name in set(MODELS) - set(NEED_EVERY_DIMENSION)}
    assert len(_superposed()) >= 3
    for name in _superposed():
        variant, original = groundtruth.load(name), groundtruth.load(name.partition("@")[0])
        assert (variant.certainty, original.certainty) == ("measured", "exact")
        assert variant.weights.d_model < original.weights.d_model
        assert (variant.check, len(variant.variables())) == (original.check, 0)


@pytest.mark.parametrize("name", sorted(set(shipped_variants()) - set(_superposed())))
def test_a_shipped_variant_is_the_program_with_a_known_circuit(name):
    base, _, tier = name.partition("@")
    variant, original = groundtruth.load(name), groundtruth.load(base)
    assert variant.name == name
    steps = [step.name for step in variant.recipe]
    assert set(TIERS[tier].steps) - set(TIERS[tier].optional) <= set(steps) <= set(TIERS[tier].steps)
    tokens = list(original.domain.inputs().tokens)[-20:]
    assert all(map(variant.decoder.agrees, variant.run_many(tokens), original.run_many(tokens)))
    circuits = read_circuits(library() / "variants" / name, variant.graph)
    assert {c.ablation for c in circuits} == {"resample", "zero", "mean", "mean-positional"}
    assert all(c.minimal_circuits and not c.counts["undecided"] for c in circuits)


def test_variants_are_found_by_name():
    assert stored("hist@all") == library() / "variants" / "hist@all"
    assert find_model("hist@all").folder == library() / "variants" / "hist@all"
    made = find_model("hist@permute_heads+rotate")
    assert (made.folder, [step.name for step in made.recipe]) == (None, ["permute_heads", "rotate"])
    with pytest.raises(
        VariantError, match=r"unknown variant 'rotat' of 'hist'\. Did you mean: rotated, rotate\?|rotate"
    ):
        find_model("hist@rotat")
    with pytest.raises(ArtifactError, match=r"unknown model 'hists'\. Did you mean: hist"):
        find_model("hists@rotated")
    with pytest.raises(VariantError, match=r"'raw' is 'hist' itself, as compiled\. Leave out 'raw'"):
        find_model("hist@raw")
    with pytest.raises(ArtifactError, match=r"unknown model 'hist@rotatd'\. Did you mean: hist@rotated"):
        groundtruth.load("hist@rotatd")


def test_the_tier_names_every_tier():
    apart = ["hist@mixture", "hist@layernorm", "hist@superposed"]
    assert tier_models(["hist"]) == ["hist", *(f"hist@{tier}" for tier in TIERS), *apart]
    assert tier_models(["sort"]) == ["sort", *(f"sort@{tier}" for tier in TIERS)]
    bases = shipped_on_all_tiers()
    normed = [name for name in shipped_layernorm() if name.partition("@")[0] in bases]
    mixed = [name for name in mixtures() if name.partition("@")[0] in bases]
    assert len(mixed) == 4
    assert len(tier_models()) == len(bases) * len(TIER_NAMES) + len(mixed) + len(normed) + len(_superposed())
    assert len(normed) == len(bases) - 1  # frac_prevs gives a number
    with pytest.raises(DomainError, match="'hist@soft' is a variant already; give --tiers models without '@'"):
        tier_models(["hist@soft"])
    told = r"'hist@free-0{}' is a trained model, .* 'hist', or score it without --tiers: `groundtruth bench --models"
    for variant in ("", "@rotated"):
        with pytest.raises(DomainError, match=told.format(variant)):
            tier_models([f"hist@free-0{variant}"])


def test_a_method_that_reads_weights_falls_for_decoys(tmp_path, capsys):
    arguments = ("bench", "--tiers", "--models", "hist", "--methods", "oracle,exact,weight-norm", "--jobs", "1")
    code, printed = _run(capsys, *arguments, "--profile", "smoke", "--out", str(tmp_path))
    assert code == 0
    # A command to copy stays on one line, however long the path in it is.
    assert max(len(line) for line in printed.out.splitlines() if str(tmp_path) not in line) <= 100
    assert "distractors: no method loses 0.1 AUROC" in printed.out  # the weights are a control
    data = json.loads(next(tmp_path.glob("*-tiers*.json")).read_text())
    assert list(data["tiers"]["tiers"]) == [*TIER_NAMES, "mixture", "layernorm", "superposed"]
    found = {climb["method"]: climb for climb in data["tiers"]["climbs"]}
    assert found["oracle"]["auroc"] == dict.fromkeys((*TIER_NAMES, "mixture", "layernorm", "superposed"), 1.0)
    exact = found["exact"]["auroc"]
    assert {tier for tier in TIER_NAMES if exact[tier] < 1} == {"cancelling", "votes"}  # single cuts mislead there
    assert exact["votes"] < 0.9
    assert "votes: 1 method of 1 loses 0.1 or more: exact" in printed.out
    assert found["oracle"]["n_exact"] == dict.fromkeys(TIER_NAMES, 1)  # what is measured is not counted as exact
    assert all(summary["fractions"]["exact"][0] <= len(TIER_NAMES) + 2 for summary in data["summaries"])
    weights = found["weight-norm"]["auroc"]
    assert weights["distractors"] < weights[RAW] - 0.1 > weights["all"]
    assert {cell["cell"]["dtype"] for cell in data["cells"]} == {"float64"}


def test_a_model_is_left_out_of_a_tier_that_cannot_be_made_of_it(tmp_path, capsys):
    arguments = ("bench", "--tiers", "--models", "mark_first", "--methods", "weight-norm", "--profile", "smoke")
    code, printed = _run(capsys, *arguments, "--jobs", "1", "--out", str(tmp_path))
    assert code == 0
    data = json.loads(next(tmp_path.glob("*-tiers*.json")).read_text())
    # No head of it can be split: two tiers begin with that, and the rest is run.
    assert list(data["tiers"]["tiers"]) == [tier for tier in TIER_NAMES if tier not in ("redundancy", "all")]
    (climb,) = data["tiers"]["climbs"]
    assert climb["models"] == ["mark_first"] and climb["auroc"]["votes"] is not None
    left_out = "· Left out: 'mark_first@redundancy' cannot be made: 'mark_first' has no head that could be split."
    assert left_out in printed.out
    assert "redundancy:" not in printed.out
    (written,) = tmp_path.glob("*-tiers*.md")
    assert "- Left out: 'mark\\_first@redundancy' cannot be made" in written.read_text()
    code, printed = _run(capsys, *arguments, "--plan", "--json")
    notes = {plan["place"]: plan["note"] for plan in json.loads(printed.out)}
    assert code == 0 and "no head that could be split" in notes["mark_first@redundancy"] and not notes["mark_first"]


def test_a_tier_is_averaged_over_the_models_that_it_can_be_made_of():
    scores = {("a", name): 1.0 for name in tier_models(["x", "y"])} | {("a", "x@votes"): 0.5}
    left_out = Skipped("'y@votes' cannot be made", "model")
    outcomes = [(cell, left_out if cell.model == "y@votes" else row) for cell, row in _result(scores).outcomes]
    (climb,) = climbs(Result(tuple(outcomes), {}, 0.0), "resample")
    assert climb.models == ("x", "y")
    assert (climb.auroc["votes"], climb.auroc["all"], fall(climb, "votes")) == (0.5, 1.0, 0.5)
    written = tier_markdown(Result(tuple(outcomes), {}, 0.0))
    assert "| a | 2/2 | 2/2 | 2/2 | 2/2 | 2/2 | 2/2 | 0/1 | 2/2 |" in written
    assert "Left out: 'y@votes' cannot be made" in written


def test_models_of_which_no_tier_can_be_made_are_refused_before_the_run(monkeypatch):
    def refuse(name):
        raise VariantError("it has no parts.")

    monkeypatch.setattr("groundtruth.bench.tier_choice.find_model", refuse)
    with pytest.raises(DomainError) as refused:
        choose_tier_models(["surplus", "sort_numbers"])
    told = str(refused.value)
    assert told.startswith("--tiers: nothing is left to compare with surplus, sort_numbers as compiled:")
    assert "- surplus on the tier votes: it has no parts." in told
    assert told.endswith("such as --models hist, or leave out --tiers.")
    assert choose_tier_models(["surplus", "hist"]) == tier_models(["surplus", "hist"])


def test_a_step_that_is_misspelt_is_refused_before_the_run(tmp_path, capsys):
    arguments = ("--methods", "weight-norm", "--out", str(tmp_path))
    code, printed = _run(capsys, "bench", "--models", "hist,mark_first@rotat", *arguments)
    assert code != 0 and "unknown variant 'rotat' of 'mark_first'" in printed.err
    code, printed = _run(capsys, "bench", "--models", "hist,hist@free-0@soft", *arguments)
    assert code != 0 and not list(tmp_path.glob("*.json"))


def test_levels_and_tracks_without_an_auroc_are_refused(capsys):
    code, printed = _run(capsys, "bench", "--tiers", "--level", "neuron")
    assert (code != 0) and "--tiers compares AUROC" in printed.err + printed.out
    code, printed = _run(capsys, "bench", "--tiers", "--track", "variables")
    assert (code != 0) and "--tiers is an option of --track circuits" in printed.err + printed.out


def _result(scores):
    """A result in which methods have the AUROC given, by (method, model)."""
    outcomes = []
    for (method, model), auroc in scores.items():
        outcome = Failed("broken") if auroc is None else _row(method, model, auroc)
        outcomes.append((circuit_cell(method, model), outcome))
    return Result(tuple(outcomes), {}, 0.0)


def _row(method, model, auroc):
    from groundtruth.results.circuit_scores import Ranked

    live = Ranked(10, 5, auroc, 1.0, 1.0, 1.0, 1.0, auroc == 1.0)
    interval = (0.0, 1.0)
    certainty = "measured" if model.endswith("@superposed") else "exact"
    return CircuitScores(
        method, model, "resample", "edge", 0, 8, 1.0, 0.0, 1.0, 0.0, interval, interval, 1.0, 0.0, 0.1,
        ExactCircuitScores("fixed", live, live, live, 1.0, 0.0, (), certainty),
    )  # fmt: skip


def _with_live(row, live):
    return replace(row, truth=replace(row.truth, live=live))


def test_the_spread_is_over_models():
    scores = {("a", name): 1.0 for name in tier_models(["hist", "sort"])} | {("a", "sort@soft"): 0.5}
    (climb,) = climbs(_result(scores), "resample")
    assert climb.spread["soft"] == pytest.approx(0.25 * 2**0.5)
    assert entry(climb, "soft") == "0.75"  # of two models, of which a spread says nothing
    several = replace(climb, values={"soft": dict(zip("abcde", (1.0, 0.5, 1.0, 0.5, 0.75), strict=True))})
    assert entry(several, "soft") == "0.75 ±.25"


def test_tiers_without_room_are_offered_by_options_that_the_command_takes():
    result = _result({("a", name): 1.0 for name in tier_models(["sort"])})
    told = " ".join(printed_at(tier_view(result), 60).split())
    assert "Left out at this width: cancelling, votes, all. A wider terminal or --wide shows them." in told
    assert "Left out" not in printed_at(tier_view(result, wide=True), 60)


def test_what_is_measured_is_no_exact_score():
    scores = {("a", name): 1.0 for name in tier_models(["hist"])}
    result = _result(scores)
    (climb,) = climbs(result, "resample")
    assert set(climb.n_exact) == set(TIER_NAMES)
    (summary,) = result.summaries("resample")
    assert (summary.fractions["exact"][0], summary.columns["measured_auroc"].mean) == (len(TIER_NAMES) + 2, 1.0)
    only = _result({("a", "hist@superposed"): 1.0})
    assert "auroc" not in only.summaries("resample")[0].columns
    assert only.summaries("resample")[0].fractions["exact"][0] == 0


def test_scores_that_differ_by_rounding_alone_are_told():
    scores = {("a", name): 1.0 for name in tier_models(["sort"])}
    outcomes = [
        (cell, _with_live(row, replace(row.live, rounded_auroc=0.6 if cell.model == "sort" else 1.0)))
        for cell, row in _result(scores).outcomes
    ]
    (climb,) = climbs(Result(tuple(outcomes), {}, 0.0), "resample")
    (line,) = residues_in_words([climb])
    assert line.plain == "raw, scores rounded to 1e-06 of the largest: 1 method of 1 loses 0.1 or more: a -0.40"


def test_means_are_over_the_models_of_every_tier():
    scores = {("a", name): 1.0 for name in tier_models(["x", "y"])}
    scores |= {("a", "x@soft"): 0.5, ("a", "y@all"): None}
    (climb,) = climbs(_result(scores), "resample")
    assert climb.models == ("x",)
    assert climb.auroc == {**dict.fromkeys(TIER_NAMES, 1.0), "soft": 0.5}
    assert climb.n_failed["all"] == 1 and climb.n_exact["soft"] == 0 and climb.n_exact[RAW] == 1
    assert fall(climb, "soft") == 0.5
    assert [text.plain for text in falls_in_words([climb])][1] == "soft: 1 method of 1 loses 0.1 or more: a -0.50"
    text = tier_markdown(_result(scores))
    assert "| a | 1.00 | 1.00 | 0.50 | 1.00 | 1.00 | 1.00 |" in text
    assert (
        "- What is the verdict worth? All 11 tiers, weighted by other references, rank methods as MIB, mean CMD" in text
    )
    assert tier_data(_result(scores))["climbs"][0]["auroc"]["soft"] == 0.5
