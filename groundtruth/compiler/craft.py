"""Tracr's own passes, from a RASP program to a craft model, with the repairs that make it exact.

Importing this module imports Tracr's compiler and with it JAX (about a second), so it is imported when something
is compiled and not before. No JAX code is run.
"""

from collections.abc import Sequence
from typing import Any

import networkx as nx
import numpy as np
from tracr.compiler import craft_graph_to_model, expr_to_craft_graph, nodes
from tracr.craft import bases, transformers, vectorspace_fns
from tracr.rasp import rasp

from groundtruth.compiled.domain import BOS
from groundtruth.compiled.settings import Settings
from groundtruth.compiler.assemble import CLEAN_BOS, Assembled, assemble, clean_bos_of
from groundtruth.compiler.shortcuts import shortcuts
from groundtruth.rasp.annotations import is_clean_at_bos, listed_numbers
from groundtruth.rasp.expressions import canonical, walk
from groundtruth.rasp.infer_values import tabulate


def craft(program: rasp.SOp, vocab: tuple[Any, ...], max_seq_len: int, settings: Settings) -> Assembled:
    """Compile a canonical program to arrays.

    Args:
        program: A supported program with labels of its own (``groundtruth.rasp.expressions.canonical``).
        vocab: Its tokens, without BOS and PAD.
        max_seq_len: Longest input, without BOS.
        settings: Exact ones, or Tracr's.

    Raises:
        UnsupportedProgram: If an expression has values that cannot be encoded, or (with Tracr's settings) a value
            is wider than the heads.
    """
    own = canonical(program)
    # In the place of Tracr's basis inference, whose order of values depends on the hash seed.
    values = tabulate(own, vocab, max_seq_len)
    graph, sink, sources = _graph(own)
    for label, found in values.items():
        node = graph.nodes[label]
        node[nodes.VALUE_SET], node[nodes.OUTPUT_BASIS] = found, _basis(node[nodes.EXPR], found)
    with shortcuts():
        expr_to_craft_graph.add_craft_components_to_rasp_graph(
            graph,
            bos_dir=bases.BasisDirection(rasp.tokens.label, BOS),
            mlp_exactness=settings.slope(
                max_seq_len, [listed_numbers(graph.nodes[label][nodes.EXPR]) for label in values]
            ),
        )
        if settings.repairs:
            # Signs before cleaning: what is cleaned at BOS is what the block writes there in the end.
            _sign_numbers(graph)
            _clean_maps(graph)
        if settings.own_clean_bos:
            _separate_clean_bos(graph)
        craft_model = craft_graph_to_model.craft_graph_to_model(graph, sources)
    return assemble(
        craft_model,
        graph,
        sink,
        max_seq_len=max_seq_len,
        undiluted_softmax=settings.undiluted_softmax,
        value_sized_heads=settings.value_sized_heads,
    )


def _graph(program: rasp.SOp) -> tuple[Any, dict[str, Any], list[dict[str, Any]]]:
    """The graph of ``extract_rasp_graph``, visiting each expression once and not once a path."""
    graph: Any = nx.DiGraph()
    expressions = list(walk(program))
    for expression in expressions:
        _ensure(graph, expression)
        for child in expression.children:
            _ensure(graph, child)
            graph.add_edge(child.label, expression.label)
    sources = {e.label: graph.nodes[e.label] for e in expressions if not e.children}
    return graph, graph.nodes[program.label], list(sources.values())


def _basis(sop: rasp.SOp, values: Sequence[Any]) -> Sequence[bases.BasisDirection]:
    """The residual directions that hold an S-Op: one a value, or one for a number."""
    if rasp.is_numerical(sop):
        return bases.VectorSpaceWithBasis.from_names([sop.label]).basis
    return bases.VectorSpaceWithBasis.from_values(sop.label, values).basis


def _ensure(graph: Any, expression: rasp.RASPExpr) -> None:
    if expression.label not in graph:
        graph.add_node(expression.label, **{nodes.ID: expression.label, nodes.EXPR: expression})


def _separate_clean_bos(graph: Any) -> None:
    for label, node in graph.nodes.items():
        block = node.get(nodes.MODEL_BLOCK)
        if isinstance(block, transformers.SeriesWithResiduals):
            head, mlp = block.blocks
            assert isinstance(mlp, transformers.MLP)  # noqa: S101 - a SelectorWidth is a head and an MLP
            node[nodes.MODEL_BLOCK] = transformers.SeriesWithResiduals([head, _rename_clean_bos(mlp, label)])


def _rename_clean_bos(mlp: transformers.MLP, label: str) -> transformers.MLP:
    old = list(mlp.fst.output_space.basis)
    new = [bases.BasisDirection(clean_bos_of(label)) if d.name == CLEAN_BOS else d for d in old]
    space = bases.VectorSpaceWithBasis(new)
    # A space sorts its directions by name, so that a new name moves the neuron, and its weights must move with it.
    order = [new.index(direction) for direction in space.basis]
    fst = vectorspace_fns.Linear(mlp.fst.input_space, space, mlp.fst.matrix[:, order])
    snd = vectorspace_fns.Linear(space, mlp.snd.output_space, mlp.snd.matrix[order])
    return transformers.MLP(fst, snd)


def _sign_numbers(graph: Any) -> None:
    """Give a Map from categories to numbers a second neuron where a number is negative: one would clip it at zero."""
    for label, node in graph.nodes.items():
        sop, block = node[nodes.EXPR], node.get(nodes.MODEL_BLOCK)
        if not (isinstance(sop, rasp.Map) and rasp.is_numerical(sop) and rasp.is_categorical(sop.inner)):
            continue
        # Only where it must be: without a second neuron the weights are Tracr's.
        if min(node[nodes.VALUE_SET]) < 0:
            signs = bases.VectorSpaceWithBasis.from_values(f"_hidden_{label}_sign_", (-1, 1))
            fst = vectorspace_fns.Linear(block.fst.input_space, signs, block.fst.matrix @ np.array([[-1.0, 1.0]]))
            node[nodes.MODEL_BLOCK] = transformers.MLP(
                fst, vectorspace_fns.Linear(signs, block.snd.output_space, np.array([[-1.0], [1.0]]))
            )


def _clean_maps(graph: Any) -> None:
    """Give each Map that must be clean at BOS a neuron that takes away what it writes there, where its number is 0."""
    bos = bases.VectorSpaceWithBasis([bases.BasisDirection(rasp.tokens.label, BOS)])
    for label, node in graph.nodes.items():
        if not is_clean_at_bos(node[nodes.EXPR]):
            continue
        block = node[nodes.MODEL_BLOCK]
        ones = [float(direction.name == "one") for direction in block.fst.input_space.basis]
        # At BOS every number is 0, so that only the constant is read.
        written = np.maximum(np.array([ones]) @ block.fst.matrix, 0) @ block.snd.matrix
        neuron = bases.VectorSpaceWithBasis([bases.BasisDirection(clean_bos_of(label))])
        cleaning = transformers.MLP(
            vectorspace_fns.Linear(bos, neuron, np.ones((1, 1))),
            vectorspace_fns.Linear(neuron, block.snd.output_space, -written),
        )
        node[nodes.MODEL_BLOCK] = transformers.MLP.combine_in_parallel([block, cleaning])
