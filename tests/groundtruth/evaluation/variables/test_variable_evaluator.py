"""The scores of featurizers against exact variables: what is known of directions built by hand, and invariances."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch

import mib
from groundtruth.errors import DomainError
from groundtruth.evaluation.variables import (
    Landscape,
    Sizes,
    VariableEvaluator,
    VariableScores,
    oracle,
    score_featurizer,
)
from groundtruth.evaluation.variables.controls import SAME_BEHAVIOUR, find_other_program, site_in_other_program
from groundtruth.evaluation.variables.featurization_tasks import ground_of
from groundtruth.evaluation.variables.informative_variables import informative
from groundtruth.evaluation.variables.overlap import overlap_of
from groundtruth.model import CompiledModel, load
from groundtruth.specs import find_model
from groundtruth.truth.variables import Site

SMALL = Sizes(60, 20, 60)


@cache
def model(name: str) -> CompiledModel:
    return load(name)


@cache
def evaluator() -> VariableEvaluator:
    """`opposite` of reverse where the last head reads it, beside tokens and indices."""
    return VariableEvaluator.of(model("reverse"), "opposite", "resid_pre3", sizes=Sizes(200, 50, 100), controls=False)


def spanned(*columns: torch.Tensor) -> mib.Featurizer:
    return mib.Featurizer.subspace(mib.featurization.orthonormal(torch.stack(columns, dim=1)))


@pytest.mark.parametrize("name", ["reverse", "second_step", "frac_prevs", "contains_x_twice_told"])
def test_every_direction_of_a_site_belongs_to_one_part(name: str) -> None:
    compiled = model(name)
    for truth in compiled.variables():
        for stage in truth.stages:
            for site in stage.sites:
                if site.kind in ("embed", "pos_embed"):
                    continue
                found = Landscape.of(ground_of(compiled), truth, site)
                parts = torch.cat([found.live, found.others, found.dormant, found.dead, found.null], dim=1)
                assert torch.allclose(parts.T @ parts, torch.eye(found.width, dtype=parts.dtype), atol=1e-9)
                assert parts.shape == (found.width, found.width)
                assert found.live.shape[1] == stage.rank  # both count what is read of it, by different ways


def test_the_oracle_covers_the_variable_and_nothing_else() -> None:
    row = evaluator().score("oracle")
    assert row.overlap is not None
    assert row.overlap.energy is not None
    assert (row.accuracy, row.isolation) == (1.0, 1.0)
    assert row.overlap.recall == pytest.approx(1.0)
    assert row.overlap.precision == pytest.approx(1.0)
    assert row.overlap.energy.live == pytest.approx(1.0)
    assert row.movement.inside == pytest.approx(1.0)
    assert row.movement.carried == pytest.approx(1.0)
    assert row.rank == row.minimal_rank == row.overlap.rank == len(row.overlap.angles) == 4
    assert max(row.overlap.angles) < 1e-3
    assert not row.illusion


def test_a_no_op_finds_nothing_and_moves_nothing() -> None:
    row = evaluator().score("no-op")
    assert row.overlap is not None
    assert (row.accuracy, row.isolation, row.overlap.recall, row.rank) == (0.0, 1.0, 0.0, 0)
    assert row.overlap.precision is None
    assert row.movement.inside is None
    assert row.movement.carried == pytest.approx(0.0)
    assert row.movement.natural == 1.0


def test_the_full_vector_covers_all_and_is_no_find() -> None:
    row, places = evaluator().score("full-vector"), evaluator().landscape
    assert row.overlap is not None
    assert row.overlap.energy is not None
    assert row.overlap.recall == pytest.approx(1.0)
    assert row.overlap.precision == pytest.approx(places.live.shape[1] / places.readable.shape[1])
    assert row.overlap.energy.null == pytest.approx(places.null.shape[1] / places.width)
    assert row.movement.carried == pytest.approx(1.0)
    assert row.movement.natural == 1.0
    assert row.isolation == 0.0


def test_what_nothing_reads_does_not_count() -> None:
    places = evaluator().landscape
    live, unread = places.live.unbind(1), torch.cat((places.dead, places.null), dim=1)
    plain = overlap_of(spanned(*live[:2]), places)
    with_null = overlap_of(spanned(*live[:2], *unread.unbind(1)[:5]), places)
    tilted = overlap_of(spanned(*((a + b) for a, b in zip(live[:2], unread.unbind(1), strict=False))), places)
    assert plain is not None
    for other in (with_null, tilted):
        assert other is not None
        assert (other.recall, other.precision) == pytest.approx((plain.recall, plain.precision)) == (0.5, 1.0)
        assert other.rank == plain.rank == 2


def test_a_dormant_pathway_has_no_precision_whatever_it_does() -> None:
    """Makelov et al. 2023: half a direction that varies and nothing reads, half one that is read and never varies."""
    places = evaluator().landscape
    found = overlap_of(spanned(places.dead[:, 0] + places.dormant[:, 0]), places)
    assert found is not None
    assert found.energy is not None
    assert (found.precision, found.recall) == pytest.approx((0.0, 0.0))
    assert (found.energy.dead, found.energy.dormant, found.energy.live) == pytest.approx((0.5, 0.5, 0.0))


def test_a_dead_copy_is_read_by_nothing() -> None:
    row = evaluator().score(spanned(*evaluator().landscape.dead.unbind(1)))
    assert row.overlap is not None
    assert row.overlap.energy is not None
    assert row.overlap.energy.dead == pytest.approx(1.0)
    assert (row.overlap.precision, row.overlap.recall, row.accuracy) == (0.0, 0.0, 0.0)
    assert row.movement.inside is None


def test_half_of_the_span_has_half_of_the_recall() -> None:
    row = evaluator().score(spanned(*evaluator().landscape.live.unbind(1)[:2]))
    assert row.overlap is not None
    assert (row.overlap.recall, row.overlap.precision) == pytest.approx((0.5, 1.0))
    assert row.overlap.angles == pytest.approx((0.0, 0.0), abs=1e-4)
    assert row.movement.carried is not None
    assert 0.0 < row.movement.carried < 1.0


def test_states_that_no_input_gives_are_not_natural() -> None:
    places = evaluator().landscape
    dormant = mib.Featurizer(lambda x: (x, x[..., :0]), lambda f, _: f + 3.0 * places.dormant[:, 0].to(f), places.width)
    assert evaluator().score(dormant).movement.natural == 0.0
    unread = mib.Featurizer(lambda x: (x, x[..., :0]), lambda f, _: f + 3.0 * places.null[:, 0].to(f), places.width)
    assert evaluator().score(unread).movement.natural == 1.0


def test_a_featurizer_that_is_no_subspace_is_scored_by_what_it_moves() -> None:
    row = evaluator().score("dbm-sae", {"sae_steps": 30, "steps": 30})
    assert (row.linear, row.overlap) == (False, None)
    assert row.precision == row.movement.inside
    assert row.movement.inside is not None


def _with_precision(scores: VariableScores, precision: float) -> VariableScores:
    assert scores.truth is not None and scores.overlap is not None
    return replace(scores, truth=replace(scores.truth, overlap=replace(scores.overlap, precision=precision)))


def test_an_illusion_is_high_accuracy_with_low_precision() -> None:
    row = evaluator().score("oracle")
    assert row.overlap is not None
    wide = _with_precision(row, 0.3)
    assert wide.illusion
    assert not _with_precision(wide, 0.5).illusion
    assert not replace(wide, accuracy=0.89).illusion


@cache
def das(controls: bool = True) -> VariableScores:
    return score_featurizer(
        "das", model("reverse"), "opposite", "resid_pre3", parameters={"rank": 6, "steps": 300}, controls=controls,
        sizes=Sizes(200, 50, 100),
    )  # fmt: skip


def test_das_finds_the_variable_and_no_control() -> None:
    row = das()
    assert row.accuracy > 0.9
    accuracies = {control.kind: control.accuracy for control in row.controls}
    assert accuracies["variant"] is None
    assert accuracies["shuffled"] is not None
    assert accuracies["shuffled"] < 0.5
    assert accuracies["arbitrary"] is not None
    assert row.selectivity == row.accuracy - max(accuracies["shuffled"], accuracies["arbitrary"])
    assert row.selectivity > 0.3


def test_a_method_that_cannot_be_run_where_nothing_is_to_be_found_keeps_its_row() -> None:
    """What it says of the shuffled model stands in the control's place; it is no accuracy, and no reason to fail."""
    seen: list[mib.FeaturizationTask] = []

    def second_thoughts(task: mib.FeaturizationTask) -> mib.Featurizer:
        seen.append(task)
        if len(seen) > 1:
            raise mib.MethodError("has nothing to hold on to")
        return mib.Featurizer.subspace(torch.eye(task.width))

    row = score_featurizer(second_thoughts, model("reverse"), "opposite", "resid_pre3", sizes=SMALL)
    shuffled = next(control for control in row.controls if control.kind == "shuffled")
    assert shuffled.accuracy is None
    assert shuffled.reason == "has nothing to hold on to"
    plain = score_featurizer("full-vector", model("reverse"), "opposite", "resid_pre3", sizes=SMALL, controls=False)
    assert row.accuracy == plain.accuracy


def test_the_same_seed_gives_the_same_row() -> None:
    again = replace(das(controls=False), seconds=0.0, controls=())
    assert again == replace(das(), seconds=0.0, controls=())


def test_methods_leave_the_evaluator_as_it_was() -> None:
    before = evaluator().score("oracle")

    def vandal(task: mib.FeaturizationTask) -> mib.Featurizer:
        with torch.no_grad():
            task.anatomy.W_U.zero_()
        return mib.Featurizer.subspace(torch.eye(task.width))

    evaluator().score(vandal)
    assert evaluator().score("oracle") == before


@pytest.mark.parametrize("names", SAME_BEHAVIOUR)
def test_programs_of_the_same_behaviour_agree_on_every_input_that_they_share(names: tuple[str, ...]) -> None:
    models = [load(name) for name in names]
    shared = [given for given in models[0].domain.inputs() if all(given in other.domain for other in models)]
    assert len(shared) >= 100
    first = models[0].run_many(shared)
    assert all(other.run_many(shared) == first for other in models[1:])
    assert len({other.graph.edges for other in models}) > 1 or len({str(other.program) for other in models}) > 1


def test_a_variant_is_asked_at_the_same_depth_with_its_own_tokens() -> None:
    compiled = load("contains_x_twice_told")
    variant = find_other_program(compiled)
    assert variant is not None
    assert variant.name == "contains_x"
    site = site_in_other_program(mib.Site.residual(1, "post"), compiled, variant)
    assert str(site) == "residual.0.post"
    assert site_in_other_program(mib.Site.at_mlp(1), compiled, variant) is None
    task = VariableEvaluator.of(compiled, "counted", "resid_post1", sizes=SMALL).control_tasks["variant"]
    assert not isinstance(task, str)
    assert task.anatomy.d_model == variant.weights.d_model
    # The behaviour is the same, so that on isolation pairs and on unchanged bases the variant is right.
    untouched = task.right(mib.Featurizer.subspace(torch.zeros(task.width, 0)))
    assert task.isolates is None or bool(untouched[task.isolates].all())
    assert not bool(untouched[task.split.test].all())


def test_the_full_vector_at_the_output_reaches_the_variant() -> None:
    """`told` is the output, which the variant computes too: swapping all of its last stream changes it as expected."""
    row = score_featurizer("full-vector", load("contains_x_twice_told"), "told", "resid_post3", sizes=SMALL)
    accuracies = {control.kind: control.accuracy for control in row.controls}
    assert accuracies["variant"] == 1.0
    assert row.selectivity == pytest.approx(0.0)


def test_what_cannot_be_examined_is_refused() -> None:
    with pytest.raises(DomainError, match="there is nothing to find. It is live at: resid_post2, resid_pre3"):
        score_featurizer("das", model("reverse"), "opposite", "resid_post3")
    with pytest.raises(mib.MethodError, match="mdas learns from isolation pairs"):
        score_featurizer("mdas", model("hist"), "hist", "resid_post0", sizes=SMALL)


def test_a_span_is_found_at_a_heads_value_in_its_own_coordinates() -> None:
    compiled = model("second_step")
    found = overlap_of(oracle(compiled, "previous", "a0.h0.z"), _places(compiled, "previous", "a0.h0.z"))
    assert found is not None
    assert (found.recall, found.precision) == pytest.approx((1.0, 1.0))
    assert not np.isnan(found.angles).any()


def _places(compiled: CompiledModel, variable: str, site: str) -> Landscape:
    return Landscape.of(ground_of(compiled), compiled.variable(variable), Site.parse(site))


def test_exact_scores_need_the_variables_own_swap_to_be_right() -> None:
    """In a soft variant directions may hold a mixture of values: an output decodes right, an interchange need not."""
    soft = find_model("reverse@soft")
    row = score_featurizer("full-vector", soft, "opposite", "residual.2.post", controls=False)
    assert row.truth.overlap is None and row.truth.minimal_rank is None
    wrong, n = map(int, re.findall(r"goes wrong on (\d+) of (\d+) pairs", row.truth.reason)[0])
    own = score_featurizer("oracle", soft, "opposite", "residual.2.post", controls=False)
    assert 0 < wrong < n and own.accuracy < 1
    raw = score_featurizer("full-vector", "reverse", "opposite", "residual.2.post", controls=False)
    held = score_featurizer("full-vector", find_model("second_step@soft"), "step", "residual.1.mid", controls=False)
    assert [one.truth.reason for one in (raw, held)] == ["", ""]
    assert all(one.truth.overlap is not None and one.truth.overlap.recall == pytest.approx(1) for one in (raw, held))


def test_a_variable_that_is_held_as_a_mixture_is_not_certified_though_each_of_its_interchanges_is_right() -> None:
    """Its interchanges put one state of each value; swapping what is really there goes wrong."""
    soft = find_model("count_first@soft")
    first, place = soft.variable("first"), Site("resid_post", 0)
    assert first.at(place).certified and not any(item.wrong for item in first.at(place).interchanges)
    assert not first.held and not first.certified
    assert VariableEvaluator.of(soft, first, place, sizes=SMALL, controls=False).inexact
    assert not {name for name, _ in informative(soft)} - {"tokens", "indices"}
    assert ("first", "residual.0.post") in informative(load("count_first"))
