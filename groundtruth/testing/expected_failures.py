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
from groundtruth.files import write_whole
from groundtruth.testing.properties import FEATURIZER_PROPERTIES, PROPERTIES
from groundtruth.testing.pytest_profiles import PROFILES, RANDOM
from mib.errors import did_you_mean
from mib.plain_text import printable

TABLES = ("fails", "may_fail")


@dataclass(frozen=True)
class Known:
    """What is known of one method.

    Attributes:
        parameters: Hyper-parameters that it is run with.
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
    """Return what a file says of each method.

    Raises:
        GroundTruthError: If there is no such file, or it is not written as the head of this module shows.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise GroundTruthError(f"no file of known failures at {path}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # no TOML, or no UTF-8
        raise GroundTruthError(f"{path} is no TOML: {error}") from error
    return {method: _known(path, method, table) for method, table in content.items()}


def write_known(path: Path, known: Mapping[str, Known], *, header: str) -> None:
    """Write such a file.

    Args:
        path: File to write.
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
    write_whole(path, ("\n".join(lines) + "\n").encode())


def _known(path: Path, method: str, table: Any) -> Known:
    extra = {repr(table)} if not isinstance(table, dict) else set(table) - {"parameters", *TABLES}
    if extra:
        found = ", ".join(sorted(map(_brief, extra)))
        raise GroundTruthError(
            f"{path}: [{printable(method)}] holds {found}; it may hold 'parameters', 'fails' and 'may_fail'."
        )
    parts = [table.get(name, {}) for name in ("parameters", *TABLES)]
    for name, part in zip(("parameters", *TABLES), parts, strict=True):
        if not isinstance(part, dict):
            raise GroundTruthError(
                f"{path}: '{name}' of [{printable(method)}] is {_brief(repr(part))}; write a table: [{method}.{name}]."
            )
    known = Known(*parts)
    if both := sorted(set(known.fails) & set(known.may_fail)):
        raise GroundTruthError(f"{path}: [{method}] has '{both[0]}' in both 'fails' and 'may_fail'; keep one.")
    for name in TABLES:
        _check(path, f"{method}.{name}", getattr(known, name))
    return known


def _check(path: Path, where: str, tests: Mapping[str, Any]) -> None:
    names = {*PROPERTIES, *FEATURIZER_PROPERTIES}
    for test, reason in tests.items():
        check, place = test.partition("[")[0], test.partition("[")[2].removesuffix("]")
        if check not in names or not test.endswith("]"):
            hint = did_you_mean(check, names)
            raise GroundTruthError(f"{path}: [{printable(where)}] names '{_brief(test)}'; write property[model].{hint}")
        if place not in _places():
            hint = did_you_mean(place, _places())
            raise GroundTruthError(
                f"{path}: [{printable(where)}] names '{_brief(test)}', which no profile asks for.{hint} There are "
                f"{', '.join(_places())}."
            )
        if not isinstance(reason, str) or not reason:
            raise GroundTruthError(f"{path}: [{printable(where)}] gives no reason for '{test}'; write it in quotes.")


def _places() -> list[str]:
    """Models, and variables at sites, that a profile of the pytest plug-in asks about."""
    every = (place for p in PROFILES.values() for place in (*p.recovered, *p.examined, *p.found, *p.sought))
    return [RANDOM, *dict.fromkeys(every)]


def _brief(text: str) -> str:
    return printable(text if len(text) <= 60 else f"{text[:57]}...")
