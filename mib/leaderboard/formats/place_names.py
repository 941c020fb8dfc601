"""Errors that name the file and the place, and the checks that both circuit formats share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from mib.counted_nouns import layers_by_heads
from mib.errors import FormatError, GraphError
from mib.graph import Graph

MAX_CELLS = 100_000_000
"""Most [source, destination] pairs that a file may ask for: a Llama of 70 billion parameters has 80 million."""

MAX_UNASKED, MAX_PER_BYTE = 5_000_000, 100
"""Most pairs for a file of no size (a Llama of 8 billion parameters has 4.3 million), and for each of its bytes."""


class Entries(BaseModel):
    """Part of a file, which has no keys but those that are read: another may change what the file means."""

    model_config = ConfigDict(extra="forbid")


class Config(Entries):
    """The architecture that a circuit file states in ``cfg``."""

    n_layers: StrictInt = Field(ge=0)
    n_heads: StrictInt = Field(ge=1)
    parallel_attn_mlp: StrictBool
    d_model: StrictInt = Field(ge=1)

    def graph(self, path: Path) -> Graph:
        """The graph of this architecture.

        Raises:
            FormatError: If it is larger than any model that this reads.
        """
        n_sources = 1 + self.n_layers * (self.n_heads + 1)
        n_destinations = 1 + self.n_layers * (3 * self.n_heads + 1)
        cells, size = n_sources * max(n_destinations, self.d_model), path.stat().st_size
        most = min(MAX_CELLS, MAX_UNASKED + MAX_PER_BYTE * size)
        if cells > most:
            raise malformed(
                path,
                "cfg",
                f"{layers_by_heads(self.n_layers, self.n_heads)}, d_model {self.d_model}, are {cells:,} pairs; at "
                f"most {most:,} are read from a file of {size:,} bytes",
            )
        return Graph(self.n_layers, self.n_heads, self.d_model, parallel=self.parallel_attn_mlp)


def config_of(graph: Graph, path: Path) -> dict[str, int | bool]:
    """The ``cfg`` entry of a graph, in the order of the reference.

    Raises:
        FormatError: If the graph has a ``pos`` node, which MIB's files cannot hold.
    """
    if graph.pos:
        raise malformed(
            path,
            "graph",
            "MIB's files have no node 'pos'. Score the task on a graph without it: replace(graph, pos=False)",
        )
    return {
        "n_layers": graph.n_layers,
        "n_heads": graph.n_heads,
        "parallel_attn_mlp": graph.parallel,
        "d_model": graph.d_model,
    }


UNKNOWN = "is not a key of this format, and what it changes is not known. Take it out if it changes nothing"


def refuse_unknown(entries: Mapping[str, object], known: Sequence[str], path: Path, place: str) -> None:
    """Refuse a key that is not read: what it changes would be dropped without a word.

    Raises:
        FormatError: Naming the first.
    """
    for key in entries:
        if key not in known:
            root = "" if place == "top level" else place
            raise malformed(path, render([key], root=root), UNKNOWN)


def require_keys(entries: Mapping[str, object], keys: Sequence[str], path: Path, place: str) -> None:
    """Refuse entries that lack a key.

    Raises:
        FormatError: Naming all that are missing.
    """
    missing = [key for key in keys if key not in entries]
    if missing:
        raise malformed(path, place, f"the keys {', '.join(missing)} are missing")


def malformed(path: Path, place: str, problem: str) -> FormatError:
    """An error that names file and place; to be raised by the caller."""
    return FormatError(f"{path}: {place}: {problem}.")


def first_error(path: Path, error: ValidationError, *, root: str = "") -> FormatError:
    """The first problem that pydantic found, in our words."""
    found = error.errors(include_url=False, include_context=False)
    place = render(found[0]["loc"], root=root)
    if found[0]["type"] == "extra_forbidden":
        return malformed(path, place, UNKNOWN)
    more = f" (and {len(found) - 1} more problems in this file)" if len(found) > 1 else ""
    return malformed(path, place or "top level", found[0]["msg"] + more)


def render(place: Sequence[int | str], *, root: str = "") -> str:
    """A path into a document, such as ``edges['input->m0'].score``."""
    text = root
    for part in place:
        if isinstance(part, str) and part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


def no_edge(graph: Graph, name: str, path: Path) -> FormatError:
    """Return why a name that a file gives is no edge of its graph; to be raised by the caller."""
    try:
        graph.index(name)
    except GraphError as error:
        return FormatError(f"{path}: edges[{name!r}]: {error}")
    return malformed(path, f"edges[{name!r}]", "this graph has no such edge")


def infinite(path: Path, place: str) -> FormatError:
    """A score that is infinite; to be raised by the caller."""
    return malformed(path, place, "the score is infinite. Write a finite number, or NaN for an unscored part")


def no_infinity(values: NDArray[np.float64], path: Path, place: str) -> NDArray[np.float64]:
    """Return the scores, unless one is infinite.

    Raises:
        FormatError: If so; NaN is allowed and means unscored.
    """
    found = np.argwhere(np.isinf(values))
    if len(found):
        raise infinite(path, place + "".join(f"[{index}]" for index in found[0]))
    return values


def as_mapping(value: object, path: Path, place: str) -> Mapping[str, object]:
    """Return a mapping with names as keys.

    Raises:
        FormatError: If the value is something else.
    """
    if not isinstance(value, Mapping):
        raise malformed(path, place, f"expected a mapping with names as keys, found {type(value).__name__}")
    entries = cast(Mapping[object, object], value)
    strange = next((key for key in entries if not isinstance(key, str)), None)
    if strange is not None:
        raise malformed(path, place, f"the key {strange!r} is no string")
    return cast(Mapping[str, object], entries)
