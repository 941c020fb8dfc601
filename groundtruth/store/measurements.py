"""Measurements of a model in superposition as a file beside its others, and measured again."""

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.errors import ArtifactError, GroundTruthError
from groundtruth.files import sha256, to_json, write_whole
from groundtruth.store.file_names import MODEL
from groundtruth.truth.circuits.measured import SCHEMA_VERSION, Effects, Measurements, measure
from mib.errors import shorten

MEASURED = "measured.json"
"""The file of a stored model that holds its measurements."""

_CLOSE = 1e-6
"""Movements of logits this close, relative to their size or to the margin, are the same measurement."""

_ADAPTER = TypeAdapter(Measurements)


def measurements(network: CompiledNetwork, folder: Path | None) -> Measurements:
    """The measurements of a model in superposition: as stored with it, or taken now.

    Args:
        network: One whose ``certainty`` is ``measured``.
        folder: Folder that it is stored in; ``None`` if it is not.

    Raises:
        ArtifactError: If the stored ones cannot be read.
    """
    if folder is None or not (folder / MEASURED).is_file():
        return measure(network)
    return read_measurements(folder)


def write_measurements(network: CompiledNetwork, folder: Path) -> None:
    """Measure a model, and keep that beside its other files.

    Args:
        network: One whose ``certainty`` is ``measured``.
        folder: Folder that it is stored in.
    """
    found = measure(network)
    # Bound to the description by its hash, and through that to the weights: measurements of another model are refused.
    kept = Measurements(sha256((folder / MODEL).read_bytes()), found.inputs, found.margin, found.effects)
    write_whole(folder / MEASURED, to_json(_ADAPTER.dump_python(kept, mode="json")))


def read_measurements(folder: Path) -> Measurements:
    """The measurements stored with a model.

    Raises:
        ArtifactError: If the file is missing or malformed, or of another model.
    """
    path = folder / MEASURED
    try:
        found = _ADAPTER.validate_json(path.read_bytes())
        described = sha256((folder / MODEL).read_bytes())
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror}. Models in superposition have this file.") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(f"{path}: {place}: {first['msg']}.") from error
    if found.schema_version != SCHEMA_VERSION:
        raise ArtifactError(f"{path} has schema_version {found.schema_version}; this version reads {SCHEMA_VERSION}.")
    if found.model_sha256 != described:
        raise ArtifactError(f"{path} was measured on another {MODEL} (its SHA-256 differs). Measure it again.")
    return found


def require_measurements(network: CompiledNetwork, folder: Path) -> str:
    """Measure a stored model again and compare.

    Args:
        network: One whose ``certainty`` is ``measured``.
        folder: Folder that it is stored in.

    Returns:
        Words for what was measured.

    Raises:
        ArtifactError: If its measurements cannot be read.
        GroundTruthError: If others come out.
    """
    stored, found = read_measurements(folder), measure(network)
    if stored.inputs != found.inputs or not _close(stored.margin, found.margin):
        raise GroundTruthError(
            f"the margin is stored as {stored.margin:.6g} on {stored.inputs:,} inputs; it is {found.margin:.6g} on "
            f"{found.inputs:,}."
        )
    if [_about(effects) for effects in stored.effects] != [_about(effects) for effects in found.effects]:
        raise GroundTruthError("the edges that were cut, and in how many runs, are others than those that are stored.")
    pairs = [
        (f"{old.edge} ({before.ablation})", old, new)
        for before, after in zip(stored.effects, found.effects, strict=True)
        for old, new in zip(before.edges, after.edges, strict=True)
    ]
    wrong = [name for name, old, new in pairs if old.changed != new.changed or not _close(old.moved, new.moved, 1)]
    if wrong:
        raise GroundTruthError(f"{len(wrong)} edges move the output otherwise than is stored: {shorten(wrong)}.")
    return f"least margin {found.margin:.3g} on {found.inputs:,} inputs, {len(pairs)} effects of edges cut alone"


def _about(effects: Effects) -> tuple[str, str, int, list[str]]:
    return effects.ablation, effects.lengths, effects.runs, [effect.edge for effect in effects.edges]


def _close(left: float, right: float, least: float = 0) -> bool:
    """Compare two measurements; below ``least`` their size does not count, for rounding is as large."""
    return abs(left - right) <= _CLOSE * max(abs(left), abs(right), least)
