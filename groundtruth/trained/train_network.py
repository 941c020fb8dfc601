"""Train a transformer to compute a program by a given circuit, until an enumeration of its domain certifies it.

Interchange training after Geiger et al. (2022, arXiv 2112.00826), with edges held too: strict rows after InterpBench
(Gupta et al. 2024, arXiv 2407.14494), but of edges and not of nodes, one at a time, in random sets and all together.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from groundtruth.trained.certified_run import Trained, certify_run
from groundtruth.trained.certify_network import N_SUBSETS
from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.find_faults import Fault, find_faults
from groundtruth.trained.kinds import Kind
from groundtruth.trained.spare_variables import spare_probes, unit_probes
from groundtruth.trained.trained_network import TrainedNetwork, TrainingRecipe
from groundtruth.trained.trained_weights import TrainedWeights, initial_weights
from groundtruth.trained.training_cycle import Cycle, Numbers, RunFile, run_cycle
from groundtruth.trained.training_progress import TRAINED, Progress
from groundtruth.trained.training_rows import Counterexamples, RowMaker, Rows, answer_loss
from groundtruth.trained.training_state import TrainingState
from groundtruth.trained.wired_weights import Wiring, draw_wiring, with_gains


@dataclass(frozen=True)
class Settings:
    """Numbers of a training run.

    Attributes:
        wired_steps: Steps with edges absent by algebra, for ``wired`` and as the start of ``free``.
        free_steps: Strict steps of ``free`` and ``scratch``.
        learning_rate: The highest one of a cycle with wired edges.
        free_learning_rate: The highest one of a strict cycle.
        batch: Inputs a step.
        margin: By how much the right logit should be ahead.
        hinge: Weight of the hinge on margins.
        noise: Disturbance of ``free``, in standard deviations of each matrix.
        buffer: Counterexamples that are kept.
        rounds: So often training goes on where the enumeration finds a fault.
        enough: A cycle ends when no margin has been below this for a while; the enumeration has the last word.
        decay: Weight decay.
        guide: Weight of probes that ask each unit for its variable while edges are wired.
        idle: Size of what idle components write at first, over that of the others: under a norm they are noise.
    """

    wired_steps: int = 200
    free_steps: int = 200
    learning_rate: float = 1e-2
    free_learning_rate: float = 2e-3
    batch: int = 60
    margin: float = 3.0
    hinge: float = 0.1
    noise: float = 0.3
    buffer: int = 600
    rounds: int = 4
    enough: float = 2.0
    decay: float = 1e-3
    guide: float = 0.3
    idle: float = 0.3


class Trainer:
    """One training run: numbers that change, rows that are drawn, and counterexamples that are kept.

    Args:
        network: The program, the circuit and the architecture; its weights are not used.
        kind: Start of the training, and what holds its edges.
        settings: Numbers of the run.
        seed: Draws everything.
        progress: Told where the run is.
        checkpoint: A file that the run is kept in as it goes.
    """

    def __init__(
        self,
        network: TrainedNetwork,
        kind: Kind,
        settings: Settings,
        *,
        seed: int,
        progress: Progress,
        checkpoint: Path | None = None,
    ) -> None:
        self.network, self.settings, self.seed = network, settings, seed
        self.kind: Kind = kind
        self._progress = progress
        self._generator = torch.Generator().manual_seed(seed)
        inputs = tuple(network.domain.enumerate())
        self._maker = RowMaker(network, inputs, self._generator)
        self._spares = spare_probes(network, inputs, self._generator)
        self._guides = unit_probes(network, inputs, self._generator, weight=settings.guide)
        self._kept_swaps, self._kept_cuts = Counterexamples(settings.buffer), Counterexamples(settings.buffer)
        self.steps = 0
        self._file = RunFile(checkpoint, self._identity)

    def run(self) -> TrainedNetwork:
        """Train, and repair what an enumeration finds wrong, until it finds nothing or the rounds are used up."""
        numbers, wiring = self._start()
        resumed = self._file.read()
        # `_start` runs in any case: the wiring is in no checkpoint, and is drawn again from the seed.
        first = 0 if resumed is None else resumed.phase
        if resumed is not None:
            numbers = self._resume(resumed)
        network = self.network
        for index, phase in enumerate(self._phases()[first:], first):
            wired = wiring if phase.startswith("wired") else None
            self._cycle(index, numbers, wired, resumed)
            resumed = None
            # In float64 from here on, for the certificate. The wired projections are applied in it too, so that
            # products of algebra are zero to its rounding and not to float32's.
            if wired is None:
                weights = TrainedWeights.of(numbers).to(torch.float64)
            else:
                weights = wired.weights({name: value.double() for name, value in numbers.items()})
            network = self._finish(weights)
            # The wired network of a free one is a start and no result: it is not enumerated.
            if wired is not None and self.kind == "free":
                numbers = self._disturb(weights.to(torch.float32))
            elif not self._collect_faults(network):
                break
        return network

    def _phases(self) -> list[str]:
        repairs = [f"repair {attempt}" for attempt in range(1, self.settings.rounds)]
        return {
            "wired": ["wired", *(f"wired, {repair}" for repair in repairs)],
            "free": ["wired", "strict", *repairs],
            "scratch": ["strict", *repairs],
        }[self.kind]

    def _start(self) -> tuple[Numbers, Wiring]:
        """Random numbers to start from, and where the wired phase lets sources write."""
        network, shape = self.network, self.network.architecture
        if self.kind == "scratch":
            drawn = initial_weights(network.shapes, self._generator).to(torch.float32).tensors
            return drawn, Wiring(shape, {}, {})
        wiring = draw_wiring(
            shape,
            network.correspondence,
            n_tokens=len(network.token_values) - 1,
            n_positions=network.domain.max_seq_len + 1,
            generator=self._generator,
        )
        shapes = wiring.number_shapes({n: s for n, s in network.shapes.items() if not n.endswith("_gain")})
        numbers = initial_weights(shapes, self._generator).to(torch.float32).tensors
        # A backup begins as quiet as an idle component, so that the first one learns the variable itself.
        backups = [unit.components[-1] for unit in network.correspondence.backed_up]
        for component in (*network.correspondence.idle(network.graph), *backups):
            place = network.graph.locate(component)
            written = numbers["W_O"][place.layer, place.head] if place.kind == "head" else numbers["W_out"][place.layer]
            written *= self.settings.idle
        return numbers, wiring

    def _collect_faults(self, network: TrainedNetwork) -> list[Fault]:
        """Collect what an enumeration finds wrong; the pairs are trained on from now on."""
        faults = find_faults(network, variables=self.kind != "scratch")
        for fault in faults:
            rows = fault.rows(self._maker)
            kept = self._kept_swaps if rows.mask is None else self._kept_cuts
            kept.add(rows, torch.zeros(len(rows)))
        return faults

    def _disturb(self, weights: TrainedWeights) -> Numbers:
        """The weights with noise on each matrix, and gains of one where the architecture has gains."""
        numbers: Numbers = {}
        for name, shape in self.network.shapes.items():
            value = weights.tensors.get(name, torch.ones(shape))
            noise = torch.randn(value.shape, generator=self._generator)
            numbers[name] = (value + self.settings.noise * value.std() * noise).detach().contiguous()
        return numbers

    def _finish(self, weights: TrainedWeights) -> TrainedNetwork:
        weights = weights.convert(lambda value: value.detach().clone())
        # Wired weights are trained without gains, which would move what the projections keep apart; the function stays
        # the same when they are drawn now.
        if self.network.architecture.norm and self.network.architecture.gains and weights.final_gain is None:
            weights = with_gains(weights, self._generator)
        recipe = TrainingRecipe(self.kind, self.seed, self.steps, asdict(self.settings))
        return replace(self.network, weights=weights, training=recipe)

    def _cycle(self, index: int, numbers: Numbers, wiring: Wiring | None, resumed: TrainingState | None) -> None:
        """One cycle of the learning rate; changes the numbers in place."""
        phase, steps, rate = self._schedule(index)

        def loss() -> tuple[Tensor, float]:
            weights = TrainedWeights.of(numbers) if wiring is None else wiring.weights(numbers)
            return self._loss(weights, strict=wiring is None, repair="repair" in phase)

        cycle = Cycle(
            phase,
            index,
            steps,
            before=self.steps if resumed is None else resumed.steps - resumed.step,
            optimizer=lambda trained: torch.optim.AdamW(
                trained, lr=rate, betas=(0.9, 0.95), weight_decay=self.settings.decay, fused=True
            ),
            schedule=lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=max(steps, 2)),
            loss=loss,
            share=lambda step: self._share(index, step),
            keep=self._tensors,
            enough=self.settings.enough,
        )
        self.steps = run_cycle(cycle, numbers, file=self._file, resumed=resumed, progress=self._progress)

    def _share(self, index: int, step: int) -> float:
        """Find which part of the run is done after some steps of a phase, if no phase ends early."""
        steps = [self._schedule(number)[1] for number in range(len(self._phases()))]
        return TRAINED * (sum(steps[:index]) + step) / sum(steps)

    def _schedule(self, index: int) -> tuple[str, int, float]:
        """Name, steps and highest learning rate of a phase."""
        settings, phase = self.settings, self._phases()[index]
        wired = phase.startswith("wired")
        steps = settings.wired_steps if wired else settings.free_steps
        rate = settings.learning_rate if wired else settings.free_learning_rate
        # A repair starts from a network that is nearly right: longer or faster training would undo what it has.
        return (phase, steps // 2, rate / 2) if "repair" in phase else (phase, steps, rate)

    def _tensors(self) -> dict[str, Tensor]:
        """Return what the next step depends on besides the numbers and their moments."""
        tensors = {f"swaps.{name}": value for name, value in self._kept_swaps.tensors.items()}
        tensors |= {f"cuts.{name}": value for name, value in self._kept_cuts.tensors.items()}
        return tensors | {"generator": self._generator.get_state()}

    def _resume(self, state: TrainingState) -> Numbers:
        """Take up a state: counterexamples, generator, and the numbers that are returned."""
        self.steps = state.steps
        self._kept_swaps.restore(state.part("swaps"))
        self._kept_cuts.restore(state.part("cuts"))
        self._generator.set_state(state.tensors["generator"])
        return state.part("number")

    @property
    def _identity(self) -> str:
        """Hash of all that a checkpoint must share for this run to continue from it."""
        network = self.network
        # What the drawn numbers and rows depend on; not the weights, which are not used.
        parts = (network.name, network.domain, network.architecture, network.correspondence, self.kind, self.seed)
        text = repr((*map(str, parts), repr(network.correspondence), asdict(self.settings)))
        return hashlib.sha256(text.encode()).hexdigest()

    def _loss(self, weights: TrainedWeights, *, strict: bool, repair: bool) -> tuple[Tensor, float]:
        """The mean loss over all rows of a step, and the smallest margin."""
        shape, settings, maker = self.network.architecture, self.settings, self._maker
        # Donors' values are fixed targets: with a gradient through them a source could be taught to write what suits
        # the cut.
        with torch.no_grad():
            sources = forward(shape, weights, maker.ids).sources
        batches = [self._swapped_rows(every_unit=not strict, replay=strict or repair)]
        # With wired edges only a norm can carry what a destination must not read.
        if strict or (self.kind == "wired" and shape.norm):
            batches.append(self._strict_rows())
        total, worst, n = weights.W_E.new_zeros(()), float("inf"), sum(map(len, batches))
        for rows, kept in zip(batches, (self._kept_swaps, self._kept_cuts), strict=False):
            cut = Cut(sources[:, rows.donors], rows.mask, rows.swap, maker.still)
            outputs = forward(shape, weights, maker.ids[rows.inputs], cut)
            loss, margins = answer_loss(
                self.network.decoder, outputs.logits[:, 1:], rows.answers, margin=settings.margin, hinge=settings.hinge
            )
            # Weighted by rows, so that each row counts the same in whichever batch it runs.
            total = total + loss * (len(rows) / n)
            worst = min(worst, float(margins.min()))
            if strict or repair or rows.mask is not None:
                kept.add(rows, margins)
            if rows.swap is not None:
                total = total + self._spares.loss(outputs.sources, rows)
                if not strict:
                    total = total + self._guides.loss(outputs.sources, rows)
        return total, worst

    def _swapped_rows(self, *, every_unit: bool, replay: bool) -> Rows:
        """Plain runs, and runs in which the outputs of every unit, or of two of them, are replaced.

        Args:
            every_unit: Whether all units have their turn at every step.
            replay: Whether counterexamples are trained on again.
        """
        maker, batch = self._maker, self.settings.batch
        n_units = len(self.network.correspondence.units)
        units = range(n_units) if every_unit else torch.randperm(n_units, generator=self._generator)[:2].tolist()
        parts = [maker.plain(maker.draw_inputs(batch))]
        # A network from scratch may hold its variables as it likes: only its edges are planned.
        if self.kind != "scratch":
            parts += [maker.interchanges(unit, *maker.draw_pairs(batch)) for unit in units]
        # An interchange of a whole unit never shows whether two voters outvote the third, or whether a backup steps in:
        # these rows replace one component alone.
        parts += maker.votes(*maker.draw_pairs(batch))
        backed_up = [name for unit in self.network.correspondence.backed_up for name in unit.components]
        parts += [maker.replaced(name, *maker.draw_pairs(batch)) for name in backed_up]
        if replay:
            parts += self._kept_swaps.draw(self.settings.batch, self._generator)
        return Rows.join(parts)

    def _strict_rows(self) -> Rows:
        """Runs with needless edges cut."""
        again = self._kept_cuts.draw(self.settings.batch, self._generator)
        return Rows.join([self._maker.strict(*self._maker.draw_pairs(self.settings.batch)), *again])


def train_network(
    network: TrainedNetwork,
    *,
    kind: Kind = "free",
    seed: int = 0,
    settings: Settings | None = None,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
    n_subsets: int = N_SUBSETS,
) -> Trained:
    """Train a network and certify what comes out.

    Args:
        network: The program, the circuit and the architecture; its weights are not used.
        kind: ``wired``, ``free`` or ``scratch``.
        seed: Draws everything.
        settings: Numbers of the run.
        progress: Told where the run is.
        checkpoint: A file that the run is kept in as it goes, and continued from if it is there; removed at the end.
        n_subsets: Random sets of needless edges that the certificate counts.
    """
    trainer = Trainer(
        network,
        kind,
        settings or Settings(),
        seed=seed,
        progress=progress or (lambda moment: None),
        checkpoint=checkpoint,
    )
    return certify_run(trainer.run, seed=seed, n_subsets=n_subsets, checkpoint=checkpoint, progress=progress)
