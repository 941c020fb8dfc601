"""A circuit on one input as an attribution graph of circuit-tracer and Neuronpedia: nodes by position, exact effects.

The fields are those of circuit-tracer's graph files, which Neuronpedia reads. A link's weight is how much the logits of
the model's own answers, added up over positions, fall if what travels on one edge, from one position to one position,
is replaced by its value on a second input, and nothing else is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.errors import DomainError
from groundtruth.explorer.page_data import compiled_parts, example
from groundtruth.model import CompiledModel
from groundtruth.rasp.expressions import walk
from groundtruth.report import notation
from groundtruth.truth.circuits.patched_runs import Runs, pool
from mib.graph import Edge, Graph, Place

MAX_LINKS = 2_000
"""Neuronpedia's validator refuses larger graphs; of more links the weakest are left out."""

NEGLIGIBLE = 1e-9
"""Weights up to this are rounding."""


def attribution_graph(
    model: CompiledModel, tokens: Sequence[Any] | None = None, second: Sequence[Any] | None = None
) -> dict[str, Any]:
    """The first minimal circuit of a model on one input, as JSON of an attribution graph.

    Args:
        model: The model; its default circuit is drawn.
        tokens: The input; by default a telling one.
        second: Input that replaced values come from, of the same length; by default one with another output.

    Raises:
        DomainError: If an input is none of the model, or the lengths differ.
    """
    clean = model.domain.check(tokens if tokens is not None else example(model))
    other = model.domain.check(second if second is not None else _other_input(model, clean))
    if len(clean) != len(other):
        raise DomainError(f"second has {len(other)} tokens and the input {len(clean)}; give inputs of one length.")
    effects = _Effects(model, clean, other)
    links = sorted(effects.links(), key=lambda link: -abs(link["weight"]))[:MAX_LINKS]
    used = {name for link in links for name in (link["source"], link["target"])}
    nodes = [node for node in effects.nodes() if node["node_id"] in used]
    logits = [node["node_id"] for node in nodes if node["feature_type"] == "logit"]
    return graph_data(
        nodes,
        links,
        slug=f"{model.name}-{'-'.join(map(str, clean))}",
        scan="groundtruth",
        tokens=["BOS", *map(str, clean)],
        prompt=notation.spell(clean),
        clicked=logits[0] if logits else "",
        supernodes=_supernodes(nodes),
    )


def graph_data(
    nodes: Sequence[dict[str, Any]],
    links: Sequence[dict[str, Any]],
    *,
    slug: str,
    scan: str,
    tokens: Sequence[str],
    prompt: str,
    clicked: str,
    supernodes: Sequence[Sequence[str]] = (),
) -> dict[str, Any]:
    """Put nodes and links into the JSON of an attribution graph, with every node pinned.

    Args:
        nodes: Nodes, as ``graph_node`` makes them.
        links: Links, each with ``source``, ``target`` and ``weight``.
        slug: Name of the graph, for addresses.
        scan: Name of the model.
        tokens: Tokens of the prompt, one a position.
        prompt: The prompt as text.
        clicked: Identity of the node that is looked at first; empty for none.
        supernodes: Groups of nodes: a label, then the identities.
    """
    return {
        "metadata": {
            "slug": slug,
            "scan": scan,
            "transcoder_list": [],
            "prompt_tokens": list(tokens),
            "prompt": prompt,
            "node_threshold": None,
        },
        "qParams": {
            "pinnedIds": [node["node_id"] for node in nodes],
            "supernodes": list(supernodes),
            "linkType": "both",
            "clickedId": clicked,
            "sg_pos": "",
        },
        "nodes": list(nodes),
        "links": list(links),
    }


def component_id(graph: Graph, place: Place, position: int) -> str:
    """Name a head or an MLP at a position: its layer, its number in the layer (an MLP comes last), the position."""
    return f"{place.layer}_{place.head if place.kind == 'head' else graph.n_heads}_{position}"


def _other_input(model: CompiledModel, clean: Tokens) -> Tokens:
    drawn = [tokens for tokens in model.domain.sample(400, seed=0) if len(tokens) == len(clean)]
    output = model.run(clean)
    others = [tokens for tokens, given in zip(drawn, model.run_many(drawn), strict=True) if given != output]
    if not others:
        raise DomainError(f"no input of {len(clean)} tokens with another output was found; give second=.")
    return others[0]


def _supernodes(nodes: Sequence[dict[str, Any]]) -> list[list[str]]:
    """One group for each expression, and one for each component that holds none."""
    groups: dict[str, list[str]] = {}
    for node in nodes:
        groups.setdefault(node["clerp"].partition(" = ")[0], []).append(node["node_id"])
    return [[label, *names] for label, names in groups.items() if len(names) > 1]


@dataclass(frozen=True, eq=False)
class _Effects:
    """Runs of a model in which single edges carry, from one position to one position, what a second input gives.

    Attributes:
        model: The model.
        clean: The input.
        other: Input that replaced values come from.
    """

    model: CompiledModel
    clean: Tokens
    other: Tokens

    @cached_property
    def runs(self) -> Runs:
        """The full runs on the input (row 0) and on the other (row 1)."""
        model = self.model
        ids = model.encode([self.clean, self.other])
        counts = pool(ids, special=(model.bos_id, model.pad_id))
        return Runs(model.weights, model.graph, model.decoder, ids, counts, "resample")

    @cached_property
    def answers(self) -> Tensor:
        """The column of each position's own answer in the logits [position]; -1 where nothing is selected."""
        codes = self.runs.codes[0]
        return codes.long() if self.model.decoder.categorical else torch.zeros_like(codes, dtype=torch.long)

    def score(self, logits: Tensor) -> Tensor:
        """The logits of the answers, added up over the positions of the input [row]."""
        answers = self.answers.expand(logits.shape[:2])[..., None]
        chosen = logits.gather(-1, answers.clamp(min=0))[..., 0]
        return (chosen * ((answers[..., 0] >= 0) & self.runs.counts[0])).sum(1)

    def links(self) -> Iterator[dict[str, Any]]:
        """Every link whose weight is no rounding."""
        whole = float(self.score(self.runs.full_output(Place("logits", self.model.weights.n_layers))[:1]))
        for edge in self.model.circuit().minimal_circuits[0]:
            place = self.model.graph.locate(edge.destination)
            pairs, outputs = self._outputs(edge, place)
            rows = torch.zeros(len(pairs), dtype=torch.long)
            scores = self.score(self.runs.logits_after(place, rows, outputs))
            for (start, end), score in zip(pairs, scores.tolist(), strict=True):
                if abs(whole - score) > NEGLIGIBLE:
                    source, target = self._name(edge.source, start), self._name(edge.destination.split("<")[0], end)
                    yield {"source": source, "target": target, "weight": whole - score}

    def _outputs(self, edge: Edge, place: Place) -> tuple[list[tuple[int, int]], Tensor]:
        """Pairs of positions (from, to), and what the destination writes if only there the other value arrives."""
        runs, n = self.runs, self.runs.tokens.shape[1]
        change = (runs.outputs[edge.source][1] - runs.outputs[edge.source][0]) @ runs.reading(place)
        deltas = torch.diag_embed(change.T).permute(1, 2, 0)  # [from, position, read]: only one position changes
        changed = runs.node_output(place, torch.zeros(n, dtype=torch.long), {place.letter: deltas})
        if place.letter not in ("k", "v"):
            return [(p, p) for p in range(n)], changed
        # Keys and values at one position reach every query that sees it: one run for each.
        pairs = [(p, q) for p in range(n) for q in range(n) if q >= p or not self.model.causal]
        outputs = runs.full_output(place)[:1].repeat(len(pairs), 1, 1)
        for row, (p, q) in enumerate(pairs):
            outputs[row, q] = changed[p, q]
        return pairs, outputs

    def _name(self, component: str, position: int) -> str:
        place, graph = self.model.graph.locate(component), self.model.graph
        match place.kind:
            case "input":
                return f"E_{int(self.runs.tokens[0, position])}_{position}"
            case "pos":
                return f"E_{len(self.model.token_values) + position}_{position}"
            case "logits":
                return f"{graph.n_layers}_{max(0, int(self.answers[position]))}_{position}"
            case _:
                return component_id(graph, place, position)

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Every component at every position, with the expression that it holds and its value there."""
        texts = _texts(self.model)
        values = self.model.trace(self.clean)
        for component in (*self.model.graph.sources, "logits"):
            for position in range(self.runs.tokens.shape[1]):
                text = texts.get(component, component)
                held = values.get(text, ())
                value = f" = {notation.spell_one(held[position - 1])}" if position and len(held) else ""
                label = f"Output {text}{value}" if component == "logits" else f"{text}{value}"
                name = self._name(component, position)
                yield graph_node(self.model.graph, component, name, position=position, text=label)


def graph_node(graph: Graph, component: str, name: str, *, position: int, text: str) -> dict[str, Any]:
    """One node of an attribution graph.

    Args:
        graph: Graph that the component is part of.
        component: Head, MLP, embedding or ``logits``.
        name: Identity of the node.
        position: Position in the prompt.
        text: Label.
    """
    place = graph.locate(component)
    kind = {"input": "embedding", "pos": "embedding", "logits": "logit"}.get(place.kind)
    return {
        "node_id": name,
        "feature": graph.n_heads if place.kind == "mlp" else max(0, place.head),
        "layer": "E" if kind == "embedding" else str(place.layer),
        "ctx_idx": position,
        "feature_type": kind or "cross layer transcoder",
        "token_prob": 1.0 if kind == "logit" else 0.0,
        "is_target_logit": kind == "logit",
        "run_idx": 0,
        "reverse_ctx_idx": 0,
        "jsNodeId": f"{name}-0",
        "clerp": text,
        "influence": None,
        "activation": None,
    }


def _texts(model: CompiledModel) -> dict[str, str]:
    """The expression that each component holds, by name; a list where it holds several."""
    names = {expression.label: expression.name for expression in walk(model.program)}
    parts = compiled_parts(model)
    found: dict[str, list[str]] = {"input": ["tokens"], "pos": ["indices"], "logits": [model.program.name]}
    for layer, head, label, role in parts["heads"]:
        name = names.get(label, "decoy")
        found[f"a{layer}.h{head}"] = [f"1/(1+{name})" if role == "width" else name]
    for layer, label, role, _ in parts["neurons"]:
        if role == "compute":
            found.setdefault(f"m{layer}", []).append(names[label])
    return {component: ", ".join(dict.fromkeys(held)) for component, held in found.items()}
