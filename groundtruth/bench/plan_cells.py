"""From what a user asks to the cells that are run."""

from collections.abc import Sequence

from groundtruth.bench.request import Profile, Request, dtype_of
from groundtruth.bench.track import Track
from groundtruth.devices import pick_device
from groundtruth.errors import DomainError
from groundtruth.results.cell import ORACLE, Cell
from groundtruth.results.prompts import MADE_UP
from mib.errors import did_you_mean


def find_profile(track: Track, name: str) -> Profile:
    """Find a profile of a track by name.

    Raises:
        DomainError: If there is none.
    """
    known = track.profiles
    if name not in known:
        raise DomainError(f"unknown profile '{name}'.{did_you_mean(name, known)} Choose from {', '.join(known)}.")
    return known[name]


def plan_cells(track: Track, request: Request, *, is_remote: bool = False) -> list[Cell]:
    """List the cells of a request, all methods of one evaluator beside each other.

    Args:
        track: Track to run.
        request: Models, methods and settings.
        is_remote: True if the cells run on other machines: the device has to be there, not here.

    Raises:
        DomainError: If a profile, ablation, dtype or variable is unknown, the device is not here, a language model has
            no task, or nothing is left to run.
        MethodError: If a method is unknown, or its file cannot be loaded.
        TaskError: If a task, variable or site of a language model is unknown.
    """
    profile = find_profile(track, request.profile)
    names = _name_methods(track, profile, request)
    n_seeds = profile.seeds if request.resamples is None else request.resamples
    if n_seeds < 1:
        raise DomainError(f"resamples={n_seeds}: draw the examples once or more often.")
    if not is_remote:
        pick_device(request.device)
    if request.dtype is not None:
        dtype_of(request.dtype)
    # After the names of methods, dtype and device: these are refused at once, while models may have to be compiled.
    subjects = track.subjects(profile, request)
    request.prompts.check(request.named, has_language_model=any(subject.task for subject in subjects))
    settings = {
        name: tuple(sorted({**profile.parameters.get(name, {}), **request.parameters.get(name, {})}.items()))
        for name in names
    }
    cells = [
        Cell(
            method=method,
            model=subject.model,
            setting=subject.setting,
            seed=seed,
            device=request.device,
            dtype=request.dtype_for(subject),
            parameters=settings[method],
            task=subject.task,
            prompts=request.prompts if subject.task else MADE_UP,
            # Nothing is known of a language model that a method could look up.
            isolated=request.isolated and not subject.task and track.methods.is_foreign(method),
        )
        for subject in subjects
        for seed in range(request.seed, request.seed + n_seeds)
        for method in names
        if not (subject.task and method == ORACLE)  # it is given a truth that nobody has
        and not (subject.task and request.methods is None and method in profile.too_slow)
    ]
    if not cells:
        raise DomainError(
            f"nothing to run: {', '.join(names)} on {', '.join(request.named)}. The oracle needs a compiled model."
        )
    return cells


def _name_methods(track: Track, profile: Profile, request: Request) -> Sequence[str]:
    """Name the methods, and refuse one that is not there."""
    usual = [name for name in profile.methods or track.methods.names(request.level) if name not in profile.left_out]
    wanted = usual if request.methods is None else request.methods
    names = list(dict.fromkeys([*track.methods.always, *wanted]))
    for name in names:
        if name != ORACLE:
            track.methods.find(name, request.level)
    return names
