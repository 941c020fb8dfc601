"""In every architecture, with left padding: circuits reach both ends, edges add up, and gradients are slopes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import mib
from mib.engine.circuit_run import CircuitRun, constant_stream
from mib.engine.source_changes import CompactOutputs
from mib.metrics import LogitDifference
from mib.models import LoadedModel
from mib.models.adapters.anatomy import Anatomy
from tests.mib.checkpoints import ARCHITECTURES

N, LENGTH = 3, 10
TOKENS = torch.randint(4, 60, (2 * N, LENGTH), generator=torch.Generator().manual_seed(1))
MASK = torch.ones(2 * N, LENGTH, dtype=torch.bool)
MASK[0, :4] = MASK[1, :1] = MASK[3, :4] = MASK[4, :1] = False
CLEAN, OTHER = torch.arange(N), torch.arange(N) + N
CLOSE: dict[str, Any] = {"atol": 1e-5, "rtol": 0}
METRIC = LogitDifference.at_position(torch.tensor([5, 6, 7]), torch.tensor([8, 9, 10]), n_positions=LENGTH)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def loaded(request: pytest.FixtureRequest, checkpoints: dict[str, Path]) -> LoadedModel:
    return mib.load_model(checkpoints[request.param], dtype="float64")


@dataclass(frozen=True)
class Plain:
    """What Hugging Face's own forward pass gives for each input alone, without padding; zeros where there is some."""

    logits: torch.Tensor
    streams: torch.Tensor  # [layer, input, position, d_model], before each layer


@pytest.fixture(scope="module")
def plain(loaded: LoadedModel) -> Plain:
    model: Any = transformers.AutoModelForCausalLM.from_pretrained(loaded.name, dtype=torch.float64).eval()
    logits, streams = torch.zeros(2 * N, LENGTH, 60).double(), torch.zeros(3, 2 * N, LENGTH, 32).double()
    for row, (tokens, real) in enumerate(zip(TOKENS, MASK, strict=True)):
        with torch.no_grad():
            out = model(tokens[real][None], output_hidden_states=True)
        logits[row, real] = out.logits[0]
        streams[:, row, real] = torch.stack(out.hidden_states[:3])[:, 0]
    return Plain(logits, streams)


@pytest.fixture(scope="module")
def task(loaded: LoadedModel) -> mib.LocalizationTask:
    return mib.LocalizationTask(
        model=loaded, clean=TOKENS[:N], counterfactual=TOKENS[N:], metric=METRIC, attention_mask=MASK[:N]
    )


def everything(task: mib.LocalizationTask) -> torch.Tensor:
    return torch.ones(1, len(task.graph.sources), len(task.graph.destinations), dtype=torch.bool)


def test_all_edges_kept_is_the_plain_forward_pass_and_all_cut_the_counterfactual_one(
    task: mib.LocalizationTask, plain: Plain
) -> None:
    kept = everything(task)
    for circuit, inputs in ((kept, CLEAN), (~kept, OTHER)):
        got = task.engine.run(circuit, CLEAN, OTHER)
        torch.testing.assert_close(got[MASK[inputs]], plain.logits[inputs][MASK[inputs]], **CLOSE)
    apart = (plain.logits[:N] - plain.logits[N:])[MASK[:N]].abs().amax(-1)
    assert bool((apart > 0.1).all())  # the two ends are not one


def test_what_the_sources_write_adds_up_to_the_residual_stream(task: mib.LocalizationTask, plain: Plain) -> None:
    engine, anatomy = task.engine, task.engine.anatomy
    outputs = engine.outputs(torch.arange(2 * N))
    position = anatomy.position(TOKENS, MASK)
    for layer in range(anatomy.n_layers):
        constant = constant_stream(anatomy, 2 * layer, position)
        stream = outputs[:, : engine.columns.readable(2 * layer)].sum(1) + (0 if constant is None else constant)
        torch.testing.assert_close(stream[MASK], plain.streams[layer][MASK], **CLOSE)
    constant = constant_stream(anatomy, 2 * anatomy.n_layers, position)
    last = anatomy.unembed(outputs.sum(1) + (0 if constant is None else constant))
    torch.testing.assert_close(last[MASK], plain.logits[MASK], **CLOSE)


EDGES = (
    "input->a0.h3<q>", "input->logits", "a0.h0->a1.h2<k>", "a0.h1->m0", "m0->a2.h3<v>", "m0->m1", "a1.h3->a2.h0<q>",
    "a2.h1->m2", "m2->logits",
)  # fmt: skip


def test_a_single_cut_is_the_circuit_without_its_edge(task: mib.LocalizationTask) -> None:
    fast = task.engine.run_single_cuts(EDGES, CLEAN, OTHER)
    for edge, got in zip(EDGES, fast, strict=True):
        circuit = everything(task)
        circuit[0][task.graph.index(edge)] = False
        torch.testing.assert_close(got[MASK[:N]], task.engine.run(circuit, CLEAN, OTHER)[MASK[:N]], **CLOSE)


def slope(task: mib.LocalizationTask, edge: str, share: float) -> float:
    """What the metric gains as one edge is kept more, with the embeddings at a point between ablated and clean.

    Central difference of circuit runs: no gradient, and no code of the methods. The clean run starts from embeddings
    ``ablated + share * (clean - ablated)``, entered into the vocabulary as tokens of their own; what a cut edge would
    change is, as in EAP-IG, the change between the clean and the counterfactual input.
    """
    anatomy: Anatomy = task.engine.anatomy
    ends = CompactOutputs.of(anatomy, TOKENS, MASK, pos=False).write_out(anatomy)
    between = torch.lerp(ends[N:, 0], ends[:N, 0], share).flatten(0, 1)
    extended = replace(anatomy, token_embedding=torch.cat((anatomy.token_embedding, between)))
    tokens, mask = anatomy.n_vocabulary + torch.arange(N * LENGTH).view(N, LENGTH), MASK[:N]
    outputs = CompactOutputs.of(extended, tokens, mask, pos=False).write_out(extended)
    measured: list[torch.Tensor] = []
    for step in (1e-4, -1e-4):
        kept = everything(task).double()
        kept[0][task.graph.index(edge)] += step
        run = CircuitRun(
            extended, task.graph, kept, outputs + ends[N:] - ends[:N], None,
            extended.position(tokens, mask), extended.context(tokens, mask),
        )  # fmt: skip
        measured.append(METRIC(run.logits(outputs[:, :1], 0), torch.arange(N)).mean())
    return float(measured[0] - measured[1]) / 2e-4


@pytest.mark.parametrize(
    ("method", "points"),
    [
        ("eap", [1.0]),
        ("clean-corrupted", [1.0, 0.0]),
        ("eap-ig-inputs", [0.0, 0.2, 0.4, 0.6, 0.8]),
    ],
)
def test_scores_are_slopes_of_circuits(task: mib.LocalizationTask, method: str, points: list[float]) -> None:
    scores = mib.localization.get(method)(task)
    assert isinstance(scores, mib.EdgeScores)
    for edge in EDGES:
        expected = sum(slope(task, edge, point) for point in points) / len(points)
        assert scores[edge] == pytest.approx(expected, abs=1e-6, rel=1e-5), edge
    assert abs(scores.flat).max() > 1e-2
