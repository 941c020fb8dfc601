"""Training by the published recipe: its losses, its sizes, its stop; what it writes is what its format says."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from groundtruth.interpbench import train_siit as module
from groundtruth.interpbench.import_model import imported_network
from groundtruth.interpbench.model_folder import read_interpbench
from groundtruth.interpbench.train_siit import SiitSettings, Validation, siit_architecture, train_siit
from groundtruth.trained.cut_forward import forward
from groundtruth.trained.trained_weights import TrainedWeights
from tests.groundtruth.interpbench.compiled_folders import compiled_at

SHORT = SiitSettings(samples=1280, epochs=2)


@pytest.fixture(scope="module", name="hist")
def _hist():
    return compiled_at("hist")


@pytest.fixture(scope="module", name="trained")
def _trained(hist):
    return train_siit(hist, SHORT)


def test_sizes_are_the_published_ones(hist):
    shape = siit_architecture(hist)  # Tracr's hist has one layer of one head of size 5
    assert (shape.n_layers, shape.n_heads, shape.d_head, shape.d_model, shape.d_mlp) == (2, 4, 2, 8, 32)
    assert (shape.norm, shape.activation, shape.attention_biases, shape.causal) == (False, "gelu", True, False)


def test_training_learns_is_repeatable_and_depends_on_the_seed(hist, trained):
    first, second = trained.validations
    assert second.accuracy > first.accuracy
    again, other = train_siit(hist, SHORT), train_siit(hist, replace(SHORT, seed=1))
    for name, value in trained.weights.tensors.items():
        assert torch.equal(value, again.weights.tensors[name])
    assert not torch.equal(trained.weights.W_E, other.weights.W_E)


def test_training_stops_when_all_three_shares_reach_the_threshold(hist):
    assert len(train_siit(hist, replace(SHORT, early_stop=0.0)).validations) == 1
    assert not Validation(1.0, 1.0, 0.994).reaches(0.995) and Validation(0.995, 0.995, 0.995).reaches(0.995)


def test_a_batch_makes_three_steps_of_the_published_losses(hist, monkeypatch):
    """Interchange, strict with its weight applied twice, behaviour: in this order, on one component's whole output."""
    training = module._SiitTraining(hist, replace(SHORT, samples=10, strict_weight=0.5))
    losses = []
    monkeypatch.setattr(training, "_step", lambda loss: losses.append(float(loss.detach())))
    base, donor = torch.tensor([5, 7, 5]), torch.tensor([11, 20, 11])
    monkeypatch.setattr(training, "_batches", lambda samples: [(base, donor)])
    draws = iter([1, 2])  # the MLP's variable, then the third node outside the circuit
    monkeypatch.setattr(training, "_draw", lambda n: next(draws))
    training.run_epoch()
    weights, shape = TrainedWeights.of(training.tensors), training.shape
    inputs = [row for row in hist.domain.enumerate() if len(row) == 3]
    own, given = ([inputs[int(i)] for i in rows] for rows in (base, donor))
    ids = {
        name: torch.tensor([[3, *(t - 1 for t in row)] for row in rows]) for name, rows in (("b", own), ("d", given))
    }

    def logits(swapped):
        mask = torch.zeros(1, *training.graph.edge_mask.shape)
        if swapped is not None:
            mask[0, training.graph.source_index[swapped]] = 1.0
        donors = forward(shape, weights, ids["d"]).sources
        return forward(shape, weights, ids["b"], module.Cut(donors, mask)).logits[:, 1:].flatten(0, 1)

    def counts(rows):
        return torch.tensor([row.count(token) for row in rows for token in row])

    expected = [
        F.cross_entropy(logits("m0"), counts(given)),  # the MLP holds hist, which is the output
        0.25 * F.cross_entropy(logits("a0.h3"), counts(own)),  # outside are a0.h1, a0.h2, a0.h3, then layer 1
        F.cross_entropy(logits(None), counts(own)),
    ]
    assert losses == pytest.approx([float(value.detach()) for value in expected], rel=1e-5)


def test_validation_is_the_share_of_right_answers(hist, trained):
    training = module._SiitTraining(hist, SHORT)
    training.tensors = dict(trained.weights.tensors)
    found = training.validate()
    logits = forward(training.shape, trained.weights, training._ids).logits[:, 1:]
    right = (logits.argmax(-1) == training._answers).double().mean(1)[training._held_out]
    assert found.accuracy == pytest.approx(float(right.mean()), abs=1e-12)


def test_what_is_written_is_read_back_as_it_was_trained(hist, trained, tmp_path):
    trained.write(tmp_path / "11")
    read = read_interpbench(tmp_path / "11")
    assert [str(edge) for edge in read.claimed] == [
        "input->a0.h0<q>",
        "input->a0.h0<k>",
        "input->a0.h0<v>",
        "a0.h0->m0",
        "m0->logits",
    ]
    assert read.meta["strict_weight"] == 0.4 and read.meta["validation"]["iia"] == trained.validations[-1].iia
    network = imported_network(read, hist)
    ids = torch.tensor([[3, 0, 1, 1], [3, 2, 2, 0]])  # BOS, then tokens 1 to 3, in InterpBench's order
    own = forward(trained.architecture, trained.weights.to(torch.float64), ids).logits
    assert torch.allclose(network.logits(network.encode([(1, 2, 2), (3, 3, 1)])), own, rtol=0, atol=1e-12)


def test_a_numerical_program_is_trained_on_squared_error(tmp_path):
    compiled = compiled_at("frac_prevs", 2)
    training = module._SiitTraining(compiled, SHORT)
    logits = torch.tensor([[[0.1], [0.5]]])
    assert float(training._loss(logits, torch.tensor([[0.0, 0.7]]), torch.tensor([3]))) == pytest.approx(
        (0.01 + 0.04) / 2
    )
    assert training._row_accuracy(logits, torch.tensor([[0.14, 0.56]])).tolist() == [0.5]
