"""One draw of a suite of trained models: a program for which a circuit is drawn, trained and certified."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from groundtruth.errors import DomainError, ProgramError, TrainingError
from groundtruth.generated.acceptance import Rejected
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.draw import Drawn
from groundtruth.generated.draw_share import told_shares
from groundtruth.generated.idle_variables import idle_variables
from groundtruth.generated.member import Member
from groundtruth.store.save_trained import save_trained
from groundtruth.train_model import train
from groundtruth.trained.kinds import Kind
from groundtruth.trained.prepare_network import Plan, fixed_length, prepare_network
from groundtruth.trained.train_network import Settings
from groundtruth.trained.trained_model import TrainedModel
from groundtruth.trained.trained_network import TrainedNetwork

MAX_INPUTS = 81
"""Inputs of a trained model of a suite, at most: the runs of a certificate grow with their square."""

KINDS: tuple[Kind, ...] = ("wired", "free")
"""Kinds of training, dealt out in turn."""

SIZES = {"d_head": 4, "d_mlp": 64}
"""Half the usual sizes, at which as many programs are certified."""

SETTINGS = Settings(wired_steps=300, learning_rate=4e-3, rounds=2)
"""Numbers of a training run: the rate at which heads that attend by what tokens are do not get stuck."""

REFUSED = "not certified: "
"""Start of the reason where a network was trained and not certified."""


def require_enumerable(bounds: Bounds) -> None:
    """Refuse bounds whose programs may have more inputs than are enumerated.

    Raises:
        ProgramError: If there are some.
    """
    (_, tokens), (_, length) = bounds.vocab, bounds.length
    if tokens**length > MAX_INPUTS:
        raise ProgramError(
            f"vocab up to {tokens} and length up to {length} make {tokens**length:,} inputs; a trained model of a "
            f"suite has at most {MAX_INPUTS}, all pairs of which are run. Lower one of the two."
        )


def train_draw(
    drawn: Drawn, number: int, n_depths: int, *, tell: Callable[[float], None] = lambda share: None
) -> TrainedModel:
    """Draw a circuit for a program, train it, and certify it.

    Args:
        drawn: The program.
        number: Number of the draw; it seeds the training, and says whose turn the kinds are.
        n_depths: Number of depths that are dealt out in turn, for each of which every kind has its turn.
        tell: Told which part of the run is done.

    Raises:
        Rejected: If it has nothing that can be trained, or the network is not certified.
    """
    kind = KINDS[number // n_depths % len(KINDS)]
    program = drawn.program
    network = _prepared(drawn, number)
    try:
        made = train(
            program, max_seq_len=network.domain.max_seq_len, architecture=SIZES, kind=kind, n_spares=1, seed=number,
            settings=SETTINGS, progress=lambda moment: tell(moment.share),
        )  # fmt: skip
    except TrainingError as error:
        raise Rejected(REFUSED + _part(error.failures[0]), error.failures[0]) from error
    return replace(made, name=program.name)


def trained_member(model: TrainedModel, code: str) -> Member:
    """Return what a suite says of a trained model."""
    shape, circuit = model.architecture, model.circuit()
    return Member(
        name=model.name,
        code=code,
        layers=shape.n_layers,
        heads=shape.n_heads,
        live=len(circuit.edges),
        edges=len(model.graph.edges),
        shared_mlps=sum(len(unit.expressions) > 1 for unit in model.correspondence.units),
        inputs=model.certificate.inputs,
        causal=model.causal,
    )


def store_trained(drawn: Drawn, number: int, bounds: Bounds, folder: str) -> Member:
    """Train the network of a draw, and store it under its name in a folder; errors as of ``train_draw``."""
    low, high = bounds.depth
    with told_shares(Path(folder)) as tell:
        model = train_draw(drawn, number, high - low + 1, tell=tell)
    save_trained(model, f"{folder}/{model.name}")
    return trained_member(model, drawn.code)


def _prepared(drawn: Drawn, number: int) -> TrainedNetwork:
    """The network before it is trained, with its circuit.

    Raises:
        Rejected: If there is no circuit to train, or a variable of the program is idle on the domain.
    """
    program = drawn.program
    try:
        domain = fixed_length(program.domain)
        plan = Plan(SIZES, None, number, "none", 1)
        network = prepare_network(program.name, program.build(), domain, plan, causal=program.causal)
    except DomainError as error:
        raise Rejected("no circuit fits", str(error)) from error
    if not network.correspondence.units:
        raise Rejected("nothing for a head or an MLP")
    inputs = [list(domain.enumerate())]
    if idle := idle_variables(network.numbered_program(), inputs, shifts=range(1, 20, 3)):
        raise Rejected("idle variable", ", ".join(idle))
    return network


def _part(failure: str) -> str:
    """Find which part of a certificate a failure is of."""
    parts = {"behaviour": "behaviour", "interchange": "interchange of a variable", "random": "random sets of edges"}
    first = failure.split(":")[0].split()[0]
    return parts.get(first, "edges")
