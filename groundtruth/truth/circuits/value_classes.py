"""Proof by value classes: what holds of an edge on a whole domain that is too large to enumerate.

A component's output depends on the input only through finitely many values, so it is enough to follow, layer by layer,
which of them can stand at each position. The argument, step by step:

1. *What is alike.* Two things that a source may write at a position are of one class if nothing after the source reads
   a difference between them (``ValueTable``, to ``TOLERANCE``). To put one for the other changes no later component.
2. *Embeddings.* At each position stands BOS, a token of the vocabulary or PAD; so the first states are known exactly.
   A validity rule only takes inputs away, and what holds of more inputs holds of fewer.
3. *MLPs* read one position, so each state gives one class: that of what the MLP writes there.
4. *Heads* take a mean over positions. Given a state of the query's position, each other position it sees offers one of
   finitely many (score, value) pairs; the mean depends on how many offer each (``attention_outcomes``). Positions are
   taken to be independent of each other, which adds states and never loses one. Where a mean can be too many things it
   may be *anything* between its values, and so may what reads it, but for neurons that stay shut whatever it is;
   positions and components that do not read it are followed on.
5. *So* the states of a position, after any layer, are a superset of those that occur on the domain.
6. *Pairs of runs.* The run with an edge cut is followed beside the full run, state by state: they agree up to the
   destination, which reads the cut edge's replacement instead, any that can stand at that position on any input.
7. *Verdict.* If in every pair of states at every position that counts both runs decode alike, then they do on every
   pair of inputs of the domain: the edge is inert. If not, nothing follows, for the states may not occur together.

So the proof can only show that edges are inert and that circuits suffice; that an edge is live needs a witness, which
is an input. An edge that has neither is undecided. Under mean ablation the mean itself is a number that is given.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from groundtruth.truth.circuits.attention_outcomes import ANYTHING, TooManyClasses
from groundtruth.truth.circuits.circuit import Proof
from groundtruth.truth.circuits.patched_runs import TOLERANCE, Runs
from groundtruth.truth.circuits.position_states import Passage, States, ValueSpace
from groundtruth.truth.circuits.value_table import Array, Ids, ValueTable
from mib.graph import Edge
from mib.sublayers import attention_sublayer, sublayer_of, unembedding_sublayer


class ValueClasses:
    """The states of every position of a model, and what they prove about its edges.

    Args:
        runs: Weights, graph and decoder of the model, its ablation, and what cut edges carry under zero and mean.
        alphabets: For each length of input, the token ids that can stand at each position, BOS first, PAD last.
        counted: For each length, how many positions after BOS count.
    """

    def __init__(self, runs: Runs, alphabets: Sequence[Sequence[Sequence[int]]], counted: Sequence[int]) -> None:
        self._runs, self._alphabets, self._counted = runs, alphabets, counted
        self._space = ValueSpace(runs)
        self._n_sublayers = unembedding_sublayer(runs.weights.n_layers)

    @cached_property
    def _full(self) -> tuple[list[list[States]], dict[str, list[Ids]]]:
        """For each length the states before every sublayer; and all that each source can write at each position."""
        snapshots: list[list[States]] = []
        written: dict[str, list[Ids]] = {}
        for alphabet in self._alphabets:
            states, passage = self._space.start(alphabet), Passage(self._space)
            for index, source in enumerate(("input", "pos")):
                passage.written[source] = [np.unique(rows[:, index]) for rows in states.rows]
            own = [states.copy()]
            for sublayer in range(self._n_sublayers):
                self._runs.require_time()
                passage.through_sublayer(states, sublayer)
                own.append(states.copy())
            snapshots.append(own)
            for source, ids in passage.written.items():
                known = written.get(source, [np.zeros(0, dtype=np.int64)] * len(ids))
                # A cut edge carries a value of an input of any length, also at positions where this length has PAD.
                written[source] = [np.union1d(a, b) for a, b in zip(known, ids, strict=True)]
        return snapshots, written

    def _written(self, source: str) -> list[Ids] | None:
        """The classes that a source can write at each position on inputs of any length; ``None`` = too many."""
        classes = self._full[1][source]
        return None if any(bool((ids == ANYTHING).any()) for ids in classes) else classes

    def is_constant(self, edge: Edge) -> bool:
        """Tell whether what is read along an edge is, on every input and at every position, what a cut puts there.

        By step 5: each position's classes hold all that occur there.
        """
        classes = self._written(edge.source)
        if classes is None:
            return False
        read = self._space.read(edge.source, edge.destination)
        scale = TOLERANCE * max(1.0, float(np.abs(read).max(initial=0.0)))
        for position, ids in enumerate(classes):
            # With one replacement value all must equal it; under resample all must equal each other, and any of them
            # will do to compare with.
            put = read[ids[0]] if self._runs.ablation == "resample" else self._put(edge, position)
            if float(np.abs(read[ids] - put).max(initial=0.0)) > scale:
                return False
        return True

    def _put(self, edge: Edge, position: int) -> Array:
        return self._space.puts[edge.source][position] @ self._space.matrix(edge.destination)

    def proof(self, edge: Edge) -> Proof | None:
        """Say how an edge is shown to be inert on the whole domain: ``absorbed``, ``exhaustive``, or not at all.

        By step 7, for the circuit of all other edges; queries and keys first by their products alone.
        """
        # Products alone first: they stay also where the values that the head mixes are too many to follow.
        return "absorbed" if self._scores_stay(edge) else self._follow([edge])

    def preserve_nodes(self, loose: Sequence[Edge], live: Sequence[Edge]) -> bool:
        """Tell whether the loose edges cut together leave what is written at every node that a live edge leaves.

        Then, by induction over nodes, the circuit of the live edges runs as the whole model does: its kept edges carry
        what they carry there, and all other edges that are cut carry the same constant either way.

        Args:
            loose: The edges that are cut and carry something that varies.
            live: The edges that are kept.
        """
        # A node that no kept edge leaves is never heard in the circuit.
        used = {"logits", *(edge.source for edge in live)}
        into: dict[str, list[Edge]] = {}
        for edge in loose:
            into.setdefault(edge.destination.split("<")[0], []).append(edge)
        return all(self._absorbs(edges) for node, edges in into.items() if node in used)

    def _absorbs(self, cut: Sequence[Edge]) -> bool:
        """Tell whether a node writes the same with some of the edges into it cut together."""
        stay = len(cut) == 1 and self._scores_stay(cut[0])
        return stay or self._follow(cut) == "absorbed"

    def suffices_without(self, cut: Sequence[Edge]) -> bool:
        """Tell whether a circuit without some edges gives the output on every pair: step 7 for all together."""
        # All cut edges at once: what each leaves alone, all together need not.
        return self._follow(cut) is not None

    def _scores_stay(self, edge: Edge) -> bool:
        """Tell whether no score depends on what an edge into queries or keys carries.

        A score is a product that is linear in what a query (or key) reads of each source, so it stays if the product
        with every key (query) that can stand anywhere is the same for all that the edge can carry.
        """
        place = self._runs.graph.locate(edge.destination)
        classes = self._written(edge.source)
        if place.letter not in ("q", "k") or classes is None:
            return False
        other = edge.destination.replace(f"<{place.letter}>", "<k>" if place.letter == "q" else "<q>")
        partners = list[Array]()
        for snapshots in self._full[0]:
            states, passage = snapshots[attention_sublayer(place.layer)], Passage(self._space)
            for position in range(len(states.rows)):
                vectors, which = passage.reads(states, position, "full", other)
                # A partner of which nothing is known may tell apart whatever the edge carries.
                if bool((which == ANYTHING).any()):
                    return False
                partners.append(vectors)
        against = np.concatenate(partners).T
        read = self._space.read(edge.source, edge.destination)
        for position, ids in enumerate(classes):
            carried = read[ids]
            if self._runs.ablation != "resample":
                carried = np.concatenate([carried, self._put(edge, position)[None]])
            products = carried @ against
            spread = float((products.max(0) - products.min(0)).max())
            if spread > TOLERANCE * max(1.0, float(np.abs(products).max())):
                return False
        return True

    def _follow(self, cut: Sequence[Edge]) -> Proof | None:
        try:
            puts = self._put_classes(cut) if self._runs.ablation == "resample" else None
            found = [self._follow_length(cut, puts, index) for index in range(len(self._alphabets))]
        except TooManyClasses:
            return None
        # One length on which nothing is shown is enough: the claim is about all of them.
        if None in found:
            return None
        return "absorbed" if set(found) == {"absorbed"} else "exhaustive"

    def _put_classes(self, cut: Sequence[Edge]) -> dict[str, list[Ids]]:
        """The classes that each cut source can carry at each position, one for all that its readers see alike."""
        readers: dict[str, list[str]] = {}
        for edge in cut:
            readers.setdefault(edge.source, []).append(edge.destination)
        puts: dict[str, list[Ids]] = {}
        for source, destinations in readers.items():
            read = np.concatenate([self._space.read(source, name) for name in destinations], axis=1)
            # Replacements are combined with every state, so that each one less saves a whole copy of the states.
            alike = ValueTable().number(read)
            puts[source] = [
                np.array([ANYTHING]) if ANYTHING in ids else ids[np.unique(alike[ids], return_index=True)[1]]
                for ids in self._full[1][source]
            ]
        return puts

    def _follow_length(self, cut: Sequence[Edge], puts: dict[str, list[Ids]] | None, index: int) -> Proof | None:
        """Follow both runs on inputs of one length; ``None`` if they may come to decode differently."""
        first = min(sublayer_of(self._runs.graph.locate(edge.destination)) for edge in cut)
        last = max(sublayer_of(self._runs.graph.locate(edge.destination)) for edge in cut)
        # Up to the first cut both runs are the full run, whose states are known.
        states, passage = self._full[0][index][first].copy(), Passage(self._space, cut, puts)
        for sublayer in range(first, self._n_sublayers):
            self._runs.require_time()
            passage.through_sublayer(states, sublayer)
            if sublayer >= last and not states.differs:
                # Step 1: whatever differs is read by nothing from here on.
                return "exhaustive" if passage.changed else "absorbed"
        equal = True
        for position in range(1, self._counted[index] + 1):
            full, other = (torch.from_numpy(logits) for logits in passage.logits(states, position))
            decoder = self._runs.decoder
            if bool(decoder.differ(decoder.codes(other), decoder.codes(full)).any()):
                return None
            size = max(1.0, float(full.abs().max()))
            equal = equal and float((other - full).abs().max()) <= TOLERANCE * size
        return "absorbed" if equal and first == self._n_sublayers else "exhaustive"
