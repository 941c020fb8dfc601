"""A featurization task: all that a method may see. It has no channel to any truth."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mib.featurization.featurizer import Featurizer
from mib.featurization.pair_runs import Pairs
from mib.featurization.readout import Answers, Readout
from mib.featurization.readout_contract import check_readout
from mib.featurization.splits import Split
from mib.featurization.task_checks import check_task
from mib.featurization.task_data import TaskData
from mib.tensor_checks import as_mask, require_tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class FeaturizationTask(TaskData):
    """Find the features at a site that carry a variable: swap them, and the output must follow.

    Its attributes are those of ``mib.featurization.task_data.TaskData``.

    Raises:
        TaskError: If the parts do not fit together.
    """

    def __post_init__(self) -> None:
        require_tensor(self.base, "base", "token ids [example, position]")
        for name in ("base_attention_mask", "source_attention_mask"):
            if (mask := getattr(self, name)) is not None:
                object.__setattr__(self, name, as_mask(mask, name, self.base.shape))
        if self.split is None:  # pyright: ignore[reportUnnecessaryComparison]
            object.__setattr__(self, "split", Split.random(len(self.base), seed=self.seed))
        check_task(self)
        check_readout(self)  # last: it runs the model, which needs parts that fit together

    @cached_property
    def pairs(self) -> Pairs:
        """The model cut in two at the site, on the task's inputs."""
        return Pairs.of(self)

    @cached_property
    def answers(self) -> Answers:
        """Give what is expected of the output, and how it is judged."""
        return Answers(self.expected, self.mask, self.readout, self.tolerance)

    @property
    def everything(self) -> Int[Tensor, "example"]:
        """All examples."""
        return torch.arange(len(self), device=self.base.device)

    @property
    def width(self) -> int:
        """d_site: the size of the site's activation at one position."""
        return self.pairs.width

    @cached_property
    def learnable(self) -> Self:
        """The task as a method gets it: without the examples that it will be scored on."""
        kept = torch.cat((self.split.train, self.split.validation))
        n_train = len(self.split.train)
        order = torch.arange(len(kept), device=kept.device)
        return self.take(kept, split=Split(order[:n_train], order[n_train:], order[:0]))

    def take(self, examples: Int[Tensor, "chosen"], *, split: Split | None = None) -> Self:
        """The same task on some of its examples; what is recorded of the model is shared.

        Args:
            examples: Examples to keep, in their new order.
            split: Parts of the examples by their new numbers; default: all of them to learn from.
        """
        kept = {name: getattr(self, name) for name in _PER_EXAMPLE}
        order = torch.arange(len(examples), device=examples.device)
        chosen = replace(
            self,
            **{name: None if value is None else value[examples] for name, value in kept.items()},
            split=split or Split(order, order[:0], order[:0]),
            readout=None if self.readout is None else _Renumbered(self.readout, examples),
            model=self.anatomy,
        )
        chosen.__dict__["pairs"] = self.pairs.take(examples)
        return chosen

    def generator(self) -> torch.Generator:
        """A fresh generator on the CPU, seeded by the task."""
        return torch.Generator().manual_seed(self.seed)

    def activations(
        self, examples: Int[Tensor, "batch"] | None = None
    ) -> tuple[Float[Tensor, "batch chosen d_site"], Float[Tensor, "batch chosen d_site"]]:
        """The site's activations on the bases and on the sources of some examples; default: all."""
        return self.pairs.activations(self.everything if examples is None else examples)

    def logits(
        self, examples: Int[Tensor, "batch"], activations: Float[Tensor, "batch chosen d_site"]
    ) -> Float[Tensor, "batch position output"]:
        """Run the bases of some examples with other activations at the site; differentiable in them."""
        return self.pairs.logits(examples, activations)

    @torch.no_grad()
    def interchange(
        self,
        featurizer: Featurizer,
        indices: Iterable[int] | None = None,
        *,
        examples: Int[Tensor, "batch"] | None = None,
    ) -> Float[Tensor, "batch position output"]:
        """Run bases with features of their sources.

        Args:
            featurizer: Featurizer whose features are swapped in.
            indices: Features to swap; default: those that the featurizer selects. Empty swaps none.
            examples: Examples to run; default: all.
        """
        examples = self.everything if examples is None else examples
        chosen = featurizer if indices is None else featurizer.select(indices)
        return torch.cat([self._swapped(chosen, batch) for batch in self.pairs.batches(examples)])

    @torch.no_grad()
    def right(
        self,
        featurizer: Featurizer,
        indices: Iterable[int] | None = None,
        *,
        examples: Int[Tensor, "batch"] | None = None,
    ) -> Bool[Tensor, "batch"]:
        """Tell whether each interchange gives all that is expected; arguments as of ``interchange``."""
        examples = self.everything if examples is None else examples
        chosen = featurizer if indices is None else featurizer.select(indices)
        judged = [self.answers.right(self._swapped(chosen, batch), batch) for batch in self.pairs.batches(examples)]
        return torch.cat(judged)

    def _swapped(self, featurizer: Featurizer, examples: Tensor) -> Tensor:
        return self.logits(examples, featurizer.interchange(*self.activations(examples)))


_PER_EXAMPLE = (
    "base", "source", "expected", "mask", "isolates", "base_values", "source_values", "base_positions",
    "source_positions", "base_attention_mask", "source_attention_mask", "family",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Renumbered:
    """A readout of a task, for some of its examples; it was tried when the task was made."""

    readout: Readout
    examples: Tensor
    was_tried: bool = True

    def __call__(self, logits: Tensor, examples: Tensor) -> Tensor:
        return self.readout(logits, self.examples[examples])
