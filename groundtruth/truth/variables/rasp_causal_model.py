"""The causal model of a known model: its RASP program, run with some expressions' values taken from other inputs.

Interchange interventions as in Geiger et al. (2021), https://arxiv.org/abs/2106.02997; with several variables each
has a source of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import networkx as nx
import numpy as np
from tracr.rasp import rasp

from groundtruth.errors import DomainError
from groundtruth.rasp.expressions import Value
from groundtruth.rasp.interning import UNDEFINED, UNEMBEDDING, Codes, Replacement
from mib.errors import did_you_mean

if TYPE_CHECKING:
    from groundtruth.compiled.domain import Tokens
    from groundtruth.compiled.program_network import ProgramNetwork

__all__ = ["UNDEFINED", "UNEMBEDDING", "CausalModel", "Source"]

Source: TypeAlias = "tuple[Tokens, Sequence[int] | None]"
"""The input that a variable's values come from, and at which positions (from 0, without BOS); ``None`` = all."""


@dataclass(frozen=True, eq=False)
class _Batch:
    """Interchanges of which every base has one length, as arrays."""

    columns: Mapping[str, Codes]
    replacements: Mapping[str, Replacement]


class CausalModel:
    """A program as a causal model: its S-Ops are the variables, each computed from those that it reads.

    Where an intervention gives the program values that it never meets on its domain, a trained model's program gives
    what RASP gives, and a compiled model's what its weights can hold: a function that fails gives ``None``, and
    ``UNDEFINED`` is a categorical Aggregate that selects different values, in two more cases that
    ``groundtruth.rasp.compiled_program`` states, and all that reads it.

    Args:
        model: The compiled or trained model whose program this is.
    """

    def __init__(self, model: ProgramNetwork) -> None:
        self._name, self._domain = model.name, model.domain
        self.program = model.numbered_program()
        self.variables = {label: sop.name for label, sop in self.program.sops.items()}
        """The name of each variable, by label, each after those that it is computed from."""

    @property
    def output(self) -> str:
        """The label of the variable that the model puts out."""
        return self.program.output

    def run(self, tokens: Tokens) -> dict[str, list[Value]]:
        """The value of every variable at every position of one input.

        Args:
            tokens: An input, without BOS.

        Raises:
            DomainError: If it is not in the domain.
        """
        columns = self.program.run([self._domain.check(tokens)])
        return self._decoded(columns, 0)

    def interchange(
        self,
        base: Tokens,
        sources: Mapping[str, Source],
        *,
        readers: Mapping[str, Collection[str]] | None = None,
    ) -> dict[str, list[Value]]:
        """The value of every variable on one input, with some variables' values taken from other inputs.

        All that is downstream is computed again. Positions that only one of two inputs has keep their own value.

        Args:
            base: The input that the program is run on.
            sources: By label of a variable, the input that its values come from and at which positions.
            readers: By label of a variable in ``sources``, the labels of the variables that see the values of the
                source, ``"logits"`` for the model's output itself; all others read the base's own. By default all.

        Returns:
            The values by label; that of a replaced variable is the source's if all its readers see it. The entry of
            the output is what the unembedding reads. ``UNDEFINED`` where there is no value.

        Raises:
            DomainError: For an input outside the domain, or an unknown variable, reader or position.

        Example:
            >>> model = groundtruth.load("reverse")
            >>> CausalModel(model).interchange((1, 2, 3), {"opposite_3": ((1, 1), None)})["reverse_1"]
            [2, 1, 1]
        """
        return self.interchange_many([base], {label: [source] for label, source in sources.items()}, readers=readers)[0]

    def interchange_many(
        self,
        bases: Sequence[Tokens],
        sources: Mapping[str, Sequence[Source]],
        *,
        readers: Mapping[str, Collection[str]] | None = None,
    ) -> list[dict[str, list[Value]]]:
        """Many interchanges of the same variables, computed together.

        Args:
            bases: One input a run, of any lengths.
            sources: By label, one source a run.
            readers: As for ``interchange``, the same in all runs.

        Raises:
            DomainError: As ``interchange``, or where there is not one source for each base.
        """
        self._require(bases, sources, readers or {})
        found: list[dict[str, list[Value]]] = [{} for _ in bases]
        by_length: dict[int, list[int]] = {}
        for index, tokens in enumerate(bases):
            by_length.setdefault(len(self._domain.check(tokens)), []).append(index)
        for runs in by_length.values():
            chosen = {label: [given[i] for i in runs] for label, given in sources.items()}
            batch = self._batch([bases[i] for i in runs], chosen, readers or {})
            columns = self.program.rerun(batch.columns, batch.replacements)
            for row, index in enumerate(runs):
                found[index] = self._decoded(columns, row)
        return found

    def graph(self) -> nx.DiGraph[str]:
        """The variables as a directed acyclic graph: an edge from each variable to those that are computed from it.

        Nodes are labels; they have ``name``, ``kind`` (the class of the RASP expression) and ``encoding``. Selectors
        are not variables: what reads a selector reads its keys and queries, and the edge's ``roles`` say as what.
        """
        graph: nx.DiGraph[str] = nx.DiGraph()
        for label, sop in self.program.sops.items():
            kind = type(sop).__name__.removesuffix("Type")
            graph.add_node(label, name=sop.name, kind=kind, encoding=rasp.get_encoding(sop).value)
        for label, sop in self.program.sops.items():
            for operand in self.program.operands[label]:
                graph.add_edge(operand, label, roles=_roles(sop, operand))
        return graph

    def _batch(
        self, bases: list[Tokens], sources: Mapping[str, list[Source]], readers: Mapping[str, Collection[str]]
    ) -> _Batch:
        replacements: dict[str, Replacement] = {}
        shape = (len(bases), len(bases[0]))
        for label, given in sources.items():
            codes, where = np.ones(shape, dtype=np.int64), np.zeros(shape, dtype=np.bool_)
            by_length: dict[int, list[int]] = {}
            for row, (tokens, _) in enumerate(given):
                by_length.setdefault(len(tokens), []).append(row)
            for length, rows in by_length.items():
                common = min(length, shape[1])
                inputs = [given[row][0] for row in rows]
                # Sources repeat, and the program need run only once on each.
                distinct = {tokens: place for place, tokens in enumerate(dict.fromkeys(inputs))}
                values = self.program.run(list(distinct))[label]
                codes[rows, :common] = values[[distinct[tokens] for tokens in inputs], :common]
                for row in rows:
                    positions = given[row][1]
                    # Beyond the shorter of both inputs there is nothing to take or nowhere to put it.
                    where[row, list(range(common) if positions is None else positions)] = True
            replacements[label] = Replacement(codes, where, readers.get(label))
        return _Batch(self.program.run(bases), replacements)

    def _decoded(self, columns: Mapping[str, Codes], row: int) -> dict[str, list[Value]]:
        return {label: self.program.numbers[label].decode(codes[row]) for label, codes in columns.items()}

    def _require(
        self,
        bases: Sequence[Tokens],
        sources: Mapping[str, Sequence[Source]],
        readers: Mapping[str, Collection[str]],
    ) -> None:
        for label in (*sources, *readers):
            self._require_known(label, self.variables, "variable")
        for label, given in sources.items():
            if len(given) != len(bases):
                raise DomainError(f"variable '{label}' has {len(given)} sources for {len(bases)} bases; give one each.")
            for base, (tokens, positions) in zip(bases, given, strict=True):
                common = min(len(base), len(self._domain.check(tokens)))
                wrong = [p for p in positions or () if not 0 <= p < common]
                if wrong:
                    raise DomainError(
                        f"position {wrong[0]} of variable '{label}': base and source share positions 0 to {common - 1}."
                    )
        for label, seen in readers.items():
            if label not in sources:
                raise DomainError(f"readers are given for '{label}', which is not replaced; give a source for it.")
            allowed = [name for name, operands in self.program.operands.items() if label in operands]
            allowed += [UNEMBEDDING] if label == self.output else []
            for reader in seen:
                self._require_known(reader, allowed, f"reader of '{label}'")

    def _require_known(self, label: str, known: Collection[str], what: str) -> None:
        if label not in known:
            raise DomainError(
                f"unknown {what} '{label}' of '{self._name}'.{did_you_mean(label, known)} "
                f"Choose from {', '.join(known)}."
            )


def _roles(sop: rasp.SOp, operand: str) -> tuple[str, ...]:
    """Name the roles in which an S-Op reads another: ``key``, ``query``, ``value``, or ``argument``."""
    selector: Any = getattr(sop, "selector", None)
    if not isinstance(selector, rasp.Select):
        return ("argument",)
    parts = {"query": selector.queries, "key": selector.keys}
    if isinstance(sop, rasp.Aggregate):
        parts["value"] = sop.sop
    return tuple(role for role, part in parts.items() if part.label == operand)


if TYPE_CHECKING:
    import mib.causal_model

    _: type[mib.causal_model.CausalModel[Tokens, Source]] = CausalModel
