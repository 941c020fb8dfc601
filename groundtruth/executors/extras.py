"""Packages that come with an extra."""

import importlib.util

from groundtruth.errors import WorkerError


def require_extra(package: str, extra: str) -> None:
    """Refuse an executor whose package is not installed.

    Raises:
        WorkerError: Saying what to install.
    """
    if importlib.util.find_spec(package) is None:
        raise WorkerError(
            f"the package '{package}' is not installed. Install it by: pip install 'mechinterp-groundtruth[{extra}]'"
        )
