"""Files of known failures: what a method is known not to do, why, and with which parameters it is run.

    [my-method]                              # as named in the tests: what follows the last colon of its spec
    parameters = {steps = 25}                # optional
    [my-method.fails]
    "invariant:rotate[hist]" = "norms are taken a coordinate at a time"

A failure that is known is expected: the day it is gone, the test says so.
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


@dataclass(frozen=True)
class Known:
    """What is known of one method.

    Attributes:
        parameters: What it is run with.
        fails: By the name of a test, such as ``recovers[hist]``, why it fails.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fails: Mapping[str, str] = field(default_factory=dict[str, str])


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
        lines.append(f"[{method}.fails]")
        lines += [f"{json.dumps(name)} = {json.dumps(reason)}" for name, reason in item.fails.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _known(path: Path, method: str, table: Any) -> Known:
    extra = set(table) - {"parameters", "fails"} if isinstance(table, dict) else {repr(table)}
    if extra:
        found = ", ".join(sorted(extra))
        raise GroundTruthError(f"{path}: [{method}] holds {found}; it may hold 'parameters' and 'fails'.")
    known = Known(table.get("parameters", {}), table.get("fails", {}))
    names = {*PROPERTIES, *FEATURIZER_PROPERTIES}
    for test, reason in known.fails.items():
        check = test.partition("[")[0]
        if check not in names or not test.endswith("]"):
            hint = did_you_mean(check, names)
            raise GroundTruthError(f"{path}: [{method}.fails] names '{test}'; write property[model].{hint}")
        if not isinstance(reason, str) or not reason:  # pyright: ignore[reportUnnecessaryIsInstance] - a user's file
            raise GroundTruthError(f"{path}: [{method}.fails] gives no reason for '{test}'; write it in quotes.")
    return known
