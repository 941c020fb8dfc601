"""The patching engine: run many circuits over many input pairs at once."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from mib.anatomy import Anatomy, dissect
from mib.errors import TaskError
from mib.graph import Graph
from mib.patching.ablations import Ablation, check_ablation, mean_outputs
from mib.patching.circuits import CircuitRun, Columns, Outputs
from mib.patching.cost import Cost
from mib.patching.recording import record_outputs

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
        self._columns = Columns(self.graph)
        device = self.anatomy.token_embedding.device
        self.inputs = inputs.to(device)
        self.attention_mask = None if attention_mask is None else attention_mask.to(device)
        self._mean_over = mean_over
        self._constants = constants
        self._cache: Outputs | None = None
        self._fixed: Outputs | None = None
        self._check()

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

        Read from the cache where the whole pool's outputs fit into half of the memory, else computed.
        """
        if self._cache is None and self._pool_fits():
            self._cache = torch.cat([self._record(chunk) for chunk in self.chunks(self._all())])
        if self._cache is not None:
            return self._cache[indices]
        unique, places = torch.unique(indices, return_inverse=True)
        return torch.cat([self._record(chunk) for chunk in self.chunks(unique)])[places]

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
        self._check_rows(kept, clean, counterfactual, neurons)
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
        self._check_rows(kept, clean, counterfactual, neurons)
        rows = torch.arange(len(clean), device=self.inputs.device)
        return self._run_chunk(kept, clean, counterfactual, neurons, rows, 0)

    def chunks(self, rows: Indices) -> Iterator[Indices]:
        """Split rows so that a run of each part fits into the memory."""
        return iter(rows.to(self.inputs.device).split(self._rows_that_fit()))

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
        self.cost.rows += len(rows)
        self.cost.forward += len(rows) * (1 - start / (2 * self.graph.n_layers + 1))
        return run.logits(self.outputs(chosen)[:, : self._columns.readable(start)], start)

    def _first_steps(self, kept: Tensor, neurons: Tensor | None) -> Int[Tensor, "row"]:
        """The first step whose destinations read a cut edge, per row; the logits' step if none does."""
        if neurons is not None:
            return torch.zeros(max(len(kept), len(neurons)), dtype=torch.long, device=kept.device)
        edges = torch.from_numpy(self.graph.edge_mask.copy()).to(kept.device)
        cut = ((~kept.bool()) & edges).any(1)
        steps = torch.tensor(self._columns.step_of(), device=kept.device)
        return torch.where(cut, steps, 2 * self.graph.n_layers).amin(1)

    def _record(self, indices: Indices) -> Outputs:
        tokens, mask = self.tokens(indices)
        self.cost.forward += len(indices)
        return record_outputs(self.anatomy, tokens, mask, pos=self.graph.pos)

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

    def _bytes_an_output(self) -> int:
        width = self.inputs.shape[1] * self.graph.d_model
        return len(self.graph.sources) * width * self.anatomy.token_embedding.element_size()

    def _pool_fits(self) -> bool:
        return len(self.inputs) * self._bytes_an_output() <= self.memory // 2

    def _rows_that_fit(self) -> int:
        anatomy, n_positions = self.anatomy, self.inputs.shape[1]
        width = max(block.mlp.W_in.shape[1] for block in anatomy.blocks) if anatomy.blocks else 0
        heads = self.graph.n_heads
        floats = n_positions * (
            8 * heads * self.graph.d_model + 4 * width + 3 * heads * n_positions + 3 * anatomy.W_U.shape[1]
        )
        row = 4 * self._bytes_an_output() + floats * anatomy.token_embedding.element_size()
        return max(1, min(4096, self.memory // 2 // row))

    def _check(self) -> None:
        expected = self.anatomy.graph(pos=self.graph.pos)
        if self.graph != expected:
            raise TaskError(f"graph={self.graph} does not fit the model, whose graph is {expected}.")
        if self.inputs.ndim != 2 or self.inputs.dtype not in (torch.int64, torch.int32):
            raise TaskError(
                f"inputs have shape {tuple(self.inputs.shape)} and dtype {self.inputs.dtype}; expected integer token "
                "ids [input, position]."
            )
        n_vocabulary, longest = self.anatomy.n_vocabulary, self.anatomy.max_positions
        if self.inputs.numel() and not (int(self.inputs.min()) >= 0 and int(self.inputs.max()) < n_vocabulary):
            raise TaskError(
                f"inputs have token ids from {int(self.inputs.min())} to {int(self.inputs.max())}; the model's "
                f"vocabulary is 0 to {n_vocabulary - 1}."
            )
        if longest is not None and self.inputs.shape[1] > longest:
            raise TaskError(f"inputs have {self.inputs.shape[1]} positions; the model has at most {longest}.")
        if self.graph.pos and self.anatomy.position_embedding is None:
            raise TaskError("graph has a 'pos' source, but the model has no position embedding (rotary?).")
        if self.attention_mask is not None and self.attention_mask.shape != self.inputs.shape:
            raise TaskError(
                f"attention_mask has shape {tuple(self.attention_mask.shape)}; expected that of the inputs, "
                f"{tuple(self.inputs.shape)}."
            )
        shape = (len(self.graph.sources), self.graph.d_model)
        if self._constants is not None and tuple(self._constants.shape) != shape:
            raise TaskError(f"constants have shape {tuple(self._constants.shape)}; expected {shape}.")

    def _check_rows(self, kept: Tensor, clean: Tensor, counterfactual: Tensor | None, neurons: Tensor | None) -> None:
        nodes = (len(self.graph.sources), len(self.graph.destinations))
        _check_weights("kept", kept, len(clean), nodes)
        if neurons is not None:
            _check_weights("neurons", neurons, len(clean), (len(self.graph.sources), self.graph.d_model))
        for name, indices in (("clean", clean), ("counterfactual", counterfactual)):
            if indices is None:
                continue
            if indices.shape != clean.shape or indices.ndim != 1:
                raise TaskError(f"{name} has shape {tuple(indices.shape)}; expected one input index a row.")
            if len(indices) and not (int(indices.min()) >= 0 and int(indices.max()) < len(self.inputs)):
                raise TaskError(
                    f"{name} names input {int(indices.max())}; the pool has inputs 0 to {len(self.inputs) - 1}."
                )


def _check_weights(name: str, weights: Tensor, n_rows: int, shape: Sequence[int]) -> None:
    allowed = [(n_rows, *shape), (1, *shape)]
    if tuple(weights.shape) not in allowed:
        raise TaskError(f"{name} has shape {tuple(weights.shape)}; expected {allowed[0]} or {allowed[1]}.")
