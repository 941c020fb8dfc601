"""Files with something changed: whatever somebody's editor, disk or script may leave of them."""

import copy
import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

MUTATED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.sampled_from([2**70, -(10**30), 1e308, 0.5, -0.0, float("nan"), float("inf")])
    | st.text(max_size=4)
    | st.sampled_from(["..", "/etc", "\x1b[2J", "\udcff", "=1+1", "tokens", "hist", "live", "", "a" * 300])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tuple", "kind", "edges", "name", "prompt", ".."]), inner, max_size=2)
    ),
    max_leaves=6,
)


def paths(data: Any, path: tuple[Any, ...] = ()):
    """The place of everything in a JSON value."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield from paths(value, (*path, key))


@st.composite
def mutated(draw: st.DrawFn, data: Any, values: st.SearchStrategy[Any] = VALUES) -> Any:
    """A JSON value with one to three changes: something replaced, removed, doubled, or exchanged for its neighbour."""
    data = copy.deepcopy(data)
    if draw(st.integers(0, 19)) == 7:
        return draw(values)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from([path for path in paths(data) if path] or [(0,)]))
        parent = data
        for part in path:
            parent = parent[part]
        if not isinstance(parent, dict | list) or not parent:
            continue
        match draw(st.sampled_from(["replace", "replace", "remove", "double", "exchange", "rename"])):
            case "replace":
                parent[last] = draw(values)
            case "remove":
                del parent[last]
            case "double" if isinstance(parent, list):
                parent.append(parent[last])
            case "exchange":
                other = draw(st.sampled_from(list(parent) if isinstance(parent, dict) else list(range(len(parent)))))
                parent[last], parent[other] = parent[other], parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.text(max_size=3))] = parent.pop(last)
            case _:
                pass
    return data


@st.composite
def mutated_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes with a piece of them replaced by others, or cut off."""
    if draw(st.booleans()):
        return content[: draw(st.integers(0, len(content)))]
    start = draw(st.integers(0, len(content)))
    new = draw(st.binary(max_size=12) | st.sampled_from([b"\xff\xfe", b"\x00", b"[" * 100_000, b"1e999", b"NaN"]))
    return content[:start] + new + content[start + draw(st.integers(0, 12)) :]


@st.composite
def mutated_json(draw: st.DrawFn, data: Any) -> bytes:
    """The bytes of a JSON file in which a value, or some bytes, are changed."""
    if draw(st.integers(0, 3)) == 0:
        return draw(mutated_bytes(json.dumps(data).encode()))
    return json.dumps(draw(mutated(data))).encode("utf-8", "backslashreplace")


def require_one_line(error: BaseException, *names: object) -> None:
    """See that an error is one line that names a file, and that a terminal can show it."""
    text = str(error)
    assert any(str(name) in text for name in names), text
    assert text.isprintable() or "\n" not in text.strip(), text
