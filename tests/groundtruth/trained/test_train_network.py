"""Training: a small network is certified, the same seed gives the same network, and what is wrong is refused."""

import json
from collections import Counter
from dataclasses import replace

import pytest
import torch

import groundtruth
from groundtruth.errors import ArtifactError, DomainError, TrainingError
from groundtruth.trained.certify_network import certify
from groundtruth.trained.prepare_network import Plan, fixed_length, looks_back_only, prepare_network
from groundtruth.trained.train_network import Settings, Trainer, train_network
from groundtruth.trained.training_progress import TRAINED, Moment
from groundtruth.trained.training_rows import RowMaker
from groundtruth.trained.wired_weights import draw_wiring
from tests.groundtruth.trained.small_networks import GPT2, LLAMA, PLAIN, random_network

TINY = {"n_layers": 1, "n_heads": 2, "d_model": 32, "d_mlp": 32, "norm": False}
QUICK = Settings(wired_steps=150, free_steps=60, batch=32, rounds=1)


@pytest.fixture(scope="module", name="step")
def _step():
    """``step`` on eight inputs, in one layer."""
    return groundtruth.train(
        "step", vocab=(1, 2), max_seq_len=3, architecture=TINY, kind="wired", n_spares=0, settings=QUICK
    )


def test_a_small_network_is_certified(step):
    assert [step.run(tokens) for tokens in step.domain.enumerate()] == [
        [0, *(b - a for a, b in zip(tokens, tokens[1:], strict=False))] for tokens in step.domain.enumerate()
    ]
    record = step.certificate.under("resample")
    assert record.joint.wrong == record.subsets.wrong == step.certificate.behaviour.wrong == 0
    assert record.subsets.runs == 20_000 and record.joint.runs == 64
    assert {str(r.edge) for r in record.of_status("live")} == {
        str(edge) for edge in step.correspondence.edges if edge.source != "pos"
    }
    assert [item.accuracy for item in step.certificate.interchanges] == [1.0, 1.0]
    assert not list(step.certificate.failures(step))


def test_a_weight_moved_until_a_margin_breaks_is_caught(step):
    """The certificate names the input that breaks first."""
    weakest = step.certificate.behaviour.worst[0]
    read = step.logits(step.encode([weakest]))[0]
    gaps = (read.max(-1).values - read.sort(-1).values[:, -2])[1:]
    position = 1 + int(gaps.argmin())
    second = int(read[position].argsort()[-2])
    for size in (0.2, 5.0):
        tensors = dict(step.weights.tensors)
        # The unembedding of the second best answer grows along what is read at this position.
        direction = _final_stream(step, weakest)[position]
        change = torch.zeros_like(tensors["W_U"])
        change[:, second] = size * float(gaps.min()) * direction / float(direction @ direction)
        changed = replace(step, weights=type(step.weights).of(tensors | {"W_U": tensors["W_U"] + change}), given=None)
        found = list(certify(changed, n_subsets=100).failures(changed))
        assert bool(found) == (size > 1), (size, found)
        if found:
            assert found[0].startswith("behaviour: ") and "smallest margin -" in found[0]


def _final_stream(network, tokens):
    _, cache = network.module(torch.float64).run_with_cache(network.encode([tokens]))
    return cache[f"blocks.{network.architecture.n_layers - 1}.hook_resid_post"][0]


def test_the_same_seed_gives_the_same_network_and_another_gives_another():
    settings = Settings(wired_steps=5, free_steps=3, batch=8, rounds=1)
    first, again, other = (
        Trainer(random_network(GPT2), "scratch", settings, seed=seed, progress=lambda moment: None).run()
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(first.weights.tensors[n], value) for n, value in again.weights.tensors.items())
    assert not torch.equal(first.weights.W_U, other.weights.W_U)


class _Stopped(Exception):
    pass


@pytest.mark.parametrize("stop", [2, 7])
def test_a_run_that_was_stopped_goes_on_to_the_same_network(tmp_path, monkeypatch, stop):
    monkeypatch.setattr("groundtruth.trained.training_cycle.CHECKPOINT_STEPS", 2)
    network = random_network(replace(GPT2, d_model=64), length=2)
    settings = Settings(wired_steps=5, free_steps=5, batch=8, rounds=1)

    def run(progress, checkpoint=None):
        return Trainer(network, "free", settings, seed=3, progress=progress, checkpoint=checkpoint).run()

    def fail(moment: Moment):
        if (moment.step if moment.phase == "wired" else 5 + moment.step) == stop:
            raise _Stopped

    whole, file = run(lambda moment: None), tmp_path / "run.safetensors"
    with pytest.raises(_Stopped):
        run(fail, file)
    steps = []
    continued = run(lambda moment: steps.append(moment), file)
    assert len(steps) == 10 - (stop - 1) // 2 * 2 + (1 if stop == 7 else 0)
    for name, value in whole.weights.tensors.items():
        assert torch.equal(value, continued.weights.tensors[name]), name


def _phases(kind, settings):
    """Which phases a hopeless run goes through, with the steps of each."""
    network, moments = random_network(replace(GPT2, d_model=64), length=2), []
    Trainer(network, kind, settings, seed=3, progress=moments.append).run()
    return Counter(moment.phase for moment in moments)


def test_what_enumeration_finds_is_repaired_with_edges_wired_too():
    settings = Settings(wired_steps=4, free_steps=2, batch=8, rounds=3)
    assert _phases("wired", settings) == {"wired": 4, "wired, repair 1": 2, "wired, repair 2": 2}
    assert _phases("free", settings) == {"wired": 4, "strict": 2, "repair 1": 1, "repair 2": 1}


@pytest.mark.parametrize("kind", ["wired", "free", "scratch"])
def test_the_share_of_a_run_grows_from_its_first_step_to_the_end_of_its_certificate(kind):
    moments: list[Moment] = []
    settings = Settings(wired_steps=4, free_steps=2, batch=8, rounds=3)
    network = random_network(replace(GPT2, d_model=64), length=2)
    train_network(network, kind=kind, seed=3, settings=settings, progress=moments.append, n_subsets=100)
    shares = [moment.share for moment in moments]
    assert shares == sorted(shares) and 0 < shares[0] < 0.3 and 0.9 < shares[-1] <= 1
    trained = [moment.share for moment in moments if moment.phase != "certificate"]
    assert len(set(trained)) == len(trained)
    assert trained[-1] == pytest.approx(TRAINED)  # no phase ends early here, and every repair is needed


def test_a_cycle_ends_once_margins_are_wide(monkeypatch):
    monkeypatch.setattr("groundtruth.trained.training_cycle.WINDOW", 3)
    settings = Settings(wired_steps=7, batch=8, rounds=1)
    assert _phases("wired", replace(settings, enough=-1e9)) == {"wired": 3}
    assert _phases("wired", replace(settings, enough=1e9)) == {"wired": 7}


def test_pairs_are_as_many_as_are_asked_for_where_the_domain_is_small():
    network = random_network(GPT2)
    maker = RowMaker(network, tuple(network.domain.enumerate()), torch.Generator().manual_seed(0))
    inputs, donors = maker.draw_pairs(20)
    assert sorted(Counter(inputs.tolist()).values()) == [2] * 4 + [3] * 4  # eight inputs
    assert len(donors) == 20 and len(set(zip(inputs.tolist(), donors.tolist(), strict=True))) > 8


def test_a_checkpoint_of_another_run_is_refused(tmp_path, monkeypatch):
    network, file = random_network(GPT2), tmp_path / "run.safetensors"
    settings = Settings(free_steps=2, batch=8, rounds=1)
    Trainer(network, "scratch", settings, seed=0, progress=lambda moment: None, checkpoint=file).run()
    with pytest.raises(ArtifactError, match="holds another training run: another program, circuit"):
        Trainer(network, "scratch", settings, seed=1, progress=lambda moment: None, checkpoint=file).run()
    file.write_text(json.dumps({}))
    with pytest.raises(ArtifactError, match="holds no training run"):
        Trainer(network, "scratch", settings, seed=0, progress=lambda moment: None, checkpoint=file).run()


def test_what_is_not_certified_is_refused_with_edge_pair_and_margin():
    with pytest.raises(TrainingError, match=r"(?s)'step@scratch-0' is not certified:.*wrong, smallest margin -"):
        groundtruth.train(
            "step",
            vocab=(1, 2),
            max_seq_len=3,
            architecture=TINY,
            kind="scratch",
            settings=replace(QUICK, free_steps=2),
        )


@pytest.mark.parametrize("shape", [GPT2, LLAMA, PLAIN])
def test_wired_weights_write_nothing_that_a_destination_must_not_read(shape):
    network = random_network(replace(shape, d_model=64, norm=False))
    wiring = draw_wiring(
        network.architecture,
        network.correspondence,
        n_tokens=3,
        n_positions=4,
        generator=torch.Generator().manual_seed(0),
    )
    for source in ("a0.h1", "m0"):  # read by m0, and by a1.h0's values and m1; by no query
        product = wiring.spaces[source].T @ wiring.readers["W_Q"][1, 0]
        assert float(product.abs().max()) < 1e-14
    if shape.style == "gpt2":
        assert float((wiring.spaces["m0"].T @ wiring.readers["W_V"][1, 0]).abs().max()) > 0.01


def test_a_program_that_is_undefined_under_a_causal_mask_is_bidirectional():
    """Its second query is the first hop, which is None where the token before sees no key: a program may fail there."""
    program = groundtruth.programs.get("follow_pointer_twice")
    sop, domain = program.build(), fixed_length(program.domain, vocab=(0, 1, 2), max_seq_len=3)
    assert not looks_back_only(sop, list(domain.enumerate()))
    assert not prepare_network("hops", sop, domain, Plan(), causal=False).causal
    with pytest.raises(DomainError, match=r"'hops' has no output under causal attention on some .*causal=False"):
        prepare_network("hops", sop, domain, Plan({"causal": True}), causal=False)


def test_bad_requests_are_refused():
    with pytest.raises(DomainError, match=r"vocab holds 7, which the program does not take"):
        groundtruth.train("step", vocab=(1, 7))
    with pytest.raises(DomainError, match=r"max_seq_len=9 is not a length that the program takes"):
        groundtruth.train("step", max_seq_len=9)
    with pytest.raises(DomainError, match=r"does not fit into 1 layer x 4 heads"):
        groundtruth.train("second_step", architecture={"n_layers": 1})
    with pytest.raises(DomainError, match=r"d_model=16 is too narrow"):
        groundtruth.train("second_step", architecture={"d_model": 16})
    with pytest.raises(DomainError, match=r"computes with positions, which a Llama-style model does not embed"):
        groundtruth.train("sort", architecture={"style": "llama"})
