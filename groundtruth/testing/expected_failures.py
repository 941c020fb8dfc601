"""Files of known failures: what a method is known not to do, why, and with which parameters it is run.

    [my-method]                              # as named in the tests: what follows the last colon of its spec
    parameters = {steps = 25}                # optional
    [my-method.fails]
    "invariant:rotate[hist]" = "norms are taken a coordinate at a time"
    [my-method.may_fail]
    "invariant:embed[hist]" = "two edges tie, and rounding decides"

A failure that is known is expected: the day it is gone, the test says so. What ``may_fail`` is fine either way:
processors round differently.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundtruth.errors import GroundTruthError
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, PROPERTIES
from mib.errors import did_you_mean

TABLES = ("fails", "may_fail")


@dataclass(frozen=True)
class Known:
    """What is known of one method.

    Attributes:
        parameters: What it is run with.
        fails: By the name of a test, such as ``recovers[hist]``, why it fails.
        may_fail: Why it fails on one processor and passes on another.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fails: Mapping[str, str] = field(default_factory=dict[str, str])
    may_fail: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def expected(self) -> dict[str, str]:
        """All that is no news if it fails."""
        return {**self.may_fail, **self.fails}


def read_known(path: Path) -> dict[str, Known]:
    """What a file says of each method.

    Raises:
        GroundTruthError: If there is no such file, or it is not written as the head of this module shows.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GroundTruthError(f"no file of known failures at {path}: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise GroundTruthError(f"{path} is no TOML: {error}") from error
    return {method: _known(path, method, table) for method, table in content.items()}


def write_known(path: Path, known: Mapping[str, Known], *, header: str) -> None:
    """Write such a file.

    Args:
        path: Where to.
        known: By method.
        header: Comment lines, without their ``#``.
    """
    lines = [f"# {line}" for line in header.splitlines()]
    for method, item in known.items():
        lines += ["", f"[{method}]"]
        if item.parameters:
            pairs = (f"{name} = {json.dumps(value)}" for name, value in item.parameters.items())
            lines.append(f"parameters = {{{', '.join(pairs)}}}")
        for table, tests in (("fails", item.fails), ("may_fail", item.may_fail)):
            if tests or table == "fails":
                lines.append(f"[{method}.{table}]")
            lines += [f"{json.dumps(name)} = {json.dumps(reason)}" for name, reason in tests.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _known(path: Path, method: str, table: Any) -> Known:
    extra = set(table) - {"parameters", *TABLES} if isinstance(table, dict) else {repr(table)}
    if extra:
        found = ", ".join(sorted(extra))
        raise GroundTruthError(f"{path}: [{method}] holds {found}; it may hold 'parameters', 'fails' and 'may_fail'.")
    known = Known(table.get("parameters", {}), *(table.get(name, {}) for name in TABLES))
    if both := sorted(set(known.fails) & set(known.may_fail)):
        raise GroundTruthError(f"{path}: [{method}] has '{both[0]}' in both 'fails' and 'may_fail'; keep one.")
    for name in TABLES:
        _check(path, f"{method}.{name}", getattr(known, name))
    return known


def _check(path: Path, where: str, tests: Mapping[str, str]) -> None:
    names = {*PROPERTIES, *FEATURIZER_PROPERTIES}
    for test, reason in tests.items():
        check = test.partition("[")[0]
        if check not in names or not test.endswith("]"):
            hint = did_you_mean(check, names)
            raise GroundTruthError(f"{path}: [{where}] names '{test}'; write property[model].{hint}")
        if not isinstance(reason, str) or not reason:  # pyright: ignore[reportUnnecessaryIsInstance] - a user's file
            raise GroundTruthError(f"{path}: [{where}] gives no reason for '{test}'; write it in quotes.")
