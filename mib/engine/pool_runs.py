"""A pool of inputs of one model: what its full runs write, and what a cut edge carries."""

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.engine.ablations import Ablation, check_ablation, mean_outputs
from mib.engine.circuit_run import Columns, Outputs
from mib.engine.cost import Cost
from mib.engine.output_cache import OutputCache, Runs
from mib.engine.row_batches import Work, bytes_of_a_row, bytes_of_outputs, rows_that_fit
from mib.engine.rows import Indices
from mib.engine.shape_checks import check_constants, check_pool
from mib.engine.single_cuts import FullRun
from mib.engine.source_changes import (
    NOTHING_KNOWN,
    Changes,
    CompactOutputs,
    InMemoryChanges,
    KnownOutputs,
    StreamingChanges,
    StreamingOutputs,
    Written,
    embedded,
)
from mib.errors import TaskError
from mib.graph import Graph
from mib.memory_budget import MEMORY
from mib.models.adapters.decompose import Model, decompose
from mib.models.adapters.parts import Stream
from mib.sublayers import unembedding_sublayer
from mib.tensor_checks import as_mask, require_integers


class Pool:
    """What the engine knows of its inputs before any circuit is run; see ``mib.Engine`` for the arguments."""

    def __init__(
        self,
        model: Model,
        inputs: Int[Tensor, "input position"],
        *,
        graph: Graph | None = None,
        attention_mask: Bool[Tensor, "input position"] | None = None,
        ablation: Ablation = "resample",
        mean_over: Indices | None = None,
        constants: Float[Tensor, "source d_model"] | None = None,
        memory: int = MEMORY,
    ) -> None:
        self.anatomy = decompose(model)
        self.graph = graph or self.anatomy.graph()
        self.ablation = check_ablation(ablation)
        self.memory = memory
        self.cost = Cost()
        self.columns = Columns(self.graph)
        device = self.anatomy.token_embedding.device
        self.inputs = require_integers(inputs, "inputs", "token ids [input, position]").to(device)
        mask = None if attention_mask is None else as_mask(attention_mask, "attention_mask")
        self.attention_mask = None if mask is None else mask.to(device)
        self._mean_over = mean_over
        self._constants = constants
        self._fixed: Outputs | None = None
        check_pool(self.anatomy, self.graph, self.inputs, self.attention_mask)
        check_constants(self.graph, constants)
        pool = len(self.inputs) * bytes_of_outputs(self.anatomy, self.graph, self.inputs.shape[1])
        # Half for what is kept, the other half for the batch that runs.
        self._cache = OutputCache(len(self.inputs), self.anatomy, self._runs) if pool <= memory // 2 else None

    @torch.no_grad()
    def logits(self, indices: Indices | None = None) -> Float[Tensor, "row position output"]:
        """Logits of the plain forward pass on some inputs of the pool; default: all, in order."""
        indices = self._all() if indices is None else indices.to(self.inputs.device)
        if self._cache is not None:  # the full runs behind circuits are these runs
            again = len(indices) - len(self._cache.missing(indices))
            self.cost.forward += again * self.columns.share(unembedding_sublayer(self.graph.n_layers))
            final = self._cache.final(indices)
            return torch.cat([self.anatomy.unembed(final[chunk]) for chunk in self.chunks(torch.arange(len(final)))])
        chunks = [self.anatomy.logits(*self.tokens(chunk)) for chunk in self.chunks(indices)]
        self.cost.forward += len(indices)
        return torch.cat(chunks)

    def tokens(self, indices: Indices) -> tuple[Tensor, Tensor | None]:
        """Token ids and attention mask of some inputs."""
        return self.inputs[indices], None if self.attention_mask is None else self.attention_mask[indices]

    @torch.no_grad()
    def outputs(self, indices: Indices, *, known: CompactOutputs | None = None) -> Outputs:
        """Give what each source writes in the full run of some inputs, [row, source, position, d_model].

        Kept from the first time on if the whole pool's outputs fit into half of the memory.

        Args:
            indices: Numbers of the inputs.
            known: Outputs of a full run of these very inputs, if there was one; nothing is run then.
        """
        found = self._read_outputs(indices, known)
        return found if self._cache is None else found.clone()  # what is kept is not given away

    def _read_outputs(self, indices: Indices, known: CompactOutputs | None = None) -> Outputs:
        indices = indices.to(self.inputs.device)
        if self._cache is not None:
            self._keep(indices, known)
            return self._cache.outputs(indices)
        if known is not None:
            return known.write_out(self.anatomy)
        # Too many to keep: at least no input is run twice for one request.
        unique, places = torch.unique(indices, return_inverse=True)
        return torch.cat([ran.write_out(self.anatomy) for _, ran in self._runs(unique)])[places]

    def _keep(self, indices: Indices, known: CompactOutputs | None) -> None:
        if self._cache is not None and known is not None and len(self._cache.missing(indices)):
            self._cache.keep(indices, known)

    def embeddings(self, indices: Indices) -> Written:
        """Give what the embeddings write on some inputs, as in ``CompactOutputs``."""
        return embedded(self.anatomy, *self.tokens(indices), pos=self.graph.pos)

    @torch.no_grad()
    def run_fully(self, indices: Indices) -> FullRun:
        """Run some inputs and keep all that their layers computed."""
        self.cost.forward += len(indices)
        return FullRun.of(self.anatomy, *self.tokens(indices), pos=self.graph.pos)

    def streams(self, indices: Indices) -> tuple[Stream, ...]:
        """The residual stream that each sublayer of the full run reads: attention, MLP, ..., logits."""
        return self.run_fully(indices).streams

    def streams_and_outputs(self, indices: Indices) -> tuple[tuple[Stream, ...], CompactOutputs]:
        """Return ``streams`` with what the sources of that run wrote; the rest that it computed is let go."""
        full = self.run_fully(indices)
        return full.streams, full.written

    def position_weights(self, indices: Indices) -> Float[Tensor, "row position"]:
        """One over the number of real tokens, at each real token: what a mean over positions weighs by."""
        mask = self.tokens(indices)[1]
        real = torch.ones_like(self.inputs[indices], dtype=torch.bool) if mask is None else mask
        return real.double() / real.sum(1, keepdim=True).clamp(min=1)

    @torch.no_grad()
    def ablated(self, counterfactual: Indices | None, *, known: CompactOutputs | None = None) -> Outputs | None:
        """Give what flows along cut edges: [row | 1, source, position | 1, d_model]; None for zeros.

        Args:
            counterfactual: The inputs that resampling takes outputs from; other ablations ignore it.
            known: Outputs of a full run of these very inputs, if there was one.

        Raises:
            TaskError: If the ablation is ``resample`` and there are no counterfactual inputs.
        """
        if self.ablation == "resample":
            if counterfactual is None:
                raise TaskError("counterfactual=None, but the ablation is 'resample': name an input for every row.")
            return self._read_outputs(counterfactual, known)
        if self.ablation == "zero":
            return None
        # Made once: it is the same for all rows, and a mean runs the whole pool.
        if self._fixed is None:
            self._fixed = self._fixed_outputs()
        return self._fixed

    def position(self, inputs: Indices) -> Stream:
        """Give what the position embedding writes on some inputs, [row | 1, position, d_model]."""
        return self.anatomy.position(*self.tokens(inputs))

    @torch.no_grad()
    def differences(
        self, clean: Indices, counterfactual: Indices | None = None, *, known: KnownOutputs = NOTHING_KNOWN
    ) -> Outputs:
        """Give what cutting changes in each source's output: ablated - clean, [row, source, position, d_model].

        Args:
            clean: Inputs to run on, by number.
            counterfactual: The inputs that resampling takes outputs from; other ablations ignore it.
            known: Outputs of full runs of these very inputs, as far as there were any: they are not run again.
        """
        if self._cache is not None and self.ablation == "resample" and counterfactual is not None:
            clean, counterfactual = clean.to(self.inputs.device), counterfactual.to(self.inputs.device)
            self._keep(clean, known.clean)
            self._keep(counterfactual, known.counterfactual)
            return self._cache.differences(clean, counterfactual)
        outputs = self._read_outputs(clean, known.clean)
        ablated = self.ablated(counterfactual, known=known.counterfactual)
        return -outputs if ablated is None else ablated - outputs

    def changes(
        self, clean: Indices, counterfactual: Indices | None = None, *, known: KnownOutputs = NOTHING_KNOWN
    ) -> Changes:
        """Return ``differences`` by the sublayer that writes; streaming if it must be."""
        if self.must_stream:
            return self.streaming_changes(clean, counterfactual, known=known)
        return InMemoryChanges(self.columns, self.differences(clean, counterfactual, known=known))

    def written(self, inputs: Indices, *, known: CompactOutputs | None = None) -> Changes:
        """Return ``outputs`` by the sublayer that writes; streaming if it must be."""
        if self.must_stream:
            return StreamingOutputs(self.anatomy, self.columns, known or self._record_compact(inputs))
        return InMemoryChanges(self.columns, self.outputs(inputs, known=known))

    def streaming_changes(
        self, clean: Indices, counterfactual: Indices | None = None, *, known: KnownOutputs = NOTHING_KNOWN
    ) -> StreamingChanges:
        """Return ``differences`` a sublayer's sources at a time, from what takes little memory to keep."""
        outputs = known.clean or self._record_compact(clean)
        if self.ablation != "resample":
            ablated = self.ablated(counterfactual)
        elif counterfactual is None:
            raise TaskError("counterfactual=None, but the ablation is 'resample': name an input for every row.")
        else:
            ablated = known.counterfactual or self._record_compact(counterfactual)
        return StreamingChanges(self.anatomy, self.columns, outputs, ablated)

    @property
    def must_stream(self) -> bool:
        """True if one example's gradients at all destinations, with all sources' outputs, do not fit the memory."""
        return self.memory // 2 < bytes_of_a_row(self.anatomy, self.graph, self.inputs.shape[1], work="gradients")

    @property
    def gradient_work(self) -> Work:
        """Give what taking gradients and changes of some rows amounts to: a sublayer at a time if it must be."""
        return "checkpointed" if self.must_stream else "gradients"

    def chunks(self, rows: Indices, *, work: Work = "circuits") -> Iterator[Indices]:
        """Split rows so that a run of each part fits into the memory.

        Args:
            rows: Anything to split, one entry a row.
            work: Work to be done with them.
        """
        return iter(rows.to(self.inputs.device).split(self.rows_at_once(work)))

    def rows_at_once(self, work: Work) -> int:
        """Return how many rows of some work fit into the memory."""
        return rows_that_fit(self.anatomy, self.graph, self.inputs.shape[1], memory=self.memory, work=work)

    def count(self, rows: int, share: float) -> None:
        """Count rows that ran a share of the model forward."""
        self.cost.rows += rows
        self.cost.forward += rows * share

    def count_backward(self, rows: int) -> None:
        """Count rows of a full run that is gone back through once more; streaming runs its sublayers again."""
        self.cost.backward += rows
        self.cost.forward += rows * self.must_stream

    def _runs(self, indices: Indices) -> Runs:
        for chunk in self.chunks(indices):
            yield chunk, self._record_compact(chunk)

    def _record_compact(self, indices: Indices) -> CompactOutputs:
        self.cost.forward += len(indices)
        return CompactOutputs.of(self.anatomy, *self.tokens(indices), pos=self.graph.pos)

    def _fixed_outputs(self) -> Outputs:
        if self.ablation == "optimal":
            if self._constants is None:
                raise TaskError("constants=None, but the ablation is 'optimal': give one constant a source.")
            return self._constants.to(self.anatomy.token_embedding)[None, :, None, :]
        sums, counts = 0.0, 0.0
        pool = self._all() if self._mean_over is None else self._mean_over
        for chunk in self.chunks(pool):
            mask = self.tokens(chunk)[1]
            chunk_sums, chunk_counts = mean_outputs(self._read_outputs(chunk), mask)
            # Summed in float64 over all inputs and divided once, so that a mean does not depend on how they were split.
            sums, counts = sums + chunk_sums, counts + chunk_counts
        if not isinstance(sums, Tensor) or not isinstance(counts, Tensor):
            raise TaskError("mean_over is empty: name at least one input to average over.")
        if self.ablation == "mean":
            mean = (sums.sum(1) / counts.sum())[:, None]
        else:
            # A position that is padding everywhere has no mean; nothing reads it.
            mean = sums / counts.clamp(min=1)[None, :, None]
        return mean.to(self.anatomy.token_embedding.dtype)[None]

    def _all(self) -> Indices:
        return torch.arange(len(self.inputs), device=self.inputs.device)
