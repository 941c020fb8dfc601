"""InterpBench's edges, pairs of TransformerLens hook names, as edges of MIB's graph."""

from __future__ import annotations

import re
from collections.abc import Sequence

from groundtruth.errors import ArtifactError
from mib.graph import LETTERS, Edge, Graph

_NAME = re.compile(r"(?:blocks\.(?P<layer>\d+)\.)?(?P<hook>[a-z0-9_.]+)(?:\[(?P<head>\d+)\])?")

_RESULTS = ("attn.hook_result", "attn.hook_z")
_OUTPUT = "hook_resid_post"


def edges_of_hooks(pairs: Sequence[tuple[str, str]], graph: Graph) -> tuple[Edge, ...]:
    """The edges that pairs of hook names stand for, each once, in the order of the graph.

    A pair within one component, such as a head's query input and its query, is no edge of the graph and is left out. A
    pair that ends in a whole head stands for the edges into its queries, keys and values. The residual stream after the
    last block that is named stands for the logits: published circuits are those of the compiled model, which may have
    fewer blocks.

    Args:
        pairs: Pairs of hooks, such as ``("hook_embed", "blocks.0.hook_mlp_in")``.
        graph: The network's graph, with ``pos``.

    Raises:
        ArtifactError: Naming the first pair that is not understood, or that the graph lacks.
    """
    # Two residual streams cannot both be what the logits read.
    _require_one_output(pairs)
    known = set(graph.edges)
    found: set[Edge] = set()
    for start, end in pairs:
        if _is_within_component(start, end):
            continue
        for source in _sources(start):
            for destination in _destinations(end):
                edge = Edge(source, destination)
                if edge not in known:
                    raise ArtifactError(f"edge {(start, end)!r} means '{edge}', which {graph} does not have.")
                found.add(edge)
    return tuple(edge for edge in graph.edges if edge in found)


def _require_one_output(pairs: Sequence[tuple[str, str]]) -> None:
    """Refuse edges that end in the residual stream after several blocks."""
    ends = {name: parsed for _, name in pairs if (parsed := _parse(name))[1] == _OUTPUT}
    layers = {layer for layer, _, _ in ends.values()}
    if len(layers) > 1:
        raise ArtifactError(
            f"edges end in {', '.join(sorted(ends))}; the residual stream after one block alone can be the output."
        )


def _sources(name: str) -> tuple[str, ...]:
    """The sources that a hook name stands for where an edge starts."""
    match _parse(name):
        case (None, "hook_embed", None):
            return ("input",)
        case (None, "hook_pos_embed", None):
            return ("pos",)
        case (0, "hook_resid_pre", None):
            return ("input", "pos")
        case (int(layer), hook, int(head)) if hook in _RESULTS:
            return (f"a{layer}.h{head}",)
        case (int(layer), "hook_mlp_out" | "mlp.hook_post", None):
            return (f"m{layer}",)
        case _:
            raise ArtifactError(f"edges start in '{name}', which is not known as the start of an edge.")


def _destinations(name: str) -> tuple[str, ...]:
    """The destinations that a hook name stands for where an edge ends."""
    match _parse(name):
        case (int(), hook, None) if hook == _OUTPUT:
            return ("logits",)
        case (int(layer), "hook_mlp_in" | "hook_mlp_out" | "mlp.hook_post", None):
            return (f"m{layer}",)
        case (int(layer), "hook_q_input" | "hook_k_input" | "hook_v_input" as hook, int(head)):
            return (f"a{layer}.h{head}<{hook[5]}>",)
        case (int(layer), "attn.hook_q" | "attn.hook_k" | "attn.hook_v" as hook, int(head)):
            return (f"a{layer}.h{head}<{hook[-1]}>",)
        case (int(layer), hook, int(head)) if hook in _RESULTS:
            return tuple(f"a{layer}.h{head}<{letter}>" for letter in LETTERS)
        case _:
            raise ArtifactError(f"edges end in '{name}', which is not known as the end of an edge.")


def _is_within_component(start: str, end: str) -> bool:
    """Tell whether a pair leads from what a component reads to what it computes of that."""
    (layer, hook, head), (other_layer, other, other_head) = _parse(start), _parse(end)
    if (layer, head) != (other_layer, other_head) or layer is None:
        return False
    if hook == "hook_mlp_in":
        return other in ("hook_mlp_out", "mlp.hook_post")
    inputs = {f"hook_{letter}_input": f"attn.hook_{letter}" for letter in LETTERS}
    if hook in inputs:
        return other == inputs[hook] or other in _RESULTS
    return hook in inputs.values() and other in _RESULTS


def _parse(name: str) -> tuple[int | None, str, int | None]:
    """A hook name's block, hook and head."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise ArtifactError(
            f"edges name '{name}', which is no hook of TransformerLens, such as 'blocks.0.hook_mlp_in'."
        )
    layer, head = match["layer"], match["head"]
    return None if layer is None else int(layer), match["hook"], None if head is None else int(head)
