"""The page of one model as one HTML file that needs nothing else: script, style and model are inside."""

import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from groundtruth.explorer.packed_page import pack_page
from groundtruth.explorer.page_data import page_data
from groundtruth.explorer.rankings_data import DEFAULT_METHODS, rankings_data
from groundtruth.model import KnownModel

LICENCE = (
    "groundtruth explorer, Apache-2.0. The script and the style are this project's own code, bundled by esbuild (MIT, "
    "a build tool of which nothing is in this file); no other library is in it."
)

LARGEST_PLAIN = 250_000
"""Bytes of a page; one that would have more is packed, and its source is no longer readable."""


def page(data: dict[str, Any]) -> str:
    """Write the page of what ``page_data`` gave: with its model as plain JSON, or packed where that is too large."""
    script, style = bundled("explorer.js"), bundled("explorer.css")
    plain = _render(
        data, script=script, style=style, kind="application/json", element="model", content=script_json(data)
    )
    if len(plain.encode()) <= LARGEST_PLAIN:
        return plain
    packed, unpacking = pack_page(script, style, data), bundled("unpack.js")
    return _render(data, script=unpacking, style="", kind="text/plain", element="packed", content=packed)


def _render(data: dict[str, Any], *, script: str, style: str, kind: str, element: str, content: str) -> str:
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            name=data["name"],
            description=data["description"],
            facts=data["facts"],
            licence=LICENCE,
            css=Markup(style),
            kind=kind,
            element=element,
            content=Markup(content),
            script=Markup(script),
        )
    )


@cache
def environment() -> Environment:
    """Find where the templates are read from; what they are given is escaped."""
    return Environment(loader=PackageLoader("groundtruth.explorer", ""), autoescape=True, undefined=StrictUndefined)


def model_page(model: KnownModel, methods: Sequence[str] = DEFAULT_METHODS) -> str:
    """Write the page of a model.

    Args:
        model: The model.
        methods: Methods whose rankings can be looked at: names, or functions as ``my_file.py:my_method``.

    Raises:
        MethodError: If there is no such method, or it cannot rank the model's edges.
    """
    return page(page_data(model) | rankings_data(model, methods))


@cache
def bundled(name: str) -> str:
    """A file of the bundle that ``make explorer`` builds from the page's modules."""
    return (files("groundtruth.explorer") / "bundle" / name).read_text(encoding="utf-8").strip()


def script_json(data: Any) -> str:
    """JSON that may stand in a script element: no ``<`` ends it or begins a comment."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
