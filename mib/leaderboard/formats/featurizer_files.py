"""MIB's folders of featurizers: one unit, one cell (task, model, variable), and a whole submission.

Three files a unit: ``<unit>_featurizer``, ``<unit>_inverse_featurizer`` and ``<unit>_indices`` (JSON: the features that
an interchange swaps, or null for all). MIB's own reader passes over the indices, so that a mask becomes a full swap,
and swaps everything for an empty list; here they are honoured, and an empty list swaps nothing. Python files of a
submission are left alone. Source: README and evaluation scripts of the MIB causal variable track.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, cast

import torch

from mib.errors import FormatError, did_you_mean
from mib.featurization.featurizer import Featurizer
from mib.leaderboard.formats.featurizer_pt import read_module, write_modules
from mib.leaderboard.formats.place_names import as_mapping, malformed
from mib.leaderboard.formats.units import Unit
from mib.whole_files import write_whole

FORWARD, INVERSE, INDICES = "_featurizer", "_inverse_featurizer", "_indices"

MODELS = ("GPT2LMHeadModel", "Qwen2ForCausalLM", "Gemma2ForCausalLM", "LlamaForCausalLM")

VARIABLES: Mapping[str, tuple[str, ...]] = {
    "ioi_task": ("output_token", "output_position"),
    "4_answer_MCQA": ("answer_pointer", "answer"),
    "ARC_easy": ("answer_pointer", "answer"),
    "arithmetic": ("ones_carry",),
    "ravel_task": ("Country", "Continent", "Language"),
}
"""The variables of each task; a cell's folder is named ``<task>_<model>_<variable>``."""

TASK_MODELS: Mapping[str, tuple[str, ...]] = {
    "ioi_task": MODELS,
    "4_answer_MCQA": MODELS[1:],
    "ARC_easy": MODELS[2:],
    "arithmetic": MODELS[2:],
    "ravel_task": MODELS[2:],
}
"""The models of each task. MIB's verifier passes over the folder of any other pair without a word.
Source: ``VALID_TASK_MODELS`` in ``verify_submission.py`` of the MIB causal variable track."""

IOI_KEYS = ("bias", "token_coeff", "position_coeff")

MOST = 1e9
"""Coefficients of logit differences are far below this."""


@dataclass(frozen=True)
class Cell:
    """What a cell of a submission is about.

    Attributes:
        task: Name of the task, such as ``4_answer_MCQA``.
        model: The model's class, such as ``GPT2LMHeadModel``.
        variable: Name of the variable, such as ``answer_pointer``.
    """

    task: str
    model: str
    variable: str

    def __post_init__(self) -> None:
        if self.task not in VARIABLES:
            raise FormatError(
                f"MIB has no cell {self}: no task '{self.task}'.{did_you_mean(self.task, VARIABLES)} Tasks: "
                f"{', '.join(VARIABLES)}."
            )
        for name, value, known in (
            ("variable", self.variable, VARIABLES[self.task]), ("model", self.model, TASK_MODELS[self.task])
        ):  # fmt: skip
            if value not in known:
                raise FormatError(f"MIB has no cell {self}: {self.task} has the {name}s {', '.join(known)}.")

    def __str__(self) -> str:
        return f"{self.task}_{self.model}_{self.variable}"


CELLS: Mapping[str, Cell] = {
    str(cell): cell
    for task, names in VARIABLES.items()
    for cell in (Cell(task, model, name) for model in TASK_MODELS[task] for name in names)
}
"""All cells by the name of their folder."""


@dataclass(frozen=True)
class IoiParameters:
    """The linear causal model of IOI: logit difference = bias + token t + position p, with t and p 1 or -1.

    Attributes:
        bias: The constant.
        token: Coefficient of whether the names are swapped back.
        position: Coefficient of whether the positions are.
    """

    bias: float
    token: float
    position: float


@dataclass(frozen=True, eq=False)
class FeaturizerSubmission:
    """A whole submission.

    Attributes:
        cells: The featurizers of each cell, by unit.
        ioi: Parameters of IOI's causal model by model; empty if the submission has none.
    """

    cells: Mapping[Cell, Mapping[Unit, Featurizer]]
    ioi: Mapping[str, IoiParameters]


def read_featurizer(folder: str | PathLike[str], unit: str | Unit, *, width: int | None = None) -> Featurizer:
    """Read the three files of a unit.

    Args:
        folder: Folder of the files.
        unit: The unit as its files are named; a ``Unit`` finds names of both kinds.
        width: Size of the site's activation, for identities that leave it out.

    Raises:
        FormatError: If a file is missing or malformed, naming the place, or they do not fit together.
    """
    prefix = _prefix(Path(folder), unit)
    forward, inverse = (read_module(_existing(prefix, suffix)) for suffix in (FORWARD, INVERSE))
    where = prefix.with_name(prefix.name + INVERSE)
    if (forward.rotation is None) != (inverse.rotation is None):
        raise malformed(where, "model_info.featurizer_class", f"differs from the one of '{prefix.name}{FORWARD}'")
    if forward.rotation is None:
        size = _identity_width(prefix, forward.n_features, width)
        return Featurizer.subspace(torch.eye(size), selected=_indices(prefix, size))
    if inverse.rotation is None or not _same(forward.rotation, inverse.rotation):
        raise malformed(where, "state_dict", f"is not the inverse of '{prefix.name}{FORWARD}'")
    rotation = forward.rotation
    if width is not None and len(rotation) != width:
        raise malformed(prefix, "state_dict", f"the matrix has {len(rotation)} rows, the site {width} dimensions")
    return Featurizer.subspace(rotation, selected=_indices(prefix, rotation.shape[1]))


def write_featurizer(
    folder: str | PathLike[str], unit: Unit, featurizer: Featurizer, *, joint: Literal["-", ":"] = "-"
) -> None:
    """Write the three files of a unit; equal featurizers give equal bytes.

    Args:
        folder: Made if it is not there.
        unit: Unit that the featurizer belongs to.
        featurizer: A subspace. MIB's files hold no other; its selected features become the indices.
        joint: Spelling of the unit's name; MIB's evaluation of IOI looks for ``:``.

    Raises:
        FormatError: If the featurizer is no subspace, or has no feature.
    """
    prefix = Path(folder) / unit.name(joint=joint)
    rotation = featurizer.rotation
    if rotation is None:
        raise malformed(prefix, "featurizer", "is no subspace; MIB's files hold a rotation, and code is not exchanged")
    if not rotation.shape[1]:
        raise malformed(
            prefix, "featurizer", "has no feature; to swap nothing, write features of which none is selected"
        )
    prefix.parent.mkdir(parents=True, exist_ok=True)
    identity = rotation.shape[0] == rotation.shape[1] and torch.equal(rotation, torch.eye(len(rotation)).to(rotation))
    write_modules(prefix, None if identity else rotation, featurizer.n_features)
    selected = None if featurizer.selected is None else list(featurizer.selected)
    write_whole(prefix.with_name(prefix.name + INDICES), json.dumps(selected).encode())


def read_featurizer_cell(folder: str | PathLike[str], *, width: int | None = None) -> dict[Unit, Featurizer]:
    """Read every unit of a cell; files that are no featurizers are left alone.

    Raises:
        FormatError: If the folder holds none, a name is no unit, two names mean one unit, or a file is malformed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise malformed(folder, "folder", "does not exist")
    names: dict[Unit, str] = {}
    for path in sorted(folder.iterdir()):
        for suffix in (INVERSE, FORWARD, INDICES):
            if path.name.endswith(suffix):
                unit = _unit(path, suffix)
                name = path.name.removesuffix(suffix)
                if names.setdefault(unit, name) != name:
                    raise malformed(folder, "folder", f"'{names[unit]}' and '{name}' are one unit; keep one of them")
                break
    if not names:
        raise malformed(folder, "folder", f"holds no featurizer; expected files named <unit>{FORWARD}")
    return {unit: read_featurizer(folder, name, width=width) for unit, name in names.items()}


def read_featurizer_submission(folder: str | PathLike[str]) -> FeaturizerSubmission:
    """Read a submission: one folder a cell, and JSON with the parameters of IOI's causal model where it is a task.

    Raises:
        FormatError: If a folder's name is no cell, there is none, a cell is malformed, or IOI lacks its parameters.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise malformed(folder, "folder", "does not exist")
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    for path in found:
        if path.name not in CELLS:
            raise FormatError(
                f"{path}: folder: MIB has no cell '{path.name}'.{did_you_mean(path.name, CELLS)} Names are "
                "<task>_<model class>_<variable>."
            )
    if not found:
        raise malformed(
            folder, "folder", "holds no cell; expected folders such as 'ioi_task_GPT2LMHeadModel_output_token'"
        )
    ioi = _find_ioi(folder)
    if not ioi and any(CELLS[path.name].task == "ioi_task" for path in found):
        raise malformed(folder, "folder", "has cells of ioi_task, but no JSON with the parameters of its causal model")
    return FeaturizerSubmission({CELLS[path.name]: read_featurizer_cell(path) for path in found}, ioi)


def read_ioi_parameters(path: str | PathLike[str]) -> dict[str, IoiParameters]:
    """Read the parameters of IOI's causal model, by model.

    Of a model's entry only bias and coefficients are read: MIB's own script adds a score and the model's full name, and
    writes the model's class beside the models. Such texts are passed over.

    Raises:
        FormatError: If the file is malformed, naming the place.
    """
    path = Path(path)
    models = as_mapping(_json(path), path, "top level")
    found: dict[str, IoiParameters] = {}
    for model, value in models.items():
        if isinstance(value, str):
            continue
        entries = as_mapping(value, path, repr(model))
        numbers = [_number(entries, key, path, f"[{model!r}].{key}") for key in IOI_KEYS]
        found[model] = IoiParameters(*numbers)
    if not found:
        raise malformed(path, "top level", "names no model")
    return found


def write_ioi_parameters(path: str | PathLike[str], parameters: Mapping[str, IoiParameters]) -> None:
    """Write the parameters of IOI's causal model, by model; MIB's file is called ``ioi_linear_params.json``."""
    entries = {
        model: dict(zip(IOI_KEYS, (found.bias, found.token, found.position), strict=True))
        for model, found in parameters.items()
    }
    try:
        write_whole(Path(path), f"{json.dumps(entries, indent=2)}\n".encode())
    except OSError as error:
        raise malformed(Path(path), "file", f"cannot be written: {error.strerror or error}") from error


def _prefix(folder: Path, unit: str | Unit) -> Path:
    if isinstance(unit, str):
        Unit.parse(unit)
        return folder / unit
    prefixes = [folder / unit.name(joint=joint) for joint in ("-", ":")]
    return next((prefix for prefix in prefixes if prefix.with_name(prefix.name + FORWARD).exists()), prefixes[0])


def _existing(prefix: Path, suffix: str) -> Path:
    path = prefix.with_name(prefix.name + suffix)
    if not path.is_file():
        hint = (
            " (MIB's baselines write no files for public autoencoders; they cannot be read)"
            if suffix != INDICES
            else ""
        )
        raise malformed(path, "file", f"does not exist{hint}; a unit has three files: {FORWARD}, {INVERSE}, {INDICES}")
    return path


def _unit(path: Path, suffix: str) -> Unit:
    try:
        return Unit.parse(path.name.removesuffix(suffix))
    except FormatError as error:
        raise FormatError(f"{path}: name: {error}") from None


def _identity_width(prefix: Path, n_features: int | None, width: int | None) -> int:
    size = width if n_features is None else n_features
    where = prefix.with_name(prefix.name + FORWARD)
    if size is None or not size:
        raise malformed(
            where, "model_info.n_features", f"found {size!r}; pass width, the size of the site's activation"
        )
    if width is not None and size != width:
        raise malformed(where, "model_info.n_features", f"{size}; the site has {width} dimensions")
    return size


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() < 1e-4)


def _indices(prefix: Path, n_features: int) -> tuple[int, ...] | None:
    """The features that are swapped; None for all of them, empty for none."""
    path = _existing(prefix, INDICES)
    value = _json(path)
    if value is None:
        return None
    if not isinstance(value, list):
        raise malformed(path, "top level", f"expected null or a list of numbers, found {type(value).__name__}")
    indices, seen = cast("list[object]", value), set[int]()
    for place, index in enumerate(indices):
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < n_features:
            raise malformed(path, f"[{place}]", f"found {index!r}, expected a feature from 0 to {n_features - 1}")
        if index in seen:
            raise malformed(path, f"[{place}]", f"feature {index} is named twice")
        seen.add(index)
    return tuple(cast("list[int]", indices))


def _find_ioi(folder: Path) -> dict[str, IoiParameters]:
    """The parameters in whatever JSON file of a submission has them: the official reader accepts any name."""
    for path in sorted(folder.glob("*.json")):
        try:
            value = _json(path)
        except FormatError:
            if path.name == "ioi_linear_params.json":
                raise
            continue
        entries = list(cast("dict[str, object]", value).values()) if isinstance(value, dict) else []
        if any(isinstance(entry, dict) and set(IOI_KEYS) <= set(cast("dict[str, object]", entry)) for entry in entries):
            return read_ioi_parameters(path)
    return {}


def _number(entries: Mapping[str, object], key: str, path: Path, place: str) -> float:
    value = entries.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < MOST:
        raise malformed(path, place, f"found {value!r}, expected a number")
    return float(value)


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise malformed(path, "file", f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise malformed(path, "file", f"is no JSON: {error}") from error
