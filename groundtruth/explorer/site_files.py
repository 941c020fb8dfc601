"""A folder of pages, one a model, with an index that can be searched: files that any server, or none, can show."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from groundtruth.errors import DomainError
from groundtruth.explorer.page_file import bundled, environment, model_page
from groundtruth.files import write_whole
from groundtruth.model import KnownModel
from groundtruth.specs import find_model
from groundtruth.store.catalog import every_shipped

INDEX = "index.html"


def write_site(
    folder: Path,
    names: Sequence[str],
    methods: Sequence[str],
    *,
    report: Callable[[int, int], object] = lambda done, total: None,
) -> list[Path]:
    """Write the page of each model, and the index.

    Args:
        folder: Made if it is not there; pages of the same names in it are replaced.
        names: As ``groundtruth.specs.find_model`` takes them; none for every shipped model, variant and trained model.
        methods: Methods whose rankings can be looked at.
        report: Called with the number of pages that are written, and of all.

    Returns:
        The pages.

    Raises:
        DomainError: If two models have one name.
        ArtifactError: If there is no such model.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries: dict[str, dict[str, Any]] = {}
    asked = list(names) or every_shipped()
    for number, name in enumerate(asked, 1):
        model = find_model(name)
        if model.name in entries:
            raise DomainError(f"two models are called '{model.name}', and each needs a page of its own. Leave one out.")
        page = model_page(model, methods).encode()
        write_whole(folder / f"{model.name}.html", page)
        entries[model.name] = _entry(model)
        report(number, len(asked))
    index = (
        environment()
        .get_template("index.html.j2")
        .render(entries=list(entries.values()), css=Markup(bundled("explorer.css")))
    )
    write_whole(folder / INDEX, index.encode())
    return [folder / f"{name}.html" for name in entries]


def _entry(model: KnownModel) -> dict[str, Any]:
    circuit, graph = model.circuit(), model.graph
    return {
        "name": model.name,
        "family": model.family,
        "description": model.description,
        "size": f"{graph.n_layers} x {graph.n_heads}",
        "live": len(circuit.edges),
        "edges": len(circuit.truths),
        "members": len(circuit.minimal_circuits),
    }
