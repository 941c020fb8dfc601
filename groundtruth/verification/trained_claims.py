"""Re-prove what the certificate of a trained model claims, from its files alone: enumerate again, and compare.

Counts and statuses must be the same. Margins and movements are found in float32 where they are far from zero, so two
processors may differ in their last digits; which of two equally bad pairs is called the worst may differ too. Pairs and
witnesses are therefore run once more by themselves, in float64, by the plain forward pass and not by the enumeration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from groundtruth.compiled.domain import Tokens
from groundtruth.errors import GroundTruthError
from groundtruth.trained.answer_margins import exact_margins
from groundtruth.trained.certificate import AblationRecord, Certificate, Claim, EdgeRecord, InterchangeRecord
from groundtruth.trained.certify_network import Certifier
from groundtruth.trained.cut_forward import Cut, forward
from groundtruth.trained.trained_network import TrainedNetwork
from groundtruth.truth.circuits.circuit import Ablation
from groundtruth.verification.layer_norm_claims import require_layer_norm
from groundtruth.verification.trained_recipe_claims import require_trained_recipe
from mib.errors import shorten
from mib.graph import Edge

_CLOSE = 1e-3
"""Margins and movements this close, relative to 1 or their size, are the same measurement."""

_SAFETY = 10.0
"""Difference between two measurements that is allowed in any case, over the largest error of float32 on the domain."""

Proof = Callable[[], str]


def trained_claims(network: TrainedNetwork, certificate: Certificate) -> Iterator[tuple[str, Proof]]:
    """Every claim of a certificate by name, each with its proof, which returns what was done or raises what is wrong.

    Args:
        network: The network as its files have it.
        certificate: Its certificate as the files have it.
    """
    again = _Enumeration(network, certificate)
    if network.recipe:
        yield "recipe", lambda: require_trained_recipe(network)
    elif network.training.kind == "compiled":
        yield "recipe", lambda: require_layer_norm(network)
    # Behaviour before circuits: all other claims are about outputs that this one shows to be right.
    yield "weights = program", again.behaviour
    for record in certificate.records:
        yield f"circuit {record.ablation}/fixed", lambda record=record: again.ablation(record)
    yield "variables", again.interchanges
    yield "certified", again.certified


@dataclass(frozen=True, eq=False)
class _Enumeration:
    """The domain of a network, run again.

    Attributes:
        network: The network.
        claimed: The certificate that is held against it.
    """

    network: TrainedNetwork
    claimed: Certificate

    @cached_property
    def certifier(self) -> Certifier:
        """The same enumeration as the certificate's, its seed and as many subsets, but all of it in float64."""
        # The certificate was screened in float32. What proves it again leaves nothing to rounding, at twice the cost.
        n_subsets = self.claimed.under("resample").subsets.runs
        return Certifier(self.network, self.claimed.seed, n_subsets, screen=torch.float64)

    def behaviour(self) -> str:
        """See that every input is decoded right, by the margin that is claimed."""
        runs, claimed = self.certifier.runs, self.claimed.behaviour
        if self.claimed.inputs != len(runs):
            raise GroundTruthError(f"it speaks of {self.claimed.inputs:,} inputs; the domain has {len(runs):,}.")
        found = self.certifier.behaviour().claim(runs, donor=False)
        self._require(claimed, found, lambda row, _: self._margin((), "resample", row, row), donor=False)
        if found.wrong:
            raise GroundTruthError(f"the network is not its program: {found}.")
        return f"all {found.runs:,} inputs, smallest margin {found.margin:.3g}"

    def ablation(self, claimed: AblationRecord) -> str:
        """See that every edge alone, and every set of edges, does what is claimed."""
        found = self.certifier.ablation(claimed.ablation)
        pairs = list(zip(claimed.edges, found.edges, strict=True))
        wrong = [f"{old.edge} ({problem})" for old, new in pairs if (problem := self._edge(old, new, claimed.ablation))]
        if wrong:
            raise GroundTruthError(f"{len(wrong)} edges are not what they are said to be: {shorten(wrong)}.")
        needless, ablation = found.needless(self.network), claimed.ablation
        joint = self._problem(
            claimed.joint, found.joint, lambda row, donor: self._margin(needless, ablation, row, donor), ablation
        )
        subsets = self._problem(claimed.subsets, found.subsets, None, ablation)
        for what, problem in (("all needless edges together", joint), ("random subsets", subsets)):
            if problem:
                raise GroundTruthError(f"{what}: {problem}.")
        if claimed.sufficiency != found.sufficiency:
            raise GroundTruthError(f"'{claimed.sufficiency}' is claimed, but: {found.sufficiency}.")
        if (claimed.minimal_circuits, claimed.complete) != (found.minimal_circuits, found.complete):
            raise GroundTruthError("the minimal circuits are others than those that are found again.")
        counts = ", ".join(f"{len(found.of_status(s))} {s}" for s in ("absent", "inert", "live") if found.of_status(s))
        return f"{counts}; gap {found.gap:.3g}; {found.sufficiency}"

    def interchanges(self) -> str:
        """See that every unit's interchange is as right as is claimed."""
        found = self.certifier.interchanges()
        wrong: list[str] = []
        for old, new in zip(self.claimed.interchanges, found, strict=True):
            problem = self._problem(old.claim, new.claim, lambda row, donor, old=old: self._swapped(old, row, donor))
            if (old.claim.runs, old.partly) != (new.claim.runs, new.partly):
                problem = f"it is claimed {self.claimed.coverage(old)}, and asked {self.claimed.coverage(new)}"
            wrong += [f"{', '.join(old.expressions)} ({problem})"] if problem else []
        if wrong:
            raise GroundTruthError(f"{len(wrong)} interchanges are not what they are said to be: {shorten(wrong)}.")
        if not self.network.correspondence.planned:
            return "no variables, for no circuit was planned"
        right = [item for item in found if item.claim.runs and not item.claim.wrong]
        text = f"{len(right)} of {len(found)} variables interchanged rightly"
        partial = [item for item in found if item.whole < self.claimed.pairs]
        if not partial:
            return f"{text} on all {self.claimed.pairs:,} pairs of inputs"
        least = min(partial, key=lambda item: item.whole)
        return f"{text}; {len(partial)} not on every pair, the least {self.claimed.coverage(least)}"

    def certified(self) -> str:
        """See that what is claimed amounts to a certified circuit; ``scratch`` and ``compiled`` claim no variables.

        Where no circuit was planned, right answers are all that is asked. An imported network claims no circuit: its
        statuses are measured, and what fails of the stated one is in the file.
        """
        if self.network.training.kind == "imported":
            return "measured; the circuit stated elsewhere is not vouched for"
        failures = self.claimed.unmet(self.network)
        resample = self.claimed.under("resample")
        if resample.needless(self.network) and not resample.subsets.runs:
            failures.append("no random subsets were counted")
        if failures:
            raise GroundTruthError(
                f"{len(failures)} things keep it from being certified: {shorten(failures, limit=3)}."
            )
        if not self.network.correspondence.planned:
            return "its behaviour; no circuit was planned, and the edges are as they were measured"
        claims_variables = self.network.training.kind not in ("scratch", "compiled")
        return "the circuit and its variables" if claims_variables else "the circuit; variables are not claimed"

    def _edge(self, claimed: EdgeRecord, found: EdgeRecord, ablation: Ablation) -> str:
        """Say what is wrong with the claim about an edge, or an empty string."""
        if (claimed.status, claimed.proof) != (found.status, found.proof):
            return f"it is {found.status} by {found.proof}, not {claimed.status} by {claimed.proof}"
        if not self._same(claimed.moved, found.moved):
            return f"it moves a logit by {found.moved:.4g}, not {claimed.moved:.4g}"

        def margin(row: int, donor: int) -> float:
            return self._margin((claimed.edge,), ablation, row, donor)

        return self._problem(claimed.claim, found.claim, margin, ablation) or self._witness(claimed, ablation)

    def _witness(self, claimed: EdgeRecord, ablation: Ablation) -> str:
        witness, decoder = claimed.witness, self.network.decoder
        if witness is None:
            return ""
        if (witness.counterfactual is None) == (ablation == "resample"):
            return "its witness is for another ablation"
        places = [tokens for tokens in (witness.clean, witness.counterfactual) if tokens is not None]
        if any(tokens not in self._places for tokens in places):
            return "its witness is not in the domain"
        # Under any other ablation one value stands for all donors, and its number is 0.
        row, donor = self._places[witness.clean], self._places[places[-1]] if ablation == "resample" else 0
        before = decoder.decode(self.certifier.runs.codes[row, 1:])
        after = decoder.decode(decoder.codes(self._logits((claimed.edge,), ablation, row, donor))[0])
        if not (decoder.agrees(witness.output, before) and decoder.agrees(witness.cut_output, after)):
            return "its witness gives other outputs"
        return "its witness shows no change" if before == after else ""

    def _require(self, claimed: Claim, found: Claim, margin: Callable[[int, int], float], *, donor: bool) -> None:
        problem = self._problem(claimed, found, margin, "resample" if donor else "zero")
        if problem:
            raise GroundTruthError(f"{problem}.")

    def _problem(
        self,
        claimed: Claim,
        found: Claim,
        margin: Callable[[int, int], float] | None,
        ablation: Ablation = "resample",
    ) -> str:
        """Say what is wrong with a claim, or an empty string.

        Args:
            claimed: Claim as it is stored.
            found: Claim that came out now.
            margin: The margin of one run, by the numbers of its input and its donor, to try the worst one again.
            ablation: Whether there are donors: under ``resample``.
        """
        if (claimed.runs, claimed.wrong) != (found.runs, found.wrong):
            return f"{found.wrong:,} of {found.runs:,} runs change, not {claimed.wrong:,} of {claimed.runs:,}"
        if not self._same(claimed.margin, found.margin):
            return f"its smallest margin is {found.margin:.4g}, not {claimed.margin:.4g}"
        if claimed.worst == found.worst:
            return ""
        if len(claimed.worst) != len(found.worst) or any(tokens not in self._places for tokens in claimed.worst):
            return "its worst run is not in the domain"
        row = self._places[claimed.worst[0]]
        donor = self._places[claimed.worst[-1]] if ablation == "resample" else 0
        # Of random subsets the set that was cut is not stored, so the pair alone cannot be tried again.
        same = margin is None or self._same(margin(row, donor), claimed.margin)
        return "" if same else "its worst run has another margin"

    def _same(self, claimed: float, found: float) -> bool:
        # Infinite margins, of claims without runs, are equal and have no difference.
        if claimed == found:
            return True
        slack = max(_CLOSE * max(1.0, abs(found)), _SAFETY * self.certifier.runs.float32_error)
        return abs(claimed - found) <= slack

    @cached_property
    def _places(self) -> dict[Tokens, int]:
        """The number of each input."""
        return {tokens: index for index, tokens in enumerate(self.certifier.runs.inputs)}

    def _margin(self, edges: Sequence[Edge], ablation: Ablation, row: int, donor: int) -> float:
        codes = self.certifier.runs.codes[[row], 1:]
        return float(exact_margins(self.network.decoder, self._logits(edges, ablation, row, donor), codes)[0])

    def _swapped(self, claimed: InterchangeRecord, row: int, donor: int) -> float:
        edges = [edge for edge in self.network.graph.edges if edge.source in claimed.components]
        codes = self.certifier.swapped_codes(claimed.expressions, torch.tensor([row]), torch.tensor([donor]))
        return float(exact_margins(self.network.decoder, self._logits(edges, "resample", row, donor), codes)[0])

    @torch.no_grad()
    def _logits(self, edges: Sequence[Edge], ablation: Ablation, row: int, donor: int) -> Tensor:
        """The float64 logits of one run with edges cut [1, position, output], by the plain forward pass."""
        runs, mask = self.certifier.runs, torch.zeros(self.network.graph.edge_mask.shape, dtype=torch.float64)
        for edge in edges:
            mask[self.network.graph.index(edge)] = 1.0
        cut = Cut(runs.replacements(ablation, runs.double)[:, [donor]], mask[None])
        return forward(self.network.architecture, runs.double.weights, runs.ids[[row]], cut).logits[:, 1:]
