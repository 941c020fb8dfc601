"""A RASP program as data: each function and predicate as a table over the values that can reach it.

So an artifact holds its program whole and can be re-proven without the Python that wrote it, and no code is unpickled.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tracr.rasp import rasp

from groundtruth.errors import ArtifactError
from groundtruth.rasp.annotations import is_clean_at_bos, listed_numbers
from groundtruth.rasp.expressions import children_first, trace
from groundtruth.store.json_values import pack

TABLE_LIMIT = 200_000
"""A function of more value combinations than this is tabulated only where the checked inputs reach it."""

Json = Any


def tabulate(program: rasp.SOp, inputs: Iterable[Sequence[Any]], *, max_seq_len: int, causal: bool) -> Json:
    """A program as JSON.

    Args:
        program: A canonical program.
        inputs: Inputs that it was checked on; their intermediate values are in the tables.
        max_seq_len: Longest input.
        causal: True if attention sees only the past.
    """
    order = children_first(program)
    seen: dict[str, dict[Any, None]] = {e.label: {} for e in order if isinstance(e, rasp.SOp)}
    pairs: dict[str, dict[tuple[Any, Any], None]] = {e.label: {} for e in order if isinstance(e, rasp.SequenceMap)}
    for tokens in inputs:
        values = trace(program, tokens, causal=causal)
        for label, column in values.items():
            seen[label].update(dict.fromkeys(column))
        for e in order:
            if isinstance(e, rasp.SequenceMap):
                pairs[e.label].update(dict.fromkeys(zip(values[e.fst.label], values[e.snd.label], strict=True)))
    possible: dict[str, list[Any]] = {}
    entries: list[Json] = []
    for e in order:
        if isinstance(e, rasp.SOp):
            found = _possible(e, possible, max_seq_len)
            possible[e.label] = list(dict.fromkeys([*found, *seen[e.label]]))
        entries.append(_entry(e, possible, pairs.get(e.label, {})))
    return {"output": program.label, "expressions": entries}


def _possible(e: rasp.SOp, possible: Mapping[str, list[Any]], n: int) -> list[Any]:
    """Values that an expression can take whatever its parts take, as far as they are few enough to list."""
    if (listed := listed_numbers(e)) is not None:
        return list(listed)
    match e:
        case rasp.IndicesType():
            return list(range(n))
        case rasp.SelectorWidth():
            return list(range(n + 1))
        case rasp.Map():
            return [y for _, y in _table(e.f, ((x,) for x in possible[e.inner.label]))]
        case rasp.SequenceMap():
            return [y for _, y in _table(e.f, _product(possible[e.fst.label], possible[e.snd.label]))]
        case rasp.Aggregate() if rasp.is_categorical(e):
            return [*possible[e.sop.label], e.default]
        case rasp.Aggregate() if set(possible[e.sop.label]) <= {0, 1}:
            return [e.default] + [j / k for k in range(1, n + 1) for j in range(k + 1)]
        case _:
            return []


def _product(left: list[Any], right: list[Any]) -> Iterable[tuple[Any, Any]]:
    return itertools.product(left, right) if len(left) * len(right) <= TABLE_LIMIT else ()


def _table(f: Callable[..., Any], arguments: Iterable[tuple[Any, ...]]) -> list[tuple[tuple[Any, ...], Any]]:
    """A function's values where it has one; combinations that cannot occur may make it fail."""
    rows: dict[tuple[Any, ...], Any] = {}
    for given in arguments:
        if None in given:
            continue
        try:
            result = f(*given)
        except Exception:  # any error: the function is not meant for these values
            continue
        # JSON has no infinity, and no model can hold one.
        if not (isinstance(result, float) and not math.isfinite(result)):
            rows[given] = result
    return list(rows.items())


def _entry(e: rasp.RASPExpr, possible: Mapping[str, list[Any]], seen: Mapping[tuple[Any, Any], None]) -> Json:
    primitive = isinstance(e, rasp.TokensType | rasp.IndicesType)
    entry: dict[str, Json] = {"label": e.label, "name": e.name, "id": None if primitive else e.unique_id}
    if isinstance(e, rasp.SOp):
        entry["encoding"] = rasp.get_encoding(e).value
    if (listed := listed_numbers(e)) is not None:
        entry["numbers"] = list(listed)
    if is_clean_at_bos(e):
        entry["clean_at_bos"] = True
    match e:
        case rasp.TokensType():
            return entry | {"kind": "tokens"}
        case rasp.IndicesType():
            return entry | {"kind": "indices"}
        case rasp.Map():
            rows = _table(e.f, ((x,) for x in possible[e.inner.label]))
            table = [[pack(x), pack(y)] for (x,), y in rows]
            return entry | {"kind": "map", "inner": e.inner.label, "table": table}
        case rasp.LinearSequenceMap():
            factors = [e.fst_fac, e.snd_fac]
            return entry | {"kind": "linear", "fst": e.fst.label, "snd": e.snd.label, "factors": factors}
        case rasp.SequenceMap():
            arguments = dict.fromkeys([*_product(possible[e.fst.label], possible[e.snd.label]), *seen])
            table = [[pack(x), pack(y), pack(z)] for (x, y), z in _table(e.f, arguments)]
            return entry | {"kind": "sequence_map", "fst": e.fst.label, "snd": e.snd.label, "table": table}
        case rasp.Select():
            rows = _table(e.predicate, itertools.product(possible[e.keys.label], possible[e.queries.label]))
            table = [[pack(k), pack(q), bool(chosen)] for (k, q), chosen in rows]
            return entry | {"kind": "select", "keys": e.keys.label, "queries": e.queries.label, "table": table}
        case rasp.Aggregate():
            parts = {"selector": e.selector.label, "sop": e.sop.label, "default": pack(e.default)}
            return entry | {"kind": "aggregate"} | parts
        case rasp.SelectorWidth():
            return entry | {"kind": "selector_width", "selector": e.selector.label}
        case _:
            raise ArtifactError(f"an expression of type {type(e).__name__} ('{e.name}') cannot be stored.")
