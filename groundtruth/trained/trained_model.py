"""A trained model: what a user holds. It certifies itself where no certificate was read with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from groundtruth.compiled.network import Certainty
from groundtruth.errors import DomainError, GroundTruthError
from groundtruth.trained.certificate import Certificate
from groundtruth.trained.certify_network import certify
from groundtruth.trained.find_trained_variables import find_trained_implicit, find_trained_variables
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.trained.trained_variable import TrainedVariableTruth, named_variable
from groundtruth.truth.circuits.circuit import ABLATIONS, Circuit, require_ablation, require_lengths
from groundtruth.truth.variables.implicit_variable import with_implicit_sites
from groundtruth.truth.variables.residual_sites import Site

if TYPE_CHECKING:
    from groundtruth.trained.trained_transformer import TrainedTransformer


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel(TrainedNetwork):
    """A trained network with its certificate: evaluators, tables and views take it as they take a compiled model.

    Attributes:
        folder: Folder that it was read from; ``None`` for a model just trained.
        given: The certificate that was read with it; by default the domain is enumerated when it is first asked for.
    """

    folder: Path | None = field(default=None, kw_only=True)
    given: Certificate | None = field(default=None, kw_only=True)

    @classmethod
    def of(
        cls, network: TrainedNetwork, *, folder: Path | None = None, certificate: Certificate | None = None
    ) -> TrainedModel:
        """Make a model of a network.

        Args:
            network: The weights with their program.
            folder: Folder that the network was read from.
            certificate: Its certificate.
        """
        # By name, since `asdict` would turn the parts into dictionaries, and `replace` keeps the network's class.
        values = {item.name: getattr(network, item.name) for item in fields(TrainedNetwork)}
        return cls(**values, folder=folder, given=certificate)

    @cached_property
    def certificate(self) -> Certificate:
        """Certificate of the domain: read with the model, or made now."""
        return self.given or certify(self)

    @property
    def certainty(self) -> Certainty:
        """``exact``: every status is decided on the whole domain."""
        return "exact"

    @cached_property
    def transformer(self) -> TrainedTransformer:
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
        """The certified circuit: a status and a proof for every edge.

        Args:
            ablation: Kind of ablation of cut edges: ``resample``, ``zero``, ``mean`` or ``mean-positional``.
            lengths: ``fixed``; a trained model has inputs of one length.
            inputs: Not used: every input of the domain is run.
            budget: Not used either.
            budget_seconds: Not used either: a certificate that is not whole is none.

        Raises:
            DomainError: For an unknown ablation, or mixed lengths.
        """
        kind = require_ablation(ablation)
        if require_lengths(lengths or "fixed") == "mixed":
            raise DomainError(
                f"lengths='mixed' asks for inputs of several lengths; '{self.name}' was trained on length "
                f"{self.domain.max_seq_len} alone. Use lengths='fixed'."
            )
        # Kept, since each edge's reason is spelled anew, and evaluators ask for the circuit again and again.
        if kind not in self._circuits:
            self._circuits[kind] = self.certificate.circuit(self, kind)
        return self._circuits[kind]

    @property
    def known_circuits(self) -> tuple[Circuit, ...]:
        """The circuits under every ablation if there is a certificate yet, else none."""
        known = self.given is not None or "certificate" in self.__dict__
        return tuple(self.circuit(ablation) for ablation in ABLATIONS) if known else ()

    @cached_property
    def _circuits(self) -> dict[str, Circuit]:
        """The circuits made of the certificate so far, by ablation."""
        return {}

    def variables(self) -> tuple[TrainedVariableTruth, ...]:
        """Every unit whose interchange is certified as a variable, with the spans that pass on every pair of inputs.

        Nothing of it is stored: it is run when first asked for, on the weights as they are.
        """
        return self._variables

    def variable(self, name: str) -> TrainedVariableTruth:
        """The variable of a name, such as ``hist``, or of the name or label of one of its expressions.

        Of an expression that lives on several units in turn the last is meant; ``hist.a0.h2`` names another.

        Raises:
            DomainError: If there is none whose interchange is certified.
        """
        refused = [
            f"{', '.join(item.expressions)} on {', '.join(item.components)} ({item.claim.wrong:,} of "
            f"{item.claim.runs:,} interchanges wrong)"
            for item in self.certificate.interchanges
            if item.claim.wrong
        ]
        return named_variable(self.variables(), name, model=self.name, refused=refused)

    def implicit_variables(self) -> tuple[TrainedVariableTruth, ...]:
        """Every expression at the streams where it is yet to be computed from what units write.

        Nothing of it is stored: it is run when first asked for, see ``find_trained_implicit``. An expression that lives
        on no component of its own, since one MLP computes several in turn, is a variable only so.
        """
        return self._implicit

    def variable_at(self, name: str, site: Site) -> TrainedVariableTruth:
        """The variable of a name as it is at a site: written and not yet read, or implicit.

        Args:
            name: See ``variable``; of an implicit one the name or label of its expression.
            site: A site of the network.

        Raises:
            DomainError: If there is no such variable.
            GroundTruthError: If it is neither at the site; the message says where it is.
        """
        try:
            truth = self.variable(name)
            truth.at(site)
        except GroundTruthError as error:
            # Only now: the search runs every pair of inputs for each expression.
            implicit = [one for one in self._implicit if name in (one.variable.name, *one.variable.labels)]
            for one in implicit:
                if site in one.sites:
                    return one
            if implicit and isinstance(error, DomainError):
                error = GroundTruthError(f"'{name}' is not at '{site}': it lives on no component by itself.")
            elif not implicit:
                raise
            raise with_implicit_sites(error, [place for one in implicit for place in one.sites]) from None
        return truth

    @cached_property
    def _implicit(self) -> tuple[TrainedVariableTruth, ...]:
        return find_trained_implicit(self)

    @cached_property
    def _variables(self) -> tuple[TrainedVariableTruth, ...]:
        return find_trained_variables(self, self.certificate)
