"""Train a transformer on a program, with a circuit that is known beforehand and certified afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from tracr.rasp import rasp

from groundtruth.errors import DomainError, ProgramError, TrainingError
from groundtruth.programs.registry import Program, get
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.certified_run import Trained
from groundtruth.trained.correspondence import UNPLANNED, Correspondence
from groundtruth.trained.draw_correspondence import Copies
from groundtruth.trained.kinds import Kind
from groundtruth.trained.prepare_network import Plan, fixed_length, prepare_network
from groundtruth.trained.train_network import Settings, train_network
from groundtruth.trained.train_sparse_network import SparseSettings, train_sparse_network
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.training_progress import Progress

SPARSE_SIZES: Mapping[str, Any] = MappingProxyType({"n_layers": 2, "d_model": 32, "d_mlp": 64, "norm": False})
"""Sizes of a ``sparse`` network that are not asked for. Under a norm no edge would be absent: the norm reads all."""


def train(
    program: str | Program,
    *,
    vocab: Sequence[Any] | None = None,
    max_seq_len: int | None = None,
    architecture: Architecture | Mapping[str, Any] | None = None,
    correspondence: Correspondence | None = None,
    kind: Kind = "free",
    copies: Copies = "none",
    n_spares: int = 2,
    seed: int = 0,
    settings: Settings | SparseSettings | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train a transformer to compute a program by a known circuit, and certify it on its whole domain.

    A network of the kind ``sparse`` chooses its circuit by itself, which is then enumerated.

    Args:
        program: A program of the library by name, or a declared one.
        vocab: Its tokens; by default all that the program takes.
        max_seq_len: The length of the inputs; by default the greatest at which there are at most 256 of them.
        architecture: The network's shape, or those of its sizes that matter, such as ``{"style": "llama"}``; what is
            not given is chosen: as few layers, and a residual stream as narrow, as the program needs; for ``sparse``
            see ``SPARSE_SIZES``.
        correspondence: Expressions that live on each head and MLP; by default drawn by the seed.
        kind: ``free`` (every weight trained, nothing absent by algebra), ``wired`` (needless edges absent by algebra)
            or ``scratch`` (strict from the first step; its variables are usually not certified); or ``sparse``
            (trained on answers alone, with few weights: no circuit is planned).
        copies: ``vote``: one expression lives on three heads, of which two suffice; ``backup``: one lives on an
            MLP, and the MLP of the next layer sets right what it gets wrong; ``none``.
        n_spares: Number of heads trained to be loud on variables that nothing needs, at most; ``sparse`` has none.
        seed: Draws the correspondence, the weights and the batches; same seed, same network, on one machine.
        settings: Numbers of the training run: ``Settings``, or ``SparseSettings`` for ``sparse``.
        checkpoint: A file that the run is kept in as it goes, and continued from if it is there.
        progress: Told where the run is.

    Returns:
        The model with its certificate.

    Raises:
        ProgramError: If there is no such program.
        DomainError: If it does not fit into the architecture, or its domain cannot be enumerated.
        TrainingError: If the network is not certified within the budget; the message names edges, pairs and margins.
            One that chose its circuit is refused only where an answer is wrong.
    """
    trained = attempt_training(
        program,
        vocab=vocab,
        max_seq_len=max_seq_len,
        plan=Plan(architecture or {}, correspondence, seed, copies, n_spares),
        kind=kind,
        seed=seed,
        settings=settings,
        checkpoint=checkpoint,
        progress=progress,
    )
    if trained.failures:
        raise TrainingError(trained.network.name, trained.failures)
    return TrainedModel.of(trained.network, certificate=trained.certificate)


def attempt_training(
    program: str | Program,
    *,
    vocab: Sequence[Any] | None = None,
    max_seq_len: int | None = None,
    plan: Plan,
    kind: Kind = "free",
    seed: int = 0,
    settings: Settings | SparseSettings | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train and certify, and return what came out whether it is certified or not; arguments as of ``train``.

    Raises:
        TrainingError: If a ``sparse`` network answers wrong: there is nothing to certify.
    """
    declared = get(program) if isinstance(program, str) else program
    if not isinstance(declared, Program):  # pyright: ignore[reportUnnecessaryIsInstance] - whoever calls may not type
        raise ProgramError(
            f"program={program!r} is a {type(program).__name__}. Give a name such as 'second_step', or what "
            "@groundtruth.program makes of a function."
        )
    plan = plan_for(kind, plan)
    sop: rasp.SOp = declared.build()
    network = prepare_network(
        f"{declared.name}@{kind}-{seed}",
        sop,
        fixed_length(declared.domain, vocab=vocab, max_seq_len=max_seq_len),
        plan,
        causal=declared.causal,
        description=declared.description,
        family=declared.family,
        rasp_source=declared.rasp_source,
    )
    if kind == "sparse":
        return train_sparse_network(
            network,
            seed=seed,
            settings=_require_settings(SparseSettings, settings),
            checkpoint=checkpoint,
            progress=progress,
        )
    settings = _require_settings(Settings, settings)
    return train_network(network, kind=kind, seed=seed, settings=settings, checkpoint=checkpoint, progress=progress)


SomeSettings = TypeVar("SomeSettings", Settings, SparseSettings)


def _require_settings(kind: type[SomeSettings], given: Settings | SparseSettings | None) -> SomeSettings | None:
    if given is not None and not isinstance(given, kind):
        raise DomainError(
            f"settings={given!r} are those of another kind of training; give groundtruth.trained's {kind.__name__}."
        )
    return given


def plan_for(kind: Kind, plan: Plan) -> Plan:
    """The plan as a kind of training takes it: a ``sparse`` network chooses its circuit, and is small by default.

    Raises:
        DomainError: If a ``sparse`` one is to have a circuit, or an architecture with gates.
    """
    if kind != "sparse":
        return plan
    if plan.correspondence is not None or plan.copies != "none":
        raise DomainError("kind='sparse' plans no circuit: leave out correspondence and copies.")
    asked = plan.architecture
    if (asked.style if isinstance(asked, Architecture) else asked.get("style", "gpt2")) != "gpt2":
        raise DomainError("kind='sparse' trains networks of GPT-2's style; leave out style, or take another kind.")
    shape = asked if isinstance(asked, Architecture) else {**SPARSE_SIZES, **asked}
    return replace(plan, architecture=shape, correspondence=UNPLANNED)
