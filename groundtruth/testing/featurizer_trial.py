"""A featurization method that looks for a variable at a site, and the comparison of what it finds with another find."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from groundtruth.compiled.domain import BOS, PAD
from groundtruth.evaluation.variables import Sizes
from groundtruth.evaluation.variables.task_sites import task_site
from groundtruth.model import CompiledModel
from groundtruth.testing.cached_models import featurization_task_of, model_of
from groundtruth.testing.failure import DoesNotApply
from groundtruth.testing.trial import Trial
from groundtruth.variants.variant import Variant
from mib.errors import MethodError
from mib.featurization import FeaturizationTask, Featurizer, Split, as_featurizer, get
from mib.featurization.registry import Method
from mib.metrics.interchange_scores import distinguishing
from mib.site import Site

TOLERANCE = 1e-3
"""Interchanges of vectors of unit variance are the same if no coordinate differs by more."""

AS_WELL = 0.05
"""Finds are called equally good if their interchange accuracies differ by no more."""

SIZES = Sizes(train=96, validation=32, test=128)
"""Numbers of pairs; about two thirds of the test pairs are such that a no-op gets them wrong."""

FEW = Sizes(train=6, validation=4, test=10)
"""Numbers of pairs where each is run alone, which takes its time."""

N_VECTORS = 16
"""Random vectors on which interchanges are compared."""


@dataclass(frozen=True, eq=False)
class FeaturizerTrial(Trial[FeaturizationTask, Featurizer]):
    """A featurization method that looks for a variable at a site of a model.

    Attributes:
        variable: Name or label of the variable.
        site: Site at which it is sought, such as ``resid_pre3``.
        sizes: Number of pairs.
        labels: ``arbitrary`` for a hypothesis that is false of the model; see ``featurization_task``.
    """

    INPUTS = ("base", "source")

    variable: str
    site: str
    sizes: Sizes = SIZES
    labels: Literal["true", "arbitrary"] = "true"

    @classmethod
    def of(
        cls, method: str | Method, model: CompiledModel | str, variable: str, site: str, **how: Any
    ) -> "FeaturizerTrial":
        """Make a trial of a method, or of a registered one's name, on a model, or whatever names one."""
        known = get(method) if isinstance(method, str) else as_featurizer(method)
        return cls(known, model_of(model), variable, site, **how)

    @property
    def place(self) -> Site:
        """The site as a task has it."""
        return task_site(self.site)

    @cached_property
    def task(self) -> FeaturizationTask:
        """The task that the method gets copies of; never handed out itself."""
        return featurization_task_of(
            self.model,
            self.variable,
            str(self.place),
            labels=self.labels,
            sizes=self.sizes,
            seed=self.seed,
            dtype=self.dtype,
        )

    @torch.no_grad()
    def numbers_of(self, result: Featurizer) -> Tensor:
        """Interchange some vectors with a featurizer [vector, d_site]."""
        return result.interchange(*self.vectors)

    @cached_property
    def vectors(self) -> tuple[Tensor, Tensor]:
        """Normal random vectors, to be base and source [vector, d_site]."""
        generator = torch.Generator().manual_seed(0)
        base, source = torch.randn((2, N_VECTORS, self.task.width), generator=generator, dtype=self.dtype)
        return base, source

    @cached_property
    def judged(self) -> Tensor:
        """The test pairs that a no-op gets wrong, by number [pair]."""
        test = self.task.split.test
        return test[distinguishing(self.task, examples=test)]

    def accuracy_of(self, found: Featurizer) -> float:
        """Measure the interchange accuracy of a featurizer on the test pairs that a no-op gets wrong."""
        return float(self.task.right(found, examples=self.judged).double().mean())

    @cached_property
    def accuracy(self) -> float:
        """Interchange accuracy of what the method finds."""
        return self.accuracy_of(self.result)

    def on(self, model: CompiledModel, site: Site | None = None) -> "FeaturizerTrial":
        """Put the same search in another model."""
        return replace(self, model=model, site=self.site if site is None else str(site))

    def shuffle(self, task: FeaturizationTask, seed: int) -> FeaturizationTask:
        """Return the task with its pairs in another order, and in the same split."""
        order = torch.randperm(len(task), generator=torch.Generator().manual_seed(seed))
        place = order.argsort()
        # Sorted within a part: each part stays the same set of pairs, and is read in their new order.
        parts = (task.split.train, task.split.validation, task.split.test)
        return task.take(order, split=Split(*(place[part].sort().values for part in parts)))

    def require_same(
        self, after: Featurizer, what: str, *lines: tuple[str, str], check: str, tolerance: float | None = None
    ) -> None:
        """Hold interchanges of vectors to those of the plain run; tolerance is of a coordinate. See ``Trial``."""
        old, new = self.numbers, self.numbers_of(after)
        difference = float((old - new).abs().max()) if old.shape == new.shape else float("inf")
        if not difference <= (TOLERANCE if tolerance is None else tolerance):  # so that NaN fails
            raise self.failure(what, difference_line(difference), *lines, check=check)

    def require_as_good(self, other: float, what: str, *, check: str, tolerance: float | None = None) -> None:
        """Hold an interchange accuracy to that of the plain run.

        Args:
            other: The accuracy.
            what: The fault if they differ, after the method's name.
            check: The property, as ``groundtruth repro --property`` calls it.
            tolerance: By how much they may differ.

        Raises:
            MethodFailure: With both accuracies.
        """
        limit = AS_WELL if tolerance is None else tolerance
        if abs(other - self.accuracy) > limit:
            line = ("accuracy", f"{self.accuracy:.3f}, then {other:.3f}; {limit:g} may lie between them")
            raise self.failure(what, line, check=check)

    def command_options(self) -> tuple[list[str], list[str]]:
        """List the options that repeat the trial: those before the property, and those after it."""
        return [f"--variable {_quoted(self.variable)}", f"--site {self.site}"], []

    def place_lines(self) -> list[tuple[str, str]]:
        """Name the variable and the site."""
        return [("variable", f"{self.variable} at {self.site}")]

    def wrong_pair(self) -> str:
        """Write the shortest pair whose interchange does not give what the causal model gives, in one line."""
        wrong = self.judged[~self.task.right(self.result, examples=self.judged)]
        sizes = [len(self._tokens(self.task.base[i])) + len(self._tokens(self.task.source[i])) for i in wrong.tolist()]
        row = wrong[sizes.index(min(sizes))].reshape(1)
        counts = self.task.mask[row[0]]
        codes = self.model.decoder.codes(self.task.interchange(self.result, examples=row))[0]
        given = _spelt(self.model.decoder.decode(codes[counts]))
        expected = _spelt(self._answers(self.task.expected[row[0]][counts]))
        base, source = (_spelt(self._tokens(ids[row[0]])) for ids in (self.task.base, self.task.source))
        return f"{base}   swapped in from {source}{self._where(row)}   output {given}, expected {expected}"

    def _where(self, row: Tensor) -> str:
        """Name the position of base and source, if it is one; nothing if it is at all of them."""
        if self.task.base_positions is None or self.task.source_positions is None:
            return ""
        base, source = (at[row[0]] - 1 for at in (self.task.base_positions, self.task.source_positions))
        if len(base) != 1:
            return ""
        return f" at position {int(base)}" + (f" (there {int(source)})" if int(base) != int(source) else "")

    def _tokens(self, ids: Tensor) -> list[Any]:
        names = {number: token for token, number in self.model.token_ids.items() if token not in (BOS, PAD)}
        return [names[number] for number in ids.tolist() if number in names]

    def _answers(self, expected: Tensor) -> list[Any]:
        values = self.model.decoder.values
        if not values:
            return [round(float(number), 4) for number in expected]
        return [values[int(code)] if int(code) < len(values) else None for code in expected]


def difference_line(difference: float) -> tuple[str, str]:
    """Label and text for how far interchanges of vectors differ."""
    return "difference", f"{difference:.3g} in what an interchange makes of vectors of unit variance"


def site_in(site: Site, variant: Variant) -> Site:
    """Locate a site of the original in its variant."""
    layer = int(variant.nodes[f"m{site.layer}"].removeprefix("m"))
    if site.kind != "head":
        return replace(site, layer=layer)
    place = variant.model.graph.locate(variant.nodes[f"a{site.layer}.h{site.head}"])
    return replace(site, layer=layer, head=place.head)


def require_applicable(trial: FeaturizerTrial) -> None:
    """See that a method can look for the variable at all.

    Raises:
        DoesNotApply: If the task has not what the method needs, such as isolation pairs.
    """
    try:
        trial.method.check(trial.task, **trial.parameters)
    except MethodError as error:
        raise DoesNotApply(str(error)) from error


def _spelt(values: list[Any]) -> str:
    return " ".join(
        "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value) for value in values
    )


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f"'{name}'"
