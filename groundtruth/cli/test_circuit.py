"""The command that tests a proposed circuit statistically."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from groundtruth.cli.options import AblationName, AsJson, Seed, print_json

if TYPE_CHECKING:
    from groundtruth.evaluation.circuits.candidate_circuits import Kept
    from mib.localization.task import LocalizationTask

TRUTH = "truth"
"""Name of the exact circuit of a compiled model, in the place of a file."""

Share = Annotated[float, Parameter(validator=Number(gt=0, lt=1))]
Count = Annotated[int, Parameter(validator=Number(gte=1))]


def test_circuit(
    circuit: str,
    /,
    *,
    model: str,
    task: str | None = None,
    top: Count | None = None,
    ablation: AblationName = "resample",
    pairs: Count = 128,
    random: Count = 100,
    quantile: Share = 0.9,
    significance: Share = 0.05,
    seed: Seed = 0,
    json: AsJson = False,
) -> int:
    """Test the hypothesis that a circuit is what a model uses (Shi et al. 2024, arXiv 2410.13032).

    Equivalence, independence, minimality and sufficiency, each with a p-value; exit code 1 if one speaks against the
    circuit. Partial necessity is shown beside them.

    Args:
        circuit: A circuit file (.json or .pt); a method, or my_file.py:my_method, with --top; or truth, the exact one.
        model: A compiled model, or with --task a language model.
        task: Task of a language model, such as ioi or ioi:s1_io_flip.
        top: Number of the best edges of a ranking that make the circuit; those on no path from an embedding to the
            logits carry nothing and are left out.
        ablation: resample, zero, mean or mean-positional.
        pairs: Number of examples, at most.
        random: Number of random circuits to compare with.
        quantile: The share of them that the circuit must beat.
        significance: The p-value below which a hypothesis is rejected.
        seed: Chooses the examples, random circuits and permutations.
        json: Print JSON, for machines.
    """
    from groundtruth.report.progress import count_up
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.circuit_tests_view import circuit_tests_data, circuit_tests_view
    from mib.metrics.circuit_tests import run_circuit_tests

    with count_up("testing") as report:
        asked = _make_task(model, task, ablation, pairs, seed)
        asked, kept = _find_circuit(circuit, asked, model, top)
        tests = run_circuit_tests(asked, kept, n_random=random, quantile=quantile, report=report)
    if json:
        print_json(circuit_tests_data(tests, circuit=circuit, model=model, level=significance))
    else:
        echo(circuit_tests_view(tests, circuit=circuit, model=model, level=significance, top=top))
    return 1 if tests.rejected(level=significance) else 0


def _make_task(model: str, task: str | None, ablation: str, pairs: int, seed: int) -> "LocalizationTask":
    """Set the model to its task: of a language model, on held-out prompts."""
    from groundtruth.evaluation.language_models import is_language_model, tasks_of

    if is_language_model(model):
        from groundtruth.evaluation.circuits.language_model_circuits import LanguageModelCircuitEvaluator

        about = tasks_of(model, None if task is None else [task])[0]
        return LanguageModelCircuitEvaluator.of(model, about, ablation=ablation, n_pairs=pairs, seed=seed).held_out
    import torch

    from groundtruth.errors import DomainError
    from groundtruth.evaluation.circuits.localization_tasks import localization_task
    from groundtruth.specs import find_model

    if task is not None:
        raise DomainError(f"--task {task} is for language models; '{model}' is compiled and has its own inputs.")
    # float64, as rounding would make ties into wins: the tests count how often the circuit is ahead.
    return localization_task(find_model(model), ablation=ablation, n_pairs=pairs, seed=seed, dtype=torch.float64)


def _find_circuit(
    circuit: str, task: "LocalizationTask", model: str, top: int | None
) -> tuple["LocalizationTask", "Kept"]:
    from groundtruth.errors import DomainError
    from groundtruth.evaluation.circuits.candidate_circuits import read_candidate, take_top

    if Path(circuit).suffix in (".json", ".pt"):
        return read_candidate(Path(circuit), task, top)
    if circuit == TRUTH:
        if top is not None:
            raise DomainError(f"--top {top} is for a ranking, and '{TRUTH}' is a circuit already. Leave it out.")
        import numpy as np

        from groundtruth.specs import find_model

        kept = np.zeros(task.graph.edge_mask.shape, dtype=np.bool_)
        for edge in find_model(model).circuit(ablation=task.ablation).edges:
            kept[task.graph.index(edge)] = True
        return task, kept
    from groundtruth.guarded_run import guard_process
    from groundtruth.user_methods import find_localizer

    with guard_process():
        scores = find_localizer(circuit)(task)
    return task, take_top(scores, top, name=circuit)
