"""A sealed suite: a hash of its seed is published now, the seed later, and the suite's bytes follow from it.

The hash covers the number of models, the bounds and the code that draws, too, so that nothing is left to choose
afterwards. The seed has 128 random bits: a smaller one would be found by trying all.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from groundtruth.errors import ProgramError
from groundtruth.files import from_json, sha256, to_json, write_whole
from groundtruth.generated.bounds import Bounds
from groundtruth.source_hash import source_sha256

SCHEMA_VERSION = 1

SECRET = ".secret"
"""Part before the suffix in the name of the file that is kept back."""

_BITS = 128


@dataclass(frozen=True)
class Seal:
    """What a sealed suite will be made of.

    Attributes:
        n: Number of models.
        bounds: Bounds of its programs.
        code_sha256: Hash of the code that draws and proves.
        seed: Seed of all draws.
    """

    n: int
    bounds: Bounds
    code_sha256: str
    seed: int

    @property
    def commitment(self) -> str:
        """SHA-256 of all of it: says nothing of the seed, and fits no other."""
        return sha256(json.dumps({**self.public(), "seed": str(self.seed)}, sort_keys=True).encode())

    def public(self) -> dict[str, Any]:
        """List what is no secret."""
        return {"n": self.n, "bounds": asdict(self.bounds), "code_sha256": self.code_sha256}


def draw_seal(n: int, bounds: Bounds) -> Seal:
    """Draw the seed of a suite that nobody knows yet.

    Raises:
        ProgramError: If ``n`` is not positive.
    """
    if n < 1:
        raise ProgramError(f"n={n} makes no suite; ask for at least 1 model.")
    return Seal(n, bounds, generator_sha256(), secrets.randbits(_BITS))


def write_seal(seal: Seal, path: Path) -> Path:
    """Write the seal, to be published, and beside it the secret, which only its owner may read.

    Returns:
        The file of the secret.

    Raises:
        ProgramError: If either is there already: a seed that is lost cannot be shown.
    """
    secret = path.with_suffix(SECRET + path.suffix)
    for existing in (path, secret):
        if existing.exists():
            raise ProgramError(f"{existing} is there already, and a seal is never written over. Name another file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(to_json({"seed": str(seal.seed), "commitment": seal.commitment}))
    write_whole(path, to_json({"schema_version": SCHEMA_VERSION, "commitment": seal.commitment, **seal.public()}))
    return secret


def open_seal(path: Path, secret: Path | None = None) -> Seal:
    """Read a seal with its secret, and see that they belong together.

    Args:
        path: The published file.
        secret: The file that was kept back; by default the one beside it.

    Raises:
        ProgramError: If a file is missing or none of a seal, the seed is another, or the code that draws has changed.
    """
    given, kept = _read(path), _read(secret or path.with_suffix(SECRET + path.suffix))
    try:
        if given["schema_version"] != SCHEMA_VERSION:
            raise ProgramError(
                f"{path} has schema_version {given['schema_version']!r}; this version reads {SCHEMA_VERSION}."
            )
        bounds = _BOUNDS.validate_python(given["bounds"])
        seal = Seal(_INT.validate_python(given["n"]), bounds, str(given["code_sha256"]), int(kept["seed"]))
        commitment = str(given["commitment"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ProgramError):
            raise
        raise ProgramError(f"{path} is no seal: {str(error).strip().splitlines()[0]}.") from error
    if seal.commitment != commitment:
        raise ProgramError(
            f"the seed is not the one that {path} was made for: its hash is {seal.commitment[:16]}, not "
            f"{commitment[:16]}."
        )
    if seal.code_sha256 != (own := generator_sha256()):
        raise ProgramError(
            f"{path} was sealed with other code ({seal.code_sha256[:12]}, here {own[:12]}), which may draw other "
            "programs. Use the version of groundtruth that sealed it."
        )
    return seal


def generator_sha256() -> str:
    """Hash the code that a suite's bytes follow from."""
    return source_sha256("groundtruth.generated.suite")


def _read(path: Path) -> dict[str, Any]:
    try:
        data: Any = from_json(path.read_bytes())
    except OSError as error:
        raise ProgramError(
            f"cannot read {path}: {error.strerror}. A seal is SEAL.json, its secret SEAL.secret.json."
        ) from None
    except ValueError as error:
        raise ProgramError(f"{path} is not JSON: {error}.") from None
    if not isinstance(data, dict):
        raise ProgramError(f"{path} is no seal.")
    return data


_BOUNDS = TypeAdapter(Bounds)
_INT = TypeAdapter(int)
