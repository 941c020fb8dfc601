"""The variables of trained networks: spans known by hand, and interchanges through hooks that share no code."""

from functools import cache
from itertools import product

import pytest
import torch

from groundtruth.errors import DomainError, GroundTruthError
from groundtruth.model import load
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_variable import TrainedVariableTruth
from groundtruth.truth.variables import Site
from tests.groundtruth.trained.small_networks import ARCHITECTURES, random_network
from tests.groundtruth.trained.wired_by_hand import copying_network


@cache
def model(name: str) -> TrainedModel:
    found = load(name)
    assert isinstance(found, TrainedModel)
    return found


@cache
def by_hand(kind="wired") -> TrainedModel:
    network = copying_network(kind=kind)
    return TrainedModel.of(network, certificate=Certifier(network, n_subsets=0).certify(("resample",)))


def test_the_span_of_a_head_set_by_hand_is_that_of_the_differences_that_it_writes():
    (truth,) = by_hand().variables()
    assert truth.variable.name == "previous" and truth.exact and truth.certified
    assert [str(site) for site in truth.sites] == ["a0.h1", "resid_mid0", "resid_post0"]
    written = torch.eye(12, dtype=torch.float64)[7:10]
    differences = torch.linalg.qr((written[1:] - written[0]).T)[0]
    for stage in truth.stages:
        assert torch.allclose(stage.span @ stage.span.T, differences @ differences.T, atol=1e-12)
        # 81 of 729 pairs have the same values of `previous`, which is one of three at each of two positions.
        assert (stage.interchange.runs, stage.distinguishing, stage.rest.wrong) == (729, 648, 0)


def swapped(found: TrainedModel, site: Site, span: torch.Tensor, *, rest: bool = False) -> list[list]:
    """Outputs on every pair with a subspace of a site taken from the donor, through hooks; or all but the subspace."""
    inputs = list(found.domain.enumerate())
    ids = found.encode(inputs)
    module = found.module(torch.float64)
    kept = {}
    module.run_with_hooks(ids, fwd_hooks=[(site.hook, lambda value, hook: kept.update(value=value.clone()))])
    rows, donors = (torch.tensor(side) for side in zip(*product(range(len(inputs)), repeat=2), strict=True))
    held = kept["value"] if site.head is None else kept["value"][:, :, site.head]
    change = (held[donors] - held[rows]) @ span @ span.T
    change = held[donors] - held[rows] - change if rest else change

    def put(value, hook):
        moved = value.clone()
        (moved if site.head is None else moved[:, :, site.head]).add_(change)
        return moved

    logits = module.run_with_hooks(ids[rows], fwd_hooks=[(site.hook, put)])
    return [found.decoder.decode(row) for row in found.decoder.codes(logits[:, 1:])]


def second_step(tokens, previous=None, step=None):
    """The program in plain Python, with some variables given."""
    before = lambda values: [values[max(i - 1, 0)] for i in range(len(values))]  # noqa: E731
    previous = before(tokens) if previous is None else previous
    step = [a - b for a, b in zip(tokens, previous, strict=True)] if step is None else step
    return previous, step, [a - b for a, b in zip(step, before(step), strict=True)]


@pytest.mark.parametrize(("name", "sites"), [("previous", ("a0.h1", "resid_mid0")), ("step", ("m0", "resid_pre1"))])
def test_swapping_the_span_is_swapping_the_variable(name, sites):
    found = model("second_step@wired-0")
    inputs = list(found.domain.enumerate())
    wanted = []
    for base, donor in product(inputs, repeat=2):
        previous, step, _ = second_step(donor)
        given = {"previous": previous} if name == "previous" else {"step": step}
        wanted.append(second_step(base, **given)[2])
    assert wanted != [second_step(base)[2] for base, _ in product(inputs, repeat=2)]
    for spelt in sites:
        site = Site.parse(spelt)
        assert swapped(found, site, found.variable(name).at(site).span) == wanted


def test_all_else_that_a_component_writes_changes_nothing():
    found = model("second_step@wired-0")
    stage = found.variable("step").at("m0")
    own = [second_step(base)[2] for base, _ in product(found.domain.enumerate(), repeat=2)]
    assert swapped(found, stage.sites[0], stage.span, rest=True) == own
    assert stage.span.shape[1] < torch.linalg.matrix_rank(found.weights.W_out[0])  # there is something else


def test_where_one_reader_reads_two_variables_they_may_not_be_told_apart():
    """At its head `previous_step` is alone; behind it `step` lies in directions that the same MLP reads."""
    truth = model("second_step@wired-0").variable("previous_step")
    alone, beside = truth.stages
    assert alone.certified and not beside.certified and not truth.certified
    assert (beside.span, beside.rank) == (None, 0) and beside.interchange.wrong > 0
    assert str(beside).startswith("resid_mid1: wrong on ")


def test_in_a_free_network_no_span_is_the_exact_one():
    (free,), (wired,) = by_hand("free").variables(), by_hand().variables()
    assert free.certified and not free.exact
    assert free.span_at(Site.parse("a0.h1")) is None
    assert torch.equal(wired.span_at(Site.parse("a0.h1")), wired.stages[0].span)


def test_names_of_variables():
    assert [str(truth.variable) for truth in model("hist@wired-0").variables()] == ["hist.a0.h2", "hist"]
    assert model("hist@wired-0").variable("hist_1").variable.components == ("m0",)
    both = model("waiting_pair@wired-0").variable("waits")
    assert (both.variable.name, both is model("waiting_pair@wired-0").variable("both")) == ("waits+both", True)
    assert set(both.variable.values) == {(a, b) for a in (False, True) for b in (False, True)}


def test_errors_say_what_there_is():
    with pytest.raises(DomainError, match=r"has no variable 'hits'. Did you mean: hist.*Choose from hist.a0.h2, hist"):
        model("hist@wired-0").variable("hits")
    told = r"'hist' is not live at 'resid_mid0'.*From where it is written to where it is first read it is at m0"
    with pytest.raises(GroundTruthError, match=told):
        model("hist@wired-0").variable("hist").at("resid_mid0")


def test_a_unit_whose_interchange_is_wrong_is_no_variable():
    network = random_network(ARCHITECTURES["without norm, bidirectional"], length=2, seed=1)
    found = TrainedModel.of(network, certificate=Certifier(network, n_subsets=0).certify(("resample",)))
    assert all(isinstance(truth, TrainedVariableTruth) for truth in found.variables())
    wrong = [item.expressions[0] for item in found.certificate.interchanges if item.claim.wrong]
    assert wrong and not {truth.variable.labels[0] for truth in found.variables()} & set(wrong)
    with pytest.raises(DomainError, match=rf"Not certified: .*{wrong[0]} on .* of 16 interchanges wrong"):
        found.variable(wrong[0])
