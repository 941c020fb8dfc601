"""Models as a user holds them, found by name. They ask the provers and the store for what they have not yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.errors import DomainError, GroundTruthError
from groundtruth.store.catalog import find_folder
from groundtruth.store.measurements import write_measurements
from groundtruth.store.read import read_circuits, read_model, read_variables
from groundtruth.store.read_trained import is_trained, read_certificate, read_trained_network
from groundtruth.store.write import save
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_variable import TrainedVariableTruth
from groundtruth.truth.circuits.circuit import ABLATIONS, LENGTHS, Circuit, require_ablation, require_lengths
from groundtruth.truth.circuits.prover import default_lengths, prove
from groundtruth.truth.variables.find_implicit import find_implicit
from groundtruth.truth.variables.implicit_variable import ImplicitTruth, with_implicit_sites
from groundtruth.truth.variables.prove_variables import prove_variables
from groundtruth.truth.variables.residual_sites import Site
from groundtruth.truth.variables.value_pool import Ground
from groundtruth.truth.variables.variable_truth import VariableTruth
from mib.errors import did_you_mean

if TYPE_CHECKING:
    from groundtruth.compiled.torch_module import CompiledTransformer


def load(name: str | Path) -> KnownModel:
    """Load a shipped model, variant or trained model by name, or any stored model by its folder.

    Args:
        name: A name, such as ``"reverse"``, ``"hist@rotated"`` or ``"second_step@free-7"``, or a path to a folder.

    Raises:
        ArtifactError: If there is none; the message offers the closest names.
        DomainError: If it is neither a name nor a path.
    """
    if not isinstance(name, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance] - whoever calls may not type
        raise DomainError(f"name={name!r} is neither a name nor a path. Write such as groundtruth.load('reverse').")
    folder = find_folder(name)
    if is_trained(folder):
        network = read_trained_network(folder)
        return TrainedModel.of(network, folder=folder, certificate=read_certificate(folder, network))
    return CompiledModel.of(read_model(folder), folder=folder)


def load_compiled(name: str | Path) -> CompiledModel:
    """Load a compiled model or variant, as ``load`` does.

    Raises:
        ArtifactError: If there is none.
        DomainError: If it is neither a name nor a path, or a trained model.
    """
    return require_compiled(load(name), "this")


def require_compiled(model: KnownModel, what: str) -> CompiledModel:
    """The model, if it is a compiled one.

    Args:
        model: A compiled or a trained model.
        what: The use that needs a compiled one.

    Raises:
        DomainError: If it is a trained one.
    """
    if isinstance(model, TrainedModel):
        raise DomainError(
            f"'{model.name}' is a trained model, and {what} needs a compiled one. `groundtruth models` lists these."
        )
    return model


@dataclass(frozen=True, eq=False, repr=False)
class CompiledModel(CompiledNetwork):
    """A compiled network with its proven circuits and variables, from its folder or proven when first asked for.

    Attributes:
        folder: Folder that it was read from, with its proven circuits; ``None`` for a model just compiled.
    """

    folder: Path | None = field(default=None, kw_only=True)

    @classmethod
    def of(cls, network: CompiledNetwork, *, folder: Path | None = None) -> CompiledModel:
        """Make a model of a network.

        Args:
            network: The weights with their program.
            folder: Folder that the network was read from.
        """
        return cls(**{item.name: getattr(network, item.name) for item in fields(CompiledNetwork)}, folder=folder)

    @cached_property
    def transformer(self) -> CompiledTransformer:
        """The model as a float32 module with TransformerLens hooks (imports TransformerLens)."""
        return self.module(torch.float32)

    def circuit(
        self,
        ablation: str = "resample",
        lengths: str | None = None,
        *,
        inputs: Sequence[Sequence[Any]] = (),
        budget: int | None = None,
        budget_seconds: float | None = None,
    ) -> Circuit:
        """The exact circuit: a status and a proof for every edge.

        Taken from the artifact where the model was loaded from one that has it, else proven now; kept either way. With
        ``inputs`` or a budget it is proven now and not kept.

        Args:
            ablation: Kind of ablation of cut edges: ``resample``, ``zero``, ``mean`` or ``mean-positional``.
            lengths: ``fixed``: inputs of the greatest length; ``mixed``: of all lengths, padded on the right. By
                default mixed where padding is harmless and there are several lengths.
            inputs: Inputs to look for witnesses among, besides those that the proof chooses by itself.
            budget: Domains up to this size are run whole, larger ones on so many inputs; by
                default 4,000 and 1,000.
            budget_seconds: Seconds that the proof may take; what is not decided then is undecided, and
                ``Circuit.stopped_after`` says so. It depends on the machine, so that such a circuit is not saved.

        Raises:
            DomainError: For an unknown ablation or kind of lengths, mixed lengths of a model that padding disturbs, an
                input outside the domain, or a budget that does not fit into memory or leaves no time.
            ArtifactError: If the stored circuits cannot be read.
        """
        key = (require_ablation(ablation), require_lengths(lengths or default_lengths(self)))
        # Not kept: a circuit that depends on what one caller asked for must not be given to the next.
        if len(inputs) or budget is not None or budget_seconds is not None:
            limits: dict[str, Any] = {"budget": budget, "budget_seconds": budget_seconds}
            return prove(self, ablation=key[0], lengths=key[1], inputs=inputs, **limits)
        if key not in self._circuits:
            self._circuits[key] = prove(self, ablation=key[0], lengths=key[1])
        return self._circuits[key]

    @property
    def known_circuits(self) -> tuple[Circuit, ...]:
        """The circuits that were loaded or proven so far."""
        return tuple(self._circuits.values())

    @cached_property
    def _circuits(self) -> dict[tuple[str, str], Circuit]:
        """The circuits known so far, by ablation and lengths."""
        if self.folder is None:
            return {}
        return {(found.ablation, found.lengths): found for found in read_circuits(self.folder, self.graph)}

    def variables(self) -> tuple[VariableTruth, ...]:
        """Every expression as a variable: its directions, its sites, and the proof that interchanges there are exact.

        Taken from the artifact where the model was loaded from one that has them, else proven now; kept either way.

        Raises:
            ArtifactError: If the stored variables cannot be read.
        """
        return self._variables

    def variable(self, name: str) -> VariableTruth:
        """The variable of a name or label; of a SelectorWidth the one-hot one, unless it is ``1/(1+name)``.

        Raises:
            DomainError: If there is none, or several share the name; the message says which there are.
        """
        found = [truth for truth in self.variables() if name in (str(truth.variable), truth.variable.label)]
        # A SelectorWidth is held twice, as 1/(1+n) between its halves and one-hot after them; people mean the latter.
        one_hot = [truth for truth in found if truth.variable.encoding != "reciprocal"] or found
        if len(one_hot) != 1:
            known = [str(truth.variable) for truth in self.variables()]
            labels = ", ".join(truth.variable.label for truth in one_hot)
            raise DomainError(
                f"'{name}' names {len(one_hot)} variables of '{self.name}'; say which by label: {labels}."
                if one_hot
                else f"'{self.name}' has no variable '{name}'.{did_you_mean(name, known)} "
                f"Choose from {', '.join(known)}."
            )
        return one_hot[0]

    def implicit(self, name: str) -> ImplicitTruth:
        """The sites where a variable is yet to be computed, and all that it is computed from leads to it alone.

        Nothing of it is stored: interchanges are run when it is first asked for, see
        ``groundtruth.truth.variables.find_implicit``.

        Args:
            name: See ``variable``; errors as there.
        """
        truth = self.variable(name)
        if truth.variable.key not in self._implicit:
            self._find_implicit([truth])
        return self._implicit[truth.variable.key]

    def implicit_variables(self) -> tuple[ImplicitTruth, ...]:
        """Every variable that is implicit somewhere, with its proofs; errors as ``variables``.

        Where interchanges have to be run on deep models this takes some ten seconds a variable.
        """
        self._find_implicit([truth for truth in self.variables() if truth.variable.key not in self._implicit])
        found = [self._implicit[truth.variable.key] for truth in self.variables()]
        return tuple(truth for truth in found if truth.stages)

    def _find_implicit(self, truths: Sequence[VariableTruth]) -> None:
        """Find where some variables are implicit, and keep it."""
        # One ground for all of them: it runs the domain. It is not kept, since it holds every state of the model.
        ground = Ground(self)
        for truth in truths:
            self._implicit[truth.variable.key] = find_implicit(ground, self.variables(), truth)

    def variable_at(self, name: str, site: Site) -> VariableTruth | ImplicitTruth:
        """The variable of a name as it is at a site: written, or implicit.

        Args:
            name: See ``variable``.
            site: A site of the model.

        Raises:
            DomainError: If there is no such variable, as ``variable`` says.
            GroundTruthError: If it is neither at the site; the message says where it is.
        """
        truth = self.variable(name)
        try:
            truth.at(site)
        except GroundTruthError as error:
            implicit = self.implicit(name)
            if site in implicit.sites:
                return implicit
            raise with_implicit_sites(error, implicit.sites) from None
        return truth

    @cached_property
    def _implicit(self) -> dict[tuple[str, str], ImplicitTruth]:
        """Where variables are implicit, of those that were asked for, by label and encoding."""
        return {}

    @cached_property
    def _variables(self) -> tuple[VariableTruth, ...]:
        # An artifact without variables is one that was saved without them: they can be proven all the same.
        stored = [] if self.folder is None else read_variables(self.folder, self)
        return tuple(stored or prove_variables(self))

    def save(self, folder: str | Path) -> None:
        """Write the model with its circuits under every ablation and its variables, proving those not yet known.

        With a model in superposition goes what is measured on it, see ``groundtruth.truth.circuits.measured``.

        Args:
            folder: Made if it is not there. Each file is written whole or not at all.
        """
        kinds = LENGTHS if self.pad_safe and len(self.domain.lengths) > 1 else ("fixed",)
        circuits = [self.circuit(ablation, lengths) for ablation in ABLATIONS for lengths in kinds]
        save(self, Path(folder), circuits, variables=self.variables())
        if self.certainty == "measured":
            write_measurements(self, Path(folder))


KnownModel: TypeAlias = CompiledModel | TrainedModel
"""A model whose circuit is known: evaluators, tables and views take either."""

KnownVariable: TypeAlias = VariableTruth | TrainedVariableTruth | ImplicitTruth
"""A variable of such a model."""
