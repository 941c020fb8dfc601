"""Consistent tamperings, made systematically: every field of an artifact changed in every way its type allows.

``python -m tests.groundtruth.store.tamperings FOLDER ...`` prints how many pass verification, by field.
"""

import copy
import functools
import itertools
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import groundtruth.verification.variable_claims as variable_claims
import groundtruth.verification.verify_model as verify
from groundtruth.compiled.program_network import ProgramNetwork
from tests.groundtruth.store.tampering import MODEL, TRUTH, WEIGHTS, read, rehash

OTHERS = ("measured.json",)
HASHES = ("schema_version", "weights_sha256", "model_sha256")
"""Fields that the tampering corrects itself, or that only a reader of another version takes."""

INVENTED: dict[str, dict[str, Any]] = {
    MODEL: {
        "certainty": "measured",
        "centered": True,
        "recipe": [["invented", 3, {}]],
        "domain.valid_text": "even",
        "rasp_source": "def other():\n    return tokens\n",
    },
    TRUTH: {"variables": [], "circuits": [], "holds": {"circuits": [], "variables": False}},
}
"""Values for fields that may be absent, or that are lost whole."""


@dataclass(frozen=True)
class Tampering:
    """One change of one file.

    Attributes:
        file: Which one.
        field: The path with ``*`` for places in lists and names of edges.
        what: The path and the change, in words.
        content: The file's new content; for weights the name, place and value of an entry.
    """

    file: str
    field: str
    what: str
    content: Any


def tamperings(folder: Path, *, each: int = 2) -> Iterator[Tampering]:
    """All tamperings of a stored model.

    Args:
        folder: Where it is stored.
        each: How many places of each field are changed.
    """
    for file in (MODEL, TRUTH):
        data = read(folder / file)
        for field, paths in _fields(data).items():
            if field in HASHES:
                continue
            known = [_at(data, path) for path in paths]
            for path in _spread(paths, each):
                for what, new in _changes(_at(data, path), known):
                    yield Tampering(file, field, f"{'.'.join(map(str, path))}: {what}", _with(data, path, new))
                if isinstance(_at(data, path[:-1]), dict) and len(path) > 1 or path[-1] in ("certainty", "recipe"):
                    yield Tampering(file, field, f"{'.'.join(map(str, path))}: removed", _without(data, path))
        for place, new in INVENTED[file].items():
            path = tuple(place.split("."))
            if _at(data, path, None) != new:
                yield Tampering(file, place, f"{place}: {new!r:.40}", _with(data, path, new))
    for name, array in load_file(folder / WEIGHTS).items():
        for kind, places in (("zero", np.argwhere(array == 0)), ("number", np.argwhere(array != 0))):
            for place in _spread([tuple(map(int, place)) for place in places], each):
                value = float(array[place]) * 1.25 if kind == "number" else 1e-3
                yield Tampering(WEIGHTS, f"{name} ({kind})", f"{name}{list(place)} = {value:g}", (name, place, value))


def passes(folder: Path, tampering: Tampering) -> bool:
    """Whether verification finds nothing wrong with a tampered model whose hashes are right."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / folder.name
        place.mkdir()
        for file in (WEIGHTS, MODEL, TRUTH, *OTHERS):
            if (folder / file).exists():
                (place / file).write_bytes((folder / file).read_bytes())
        if tampering.file == WEIGHTS:
            name, where, value = tampering.content
            arrays = load_file(place / WEIGHTS)
            arrays[name][where] = value
            save_file(arrays, place / WEIGHTS)
        else:
            (place / tampering.file).write_text(json.dumps(tampering.content))
        rehash(place)
        for file in OTHERS:
            if (place / file).exists():
                digest = read(place / TRUTH)["model_sha256"]
                (place / file).write_text(json.dumps(read(place / file) | {"model_sha256": digest}))
        return all(check.ok for check in verify.every_check(place))


def keep_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prove a claim once for all copies of an artifact that hold the same network.

    A network is told by the bytes of its two files; a proof is a function of the network and of the claim, and what it
    runs of the network alone. Most tamperings of the truth change one claim of many.
    """
    networks: dict[tuple[bytes, ...], ProgramNetwork] = {}
    read_anew = verify.read_model

    def read_model(folder: Path) -> ProgramNetwork:
        key = tuple((folder / file).read_bytes() for file in (MODEL, WEIGHTS))
        if key not in networks:
            networks[key] = read_anew(folder)
        return networks[key]

    ground = functools.cache(verify.ground)
    kept = ("_weights", "_padding", "_provenance", "require_origin", "require_recipe", "circuit_again", "decide")
    for name in kept:
        monkeypatch.setattr(verify, name, functools.cache(getattr(verify, name)))
    monkeypatch.setattr(variable_claims, "prove_variables", functools.cache(variable_claims.prove_variables))
    monkeypatch.setattr(verify, "read_model", read_model)
    # ``inputs`` is a list.
    monkeypatch.setattr(verify, "ground", lambda *what, inputs, **how: ground(*what, inputs=tuple(inputs), **how))


def _fields(data: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The paths of everything below the top, by field."""
    found: dict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def walk(value: Any, path: tuple[Any, ...], field: tuple[str, ...]) -> None:
        if path:
            found[".".join(field)].append(path)
        if isinstance(value, dict):
            free = field[-1:] in (("edges",), ("reasons",)) or any("->" in key for key in value)
            for key, item in value.items():
                walk(item, (*path, key), (*field, "*" if free else key))
        elif isinstance(value, list):
            # What stands in a row of a table means something by its place; what stands in a list does not.
            row = field[-1:] == ("*",) and not (value and isinstance(value[0], list))
            for index, item in enumerate(value):
                walk(item, (*path, index), (*field, str(index) if row else "*"))

    walk(data, (), ())
    return found


def _changes(value: Any, known: list[Any]) -> Iterator[tuple[str, Any]]:
    """Other values of the same type, and lists with items lost, exchanged or doubled."""
    match value:
        case bool():
            yield f"{not value}", not value
        case int() | float():
            yield f"{value + 1}", value + 1
        case str():
            others = [item for item in known if isinstance(item, str) and item != value]
            for other in dict.fromkeys([*others[:2], *others[-1:]]):
                yield repr(other)[:40], other
            yield "'invented'", "invented"
        case None:
            others = [item for item in known if item is not None]
            yield "no longer null", others[0] if others else 1
        case list() if value:
            yield "without its first", value[1:]
            if len(value) > 1:
                yield "without its last", value[:-1]
                if value[0] != value[1]:
                    yield "first two exchanged", [value[1], value[0], *value[2:]]
            yield "its first twice", [value[0], *value]
        case dict() if value and all("->" in key for key in value):
            yield "without its first", dict(itertools.islice(value.items(), 1, None))
        case _:
            return


def _spread(items: list[Any], n: int) -> list[Any]:
    if len(items) <= n:
        return items
    return [items[round(i * (len(items) - 1) / (n - 1))] for i in range(n)] if n > 1 else items[-1:]


_MISSING = object()


def _at(data: Any, path: tuple[Any, ...], default: Any = _MISSING) -> Any:
    for part in path:
        if isinstance(data, dict) and part not in data and default is not _MISSING:
            return default
        data = data[part]
    return data


def _with(data: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = copy.deepcopy(data)
    _at(changed, path[:-1])[path[-1]] = new
    return changed


def _without(data: Any, path: tuple[Any, ...]) -> Any:
    changed = copy.deepcopy(data)
    del _at(changed, path[:-1])[path[-1]]
    return changed


def main(folders: list[str]) -> None:
    """Print what passes."""
    total, passed = 0, list[tuple[str, Tampering]]()
    for folder in map(Path, folders):
        for tampering in tamperings(folder):
            total += 1
            if passes(folder, tampering):
                passed.append((folder.name, tampering))
                sys.stdout.write(f"  {folder.name}: {tampering.file} {tampering.field} | {tampering.what}\n")
                sys.stdout.flush()
    sys.stdout.write(f"{len(passed)} of {total} consistent tamperings pass\n")


if __name__ == "__main__":
    main(sys.argv[1:])
