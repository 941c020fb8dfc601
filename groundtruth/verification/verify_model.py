"""Re-prove what an artifact claims, from the artifact alone: weights = program, and every edge's status."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from groundtruth.compiled.network import CompiledNetwork
from groundtruth.compiled.program_network import ProgramNetwork
from groundtruth.compiler.compile_program import check
from groundtruth.compiler.diagnose import first_wrong
from groundtruth.compiler.pad_safety import is_pad_safe
from groundtruth.errors import ArtifactError, GroundTruthError
from groundtruth.store.catalog import find_folder, stored
from groundtruth.store.measurements import require_measurements
from groundtruth.store.read import read_circuits, read_holds, read_model, read_variables
from groundtruth.store.read_trained import is_trained, read_certificate, read_trained_network
from groundtruth.store.write import whole_circuits
from groundtruth.truth.circuits.circuit import Circuit, EdgeTruth
from groundtruth.truth.circuits.cut_edge import cut_output, is_constant
from groundtruth.truth.circuits.family import minimal_circuits
from groundtruth.truth.circuits.prover import (
    Ground,
    decide,
    ground,
    is_backup,
    sufficiency_of,
    trials_of,
)
from groundtruth.truth.circuits.reasons import structure, unread
from groundtruth.truth.variables.variable_truth import VariableTruth
from groundtruth.verification.origin_claims import require_origin
from groundtruth.verification.provenance_claims import blurring_steps, require_mixed, require_provenance
from groundtruth.verification.recipe_claims import require_recipe
from groundtruth.verification.trained_claims import trained_claims
from groundtruth.verification.variable_claims import require_variables
from mib.errors import shorten

_HELD = 30
"""On how many inputs the place of every variable is looked up."""


@dataclass(frozen=True)
class CheckResult:
    """One claim and whether it was proven again.

    Attributes:
        what: The claim.
        ok: Whether it holds.
        detail: Description of the check, or of the fault.
    """

    what: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Verification:
    """The outcome for one model.

    Attributes:
        name: Name of the model, as it was asked for.
        checks: Every claim.
        seconds: Time that it took.
    """

    name: str
    checks: tuple[CheckResult, ...] = field(default=())
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """True if every claim holds."""
        return all(result.ok for result in self.checks)


def verify(name: str | Path) -> Verification:
    """Re-prove every claim of a stored model.

    Args:
        name: Name of a shipped model, or the folder of a stored one.

    Returns:
        The outcome; files that cannot be read are a failed check, not an error.
    """
    start = time.perf_counter()
    checks = tuple(every_check(name))
    return Verification(str(name), checks, time.perf_counter() - start)


def every_check(name: str | Path) -> Iterator[CheckResult]:
    """Re-prove the claims of a stored model one after the other, as ``verify`` does."""
    try:
        folder = find_folder(name)
        if is_trained(folder):
            yield from _trained_checks(name, folder)
            return
        model = read_model(folder)
        circuits = read_circuits(folder, model.graph)
        variables = read_variables(folder, model)
        holds = read_holds(folder, model)
        _require_own_name(name, model)
    except GroundTruthError as error:
        yield CheckResult("files", False, str(error))
        return
    # From here on each claim stands by itself: one that fails leaves the others to be tried.
    yield CheckResult("files", True, f"{len(circuits)} circuits of {len(model.graph.edges)} edges, hashes agree")
    yield _attempt("claims", lambda: _claims(model, circuits, variables, *holds))
    yield _attempt("weights = program", lambda: _weights(model))
    yield _attempt("padding", lambda: _padding(model))
    yield _attempt("provenance", lambda: _provenance(model))
    yield _attempt("origin", lambda: require_origin(model))
    yield _attempt("recipe", lambda: require_recipe(model))
    for circuit in circuits:
        what = f"circuit {circuit.ablation}/{circuit.lengths}"
        yield _attempt(what, lambda circuit=circuit: circuit_again(model, circuit))
    if model.certainty == "measured":
        yield _attempt("measurements", lambda: require_measurements(model, folder))
    if variables:
        yield _attempt("variables", lambda: require_variables(model, variables))


def _trained_checks(name: str | Path, folder: Path) -> Iterator[CheckResult]:
    """Re-prove the claims of a stored trained model.

    Raises:
        GroundTruthError: If its files cannot be read.
    """
    network = read_trained_network(folder)
    certificate = read_certificate(folder, network)
    _require_own_name(name, network)
    yield CheckResult("files", True, f"a certificate of {len(network.graph.edges)} edges, hashes agree")
    for what, proof in trained_claims(network, certificate):
        yield _attempt(what, proof)


def _attempt(what: str, claim: Callable[[], str]) -> CheckResult:
    """Run a proof that returns what was done, or raises what is wrong; a lie may also make it stumble."""
    try:
        return CheckResult(what, True, claim())
    except GroundTruthError as error:
        return CheckResult(what, False, str(error))
    except Exception as error:
        return CheckResult(what, False, f"it cannot be proven again: {type(error).__name__}: {error}")


def _require_own_name(name: str | Path, model: ProgramNetwork) -> None:
    """See that a shipped model is the one that was asked for.

    Raises:
        ArtifactError: If it is called otherwise.
    """
    if isinstance(name, str) and (folder := stored(name)) is not None and model.name != folder.name:
        raise ArtifactError(f"the model that ships as '{name}' is called '{model.name}'.")


def _claims(
    model: CompiledNetwork,
    circuits: Sequence[Circuit],
    variables: Sequence[VariableTruth],
    expected: Sequence[str],
    with_variables: bool,
) -> str:
    """See that nothing is missing: a claim that is not made cannot be found false."""
    there = [f"{circuit.ablation}/{circuit.lengths}" for circuit in circuits]
    if {*there} != {*expected}:
        wrong = sorted({*expected} ^ {*there})
        raise GroundTruthError(
            f"the circuits are not those that it must hold: {shorten(wrong)}. An artifact that holds less than all "
            "says so under 'holds'; save it again."
        )
    if bool(variables) != with_variables:
        raise GroundTruthError(
            f"it holds {len(variables) or 'no'} variables and must hold {'' if variables else 'all'}."
        )
    missing = [what for what in whole_circuits(model) if what not in there]
    if not variables and model.certainty == "exact":
        missing.append("variables")
    return f"all, but for {shorten(missing)}, and said to be so" if missing else "all that an artifact holds"


def _weights(model: CompiledNetwork) -> str:
    # As many inputs as the artifact says, drawn by its seed: then the outcome must be the same to the last count.
    outcome = check(model, limit=max(model.check.inputs, 1), seed=model.check.seed)
    if outcome != model.check:
        raise GroundTruthError(f"the artifact says it was checked on {model.check}; its domain has {outcome}.")
    return str(outcome)


def _padding(model: CompiledNetwork) -> str:
    found = is_pad_safe(model)
    if found != model.pad_safe:
        raise GroundTruthError(f"pad_safe is stored as {model.pad_safe}, but padding says {found}.")
    return "harmless" if found else "changes outputs, and is said to"


def _provenance(model: CompiledNetwork) -> str:
    if model.certainty == "measured":
        require_mixed(model)
        return "directions share dimensions; none is said to hold a variable"
    require_provenance(model)
    if blurred := blurring_steps(model):
        return f"after '{blurred[0]}' directions hold values only nearly; each variable says how nearly"
    inputs = model.domain.inputs(limit=_HELD).tokens[-_HELD:]
    for tokens in inputs:
        if (wrong := first_wrong(model, tokens)) is not None:
            raise GroundTruthError(f"on input {tokens} the directions of '{wrong.name}' do not hold its value.")
    return f"every variable is where it is said to be, on {len(inputs)} inputs"


def circuit_again(model: CompiledNetwork, circuit: Circuit) -> str:
    """Prove a circuit again: every edge by the proof that it names, and that the live ones suffice.

    Returns:
        Number of edges of each status.

    Raises:
        GroundTruthError: If a claim does not hold.
    """
    # Statuses of a sample rest on witnesses, which are run, and on value classes, which need no inputs.
    shown = {x for t in circuit.truths if t.witness for x in (t.witness.clean, t.witness.counterfactual) if x}
    given = [] if circuit.exhaustive else sorted(shown, key=str)
    # What was refuted by a run speaks of the inputs that were run, so these are chosen again.
    searched = circuit.sufficiency.holds is False
    base = ground(model, circuit.ablation, circuit.lengths, inputs=given, searched=searched)
    if base.exhaustive != circuit.exhaustive or (base.exhaustive and len(base.inputs) != circuit.inputs):
        raise GroundTruthError(f"it speaks of {circuit.inputs} inputs; the domain has {len(base.inputs)}.")
    wrong = [f"{truth.edge} ({problem})" for truth in circuit.truths if (problem := _problem(base, truth))]
    if wrong:
        raise GroundTruthError(f"{len(wrong)} edges are not what they are said to be: {shorten(wrong)}.")
    # After the edges: which edges are live is what it is about.
    family = _require_sufficiency(base, circuit)
    counts = circuit.counts
    spelt = ", ".join(f"{counts[status]} {status}" for status in counts if counts[status])
    return f"{spelt}; {circuit.sufficiency}{family and '; '}{family}"


def _problem(base: Ground, truth: EdgeTruth) -> str:
    """Say what is wrong with the claim about an edge, or an empty string."""
    why = structure(base.model).get(truth.edge)
    if truth.proof in ("zero", "constant", "unread") and truth.tried:
        return f"it was tried on no pair, not {truth.tried:,}"
    if why is None or truth.status == "absent":
        same = why is None and truth.status == "absent" and truth.proof == "zero"
        return "" if same else "it is absent" if why is None else "what it carries is read"
    if truth.reason != why:
        return "the reason is another"
    # Before the proofs by runs: what only decoys read is settled by the weights, whatever else is claimed of it.
    if truth.edge in unread(base.model):
        return "" if (truth.status, truth.proof) == ("inert", "unread") else "only decoys read it"
    match truth.status, truth.proof:
        case "undecided", "sampled":
            return "" if not base.exhaustive else "its domain is run whole, so it can be decided"
        case "inert", "constant" | "absorbed" | "exhaustive" if not base.exhaustive:
            return _classes_problem(base, truth)
        case "inert", "constant":
            return "" if is_constant(base.runs, truth.edge) else "what it carries varies"
        case ("inert", "absorbed" | "exhaustive") | ("undecided", "none"):
            return _search_problem(base, truth)
        case "live", "witness":
            # On a sample the witness is the whole proof: which inputs were tried before it is no claim.
            again = _search_problem if base.exhaustive else lambda *_: ""
            return _witness_problem(base, truth) or again(base, truth)
        case _:
            return f"{truth.status} cannot be proven by {truth.proof}"


def _search_problem(base: Ground, truth: EdgeTruth) -> str:
    status, proof, tried, _ = decide(base, truth.edge)
    if (status, proof) != (truth.status, truth.proof):
        return f"it is {status} by {proof}"
    return "" if tried == truth.tried else f"it was tried on {tried:,} pairs, not {truth.tried:,}"


def _classes_problem(base: Ground, truth: EdgeTruth) -> str:
    """Say what is wrong with a claim that was proven by value classes on a domain that is not run whole."""
    if truth.proof == "constant":
        constant = not is_backup(base.model, truth.edge.source) and base.classes.is_constant(truth.edge)
        return "" if constant else "what it carries may vary"
    proof = base.classes.proof(truth.edge)
    return "" if proof == truth.proof else f"value classes show {proof or 'nothing'}"


def _witness_problem(base: Ground, truth: EdgeTruth) -> str:
    witness = truth.witness
    if witness is None:
        return "its witness is missing"
    try:
        row = base.inputs.index(witness.clean)
        other = base.inputs.index(witness.counterfactual) if witness.counterfactual is not None else 0
    except ValueError:
        return "its witness is not in the domain"
    if (witness.counterfactual is None) == (base.runs.ablation == "resample"):
        return "its witness is for another ablation"
    codes = cut_output(base.runs, truth.edge, row, other)
    counts = base.runs.counts[row]
    decoder = base.model.decoder
    before, after = decoder.decode(base.runs.codes[row][counts]), decoder.decode(codes[counts])
    if not (decoder.agrees(witness.output, before) and decoder.agrees(witness.cut_output, after)):
        return "its witness gives other outputs"
    changed = base.runs.changed(torch.tensor([row]), codes[None])
    return "" if bool(changed.any()) else "its witness shows no change"


def _require_sufficiency(base: Ground, circuit: Circuit) -> str:
    """Prove again that the live edges suffice, or do not, and what does; returns what was shown of the family."""
    found, claimed = sufficiency_of(base, circuit.truths), circuit.sufficiency
    if not circuit.exhaustive and claimed.holds is None:
        found = claimed  # a sample shows nothing, so there is nothing to prove again
    # Where a run refuted it, how many runs came before does not matter.
    same = found == claimed if found.holds else (found.holds, found.by) == (claimed.holds, claimed.by)
    if not same:
        raise GroundTruthError(f"'{claimed}' is claimed, but: {found}.")
    live = set(circuit.edges)
    joint = {edge for edges in circuit.minimal_circuits for edge in edges} - live
    if joint != set(circuit.redundant):
        raise GroundTruthError("the edges called redundant are not those that only a minimal circuit holds.")
    if found.holds is not None:
        return _require_minimal_circuits(base, circuit)
    if (circuit.minimal_circuits, circuit.complete) != ((circuit.edges,), False):
        raise GroundTruthError("it is not known whether the live edges suffice, yet other circuits are called minimal.")
    return ""


def _require_minimal_circuits(base: Ground, circuit: Circuit) -> str:
    """Prove the family again: that each circuit reproduces the model and no part of it does, and that they are all.

    Returns:
        Words for what was shown of them.
    """
    trials = trials_of(base, circuit.truths, circuit.sufficiency)
    readable, alone = set(trials.readable), 0
    for edges in circuit.minimal_circuits:
        which = f"the minimal circuit of {len(edges)} edges"
        # An edge over which nothing is read can be left out of any circuit, so that none with it is minimal.
        if idle := set(edges) - readable:
            raise GroundTruthError(f"{which} holds '{min(idle)}', over which nothing is read.")
        if not trials.reproduces(edges):
            raise GroundTruthError(f"{which} does not reproduce the model.")
        # By single edges for every circuit; by all of its parts where these are few enough to try, below.
        for edge in edges:
            if trials.reproduces(set(edges) - {edge}):
                raise GroundTruthError(f"{which} does without '{edge}'.")
        within = trials.least_within(edges)
        alone += within is None
        if within is not None and within != [frozenset(edges)]:
            raise GroundTruthError(f"{which} does with {len(min(within, key=len))} of them.")
    n = len(circuit.minimal_circuits)
    if circuit.complete and (circuit.minimal_circuits, True) != minimal_circuits(trials):
        raise GroundTruthError(f"these {n} minimal circuits are said to be all, but are not.")
    parts = f"{n - alone} of which no part suffices" + (f", {alone} that do without no single edge" if alone else "")
    return f"{n} minimal circuit{'s' if n > 1 else ''} ({parts}{', all there are' if circuit.complete else ''})"
