"""The patching engine: run many circuits over many input pairs at once."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mib.anatomy import Anatomy, dissect
from mib.anatomy.parts import Stream
from mib.errors import TaskError
from mib.graph import Edge, Graph
from mib.patching.ablations import Ablation, check_ablation, mean_outputs
from mib.patching.checking import check_constants, check_pool, check_rows
from mib.patching.chunking import Work, bytes_of_outputs, rows_that_fit
from mib.patching.circuits import CircuitRun, Columns, Outputs
from mib.patching.cost import Cost
from mib.patching.gradients import Trace, trace
from mib.patching.metric import Metric
from mib.patching.recording import OutputCache, record_outputs
from mib.patching.single_cuts import FullRun, SingleCuts

Indices = Int[Tensor, "row"]


class Engine:
    """Runs circuits of one model over a pool of inputs, with one ablation.

    Args:
        model: Anything that ``mib.anatomy.dissect`` takes apart.
        inputs: Token ids of every input that a run may name, [input, position].
        graph: The nodes and edges; default: the model's own, without ``pos``.
        attention_mask: True for real tokens, False for padding, [input, position]; None if nothing is padding.
        ablation: What flows along a cut edge.
        mean_over: Which inputs the mean ablations average over; default: all.
        constants: For ``optimal``: one constant a source, [source, d_model].
        memory: Bytes that a run may use beside the model; larger work is done in more chunks, with equal results.

    Attributes:
        cost: What was run so far.
        anatomy: The model's parts.
        columns: Which destinations and sources belong to which step of the forward pass.

    Raises:
        TaskError: If an argument does not fit the model.
    """

    def __init__(
        self,
        model: nn.Module | Anatomy,
        inputs: Int[Tensor, "input position"],
        *,
        graph: Graph | None = None,
        attention_mask: Bool[Tensor, "input position"] | None = None,
        ablation: Ablation = "resample",
        mean_over: Indices | None = None,
        constants: Float[Tensor, "source d_model"] | None = None,
        memory: int = 2 * 2**30,
    ) -> None:
        self.anatomy = dissect(model)
        self.graph = graph or self.anatomy.graph()
        self.ablation = check_ablation(ablation)
        self.memory = memory
        self.cost = Cost()
        self.columns = Columns(self.graph)
        device = self.anatomy.token_embedding.device
        self.inputs = inputs.to(device)
        self.attention_mask = None if attention_mask is None else attention_mask.to(device)
        self._mean_over = mean_over
        self._constants = constants
        self._fixed: Outputs | None = None
        check_pool(self.anatomy, self.graph, self.inputs, self.attention_mask)
        check_constants(self.graph, constants)
        pool = len(self.inputs) * bytes_of_outputs(self.anatomy, self.graph, self.inputs.shape[1])
        self._cache = OutputCache(len(self.inputs), self._record) if pool <= memory // 2 else None

    # -- what the model does on its own -------------------------------------------------------------------------

    @torch.no_grad()
    def logits(self, indices: Indices | None = None) -> Float[Tensor, "row position output"]:
        """Logits of the plain forward pass on some inputs of the pool; default: all, in order."""
        indices = self._all() if indices is None else indices
        chunks = [self.anatomy.logits(*self.tokens(chunk)) for chunk in self.chunks(indices)]
        self.cost.forward += len(indices)
        return torch.cat(chunks)

    def tokens(self, indices: Indices) -> tuple[Tensor, Tensor | None]:
        """Token ids and attention mask of some inputs."""
        return self.inputs[indices], None if self.attention_mask is None else self.attention_mask[indices]

    @torch.no_grad()
    def outputs(self, indices: Indices) -> Outputs:
        """What each source writes in the full run of some inputs, [row, source, position, d_model].

        Kept from the first time on if the whole pool's outputs fit into half of the memory.
        """
        indices = indices.to(self.inputs.device)
        if self._cache is not None:
            return self._cache(indices)
        unique, places = torch.unique(indices, return_inverse=True)
        return self._record(unique)[places]

    @torch.no_grad()
    def streams(self, indices: Indices) -> tuple[Stream, ...]:
        """The residual stream that each step of the full run reads: attention, MLP, ..., logits."""
        full = FullRun.of(self.anatomy, *self.tokens(indices))
        self.cost.forward += len(indices)
        pairs = [(run.before, run.before if self.graph.parallel else run.middle) for run in full.layers]
        return (*(stream for pair in pairs for stream in pair), full.final)

    def position_weights(self, indices: Indices) -> Float[Tensor, "row position"]:
        """One over the number of real tokens, at each real token: what a mean over positions weighs by."""
        mask = self.tokens(indices)[1]
        real = torch.ones_like(self.inputs[indices], dtype=torch.bool) if mask is None else mask
        return real.double() / real.sum(1, keepdim=True).clamp(min=1)

    @torch.no_grad()
    def ablated(self, counterfactual: Indices | None) -> Outputs | None:
        """What flows along cut edges: [row | 1, source, position | 1, d_model]; None for zeros.

        Args:
            counterfactual: The inputs that resampling takes outputs from; other ablations ignore it.

        Raises:
            TaskError: If the ablation is ``resample`` and there are no counterfactual inputs.
        """
        if self.ablation == "resample":
            if counterfactual is None:
                raise TaskError("counterfactual=None, but the ablation is 'resample': name an input for every row.")
            return self.outputs(counterfactual)
        if self.ablation == "zero":
            return None
        if self._fixed is None:
            self._fixed = self._fixed_outputs()
        return self._fixed

    # -- circuits -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def run(
        self,
        kept: Bool[Tensor, "row source destination"],
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        neurons: Bool[Tensor, "row source d_model"] | None = None,
    ) -> Float[Tensor, "row position output"]:
        """Logits of circuits: row r runs the edges ``kept[r]`` on input ``clean[r]``.

        Args:
            kept: Which edges are kept, [row | 1, source, destination]; one circuit may serve all rows. Entries that
                are no edges are ignored.
            clean: Which inputs the circuits run on.
            counterfactual: Which inputs' full runs a cut edge carries the output of (resample only).
            neurons: Which residual dimensions of each source's output are kept, for all its readers.

        Returns:
            Logits, [row, position, output].

        Raises:
            TaskError: If a shape or an index does not fit.
        """
        check_rows(self.graph, len(self.inputs), kept, clean, counterfactual, neurons)
        kept = kept.to(self.inputs.device)
        starts = self._first_steps(kept, neurons).expand(len(clean))
        result: Tensor | None = None
        for start in torch.unique(starts).tolist():
            for rows in self.chunks((starts == start).nonzero()[:, 0]):
                logits = self._run_chunk(kept, clean, counterfactual, neurons, rows, start)
                result = logits.new_empty(len(clean), *logits.shape[1:]) if result is None else result
                result[rows] = logits
        if result is None:
            raise TaskError("clean is empty: name at least one input.")
        return result

    def run_soft(
        self,
        kept: Float[Tensor, "row source destination"],
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        neurons: Float[Tensor, "row source d_model"] | None = None,
    ) -> Float[Tensor, "row position output"]:
        """As ``run``, with weights between 0 (cut) and 1 (kept), differentiable in them; not chunked."""
        check_rows(self.graph, len(self.inputs), kept, clean, counterfactual, neurons)
        rows = torch.arange(len(clean), device=self.inputs.device)
        return self._run_chunk(kept, clean, counterfactual, neurons, rows, 0)

    @torch.no_grad()
    def measure(
        self,
        metric: Metric,
        kept: Bool[Tensor, "row source destination"],
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        examples: Indices | None = None,
        neurons: Bool[Tensor, "row source d_model"] | None = None,
    ) -> Float[Tensor, "row"]:
        """As ``run``, but keeps only a metric of each row, so that any number of rows fits into the memory.

        Args:
            metric: Called with logits and examples.
            kept: Which edges are kept, as for ``run``.
            clean: Which inputs the circuits run on.
            counterfactual: Which inputs a cut edge carries the output of (resample only).
            examples: What the metric is told each row's example is; default: ``clean``.
            neurons: Which residual dimensions of each source's output are kept.
        """
        examples = clean if examples is None else examples
        values: list[Tensor] = []
        for rows in self.chunks(torch.arange(len(clean))):

            def pick(weights: Tensor | None, rows: Tensor = rows) -> Tensor | None:
                return weights if weights is None or len(weights) == 1 else weights[rows.to(weights.device)]

            other = None if counterfactual is None else counterfactual[rows]
            logits = self.run(pick(kept), clean[rows], other, neurons=pick(neurons))  # pyright: ignore[reportArgumentType]
            values.append(metric(logits, examples[rows]))
        return torch.cat(values)

    # -- one edge at a time -------------------------------------------------------------------------------------

    @torch.no_grad()
    def measure_single_cuts(
        self,
        metric: Metric,
        clean: Indices,
        counterfactual: Indices | None = None,
        *,
        edges: Bool[Tensor, "source destination"] | None = None,
        examples: Indices | None = None,
    ) -> tuple[Float[Tensor, "row"], Float[Tensor, "row source destination"]]:
        """A metric of the uncut run, and of the run that each single edge is cut from.

        Args:
            metric: Called with logits and examples.
            clean: Which inputs.
            counterfactual: Which inputs a cut edge carries the output of (resample only).
            edges: Which edges to cut; default: every edge of the graph.
            examples: What the metric is told each row's example is; default: ``clean``.

        Returns:
            The metric uncut, [row], and cut, [row, source, destination]; NaN for edges that were not asked for.
        """
        wanted = self._edges(edges)
        examples = clean if examples is None else examples
        before: list[Tensor] = []
        after: list[Tensor] = []
        for rows in self.chunks(torch.arange(len(clean))):
            chosen, other = clean[rows], None if counterfactual is None else counterfactual[rows]
            cuts = self._single_cuts(chosen, other)
            uncut = metric(self.anatomy.unembed(cuts.full.final), examples[rows])
            changed = torch.where(wanted, uncut[:, None, None], torch.nan)
            for cut in cuts.run(wanted):
                changed[cut.inputs, cut.sources, cut.destination] = metric(cut.logits, examples[rows][cut.inputs])
                self._count(len(cut.inputs), cut.share)
            before.append(uncut)
            after.append(changed)
        return torch.cat(before), torch.cat(after)

    @torch.no_grad()
    def run_single_cuts(
        self, edges: Sequence[Edge | str], clean: Indices, counterfactual: Indices | None = None
    ) -> Float[Tensor, "edge row position output"]:
        """Logits of the run that each single edge is cut from, [edge, row, position, output]; for small models.

        Args:
            edges: Edges of the graph, or their names.
            clean: Which inputs.
            counterfactual: Which inputs a cut edge carries the output of (resample only).

        Raises:
            GraphError: If the graph has no such edge.
        """
        places = {self.graph.index(edge): number for number, edge in enumerate(edges)}
        wanted = torch.zeros(self.graph.edge_mask.shape, dtype=torch.bool, device=self.inputs.device)
        number = torch.zeros_like(wanted, dtype=torch.long)
        for (source, destination), place in places.items():
            wanted[source, destination], number[source, destination] = True, place
        parts: list[Tensor] = []
        for rows in self.chunks(torch.arange(len(clean))):
            cuts = self._single_cuts(clean[rows], None if counterfactual is None else counterfactual[rows])
            logits = self.anatomy.unembed(cuts.full.final).repeat(len(places), 1, 1, 1)
            for cut in cuts.run(wanted):
                logits[number[cut.sources, cut.destination], cut.inputs] = cut.logits
                self._count(len(cut.inputs), cut.share)
            parts.append(logits)
        order = [list(places).index(self.graph.index(edge)) for edge in edges]
        return torch.cat(parts, dim=1)[order]

    # -- gradients ----------------------------------------------------------------------------------------------

    def trace(self, inputs: Indices, *, stream: Stream | None = None, first: int = 0, split: bool = True) -> Trace:
        """Run inputs so that gradients at every destination's input and every source's output can be taken.

        Args:
            inputs: Which inputs.
            stream: The residual stream to start from, [row, position, d_model]; default: their embeddings.
            first: The step that reads it: 2 * layer for attention, 2 * layer + 1 for an MLP.
            split: Whether each head's q, k and v get an input of their own.
        """
        tokens, mask = self.tokens(inputs)
        if stream is None:
            stream = self.anatomy.embed(tokens) + self.anatomy.position(tokens, mask)
        share = 1 - first / (2 * self.graph.n_layers + 1)
        self._count(len(inputs), share)
        self.cost.backward += len(inputs) * share
        return trace(self.anatomy, stream, self.anatomy.context(tokens, mask), first=first, split=split)

    def position(self, inputs: Indices) -> Stream:
        """What the position embedding writes on some inputs, [row | 1, position, d_model]."""
        return self.anatomy.position(*self.tokens(inputs))

    @torch.no_grad()
    def differences(self, clean: Indices, counterfactual: Indices | None = None) -> Outputs:
        """What cutting changes in each source's output: ablated - clean, [row, source, position, d_model]."""
        outputs = self.outputs(clean)
        ablated = self.ablated(counterfactual)
        return -outputs if ablated is None else ablated - outputs

    def chunks(self, rows: Indices, *, work: Work = "circuits") -> Iterator[Indices]:
        """Split rows so that a run of each part fits into the memory.

        Args:
            rows: Anything to split, one entry a row.
            work: What is to be done with them.
        """
        return iter(rows.to(self.inputs.device).split(self._rows_at_once(work)))

    # -- inside ---------------------------------------------------------------------------------------------------

    def _run_chunk(
        self,
        kept: Tensor,
        clean: Indices,
        counterfactual: Indices | None,
        neurons: Tensor | None,
        rows: Indices,
        start: int,
    ) -> Float[Tensor, "row position output"]:
        def pick(weights: Tensor | None) -> Tensor | None:
            if weights is None:
                return None
            weights = weights if weights.shape[0] == 1 else weights[rows]
            return weights.to(self.anatomy.token_embedding.dtype)

        chosen = clean.to(rows.device)[rows]
        tokens, mask = self.tokens(chosen)
        run = CircuitRun(
            self.anatomy,
            self.graph,
            kept=pick(kept),  # pyright: ignore[reportArgumentType]
            ablated=self.ablated(None if counterfactual is None else counterfactual.to(rows.device)[rows]),
            neurons=pick(neurons),
            position=None if self.graph.pos else self.anatomy.position(tokens, mask),
            context=self.anatomy.context(tokens, mask),
        )
        self._count(len(rows), 1 - start / (2 * self.graph.n_layers + 1))
        return run.logits(self.outputs(chosen)[:, : self.columns.written(start)], start)

    def _single_cuts(self, clean: Indices, counterfactual: Indices | None) -> SingleCuts:
        full = FullRun.of(self.anatomy, *self.tokens(clean))
        self.cost.forward += len(clean)
        changes = self.differences(clean, counterfactual)
        return SingleCuts(self.graph, full, changes, self._rows_at_once("cuts"))

    def _rows_at_once(self, work: Work) -> int:
        return rows_that_fit(self.anatomy, self.graph, self.inputs.shape[1], memory=self.memory, work=work)

    def _edges(self, edges: Tensor | None) -> Tensor:
        real = torch.from_numpy(self.graph.edge_mask.copy()).to(self.inputs.device)
        if edges is None:
            return real
        if edges.shape != real.shape:
            raise TaskError(f"edges have shape {tuple(edges.shape)}; expected {tuple(real.shape)}.")
        return real & edges.to(real)

    def _count(self, rows: int, share: float) -> None:
        self.cost.rows += rows
        self.cost.forward += rows * share

    def _first_steps(self, kept: Tensor, neurons: Tensor | None) -> Int[Tensor, "row"]:
        """The first step whose destinations read a cut edge, per row; the logits' step if none does."""
        if neurons is not None:
            return torch.zeros(max(len(kept), len(neurons)), dtype=torch.long, device=kept.device)
        edges = torch.from_numpy(self.graph.edge_mask.copy()).to(kept.device)
        cut = ((~kept.bool()) & edges).any(1)
        steps = torch.tensor(self.columns.step_of(), device=kept.device)
        return torch.where(cut, steps, 2 * self.graph.n_layers).amin(1)

    def _record(self, indices: Indices) -> Outputs:
        self.cost.forward += len(indices)
        chunks = (self.tokens(chunk) for chunk in self.chunks(indices))
        return torch.cat([record_outputs(self.anatomy, *chunk, pos=self.graph.pos) for chunk in chunks])

    def _fixed_outputs(self) -> Outputs:
        if self.ablation == "optimal":
            if self._constants is None:
                raise TaskError("constants=None, but the ablation is 'optimal': give one constant a source.")
            return self._constants.to(self.anatomy.token_embedding)[None, :, None, :]
        sums, counts = 0.0, 0.0
        pool = self._all() if self._mean_over is None else self._mean_over
        for chunk in self.chunks(pool):
            mask = self.tokens(chunk)[1]
            chunk_sums, chunk_counts = mean_outputs(self.outputs(chunk), mask)
            sums, counts = sums + chunk_sums, counts + chunk_counts
        if not isinstance(sums, Tensor) or not isinstance(counts, Tensor):
            raise TaskError("mean_over is empty: name at least one input to average over.")
        if self.ablation == "mean":
            mean = (sums.sum(1) / counts.sum())[:, None]
        else:
            mean = sums / counts.clamp(min=1)[None, :, None]
        return mean.to(self.anatomy.token_embedding.dtype)[None]

    def _all(self) -> Indices:
        return torch.arange(len(self.inputs), device=self.inputs.device)
