"""The command that says how like trained networks models are."""

from dataclasses import asdict

from groundtruth.cli.options import AsJson, Seed, print_json, split

DEFAULT = (
    "hist,hist@rotated,hist@soft,hist@distractors,hist@redundancy,hist@cancelling,hist@votes,hist@all,hist@mixture,"
    "hist@layernorm,hist@superposed,hist@free-0,learned-gpt2-1,learned-llama-1"
)
"""One program on every tier, as a trained network, and what this is held against: learned language models."""


def realism(
    models: str = DEFAULT,
    /,
    *,
    task: str | None = None,
    seed: Seed = 0,
    wide: bool = False,
    json: AsJson = False,
) -> None:
    """Say how like trained networks models are: weights, ranks, attention, units, directions, gradients.

    Args:
        models: Names, separated by commas: shipped models, variants, folders, learned models, checkpoints.
        task: Task that language models are run on, by default ioi.
        seed: Chooses the examples.
        wide: Keep every column, however long the lines become.
        json: Print JSON.
    """
    import torch

    from groundtruth.errors import DomainError
    from groundtruth.evaluation.circuits.language_model_circuits import LanguageModelCircuitEvaluator
    from groundtruth.evaluation.circuits.localization_tasks import localization_task
    from groundtruth.evaluation.language_models import is_language_model
    from groundtruth.files import or_none
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.realism_view import realism_view
    from groundtruth.specs import find_model
    from groundtruth.validity.measure_realism import Realism, measure_realism

    found: list[Realism] = []
    names = split(models, "MODELS") or []
    if task is not None and not any(map(is_language_model, names)):
        raise DomainError(
            f"--task {task} is for language models, and there is none among {', '.join(names)}. Leave it out, or name "
            "one, such as learned."
        )
    about = task or "ioi"
    for name in tracked("measuring", names, total=len(names)):
        if is_language_model(name):
            asked = LanguageModelCircuitEvaluator.of(name, about, seed=seed).task
            found.append(measure_realism(f"{name} ({about})", asked))
        else:
            found.append(measure_realism(name, localization_task(find_model(name), seed=seed, dtype=torch.float64)))
    if json:
        # A model without heads has no number for some: there is none in JSON either.
        rows = [{key: or_none(x) if isinstance(x, float) else x for key, x in asdict(one).items()} for one in found]
        print_json({"schema_version": 1, "models": rows})
    else:
        echo(realism_view(found, wide=wide))
