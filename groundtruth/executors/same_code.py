"""A worker on another machine computes with the driver's code and versions, or refuses."""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from typing import Any

import groundtruth
from groundtruth.errors import WorkerError
from groundtruth.source_hash import source_sha256

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "transformer-lens", "tracr-pypi")
"""Packages whose versions may change a number."""


@cache
def versions() -> dict[str, str]:
    """Versions of what computes the numbers."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {"groundtruth": groundtruth.__version__, "python": platform.python_version(), **found}


def code_grounds(*roots: str) -> str:
    """Write what a worker compares: the source of modules with all that they import, and the versions of packages.

    Args:
        roots: Names of modules of ours.
    """
    return json.dumps({"code": source_sha256(*roots), "versions": versions()})


def require_same_code(grounds: str, *roots: str) -> None:
    """Refuse to work for a driver with other code or other versions.

    Args:
        grounds: As the driver's ``code_grounds`` has written it; empty on the driver's own machine.
        roots: As there.

    Raises:
        WorkerError: Naming what differs.
    """
    if not grounds:
        return
    wanted, own = json.loads(grounds), json.loads(code_grounds(*roots))
    if differing := list(differences(wanted, own, {"code": "the code of groundtruth and mib"})):
        raise refusal(differing)


def differences(wanted: Mapping[str, Any], own: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[str]:
    """Tell in words where a worker's grounds differ from the driver's.

    Args:
        wanted: The driver's; ``versions`` is a mapping, all others are hashes.
        own: The worker's.
        words: Names of the grounds in an error.
    """
    for name, value in wanted.items():
        if name == "versions":
            pairs = ((package, value.get(package), own[name].get(package)) for package in {**value, **own[name]})
            yield from (
                f"{package} {here or 'none'} here, {there} there" for package, there, here in pairs if there != here
            )
        elif value != own.get(name):
            yield f"{words.get(name, name)} ({str(own.get(name))[:12]} here, {str(value)[:12]} there)"


def refusal(differing: list[str]) -> WorkerError:
    """Say that a worker does not work for this driver, and why."""
    return WorkerError(
        f"this worker (process {os.getpid()}) would compute something else than the driver asks for: "
        f"{'; '.join(differing)}. Give every machine the same installation and files; what is finished is kept."
    )
