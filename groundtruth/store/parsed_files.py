"""The files of a stored model, read and checked at the boundary: JSON against its schema, arrays against their hash."""

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as from_safetensors

from groundtruth.errors import ArtifactError
from groundtruth.files import from_json, sha256
from groundtruth.store.file_names import MODEL, SCHEMA_VERSION, TRUTH, WEIGHTS

Data = TypeVar("Data", bound=BaseModel)


def file_content(path: Path) -> bytes:
    """All of a file.

    Raises:
        ArtifactError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"cannot read {path}: {error.strerror}. A model is a folder with {WEIGHTS}, {MODEL}, {TRUTH}."
        ) from error


def parse_json_file(kind: type[Data], path: Path) -> Data:
    """A JSON file as its schema has it.

    Raises:
        ArtifactError: If it cannot be read, is not JSON, has another ``schema_version``, or a field is wrong.
    """
    try:
        raw: Any = from_json(file_content(path))
        # The version before the fields: a file of another version is wrong in many fields, and each error would
        # mislead.
        version: Any = raw.get("schema_version") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownMemberType]
        if isinstance(version, bool) or version != SCHEMA_VERSION:
            raise ArtifactError(f"{path} has schema_version {version!r}; this version reads {SCHEMA_VERSION}.")
        return kind.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ArtifactError(f"{path}: {place}: {first['msg']}.") from error
    except ArtifactError:
        raise
    except ValueError as error:
        raise ArtifactError(f"{path} is not JSON: {error}.") from error


def read_arrays(path: Path, expected: str, *, of: str) -> dict[str, NDArray[np.float64]]:
    """The arrays of a safetensors file, by name.

    Args:
        path: The file.
        expected: Its SHA-256.
        of: Whose weights it holds, for the error.

    Raises:
        ArtifactError: If it cannot be read, is another file, or holds no arrays.
    """
    content = file_content(path)
    # Of the bytes that are read below, not of the file once more: it cannot change in between.
    if sha256(content) != expected:
        raise ArtifactError(f"{path} is not the file that {MODEL} describes (its SHA-256 differs). Restore both files.")
    try:
        # Copies, because what safetensors gives is a read-only view of the file's content.
        return {name: array.copy() for name, array in from_safetensors(content).items()}
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path} does not hold the weights of {of}: {error}.") from error
