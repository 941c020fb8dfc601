"""Write a report as one HTML page that needs nothing else: tables, every number, wrong edges, true circuits."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from rich.text import Text

from groundtruth.report import notation
from groundtruth.report.section import Details, Section
from groundtruth.report.svg_chart import enumerate_styles, svg_chart
from mib.plain_text import printable


@dataclass(frozen=True)
class Page:
    """All that a page of a result shows.

    Attributes:
        heading: Title of the page.
        sections: Parts of the report.
        details: Parts that the page adds to each of them.
        settings: Settings by which methods were run.
        seconds: Time that it took.
        created: When the result was written.
        versions: Names of packages with their versions.
        n_cells: Number of cells.
    """

    heading: str
    sections: Sequence[Section]
    details: Sequence[Details]
    settings: Mapping[str, Any]
    seconds: float
    created: str
    versions: Mapping[str, str]
    n_cells: int


def html_page(page: Page) -> str:
    """Write the page."""
    environment = Environment(
        loader=PackageLoader("groundtruth.report", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_shown,
    )  # fmt: skip
    environment.filters["styled"] = styled_html
    environment.filters["svg"] = svg_chart
    parts = list(zip(page.sections, page.details, strict=True))
    return environment.get_template("page.html.j2").render(
        page=page, parts=parts, duration=notation.duration(page.seconds), styles=enumerate_styles
    )


def styled_html(text: Text) -> Markup:
    """Write a styled text as HTML: each style becomes a class of the same name, so that the page decides its colour."""
    plain = text.plain
    styles: list[list[str]] = [[str(text.style)] if text.style else [] for _ in plain]
    for span in text.spans:
        for index in range(max(0, span.start), min(len(plain), span.end)):
            styles[index].append(str(span.style))
    parts: list[Markup] = []
    start = 0
    for end in range(1, len(plain) + 1):
        if end == len(plain) or styles[end] != styles[start]:
            shown = _marked(escape(printable(plain[start:end], lines=True)))
            classes = " ".join(filter(None, styles[start]))
            parts.append(Markup('<span class="{}">{}</span>').format(classes, shown) if classes else shown)
            start = end
    return Markup("").join(parts)


_EDGE = re.compile(r"[\w.]+-&gt;[\w.]+(?:&lt;\w&gt;)?")
_CODE = re.compile(r"`([^`<]+)`")


def _marked(shown: Markup) -> Markup:
    """Mark what is typed as code, and keep the name of an edge on one line, which ends at its hyphen otherwise."""
    whole = _EDGE.sub(r'<span class="whole">\g<0></span>', str(shown))
    return Markup(_CODE.sub(r"<code>\1</code>", whole))  # both escaped already


def _shown(value: Any) -> Any:
    """Spell out what a reader would not see: characters that turn text around or hide it."""
    return printable(value, lines=True) if type(value) is str else value
