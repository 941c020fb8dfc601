"""Tracr's own passes, from a RASP program to a craft model, with the repairs that make it exact.

Importing this module imports Tracr's compiler and with it JAX (about a second), so it is imported when something
is compiled and not before. No JAX code is run.
"""

import contextlib
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from tracr.compiler import (
    basis_inference,
    craft_graph_to_model,
    expr_to_craft_graph,
    nodes,
)
from tracr.craft import bases, transformers, vectorspace_fns
from tracr.rasp import rasp

from groundtruth.assembling import Assembled, assemble
from groundtruth.domain import BOS
from groundtruth.errors import UnsupportedProgram
from groundtruth.expressions import walk
from groundtruth.validating import value_kind

_CLEAN_BOS = "_hidden_clean_bos_"
_patching = threading.RLock()


@dataclass(frozen=True)
class Settings:
    """How a program is turned into weights; the defaults are those that are exact.

    Attributes:
        mlp_exactness: Slope of the discretising neurons. A SelectorWidth over n positions needs 2n(n+1); Tracr's
            default of 100 is wrong from n = 7 on.
        undiluted_softmax: Undo the division of attention scores by the square root of the head size, which
            otherwise weakens Tracr's temperature of 100.
        own_clean_bos: Give each SelectorWidth its own neuron that cleans BOS; Tracr's share one by name, which then
            subtracts too much.
        value_sized_heads: Size heads by their values too; Tracr fails where a value is wider than the keys.
    """

    mlp_exactness: float = 1e4
    undiluted_softmax: bool = True
    own_clean_bos: bool = True
    value_sized_heads: bool = True


TRACR = Settings(mlp_exactness=100, undiluted_softmax=False, own_clean_bos=False, value_sized_heads=False)
"""What ``tracr.compiler.compile_rasp_to_model`` does by default."""


def craft(program: rasp.SOp, vocab: tuple[Any, ...], max_seq_len: int, settings: Settings) -> Assembled:
    """Compile a canonical program to arrays.

    Args:
        program: A supported program with labels of its own (``groundtruth.expressions.canonical``).
        vocab: Its tokens, without BOS and PAD.
        max_seq_len: Longest input, without BOS.
        settings: Exact ones, or Tracr's.

    Raises:
        UnsupportedProgram: If a pass of Tracr refuses the program.
    """
    graph, sink, sources = _graph(program)
    with _cheap_linear_algebra():
        try:
            basis_inference.infer_bases(graph, sink, set(vocab), max_seq_len)
            _require_sortable(graph)
            expr_to_craft_graph.add_craft_components_to_rasp_graph(
                graph,
                bos_dir=bases.BasisDirection(rasp.tokens.label, BOS),
                mlp_exactness=settings.mlp_exactness,
            )
        except UnsupportedProgram:
            raise
        except (NotImplementedError, ValueError, TypeError, AssertionError) as error:
            raise UnsupportedProgram([f"Tracr refuses it: {' '.join(str(part) for part in error.args)}"]) from error
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


class _ExpressionGraph(nx.DiGraph):  # pyright: ignore[reportMissingTypeArgument]
    """A graph whose reverse is a view: Tracr reverses it only to read, and a copy would copy every expression."""

    def reverse(self, copy: bool = True) -> Any:
        return super().reverse(copy=False)


def _graph(program: rasp.SOp) -> tuple[Any, dict[str, Any], list[dict[str, Any]]]:
    """The graph of ``extract_rasp_graph``, visiting each expression once and not once a path."""
    graph: Any = _ExpressionGraph()
    expressions = list(walk(program))
    for expression in expressions:
        _ensure(graph, expression)
        for child in expression.children:
            _ensure(graph, child)
            graph.add_edge(child.label, expression.label)
    sources = {e.label: graph.nodes[e.label] for e in expressions if not e.children}
    return graph, graph.nodes[program.label], list(sources.values())


def _ensure(graph: Any, expression: rasp.RASPExpr) -> None:
    if expression.label not in graph:
        graph.add_node(expression.label, **{nodes.ID: expression.label, nodes.EXPR: expression})


def _require_sortable(graph: Any) -> None:
    reasons: list[str] = []
    for node in graph.nodes.values():
        kinds = sorted({value_kind(value) for value in node.get(nodes.VALUE_SET, ())})
        if len(kinds) > 1:
            reasons.append(
                f"'{node[nodes.EXPR].name}': its values mix {' and '.join(kinds)}, which Tracr cannot put in an "
                "order that does not depend on the hash seed. Map them to one type."
            )
        if nodes.VALUE_SET in node and not node[nodes.VALUE_SET]:
            reasons.append(f"'{node[nodes.EXPR].name}': it has no value on any input of the vocabulary.")
    if reasons:
        raise UnsupportedProgram(reasons)


def _separate_clean_bos(graph: Any) -> None:
    for label, node in graph.nodes.items():
        block = node.get(nodes.MODEL_BLOCK)
        if isinstance(block, transformers.SeriesWithResiduals):
            head, mlp = block.blocks
            assert isinstance(mlp, transformers.MLP)  # noqa: S101 - a SelectorWidth is a head and an MLP
            node[nodes.MODEL_BLOCK] = transformers.SeriesWithResiduals([head, _rename_clean_bos(mlp, label)])


def _rename_clean_bos(mlp: transformers.MLP, label: str) -> transformers.MLP:
    old = list(mlp.fst.output_space.basis)
    new = [bases.BasisDirection(f"{_CLEAN_BOS}{label}_") if d.name == _CLEAN_BOS else d for d in old]
    space = bases.VectorSpaceWithBasis(new)
    order = [new.index(direction) for direction in space.basis]
    fst = vectorspace_fns.Linear(mlp.fst.input_space, space, mlp.fst.matrix[:, order])
    snd = vectorspace_fns.Linear(space, mlp.snd.output_space, mlp.snd.matrix[order])
    return transformers.MLP(fst, snd)


def _basis_vector(space: bases.VectorSpaceWithBasis, direction: bases.BasisDirection) -> bases.VectorInBasis:
    """What ``vector_from_basis_direction`` returns, without an identity matrix of the whole space at each call."""
    magnitudes = np.zeros(space.num_dims)
    magnitudes[space.index_by_direction[direction]] = 1.0
    return space.make_vector(magnitudes)


def _side_by_side(fns: Sequence[vectorspace_fns.Linear]) -> vectorspace_fns.Linear:
    """What ``Linear.combine_in_parallel`` returns, block by block and not vector by vector."""
    inputs = bases.join_vector_spaces(*[fn.input_space for fn in fns])
    outputs = bases.join_vector_spaces(*[fn.output_space for fn in fns])
    matrix = np.zeros((inputs.num_dims, outputs.num_dims))
    for fn in fns:
        rows = [inputs.index_by_direction[direction] for direction in fn.input_space.basis]
        columns = [outputs.index_by_direction[direction] for direction in fn.output_space.basis]
        matrix[np.ix_(rows, columns)] += fn.matrix
    return vectorspace_fns.Linear(inputs, outputs, matrix)


@contextlib.contextmanager
def _cheap_linear_algebra() -> Generator[None]:
    """Let Tracr's passes build the same vectors and matrices in a tenth of the time."""
    space: Any = bases.VectorSpaceWithBasis
    linear: Any = vectorspace_fns.Linear
    with _patching:
        originals = space.vector_from_basis_direction, linear.__dict__["combine_in_parallel"]
        space.vector_from_basis_direction = _basis_vector
        linear.combine_in_parallel = staticmethod(_side_by_side)
        try:
            yield
        finally:
            space.vector_from_basis_direction, linear.combine_in_parallel = originals
