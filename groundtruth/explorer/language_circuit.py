"""A circuit of a language model, from a circuit file of MIB, measured on prompts: what its page shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundtruth.errors import GroundTruthError
from groundtruth.evaluation.circuits.language_model_circuits import LanguageModelCircuitEvaluator
from groundtruth.evaluation.language_models import is_language_model, shared_model, tasks_of
from groundtruth.store.file_names import MODEL
from mib.counted_nouns import layers_by_heads
from mib.graph import Edge, Graph
from mib.leaderboard.formats import CircuitFile, read_circuit
from mib.localization.task import LocalizationTask
from mib.metrics.answer_metrics import LogitDifference
from mib.metrics.circuit_selection import Circuits, n_scored, select
from mib.metrics.measure_circuits import Measurement, measure

N_PROMPTS = 8
"""Prompts that a page shows; faithfulness is measured on all that it was made of."""

N_SIZES = 16
"""Sizes of circuits that are measured, from 1 to all, each about as many times larger than the one before."""

MOST_DRAWN = 60
"""Edges that a drawing can hold, and whose effect is measured one by one."""

DEFAULT_SIZE = 20
"""Edges that are drawn at first, unless a size is asked for."""


@dataclass(frozen=True, eq=False)
class LanguageCircuit:
    """A ranking or a circuit in a file, on prompts of a task.

    Attributes:
        name: Name of the file.
        model: Model as the user named it.
        about: Task that it is run on.
        file: The contents of the circuit file.
        task: Held-out prompts, on the file's graph.
        tokenizer: Turns token ids into text.
        top: Size that is drawn at first; ``None`` for the page's own choice.
        report: Told how many circuits are measured, and how many there are to measure.
    """

    name: str
    model: str
    about: str
    file: CircuitFile
    task: LocalizationTask
    tokenizer: Any
    top: int | None = None
    report: Callable[[int, int], object] = lambda done, total: None

    @classmethod
    def read(
        cls,
        path: Path,
        model: str,
        *,
        about: str | None,
        top: int | None = None,
        pairs: int = 16,
        report: Callable[[int, int], object] = lambda done, total: None,
    ) -> Self:
        """Read a circuit file and set its model to a task.

        Args:
            path: A circuit file of MIB, ``.json`` or ``.pt``.
            model: A language model: ``learned``, a short name, a folder, or an id on the Hugging Face hub.
            about: A task, such as ``ioi``; by default the first that the model is shown to do.
            top: Size that is drawn at first.
            pairs: Held-out prompts to measure on.
            report: Told how many circuits are measured, and how many there are to measure.

        Raises:
            GroundTruthError: If the model is no language model, the file is of another architecture, or ``top`` is not
                among its sizes.
            FormatError: If the file is malformed.
        """
        if not is_language_model(model):
            folder = Path(model).expanduser()
            if model.startswith((".", "/", "~")) and not folder.is_dir():
                raise GroundTruthError(f"--models {model}: there is no such folder. Name that of a checkpoint.")
            if folder.is_dir() and not (folder / MODEL).is_file():
                below = [path.parent for path in sorted(folder.glob("*/config.json"))]
                named = f"its folder {below[0].name}" if below else "the folder of one"
                raise GroundTruthError(
                    f"--models {model}: no checkpoint is in it (there is no config.json). Name {named}."
                )
            raise GroundTruthError(
                f"'{model}' is no language model: its page shows the exact circuit, and a ranking beside it with "
                f"groundtruth explore {model} --method NAME."
            )
        file, task_name = read_circuit(path), tasks_of(model, None if about is None else [about])[0]
        evaluator = LanguageModelCircuitEvaluator.of(model, task_name, n_pairs=pairs)
        task = evaluator.held_out
        if replace(task.graph, pos=file.graph.pos) != file.graph:
            raise GroundTruthError(
                f"{path} is of another model: it has {_shape(file.graph)}, '{model}' has {_shape(task.graph)}."
            )
        tokenizer = shared_model(model, "cpu", torch.float32).model.tokenizer
        found = cls(path.name, model, task_name, file, replace(task, graph=file.graph), tokenizer, top, report)
        _ = found.sizes  # a size that is none is told before anything is measured
        return found

    @property
    def model_name(self) -> str:
        """Name of the model on the page: of a path its last two parts, so that no folder of this machine is shown."""
        return "/".join(Path(self.model).parts[-2:])

    @cached_property
    def ranks(self) -> bool:
        """True if the file ranks parts, False if it names one circuit."""
        return not self.file.is_binary and bool(np.array_equal(self.file.edges, self.graph.edge_mask))

    @property
    def graph(self) -> Graph:
        """Nodes and edges of the model."""
        return self.task.graph

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Sizes that are measured: parts of the ranking, or the edges of the one circuit."""
        if not self.ranks:
            return (int(self.file.edges.sum()),)
        most = n_scored(self._scores)
        if self.top is not None and not 1 <= self.top <= most:
            raise GroundTruthError(f"--top {self.top}: {self.name} ranks {most} parts. Choose from 1 to {most}.")
        steps = np.unique(np.geomspace(1, most, N_SIZES).round().astype(int))
        return tuple(sorted({*steps.tolist(), min(self.top or DEFAULT_SIZE, most)}))

    @cached_property
    def circuits(self) -> Circuits:
        """The circuit of each size, pruned to what is connected."""
        if not self.ranks:
            return Circuits(self.graph, self.file.edges[None])
        return select(self._scores, self.sizes)

    @property
    def _scores(self) -> Any:
        return self.file.node_scores or self.file.neuron_scores or self.file.scores

    @cached_property
    def measured(self) -> Measurement:
        """The metric of the circuit of each size on every prompt."""
        return measure(self.task, self.circuits, report=self._report_from(0))

    @cached_property
    def shown_size(self) -> int:
        """Index of the size that is drawn at first."""
        return self.sizes.index(min(self.top or DEFAULT_SIZE, self.sizes[-1])) if self.ranks else 0

    @cached_property
    def drawn(self) -> tuple[Edge, ...]:
        """Edges of every circuit that is small enough to be drawn, and of the one that is drawn at first."""
        counts = self.circuits.edge_counts
        small = [kept for kept, n in zip(self.circuits.kept, counts, strict=True) if n <= MOST_DRAWN]
        any_of = np.logical_or.reduce([*small, self.circuits.kept[self.shown_size]])
        return tuple(edge for edge in self.graph.edges if any_of[self.graph.index(edge)])

    @cached_property
    def effects(self) -> NDArray[np.float64]:
        """Fall of the metric where one drawn edge alone is cut [edge, prompt]."""
        kept = np.repeat(self.graph.edge_mask[None], len(self.drawn), axis=0)
        for row, edge in enumerate(self.drawn):
            kept[row, *self.graph.index(edge)] = False
        found = measure(self.task, Circuits(self.graph, kept), report=self._report_from(len(self.sizes)))
        return found.full - found.circuits

    def _report_from(self, before: int) -> Callable[[int], object]:
        """Count on from what was measured before: first the circuits of all sizes, then those without one edge."""
        return lambda done: self.report(before + done, len(self.sizes) + len(self.drawn))

    @cached_property
    def scores(self) -> list[float | None]:
        """The file's score of each drawn edge; None where it scores none, or nodes or neurons instead."""
        if not self.ranks or self._scores is not self.file.scores:
            return [None] * len(self.drawn)
        values = [float(self.file.scores.values[self.graph.index(edge)]) for edge in self.drawn]
        return [None if np.isnan(value) else value for value in values]

    @property
    def metric_name(self) -> str:
        """The metric, in words."""
        return "logit difference" if isinstance(self.task.metric, LogitDifference) else "probability difference"

    def tokens(self, example: int, *, clean: bool) -> list[str]:
        """The tokens of a prompt as text, without padding."""
        ids = (self.task.clean if clean else self.task.counterfactual)[example]
        mask = self.task.attention_mask if clean else self.task.counterfactual_mask
        mask = self.task.attention_mask if mask is None else mask
        real = ids if mask is None else ids[mask[example]]
        return [self.tokenizer.decode([token]) for token in real.tolist()]

    def answers(self, example: int) -> tuple[str, str] | None:
        """The first tokens of the right and of the wrong answer; None for a metric over many answers."""
        metric = self.task.metric
        if not isinstance(metric, LogitDifference):
            return None
        place = int(metric.mask[example].nonzero()[-1])
        right, wrong = (int(ids[example, place]) for ids in (metric.correct, metric.incorrect))
        return self.tokenizer.decode([right]), self.tokenizer.decode([wrong])


def circuit_page_data(circuit: LanguageCircuit) -> dict[str, Any]:
    """All that the page of a circuit needs, as JSON.

    Returns:
        ``edges``: the drawn ones, with ``scores`` and their mean ``effects``. ``sizes``: for each the places of its
        edges among the drawn ones (None where there are too many), its number of edges, and its faithfulness.
        ``prompts``: tokens of both inputs, answers, the metric of the whole model, of the counterfactual and of every
        size, and what each drawn edge does alone.
    """
    measured, effects = circuit.measured, circuit.effects
    places = {edge: index for index, edge in enumerate(circuit.drawn)}
    faithfulness = measured.faithfulness()
    sizes = [
        {"parts": size, "n": int(kept.sum()), "edges": _places(circuit, kept, places), "f": float(f)}
        for size, kept, f in zip(circuit.sizes, circuit.circuits.kept, faithfulness, strict=True)
    ]
    return {
        "name": circuit.name,
        "model": circuit.model_name,
        "task": circuit.about,
        "metric": circuit.metric_name,
        "pairs": len(circuit.task),
        "total": len(circuit.graph.edges),
        "layers": circuit.graph.n_layers,
        "heads": circuit.graph.n_heads,
        "pos": circuit.graph.pos,
        "ranks": circuit.ranks,
        "shown": circuit.shown_size,
        "edges": [str(edge) for edge in circuit.drawn],
        "scores": circuit.scores,
        "effects": _rounded(effects.mean(1)),
        "sizes": sizes,
        "prompts": [_prompt_data(circuit, example) for example in range(min(N_PROMPTS, len(circuit.task)))],
    }


def _places(circuit: LanguageCircuit, kept: NDArray[np.bool_], places: dict[Edge, int]) -> list[int] | None:
    edges = [edge for edge in circuit.graph.edges if kept[circuit.graph.index(edge)]]
    return [places[edge] for edge in edges] if all(edge in places for edge in edges) else None


def _prompt_data(circuit: LanguageCircuit, example: int) -> dict[str, Any]:
    measured = circuit.measured
    return {
        "clean": circuit.tokens(example, clean=True),
        "counterfactual": circuit.tokens(example, clean=False),
        "answers": circuit.answers(example),
        "full": float(measured.full[example]),
        "empty": float(measured.empty[example]),
        "circuits": _rounded(measured.circuits[:, example]),
        "effects": _rounded(circuit.effects[:, example]),
        "likeliest": _likeliest(circuit, example),
    }


def _likeliest(circuit: LanguageCircuit, example: int) -> list[list[Any]]:
    """The five likeliest next tokens of the whole model, with their probabilities."""
    with torch.no_grad():
        logits: Tensor = circuit.task.engine.logits(torch.tensor([example]))[0, -1].double()
    best = logits.softmax(-1).topk(5)
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return [[circuit.tokenizer.decode([token]), round(share, 4)] for token, share in pairs]


def _rounded(values: Sequence[float] | NDArray[np.float64]) -> list[float]:
    """Numbers to six digits: more than float32 holds for certain, and a small page."""
    return [float(f"{value:.6g}") for value in values]


def _shape(graph: Graph) -> str:
    order = "parallel" if graph.parallel else "sequential"
    pos = ", positions as a node" if graph.pos else ""
    return f"{layers_by_heads(graph.n_layers, graph.n_heads)}, d_model {graph.d_model}, {order}{pos}"
