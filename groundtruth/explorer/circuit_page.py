"""The page of a circuit of a language model, and the same circuit as an attribution graph."""

from typing import Any

from markupsafe import Markup

from groundtruth.explorer.attribution_graph import MAX_LINKS, NEGLIGIBLE, component_id, graph_data, graph_node
from groundtruth.explorer.language_circuit import LanguageCircuit, circuit_page_data
from groundtruth.explorer.page_file import LICENCE, bundled, environment, script_json
from mib.graph import Graph


def circuit_page(circuit: LanguageCircuit) -> str:
    """Write the page of a circuit."""
    data = circuit_page_data(circuit)
    return (
        environment()
        .get_template("circuit.html.j2")
        .render(
            name=circuit.name,
            model=circuit.model_name,
            task=circuit.about,
            pairs=len(circuit.task),
            licence=LICENCE,
            css=Markup(bundled("explorer.css")),
            script=Markup(bundled("circuit.js")),
            data=Markup(script_json(data)),
        )
    )


def circuit_graph(circuit: LanguageCircuit, *, prompt: int = 0) -> dict[str, Any]:
    """The circuit that is drawn at first, on one prompt, as JSON of an attribution graph.

    MIB's circuits have no positions: every component stands at the last token. A link's weight is how much the metric
    falls on the prompt if the edges from one component to the other are cut, each alone, added up.

    Args:
        circuit: The circuit.
        prompt: Number of the held-out prompt.
    """
    tokens = circuit.tokens(prompt, clean=True)
    kept = circuit.circuits.kept[circuit.shown_size]
    weights: dict[tuple[str, str], float] = {}
    for edge, effect in zip(circuit.drawn, circuit.effects[:, prompt], strict=True):
        if kept[circuit.graph.index(edge)]:
            pair = (edge.source, edge.destination.partition("<")[0])
            weights[pair] = weights.get(pair, 0.0) + float(effect)
    names = {node: _node_id(circuit.graph, node, len(tokens) - 1) for pair in weights for node in pair}
    links = [
        {"source": names[source], "target": names[target], "weight": weight}
        for (source, target), weight in sorted(weights.items(), key=lambda item: -abs(item[1]))[:MAX_LINKS]
        if abs(weight) > NEGLIGIBLE
    ]
    used = {name for link in links for name in (link["source"], link["target"])}
    answers = circuit.answers(prompt)
    texts = {"logits": f'Output "{answers[0] if answers else circuit.metric_name}"', "input": "the tokens"}
    nodes = [
        graph_node(circuit.graph, node, name, position=len(tokens) - 1, text=texts.get(node, node))
        for node, name in names.items()
        if name in used
    ]
    return graph_data(
        nodes,
        links,
        slug=f"{circuit.model.rpartition('/')[2]}-{circuit.about}-{circuit.name}".replace(":", "-"),
        scan=circuit.model_name,
        tokens=tokens,
        prompt=" ".join(tokens),
        clicked=names.get("logits", ""),
    )


def _node_id(graph: Graph, node: str, position: int) -> str:
    place = graph.locate(node)
    match place.kind:
        case "input" | "pos":
            return f"E_{int(place.kind == 'pos')}_{position}"
        case "logits":
            return f"{graph.n_layers}_0_{position}"
        case _:
            return component_id(graph, place, position)
