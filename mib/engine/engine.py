"""The patching engine: run many circuits over many input pairs at once."""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.engine.checkpointed_backward import CheckpointedBackward
from mib.engine.circuit_run import CircuitRun
from mib.engine.gradients import Trace, trace
from mib.engine.metric import Metric
from mib.engine.metric_contract import measure_rows
from mib.engine.pool_runs import Pool
from mib.engine.rows import Indices, Rows
from mib.engine.shape_checks import check_rows
from mib.engine.single_cuts import CutRows, SingleCuts, at_position
from mib.engine.source_changes import KnownOutputs
from mib.errors import TaskError
from mib.graph import Edge
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.parts import Context, Stream
from mib.sublayers import unembedding_sublayer


class Engine(Pool):
    """Runs circuits of one model over a pool of inputs, with one ablation.

    Args:
        model: Anything that ``mib.models.adapters.decompose`` takes apart.
        inputs: Token ids of every input that a run may name, [input, position].
        graph: The nodes and edges; default: the model's own, without ``pos``.
        attention_mask: True for real tokens, False for padding, [input, position]; None if nothing is padding.
        ablation: Kind of ablation of cut edges.
        mean_over: Inputs that the mean ablations average over; default: all.
        constants: For ``optimal``: one constant a source, [source, d_model].
        memory: Bytes that a run may use beside the model; larger work is done in more chunks, with equal results.

    Attributes:
        cost: Forward and backward passes so far.
        anatomy: The model's parts.
        columns: Destinations and sources of each sublayer of the forward pass.

    Raises:
        TaskError: If an argument does not fit the model.
    """

    # -- circuits -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def run(
        self,
        kept: Bool[Tensor, "#row source destination"],
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        neurons: Bool[Tensor, "#row source d_model"] | None = None,
    ) -> Float[Tensor, "row position output"]:
        """Logits of circuits: row r runs the edges ``kept[r]`` on input ``clean[r]``.

        Args:
            kept: Edges that are kept, [row | 1, source, destination]; one circuit may serve all rows. Entries that
                are no edges are ignored.
            clean: Inputs that the circuits run on, by number.
            counterfactual: Inputs from whose full runs a cut edge carries the output (resample only).
            neurons: Residual dimensions of each source's output that are kept, for all its readers.

        Returns:
            Logits, [row, position, output].

        Raises:
            TaskError: If a shape or an index does not fit.
        """
        rows = self._rows(kept, clean, counterfactual, neurons)
        # Rows that start at the same sublayer run together: nothing before their first cut is run again.
        starts = self._first_sublayers(rows)
        result: Tensor | None = None
        for start in torch.unique(starts).tolist():
            for chunk in self.chunks((starts == start).nonzero()[:, 0]):
                logits = self._run(rows.take(chunk), start)
                result = logits.new_empty(len(clean), *logits.shape[1:]) if result is None else result
                result[chunk] = logits
        if result is None:
            raise TaskError("clean is empty: name at least one input.")
        return result

    def run_soft(
        self,
        kept: Float[Tensor, "#row source destination"],
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        neurons: Float[Tensor, "#row source d_model"] | None = None,
    ) -> Float[Tensor, "row position output"]:
        """Run as ``run`` does, with weights between 0 (cut) and 1 (kept), differentiable in them; not chunked."""
        return self._run(self._rows(kept, clean, counterfactual, neurons), 0)

    @torch.no_grad()
    def measure(
        self,
        metric: Metric,
        kept: Bool[Tensor, "#row source destination"],
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        examples: Indices | None = None,
        neurons: Bool[Tensor, "#row source d_model"] | None = None,
    ) -> Float[Tensor, "row"]:
        """Run as ``run`` does, but keep only a metric of each row, so that any number of rows fits into the memory.

        Args:
            metric: Called with logits and examples.
            kept: Edges that are kept, as for ``run``.
            clean: Inputs that the circuits run on, by number.
            counterfactual: Inputs whose output a cut edge carries (resample only).
            examples: Example of each row, for the metric; default: ``clean``.
            neurons: Residual dimensions of each source's output that are kept.
        """
        rows = self._rows(kept, clean, counterfactual, neurons)
        examples = rows.clean if examples is None else examples.to(rows.clean.device)
        starts = self._first_sublayers(rows)
        values: Tensor | None = None
        for start in torch.unique(starts).tolist():
            for chunk in self.chunks((starts == start).nonzero()[:, 0]):
                measured = measure_rows(metric, self._run(rows.take(chunk), start), examples[chunk])
                values = measured.new_empty(len(rows)) if values is None else values
                values[chunk] = measured
        if values is None:
            raise TaskError("clean is empty: name at least one input.")
        return values

    # -- one cut at a time --------------------------------------------------------------------------------------

    @torch.no_grad()
    def measure_single_cuts(
        self,
        metric: Metric,
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        edges: Bool[Tensor, "source destination"] | None = None,
        examples: Indices | None = None,
        position: int | None = None,
    ) -> tuple[Float[Tensor, "row"], Float[Tensor, "row source destination"]]:
        """A metric of the uncut run, and of the run that each single edge is cut from.

        Args:
            metric: Called with logits and examples.
            clean: Inputs to run on, by number.
            counterfactual: Inputs whose output a cut edge carries (resample only).
            edges: Edges to cut; default: every edge of the graph.
            examples: Example of each row, for the metric; default: ``clean``.
            position: Position at which the edges are cut, all others as they are; default: at all positions.

        Returns:
            The metric uncut, [row], and cut, [row, source, destination]; NaN for edges that were not asked for.
        """
        wanted = self._edges(edges)
        return self._measure_cuts(
            metric,
            self._single_cuts(clean, counterfactual, position),
            clean if examples is None else examples,
            lambda cuts: cuts.edges(wanted),
            lambda uncut: torch.where(wanted, uncut[:, None, None], torch.nan),
        )

    @torch.no_grad()
    def measure_node_cuts(
        self,
        metric: Metric,
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        examples: Indices | None = None,
    ) -> tuple[Float[Tensor, "row"], Float[Tensor, "row source"]]:
        """Measure as ``measure_single_cuts`` does, but cut a node's outgoing edges all together."""
        return self._measure_cuts(
            metric,
            self._single_cuts(clean, counterfactual),
            clean if examples is None else examples,
            lambda cuts: cuts.nodes(),
            lambda uncut: uncut[:, None].repeat(1, len(self.graph.sources)),
        )

    @torch.no_grad()
    def measure_neuron_cuts(
        self,
        metric: Metric,
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        examples: Indices | None = None,
    ) -> tuple[Float[Tensor, "row"], Float[Tensor, "row source d_model"]]:
        """Measure as ``measure_node_cuts`` does, but cut a node's output one dimension at a time."""
        return self._measure_cuts(
            metric,
            self._single_cuts(clean, counterfactual),
            clean if examples is None else examples,
            lambda cuts: cuts.neurons(),
            lambda uncut: uncut[:, None, None].repeat(1, len(self.graph.sources), self.graph.d_model),
        )

    @torch.no_grad()
    def run_single_cuts(
        self, edges: Sequence[Edge | str], clean: Indices, counterfactual: Indices | None = None
    ) -> Float[Tensor, "edge row position output"]:
        """Logits of the run that each single edge is cut from, [edge, row, position, output]; for small models.

        Args:
            edges: Edges of the graph, or their names.
            clean: Inputs to run on, by number.
            counterfactual: Inputs whose output a cut edge carries (resample only).

        Raises:
            GraphError: If the graph has no such edge.
        """
        asked = [self.graph.index(edge) for edge in edges]
        number = {place: i for i, place in enumerate(dict.fromkeys(asked))}
        # An edge may be asked for twice: it is run once, and handed out as often.
        table = torch.full(self.graph.edge_mask.shape, -1, device=self.inputs.device)
        for (source, destination), i in number.items():
            table[source, destination] = i
        parts: list[Tensor] = []
        for _, cuts in self._single_cuts(clean, counterfactual):
            logits = cuts.uncut.repeat(len(number), 1, 1, 1)
            for cut in cuts.edges(table >= 0):
                logits[table[cut.sources, cut.destination], cut.inputs] = cut.logits
                self.count(len(cut.inputs), cut.share)
            parts.append(logits)
        return torch.cat(parts, dim=1)[[number[place] for place in asked]]

    # -- gradients ----------------------------------------------------------------------------------------------

    def trace(
        self,
        inputs: Indices,
        *,
        stream: Stream | None = None,
        first: int = 0,
        split: bool = True,
        through: Anatomy | None = None,
    ) -> Trace:
        """Run inputs so that gradients at every destination's input and every source's output can be taken.

        Args:
            inputs: Inputs to run on, by number.
            stream: The residual stream to start from, [row, position, d_model]; default: their embeddings.
            first: The sublayer that reads it, by its number in ``mib.sublayers``.
            split: True if each head's q, k and v get an input of their own.
            through: The model with another backward pass; default: its own.
        """
        stream, context = self._start(inputs, stream)
        share = self.columns.share(first)
        # A backward pass is counted as long as the forward pass that it goes back through.
        self.count(len(inputs), share)
        self.cost.backward += len(inputs) * share
        return trace(through or self.anatomy, stream, context, first=first, split=split)

    def checkpointed_backward(
        self, inputs: Indices, *, stream: Stream | None = None, first: int = 0, through: Anatomy | None = None
    ) -> CheckpointedBackward:
        """Trace as ``trace`` does, for gradients that are taken one sublayer at a time (see that module).

        Args:
            inputs: Inputs to run on, by number.
            stream: The residual stream to start from, [row, position, d_model]; default: their embeddings.
            first: The sublayer that reads it.
            through: The model with another backward pass; default: its own.
        """
        stream, context = self._start(inputs, stream)
        share = self.columns.share(first)
        self.count(len(inputs), 2 * share)  # the backward pass runs each sublayer again
        self.cost.backward += len(inputs) * share
        return CheckpointedBackward.of(through or self.anatomy, stream, context, first=first)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _start(self, inputs: Indices, stream: Stream | None) -> tuple[Stream, Context]:
        """Give what a traced run starts from: a stream, by default the embeddings, and its context."""
        tokens, mask = self.tokens(inputs)
        if stream is None:
            stream = self.anatomy.embed(tokens) + self.anatomy.position(tokens, mask)
        return stream, self.anatomy.context(tokens, mask)

    def _rows(self, kept: Tensor, clean: Tensor, counterfactual: Tensor | None, neurons: Tensor | None) -> Rows:
        check_rows(self.graph, len(self.inputs), kept, clean, counterfactual, neurons)
        return Rows(kept, clean, counterfactual, neurons).to(self.inputs.device)

    def _run(self, rows: Rows, start: int) -> Float[Tensor, "row position output"]:
        """Run rows that cut nothing before the sublayer ``start``."""
        (tokens, mask), dtype = self.tokens(rows.clean), self.anatomy.token_embedding.dtype
        run = CircuitRun(
            self.anatomy,
            self.graph,
            kept=rows.kept.to(dtype),
            ablated=self.ablated(rows.counterfactual),
            neurons=None if rows.neurons is None else rows.neurons.to(dtype),
            position=None if self.graph.pos else self.anatomy.position(tokens, mask),
            context=self.anatomy.context(tokens, mask),
        )
        self.count(len(rows), self.columns.share(start))
        return run.logits(self._read_outputs(rows.clean)[:, : self.columns.written(start)], start)

    def _single_cuts(
        self, clean: Indices, counterfactual: Indices | None, position: int | None = None
    ) -> Iterator[tuple[Indices, SingleCuts]]:
        """The cuts of a chunk of inputs at a time, with the chunk's places among the inputs."""
        every = torch.ones(1, *self.graph.edge_mask.shape, dtype=torch.bool)
        rows = self._rows(every, clean, counterfactual, None)
        for chunk in self.chunks(torch.arange(len(rows)), work="inputs"):
            part = rows.take(chunk)
            full = self.run_fully(part.clean)
            self.cost.rows += len(part)
            changes = self.differences(part.clean, part.counterfactual, known=KnownOutputs(full.written))
            if position is not None:  # a cut that changes nothing elsewhere is a cut at that position
                changes = at_position(changes, position)
            yield chunk, SingleCuts(self.columns, full, changes, self.rows_at_once("cuts"))

    def _measure_cuts(
        self,
        metric: Metric,
        chunks: Iterator[tuple[Indices, SingleCuts]],
        examples: Indices,
        cuts_of: Callable[[SingleCuts], Iterator[CutRows]],
        spread: Callable[[Tensor], Tensor],
    ) -> tuple[Float[Tensor, "row"], Float[Tensor, "row *place"]]:
        """Measure the uncut run of each input, and the run with each cut.

        Args:
            metric: Called with logits and examples.
            chunks: The cuts of some inputs at a time, as ``_single_cuts`` gives them.
            examples: Example of each input, for the metric.
            cuts_of: Runs the cuts that are wanted.
            spread: Spreads the metric of the uncut runs over the places of all cuts, as a new tensor.
        """
        before: list[Tensor] = []
        after: list[Tensor] = []
        for chunk, cuts in chunks:
            names = examples.to(chunk.device)[chunk]
            uncut = measure_rows(metric, cuts.uncut, names)
            # A cut that is left out below changes nothing, so that its metric is the uncut one.
            changed = spread(uncut)
            for cut in cuts_of(cuts):
                changed[cut.inputs, *cut.place] = measure_rows(metric, cut.logits, names[cut.inputs])
                self.count(len(cut.inputs), cut.share)
            before.append(uncut)
            after.append(changed)
        return torch.cat(before), torch.cat(after)

    def _edges(self, edges: Tensor | None) -> Tensor:
        real = torch.from_numpy(self.graph.edge_mask.copy()).to(self.inputs.device)
        if edges is None:
            return real
        if edges.shape != real.shape:
            raise TaskError(f"edges have shape {tuple(edges.shape)}; expected {tuple(real.shape)}.")
        return real & edges.to(real.device).bool()

    def _first_sublayers(self, rows: Rows) -> Int[Tensor, "row"]:
        """The first sublayer whose destinations read a cut edge, per row; the unembedding if none does."""
        # A neuron may be cut at the embeddings, so that everything after them may change.
        if rows.neurons is not None:
            return torch.zeros(len(rows), dtype=torch.long, device=rows.clean.device)
        cut = ((~rows.kept.bool()) & self._edges(None)).any(1)
        sublayers = torch.tensor(self.columns.sublayer_of_each_destination(), device=cut.device)
        # Where nothing is cut only the logits are computed anew, from outputs that are kept.
        return torch.where(cut, sublayers, unembedding_sublayer(self.graph.n_layers)).amin(1).expand(len(rows))
