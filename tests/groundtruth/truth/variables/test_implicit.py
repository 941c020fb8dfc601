"""Variables where they are yet to be computed: which sites count, and what swapping their operands does."""

from itertools import product

import numpy as np
import pytest
import torch

import groundtruth
from groundtruth.errors import DomainError, GroundTruthError
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.rasp.interning import Replacement
from groundtruth.results.result import tier_of
from groundtruth.specs import find_model
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.truth.variables import Site, find_implicit
from groundtruth.truth.variables.position_wise import held_operands, leads_only_to
from groundtruth.truth.variables.swap_runs import SwapRuns
from groundtruth.truth.variables.value_pool import Ground


@pytest.fixture(scope="module")
def rotate() -> CompiledModel:
    return load_compiled("rotate_by_first")


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    found = groundtruth.load("waiting_pair@free-0")
    assert isinstance(found, TrainedModel)
    return found


def test_a_variable_is_implicit_from_where_its_last_operand_is_written_to_where_it_is_written(rotate):
    """``origin`` is ``ahead`` mod ``length``; nothing else reads the two from there on."""
    truth = rotate.implicit("origin")
    assert [(tuple(map(str, stage.sites)), stage.operands) for stage in truth.stages] == [
        (("resid_post1", "resid_pre2"), ("ahead", "length")),
        (("resid_mid2",), ("ahead", "length")),
    ]
    assert all(stage.certified and stage.interchange.exhaustive and stage.interchange.tried for stage in truth.stages)
    assert rotate.variable("origin").sites[0] == Site.parse("m2")
    assert [stage.n_states for stage in truth.stages] == [25, 25] and len(truth.variable.values) == 5


def test_what_something_else_reads_too_holds_nothing_implicitly(rotate):
    """``ahead`` is computed from the first token and the position, and later heads read the position as well."""
    assert rotate.implicit("ahead").stages == ()
    assert groundtruth.load("reverse").implicit("remaining").stages == ()


def test_operands_that_are_held_as_mixtures_hold_nothing_implicitly():
    """In a soft variant attention mixes values: interchanges of one state a value say nothing of the other states."""
    assert load_compiled("rotate_by_first").implicit("origin").stages
    soft = find_model("rotate_by_first@soft")
    assert not soft.variable("ahead").held and soft.variable("indices").held
    assert soft.implicit("origin").stages == ()
    turned = find_model("rotate_by_first@rotated").implicit("origin")
    assert turned.stages and all(stage.operands == ("ahead", "length") for stage in turned.stages)


def test_what_attention_computes_is_nowhere_implicit(rotate):
    for truth in rotate.variables():
        if truth.variable.writer.kind != "mlp_out":
            assert rotate.implicit(truth.variable.label).stages == ()


def test_interchanges_through_hooks_agree_with_the_program_on_every_pair():
    """``high_half`` of ``binary_value`` is implicit in two of four bits; the program is written out here."""
    model = load_compiled("binary_value")
    inputs = [tokens for tokens in model.domain.enumerate() if len(tokens) == 4]
    ids, module = model.encode(inputs), model.module(torch.float64)
    bases, sources = (torch.tensor(side) for side in zip(*product(range(len(inputs)), repeat=2), strict=True))
    for stage in model.implicit("high_half").stages:
        site, kept = stage.sites[0], {}
        module.run_with_hooks(
            ids, fwd_hooks=[(site.hook, lambda value, hook, kept=kept: kept.update(value=value.clone()))]
        )

        def put(value, hook, span=stage.span, kept=kept):
            moved = value.clone()
            moved[:, 1:] += (kept["value"][sources, 1:] - moved[:, 1:]) @ span @ span.T
            return moved

        with torch.no_grad():
            logits = module.run_with_hooks(ids[bases], fwd_hooks=[(site.hook, put)])
        found = [tuple(row) for row in model.decoder.codes(logits[:, 1:]).round(decimals=6).tolist()]
        wanted = [interchanged(inputs[base], inputs[source]) for base, source in zip(bases, sources, strict=True)]
        assert found == wanted != [interchanged(inputs[base], inputs[base]) for base in bases]


def interchanged(base, source):
    """Outputs of ``binary_value`` with the two high bits of another input."""
    bits = [str(bit) for bit in (*source[:2], *base[2:])]
    return (int("".join(bits), 2),) * len(base)


def test_a_span_that_leaves_an_operand_out_is_found_wrong(monkeypatch, rotate):
    whole = find_implicit._operands
    monkeypatch.setattr(find_implicit, "_operands", lambda *given: whole(*given)[:1])
    truth = find_implicit.find_implicit(Ground(rotate), rotate.variables(), rotate.variable("origin"))
    assert truth.stages and not any(stage.certified for stage in truth.stages)
    failure = truth.stages[-1].interchange.failure
    assert failure is not None and failure.expected != failure.actual


@pytest.mark.parametrize("part", [slice(None), slice(1)], ids=["all operands", "one left out"])
@pytest.mark.parametrize(
    ("name", "variable", "n_stages"), [("rotate_by_first", "origin", 2), ("contains_x_twice_told", "told", 5)]
)
def test_counts_are_those_of_each_interchange_run_alone_through_hooks(monkeypatch, part, name, variable, n_stages):
    """Each stage is run at its own site, though the proof makes runs for several at once.

    The operands of ``told`` are next read by different blocks: the proof must run them before the first of these.
    """
    model, whole, made = load_compiled(name), find_implicit._operands, []
    monkeypatch.setattr(find_implicit, "_operands", lambda *given: whole(*given)[part])
    monkeypatch.setattr(find_implicit, "SwapRuns", lambda *given: made.append(given) or SwapRuns(*given))
    ground = Ground(model)
    truth = find_implicit.find_implicit(ground, model.variables(), model.variable(variable))
    assert len(made) < len(truth.stages) == n_stages
    for stage in truth.stages:
        assert counts_through_hooks(model, ground, truth, stage) == (stage.interchange.tried, stage.interchange.wrong)


def counts_through_hooks(model, ground, truth, stage):
    """Number of interchanges of a span at one position, and of those after which the output is wrong."""
    site, module, program = stage.sites[0], model.module(torch.float64), ground.program
    label, tried, wrong = truth.variable.label, 0, 0
    labels = [*(model.variable(name).variable.label for name in stage.operands), label]
    sources = {}
    for pool in ground.pools:
        for row, position in product(range(len(pool.inputs)), range(pool.length)):
            joint = tuple(int(pool.columns[one][row, position]) for one in labels)
            sources.setdefault(joint, pool.streams[site.sublayer][row, position + 1] @ stage.span)
    states, codes = torch.stack([*sources.values()]), np.array([joint[-1] for joint in sources])
    for pool in ground.pools:
        for position in range(pool.length):
            rows, put = (part.ravel() for part in np.indices((len(pool.inputs), len(codes))))
            base = {name: column[rows] for name, column in pool.columns.items()}
            where = np.zeros((len(rows), pool.length), dtype=bool)
            where[:, position] = True
            replaced = Replacement(np.broadcast_to(codes[put][:, None], where.shape), where)
            expected = ground.encoded(program.rerun(base, {label: replaced})[program.output])

            def swap(value, hook, put=put, position=position):
                moved = value.clone()
                moved[:, position + 1] += (states[put] - moved[:, position + 1] @ stage.span) @ stage.span.T
                return moved

            with torch.no_grad():
                ids = model.encode(pool.inputs)[torch.from_numpy(rows)]
                logits = module.run_with_hooks(ids, fwd_hooks=[(site.hook, swap)])
            tried += len(rows)
            wrong += int(model.decoder.differ(model.decoder.codes(logits[:, 1:]), expected).any(1).sum())
    return tried, wrong


def test_operands_are_sought_through_functions_of_one_position_alone(rotate):
    program = rotate.numbered_program()
    label = rotate.variable("origin").variable.label
    held = {rotate.variable(name).variable.label for name in ("ahead", "length")}
    assert held_operands(program, label, held) == held
    assert held_operands(program, label, held - {rotate.variable("length").variable.label}) is None
    assert leads_only_to(program, held, label, {})
    assert not leads_only_to(program, {*held, "tokens"}, label, {})


def test_expressions_of_a_trained_network_that_live_on_no_component(trained):
    """An MLP computes ``has_a`` from ``share_a`` on its way; its span passes on every pair, as one of many."""
    named = {truth.variable.name: truth for truth in trained.implicit_variables()}
    (stage,) = named["has_a"].stages
    assert (str(stage), stage.state) == ("resid_mid0: 1 dimensions, right on all 729 pairs", "implicit")
    assert stage.distinguishing > 0 and not named["has_a"].exact
    assert trained.variable_at("has_a", stage.sites[0]) is named["has_a"]
    assert "has_a" not in {truth.variable.name for truth in trained.variables()}


def test_errors_say_where_a_variable_is_implicit(rotate, trained):
    with pytest.raises(GroundTruthError, match="'origin' is not at 'resid_pre0'.* implicit at resid_post1, resid_pre2"):
        rotate.variable_at("origin", Site.parse("resid_pre0"))
    with pytest.raises(
        GroundTruthError, match="'has_a' is not at 'm0'.*no component by itself. It is implicit at resid_mid0"
    ):
        trained.variable_at("has_a", Site.parse("m0"))
    with pytest.raises(DomainError, match="has no variable 'has_aa'"):
        trained.variable_at("has_aa", Site.parse("m0"))
    assert trained.variable_at("share_a", Site.parse("resid_mid0")).stages[0].state == "live"


@pytest.mark.parametrize(
    ("name", "variable", "site", "tier"),
    [
        ("rotate_by_first", "origin", "residual.2.mid", "implicit"),
        ("waiting_pair@free-0", "has_a", "residual.0.mid", "trained"),
    ],
)
def test_the_oracle_is_right_where_a_variable_is_implicit_and_nothing_is_said_of_directions(name, variable, site, tier):
    row = groundtruth.score_featurizer("oracle", groundtruth.load(name), variable, site, controls=False)
    assert (row.accuracy, row.isolation, row.implicit, tier_of(row)) == (1.0, 1.0, True, tier)
    assert row.overlap is None and row.truth.reason.startswith("the variable is yet to be computed there")
    whole = groundtruth.score_featurizer("full-vector", groundtruth.load(name), variable, site, controls=False)
    assert whole.accuracy < 0.5
