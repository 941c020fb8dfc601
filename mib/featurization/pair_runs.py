"""Base and source runs of a task at its site: each distinct input recorded once, as far as the memory allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.featurization.prefix_cache import PrefixCache
from mib.featurization.site_positions import site_positions
from mib.featurization.site_runs import Recording, record, resume, site_width
from mib.featurization.task_data import TaskData
from mib.models.adapters.anatomy import Anatomy
from mib.site import Site

CACHE = 2**24
"""Bytes of activations of one batch that run fastest at once on a CPU (measured by benchmarks/featurization.py)."""


@dataclass(frozen=True, kw_only=True)
class InterchangeWidths:
    """Widths of a model, from which the bytes of its interchanges follow.

    Attributes:
        d_model: Width of the residual stream.
        d_mlp: Neurons of its widest MLP.
        n_heads: Heads of a layer.
        vocabulary: Outputs of the unembedding.
        number: Bytes a number.
        on_cpu: True if it is on a CPU, whose caches like small batches.
    """

    d_model: int
    d_mlp: int
    n_heads: int
    vocabulary: int
    number: int
    on_cpu: bool

    def bytes_of_a_row(self, positions: int) -> int:
        """Bytes that one interchange with a gradient takes at most."""
        heads = self.n_heads * (4 * self.d_model + positions)
        return positions * (8 * self.d_model + 2 * self.d_mlp + heads + 3 * self.vocabulary) * self.number

    def bytes_of_recordings(self, n_inputs: int, positions: int) -> int:
        """Bytes of all recordings: at most three tensors an input, the activation and two others."""
        return 3 * n_inputs * positions * self.d_model * self.number

    def rows_at_once(self, positions: int, *, memory: int) -> int:
        """Count how many interchanges to run at once."""
        needed = self.bytes_of_a_row(positions)
        # Half of the memory is for a batch, the other half for the recordings that are kept.
        most = memory // 2 // needed
        if self.on_cpu:
            most = min(most, max(CACHE // needed, 1 + 512 // positions))
        return max(1, most)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Distinct inputs, and which of them each example's base and source are.

    Attributes:
        anatomy: The model.
        site: Site at which it is cut in two.
        inputs: Distinct inputs, [input, position].
        attention: Real tokens of each input; None if no padding is skipped.
        base: Row of each example's base.
        source: Row of each example's source.
        base_positions: Positions of the site in each base, [example, chosen].
        source_positions: The same in each source.
        memory: Bytes that may be used.
    """

    anatomy: Anatomy
    site: Site
    inputs: Int[Tensor, "input position"]
    attention: Bool[Tensor, "input position"] | None
    base: Int[Tensor, "example"]
    source: Int[Tensor, "example"]
    base_positions: Int[Tensor, "example chosen"]
    source_positions: Int[Tensor, "example chosen"]
    memory: int
    _last: list[tuple[Tensor, Recording]] = field(default_factory=list[tuple[Tensor, Recording]], init=False)

    @classmethod
    def of(cls, task: TaskData) -> Pairs:
        """The inputs of a task, those that occur several times once."""
        tokens, attention = torch.cat((task.base, task.source)), None
        rows = tokens
        if task.base_attention_mask is not None or task.source_attention_mask is not None:
            masks = [task.base_attention_mask, task.source_attention_mask]
            attention = torch.cat([torch.ones_like(task.base, dtype=torch.bool) if m is None else m for m in masks])
            # By tokens and mask: the same tokens with other padding are another run.
            rows = torch.cat((tokens, attention.to(tokens.dtype)), dim=1)
        distinct, where = rows.unique(dim=0, return_inverse=True)
        n_examples, n_positions = task.base.shape
        usual = site_positions(task.site, n_examples, n_positions).to(task.base.device)
        return cls(
            anatomy=task.anatomy,
            site=task.site,
            inputs=distinct[:, :n_positions],
            attention=None if attention is None else distinct[:, n_positions:].bool(),
            base=where[:n_examples],
            source=where[n_examples:],
            base_positions=usual if task.base_positions is None else task.base_positions,
            source_positions=usual if task.source_positions is None else task.source_positions,
            memory=task.memory,
        )

    def take(self, examples: Int[Tensor, "chosen"]) -> Pairs:
        """Some of the examples; the recordings are shared."""
        names = ("base", "source", "base_positions", "source_positions")
        chosen = replace(self, **{name: getattr(self, name)[examples] for name in names})
        # Only if they are there: asking for them would run the model for examples that nobody wants.
        for name in ("_recorded", "_prefix"):
            if name in self.__dict__:
                chosen.__dict__[name] = getattr(self, name)
        return chosen

    @property
    def width(self) -> int:
        """d_site."""
        return site_width(self.site, self.anatomy)

    def activations(
        self, examples: Int[Tensor, "batch"]
    ) -> tuple[Float[Tensor, "batch chosen d_site"], Float[Tensor, "batch chosen d_site"]]:
        """The site's activations on bases and on sources."""
        if self._recorded is None:
            base = self._record_base(examples).activation
            source = self._record(self.source[examples]).activation
            return _at(base, self.base_positions[examples]), _at(source, self.source_positions[examples])
        return self._chosen[0][examples], self._chosen[1][examples]

    def logits(
        self, examples: Int[Tensor, "batch"], activations: Float[Tensor, "batch chosen d_site"]
    ) -> Float[Tensor, "batch position output"]:
        """Run bases with other activations at the site."""
        rows, where = self.base[examples], self.base_positions[examples]
        recording = self._record_base(examples) if self._recorded is None else self._recorded.rows(rows)
        index = where[..., None].expand_as(activations)
        # `scatter` copies: the recording serves all later interchanges.
        patched = recording.activation.scatter(1, index, activations.to(recording.activation.dtype))
        mask = None if self.attention is None else self.attention[rows]
        changed = Recording(patched, recording.others)
        if self._prefix is None:
            return resume(self.anatomy, self.site, changed, self.inputs[rows], mask)
        return self._prefix.rows(rows).resume(self.anatomy, self.site, changed, self.inputs[rows], mask)

    def batches(self, examples: Int[Tensor, "chosen"]) -> Iterator[Int[Tensor, "batch"]]:
        """Examples in batches that fit into the memory, and on a CPU into its caches."""
        return iter(examples.split(self.rows_at_once))

    @cached_property
    def rows_at_once(self) -> int:
        """Return how many examples to run at once."""
        return self.widths.rows_at_once(self.inputs.shape[1], memory=self.memory)

    @property
    def widths(self) -> InterchangeWidths:
        """The widths of the model, by which its runs are measured."""
        anatomy = self.anatomy
        return InterchangeWidths(
            d_model=anatomy.d_model,
            d_mlp=max((block.mlp.W_in.shape[1] for block in anatomy.blocks), default=0),
            n_heads=anatomy.n_heads,
            vocabulary=anatomy.W_U.shape[1],
            number=anatomy.token_embedding.element_size(),
            on_cpu=anatomy.token_embedding.device.type == "cpu",
        )

    @cached_property
    def _recorded(self) -> Recording | None:
        """All inputs' recordings; None if they do not fit into half of the memory."""
        if self.widths.bytes_of_recordings(*self.inputs.shape) > self.memory // 2:
            return None
        parts = [self._record(rows) for rows in torch.arange(len(self.inputs)).split(self.rows_at_once)]
        others = {name: torch.cat([part.others[name] for part in parts]) for name in parts[0].others}
        return Recording(torch.cat([part.activation for part in parts]), others)

    @cached_property
    def _prefix(self) -> PrefixCache | None:
        """The bases before the first position of the site; None where that is less than half, or does not fit."""
        first, n_positions = int(self.base_positions.min()), self.inputs.shape[1]
        # Without causal attention there is no prefix: every position sees the change.
        if self._recorded is None or not self.anatomy.causal or 2 * first < n_positions:
            return None
        needed = len(self.inputs) * PrefixCache.size(self.anatomy, self.site, first=first)
        if needed * self.anatomy.token_embedding.element_size() > self.memory // 4:
            return None
        parts = [self._cache_prefix(rows, first) for rows in torch.arange(len(self.inputs)).split(self.rows_at_once)]
        keys, values = (
            tuple(map(torch.cat, zip(*(getattr(part, name) for part in parts), strict=True)))
            for name in ("keys", "values")
        )
        return PrefixCache(first, keys, values, torch.cat([part.logits for part in parts]))

    @cached_property
    def _chosen(self) -> tuple[Tensor, Tensor]:
        """Activations at the chosen positions, of bases and sources."""
        if self._recorded is None:
            raise RuntimeError("activations that do not fit into the memory are not kept")
        everything = self._recorded.activation
        return _at(everything, self.base_positions, self.base), _at(everything, self.source_positions, self.source)

    def _cache_prefix(self, rows: Tensor, first: int) -> PrefixCache:
        recording = self._record(rows) if self._recorded is None else self._recorded.rows(rows)
        mask = None if self.attention is None else self.attention[rows]
        return PrefixCache.of(self.anatomy, self.site, recording, self.inputs[rows], mask, first=first)

    def _record_base(self, examples: Tensor) -> Recording:
        """Record the bases of a batch; the last batch's are kept, as its logits are asked for after its activations."""
        rows = self.base[examples]
        if self._last and torch.equal(self._last[0][0], rows):
            return self._last[0][1]
        self._last.clear()  # before the new one is made: two would need twice the memory
        self._last.append((rows, self._record(rows)))
        return self._last[0][1]

    def _record(self, rows: Tensor) -> Recording:
        mask = None if self.attention is None else self.attention[rows]
        return record(self.anatomy, self.site, self.inputs[rows], mask)


def _at(
    values: Float[Tensor, "row position d_site"],
    positions: Int[Tensor, "batch chosen"],
    rows: Int[Tensor, "batch"] | None = None,
) -> Float[Tensor, "batch chosen d_site"]:
    """Values at each example's own positions."""
    where = torch.arange(len(values), device=positions.device) if rows is None else rows
    return values[where[:, None], positions]
