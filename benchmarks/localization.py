"""How long localization takes, in units of one plain forward pass measured in the same run.

    OMP_NUM_THREADS=1 python benchmarks/localization.py [--repeats 5] [--scaling] [--reference PYTHON] [--out FILE.json]

One thread, the median of several repeats, in CPU time, which other programs disturb less. Every repeat scores a fresh
task, so nothing is cached from the one before; taking the model apart is timed apart. The column "reference" is what
the public implementation (EAP-IG) needs in the same units. With --reference it is measured in this run, on the same
checkpoint and examples, in an interpreter where it is installed, and "agrees" is the correlation of its scores with
ours over the edges; without, it is quoted from July 2025, on the same shape. CPR and CMD are those of MIB's own
evaluation (MIB-circuit-track, over the branch MIB of EAP-IG), if that is installed there too, of the scores that we
give the edges; "agrees" is then how far the faithfulness of the 20 circuits is apart at most.
docs/cost-of-localization.md shows what came out of

    python benchmarks/localization.py --scaling --out docs/cost-of-localization.json
    python benchmarks/plot_localization.py docs/cost-of-localization.json
"""

import argparse
import json
import platform
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from reference_run import run_reference, time_in_units
from rich.console import Console
from rich.table import Table

import groundtruth
import mib
from mib.engine.gradients import Gradients, Trace
from mib.engine.source_changes import InMemoryChanges
from mib.localization.gradient_products import sum_of_products
from mib.metrics import LogitDifference
from mib.metrics.faithfulness import mib_areas

REFERENCE = {
    "exact": 3520, "eap": 32, "eap-ig-inputs": 130, "eap-ig-activations": 950, "ifr": 14, "CPR + CMD": 170,
}  # fmt: skip
LIMIT = {"exact": 350, "eap": 16, "eap-ig-inputs": 60, "eap-ig-activations": 300, "ifr": 8, "CPR + CMD": 60}
QUOTED = "quoted from July 2025"
INSTALL = (
    "Make an environment for it: pip install 'transformer-lens<4' git+https://github.com/hannamw/EAP-IG@MIB, then, for "
    "CPR and CMD, pip install --no-deps git+https://github.com/hannamw/MIB-circuit-track, and name its bin/python."
)
AREAS = "CPR + CMD"
METHODS = ("exact", "eap", "eap-ig-inputs", "clean-corrupted", "eap-ig-activations", "ifr")
OUTPUTS, FORWARD = "F: outputs of every source", "F: an input for each q, k, v"
BOTH_WAYS, EDGES = "F + B", "edges: difference x gradient"
"""Steps of EAP, one at a time."""
GROWING = ("exact", "eap-ig-activations", "CPR + CMD", "eap-ig-inputs", "eap", "ifr")
"""Methods that are timed as sizes grow, the dearest first."""

Work = Callable[[], object]


@dataclass(frozen=True)
class Shape:
    """Sizes of one benchmark."""

    layers: int = 4
    heads: int = 4
    width: int = 64
    prompts: int = 64
    tokens: int = 16
    vocabulary: int = 100


SERIES: dict[str, Sequence[Shape]] = {
    "layers": [Shape(layers=n) for n in (1, 2, 4, 8)],
    "heads": [Shape(heads=n) for n in (1, 2, 4, 8)],
    "prompts": [Shape(prompts=n) for n in (16, 32, 64, 128, 256)],
}
"""One size grows, the others stay."""


@dataclass(frozen=True)
class Timing:
    """Medians over repeats."""

    units: float
    seconds: float


def load(shape: Shape) -> tuple[Any, Any]:
    """A random GPT-2 checkpoint, as Hugging Face loads it and as a real model of ours."""
    import transformers
    from transformer_lens.model_bridge import TransformerBridge

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=shape.vocabulary, n_positions=max(shape.tokens, 16), n_embd=shape.width, n_layer=shape.layers,
        n_head=shape.heads, initializer_range=0.2,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "gpt2-random"
        transformers.GPT2LMHeadModel(config).save_pretrained(checkpoint)
        plain = transformers.GPT2LMHeadModel.from_pretrained(checkpoint).eval()
        return plain, TransformerBridge.boot_transformers(str(checkpoint), device="cpu").eval()


def draw_examples(shape: Shape) -> dict[str, torch.Tensor]:
    """Random prompts, and two answers to each."""
    generator = torch.Generator().manual_seed(1)
    size = (2, shape.prompts, shape.tokens)
    clean, counterfactual = torch.randint(shape.vocabulary, size, generator=generator)
    correct, incorrect = torch.randint(shape.vocabulary, (2, shape.prompts), generator=generator)
    return {"clean": clean, "counterfactual": counterfactual, "correct": correct, "incorrect": incorrect}


def make_task(model: Any, shape: Shape) -> mib.LocalizationTask:
    """Random prompts; the metric is a logit difference at the last position."""
    drawn = draw_examples(shape)
    metric = LogitDifference.at_position(drawn["correct"], drawn["incorrect"], n_positions=shape.tokens)
    return mib.LocalizationTask(
        model=model, clean=drawn["clean"], counterfactual=drawn["counterfactual"], metric=metric
    )


def agreement(name: str, task: mib.LocalizationTask, theirs: dict[str, Any]) -> str:
    """Correlate the reference's scores with ours over all edges, where it gave any."""
    scores = theirs.get(name, {}).get("scores")
    if not scores:
        return "-"
    ours = edge_scores(name, task)
    edges = [str(edge) for edge in task.graph.edges if str(edge) in scores]
    pairs = np.array([[ours[edge], scores[edge]] for edge in edges])
    return f"{np.corrcoef(pairs.T)[0, 1]:.6f}"


def curves_apart(task: mib.LocalizationTask, theirs: dict[str, Any]) -> str:
    """Tell how far the faithfulness of the circuits of both rankings is apart at most, and the two areas."""
    if AREAS not in theirs:
        return "-"
    ours, other = mib_areas(task, scored(task)), theirs[AREAS]
    own = [*ours.signed.faithfulness, *ours.absolute.faithfulness]
    apart = np.abs(np.subtract(own, [*other["signed"], *other["absolute"]])).max()
    areas = (ours.cpr - other["cpr"], ours.cmd - other["cmd"])
    return f"{apart:.1e} (CPR {areas[0]:+.0e}, CMD {areas[1]:+.0e})"


def timed(work: Work, unit: Work, repeats: int) -> Timing:
    """Time some work, after one run to warm up; each repeat is compared with the unit timed just before it."""
    return Timing(*time_in_units(work, unit, repeats))


def forward(plain: Any, task: mib.LocalizationTask) -> Work:
    """One plain forward pass over all prompts in one batch: the unit."""

    @torch.no_grad()
    def run() -> object:
        return plain(task.clean)

    return run


def fresh(task: mib.LocalizationTask) -> mib.LocalizationTask:
    """The same task with nothing cached, over parts taken apart already."""
    return replace(task, model=task.engine.anatomy)


def methods(task: mib.LocalizationTask) -> dict[str, Work]:
    """Return what is timed."""
    scores = scored(task)
    work: dict[str, Work] = {name: lambda name=name: mib.localization.get(name)(fresh(task)) for name in METHODS}
    return {**work, AREAS: lambda: mib_areas(fresh(task), scores)}


def scored(task: mib.LocalizationTask) -> mib.EdgeScores:
    """The scores whose CPR and CMD are taken."""
    return edge_scores("eap-ig-inputs", fresh(task))


def edge_scores(name: str, task: mib.LocalizationTask) -> mib.EdgeScores:
    """The scores of a method, which are of edges, as the task asks."""
    scores = mib.localization.get(name)(task)
    assert isinstance(scores, mib.EdgeScores)  # noqa: S101 - the task asks for edges
    return scores


def steps_of_eap(task: mib.LocalizationTask) -> dict[str, Work]:
    """Steps of EAP, one at a time."""
    engine, everything = task.engine, task.everything
    counterfactual = everything.counterfactual
    held = InMemoryChanges(engine.columns, engine.differences(everything.clean, everything.counterfactual))

    def run() -> tuple[Trace, torch.Tensor]:
        trace = engine.trace(everything.clean)
        return trace, task.metric(trace.logits, everything.examples).sum()

    def run_and_return() -> Gradients:
        trace, loss = run()
        return trace.destination_gradients(loss)

    gradients = run_and_return()
    return {
        OUTPUTS: lambda: fresh(task).engine.outputs(counterfactual),
        FORWARD: run,
        BOTH_WAYS: run_and_return,
        EDGES: lambda: sum_of_products(task, held, enumerate(gradients)),
        "eap": lambda: mib.localization.get("eap")(fresh(task)),
    }


@dataclass(frozen=True)
class Bench:
    """Measures, prints and remembers."""

    console: Console
    repeats: int
    only: str | None
    reference: Path | None
    measured: dict[str, Any]

    def is_wanted(self, name: str) -> bool:
        """Tell whether a method is timed."""
        return self.only is None or name in self.only.split(",")

    def methods(self) -> None:
        """Each method on the checkpoint that the reference was timed on."""
        shape = Shape()
        plain, bridge = load(shape)
        task = make_task(bridge, shape)
        unit, edges = forward(plain, task), len(task.graph.edges)
        pass_ = timed(unit, unit, 20)
        found = {
            "one forward pass": pass_,
            "taking apart": timed(lambda: mib.models.adapters.decompose(bridge), unit, 5),
        }
        self.console.print(f"{edges} edges, {shape}; one Hugging Face forward pass: {1000 * pass_.seconds:.1f} ms")
        work = methods(task)
        wanted = [name for name in work if self.is_wanted(name)]
        theirs = self._reference(plain, shape, task, wanted)
        units = {**REFERENCE, **{name: one["units"] for name, one in theirs.items()}}
        source = "measured in this run" if theirs else QUOTED
        title = f"units of one plain forward pass; reference: {source}"
        table = Table("what", "ours", "limit", "reference", "ratio", "agrees", "ms", title=title)
        for name in wanted:
            found[name] = timed(work[name], unit, self.repeats)
            ours, other = found[name], units.get(name)
            table.add_row(
                name, f"{ours.units:.1f}", str(LIMIT.get(name, "-")),
                "-" if other is None else f"{other:.0f}{'' if name in theirs or not theirs else ' (quoted)'}",
                "-" if other is None else f"{other / ours.units:.1f}",
                curves_apart(task, theirs) if name == AREAS else agreement(name, task, theirs),
                f"{1000 * ours.seconds:.1f}",
            )  # fmt: skip
        self.console.print(table)
        if theirs:
            self.measured["reference"] = {name: {**one, "scores": None} for name, one in theirs.items()}
        self._keep("gpt2", shape, edges, found)
        if self.is_wanted("eap"):
            self._eap(task, unit)

    def _reference(self, plain: Any, shape: Shape, task: mib.LocalizationTask, names: Sequence[str]) -> dict[str, Any]:
        """Return what the reference takes, and its scores, where one was named."""
        if self.reference is None or not names:
            return {}
        with tempfile.TemporaryDirectory() as folder:
            plain.save_pretrained(folder)
            examples = {name: ids.tolist() for name, ids in draw_examples(shape).items()}
            given = scored(task)
            job = {
                "checkpoint": folder, **examples, "steps": 5, "methods": [name for name in names if name != AREAS],
                "scores": {str(edge): given[edge] for edge in task.graph.edges} if AREAS in names else {},
                "repeats": self.repeats,
            }  # fmt: skip
            return run_reference(self.reference, "eap.attribute", INSTALL, "eap_ig_localization.py", job)["methods"]

    def compiled(self, name: str = "reverse", n_pairs: int = 1000) -> None:
        """Exact patching of every edge of a compiled model."""
        task = groundtruth.localization_task(groundtruth.load(name), n_pairs=n_pairs)
        unit, model = forward(task.model, task), f"{name}, {len(task.graph.edges)} edges, {len(task)} pairs"
        taken = timed(methods(task)["exact"], unit, self.repeats)
        self.console.print(f"exact on the compiled {model}: {taken.seconds:.2f} s (limit 1 s), {taken.units:.0f} units")
        self.measured["compiled"] = {"model": name, "pairs": len(task), "exact": asdict(taken)}

    def scaling(self) -> None:
        """Say how the cost grows: each size against its own plain forward pass."""
        self.measured["scaling"] = {}
        for grows, shapes in SERIES.items():
            table = Table(grows, "edges", "pass, ms", *GROWING, title=f"units, as {grows} grow")
            rows = self.measured["scaling"][grows] = []
            for shape in shapes:
                plain, bridge = load(shape)
                task = make_task(bridge, shape)
                unit, work, edges = forward(plain, task), methods(task), len(task.graph.edges)
                found = {"one forward pass": timed(unit, unit, 20)}
                found |= {name: timed(work[name], unit, self.repeats) for name in GROWING}
                rows.append(_record(shape, edges, found))
                own = [f"{found[name].units:.1f}" for name in GROWING]
                table.add_row(
                    str(asdict(shape)[grows]), str(edges), f"{1000 * found['one forward pass'].seconds:.1f}", *own
                )
            self.console.print(table)

    def _eap(self, task: mib.LocalizationTask, unit: Work) -> None:
        found = {name: timed(work, unit, self.repeats) for name, work in steps_of_eap(task).items()}
        table = Table("step", "units", title="where the time of EAP goes")
        for name, taken in found.items():
            table.add_row(name, f"{taken.units:.2f}")
        # A pass is one unit; what is taken back and multiplied is measured.
        limit = 2 + found[BOTH_WAYS].units - found[FORWARD].units + found[EDGES].units
        table.add_row("limit: 2 F, B and edges", f"{limit:.2f}")
        table.add_row("eap over its limit", f"{found['eap'].units / limit:.2f}")
        self.console.print(table)
        self.measured["eap"] = {name: asdict(taken) for name, taken in found.items()}

    def _keep(self, name: str, shape: Shape, edges: int, found: dict[str, Timing]) -> None:
        self.measured[name] = _record(shape, edges, found)


def _record(shape: Shape, edges: int, found: dict[str, Timing]) -> dict[str, Any]:
    return {"shape": asdict(shape), "edges": edges, "timings": {name: asdict(t) for name, t in found.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scaling", action="store_true", help="also how the cost grows with layers, heads and prompts")
    parser.add_argument("--only", help="time these methods only, separated by commas")
    parser.add_argument("--reference", type=Path, metavar="PYTHON", help="an interpreter where EAP-IG is installed")
    parser.add_argument("--out", type=Path, help="write what was measured as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    versions = {name: metadata.version(name) for name in ("torch", "transformers", "transformer-lens")}
    machine = {"processor": platform.machine(), "threads": 1, "versions": versions}
    bench = Bench(
        Console(highlight=False), arguments.repeats, arguments.only, arguments.reference, {"machine": machine}
    )
    bench.methods()
    if bench.is_wanted("exact"):
        bench.compiled()
    if arguments.scaling:
        bench.scaling()
    if arguments.out:
        arguments.out.write_text(json.dumps(bench.measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
