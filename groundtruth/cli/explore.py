"""The command that writes pages which run models in the browser."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from groundtruth.cli.options import require_writable

CIRCUIT_FILES = (".json", ".pt")
"""Suffixes of MIB's circuit files."""


def explore(
    *names: str,
    method: Annotated[list[str] | None, Parameter(negative=())] = None,
    out: Path | None = None,
    site: Path | None = None,
    export: Literal["neuronpedia"] | None = None,
    models: str | None = None,
    task: str | None = None,
    top: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
) -> None:
    """Write one HTML page that runs a model: cut its edges, swap its variables, compare methods, guess the circuit.

    The page needs nothing else, neither a network nor a server: open it in a browser.

    Args:
        names: A shipped model, the folder of a stored one, a program of the library, or one of yours as
            my_file.py:my_program or my_pkg.my_mod:my_program; with @ and a tier (reverse@rotated) or transformations
            (reverse@decoys+rotate), that variant. Several only with --site. With --models a circuit file of MIB instead
            (.json or .pt): a ranking, as score --scores writes it, or one circuit, drawn on held-out prompts.
        method: A method whose ranking of the edges can be compared with the truth: a name, or my_file.py:my_method;
            more than once for several. By default eap and eap-ig-inputs.
        out: File of the page; by default NAME.html in the current folder.
        site: Write a folder instead: a page of each model, and an index that can be searched; without names of every
            shipped model, variant and trained model.
        export: Write the circuit on one input as an attribution graph instead, NAME.json with graph-metadata.json
            beside it, in the format of circuit-tracer and Neuronpedia.
        models: Language model of a circuit file: learned (it ships), gpt2, a hub id, or the folder of a checkpoint.
        task: Task of that model, such as ioi or ioi:s1_io_flip; by default the first that a learned model can do.
        top: Best parts of a ranking that are drawn at first; the page has other sizes too.
    """
    from groundtruth.explorer.rankings_data import DEFAULT_METHODS

    if out is not None:
        require_writable(out.parent)
    if method is not None and (models is not None or export is not None):
        from groundtruth.errors import DomainError

        one = f"--export {export}" if models is None else f"--models {models}"
        raise DomainError(f"--method {method[0]} is for the page of a compiled model, and {one} is none. Leave it out.")
    if models is not None:
        _write_circuit(names, models, task, top, out=out, site=site, export=export)
        return
    # A circuit file without its model would be looked up as the name of a compiled one.
    _refuse_without_model(names, task, top)
    if export is not None:
        _write_graph(names, out, site)
        return

    methods = DEFAULT_METHODS if method is None else method
    if site is None:
        _write_page(names, methods, out)
    else:
        _write_site(names, methods, out, site)


def _write_page(names: tuple[str, ...], methods: list[str] | tuple[str, ...], out: Path | None) -> None:
    from groundtruth.errors import DomainError
    from groundtruth.explorer.page_file import model_page
    from groundtruth.report.progress import working
    from groundtruth.specs import find_model

    if len(names) != 1:
        raise DomainError(f"{len(names)} models were named. Name one, or write a folder of pages with --site DIR.")
    with working(f"preparing {names[0]}"):
        model = find_model(names[0])
    with working(f"writing the page of {model.name}"):
        content = model_page(model, methods).encode()
    _write_page_file(content, out or Path(f"{model.name}.html"))


def _write_site(names: tuple[str, ...], methods: list[str] | tuple[str, ...], out: Path | None, site: Path) -> None:
    from groundtruth.errors import DomainError
    from groundtruth.explorer.site_files import write_site
    from groundtruth.report.progress import count_up
    from groundtruth.report.terminal import echo_written

    if out is not None:
        raise DomainError(f"--out {out} and --site {site} were both given. Choose one: a page, or a folder of pages.")
    require_writable(site)
    with count_up("writing") as report:
        written = write_site(site, names, methods, report=report)
    echo_written(site / "index.html", f"{len(written)} models; open it in a browser")


def _write_graph(names: tuple[str, ...], out: Path | None, site: Path | None) -> None:
    from groundtruth.errors import DomainError
    from groundtruth.explorer.attribution_graph import attribution_graph
    from groundtruth.report.progress import working
    from groundtruth.specs import find_compiled

    if len(names) != 1 or site is not None:
        raise DomainError("--export writes the graph of one model: name one, and leave --site out.")
    with working(f"preparing {names[0]}"):
        model = find_compiled(names[0], "an attribution graph")
    with working(f"cutting the edges of {model.name}"):
        graph = attribution_graph(model)
    _write_graph_files(graph, out or Path(f"{model.name}.json"))


def _write_graph_files(graph: Mapping[str, Any], path: Path) -> None:
    """Write an attribution graph with the metadata that its viewers look for beside it, and say so."""
    from groundtruth.files import to_json, write_whole
    from groundtruth.report.terminal import echo_written

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, to_json(graph))
    write_whole(path.parent / "graph-metadata.json", to_json({"graphs": [graph["metadata"]]}))
    echo_written(path, f"{len(graph['nodes'])} nodes, {len(graph['links'])} links, graph-metadata.json beside it")


def _write_page_file(content: bytes, path: Path) -> None:
    """Write a page, and say how large it is."""
    from groundtruth.files import write_whole
    from groundtruth.report.terminal import echo_written

    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    echo_written(path, f"{len(content) / 1000:,.0f} kB; open it in a browser")


def _write_circuit(
    names: tuple[str, ...],
    model: str,
    task: str | None,
    top: int | None,
    *,
    out: Path | None,
    site: Path | None,
    export: str | None,
) -> None:
    from groundtruth.errors import DomainError
    from groundtruth.explorer.circuit_page import circuit_graph, circuit_page
    from groundtruth.explorer.language_circuit import LanguageCircuit
    from groundtruth.report.progress import count_up

    if len(names) != 1 or Path(names[0]).suffix not in CIRCUIT_FILES or site is not None:
        raise DomainError(
            f"--models {model}: name one circuit file (.json or .pt), and leave --site out. Given: "
            f"{' '.join(names) or 'none'}."
        )
    with count_up(f"measuring circuits of {model}") as report:
        circuit = LanguageCircuit.read(Path(names[0]), model, about=task, top=top, report=report)
        graph = None if export is None else circuit_graph(circuit)
        content = b"" if export is not None else circuit_page(circuit).encode()
    name = f"{Path(names[0]).stem}-{circuit.about.replace(':', '-')}"
    if graph is not None:
        _write_graph_files(graph, out or Path(f"{name}.graph.json"))
    else:
        _write_page_file(content, out or Path(f"{name}.html"))


def _refuse_without_model(names: tuple[str, ...], task: str | None, top: int | None) -> None:
    """Refuse what is about a circuit file where no model is named.

    Raises:
        DomainError: If there is any.
    """
    from groundtruth.errors import DomainError

    given = f"--task {task}" if task is not None else f"--top {top}" if top is not None else None
    file = next((name for name in names if Path(name).suffix in CIRCUIT_FILES), None)
    if given is not None or file is not None:
        raise DomainError(f"{given or file}: say by --models of which language model the circuit is, such as learned.")
