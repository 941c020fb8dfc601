"""The inputs that a proof about edges runs on: the whole domain where it is small, else inputs chosen to matter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from groundtruth.compiled.domain import Tokens
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.errors import DomainError
from groundtruth.truth.circuits.circuit import Lengths
from groundtruth.truth.circuits.covering_inputs import covering_inputs, with_edits

POOL_LIMIT = 4_000
"""Domains up to this size are run whole."""

SAMPLE_SIZE = 1_000
"""Number of inputs of a larger domain that are run. Value classes decide what they do not show, so that more seldom
help."""

MEMORY_LIMIT = 16 * 2**30
"""Bytes that the full runs of a proof may take; more is refused before anything is allocated."""


@dataclass(frozen=True)
class InputPool:
    """Inputs to run.

    Attributes:
        inputs: Different inputs; those that were given or found by search come first.
        exhaustive: Whether they are all inputs of that kind.
        covering: Number of the first that were given or show a value of an expression that those before do not.
        drawn: Numbers of those drawn at random, so that means over them are means over the domain, up to chance.
    """

    inputs: list[Tokens]
    exhaustive: bool
    covering: int = 0
    drawn: tuple[int, ...] = ()


def input_pool(
    model: CompiledNetwork,
    lengths: Lengths,
    *,
    inputs: Sequence[Sequence[object]] = (),
    budget: int | None = None,
    searched: bool = True,
) -> InputPool:
    """Choose the inputs that proofs about a model run on.

    Half of a sample is drawn at random, half are inputs found by search on the program (``covering_inputs``) and their
    single-token edits.

    Args:
        model: The model.
        lengths: ``fixed``: inputs of the greatest length; ``mixed``: of all lengths.
        inputs: Inputs to run besides; those of a domain that is run whole are in it anyway.
        budget: Domains up to this size are run whole; else at most so many inputs, those given not counted. By default
            ``POOL_LIMIT``, else ``SAMPLE_SIZE``.
        searched: Whether to search; else only given and random inputs are run.

    Raises:
        DomainError: If a given input is none, or not of the greatest length where lengths are fixed.
    """
    if budget is not None and budget < 1:
        raise DomainError(f"budget={budget} leaves no inputs to run; give at least 1.")
    domain = model.domain
    whole, size = (POOL_LIMIT, SAMPLE_SIZE) if budget is None else (budget, budget)
    drawn = domain.inputs(limit=whole)
    if lengths == "fixed":
        # Of the greatest length that has inputs: a rule may leave none of the greatest that is declared.
        longest = max(len(tokens) for tokens in drawn.tokens)
        domain = domain.with_lengths(longest, longest)
        if drawn.exhaustive:
            drawn = replace(drawn, tokens=[tokens for tokens in drawn.tokens if len(tokens) == longest])
        else:
            drawn = domain.inputs(limit=whole)
    given = [_checked(model, tokens, domain.lengths) for tokens in inputs]
    if drawn.exhaustive:
        # Given inputs are of the domain, so they are there already.
        return InputPool(drawn.tokens, exhaustive=True)
    found = covering_inputs(model.program, domain, causal=model.causal) if searched else []
    # The latest found are the rarest, and the first of a pool are paired with each other.
    first = list(dict.fromkeys([*given, *reversed(found)]))
    edited = with_edits(first, domain, size // 2) if searched else []
    # Drawn apart from what was found, so that a mean over it is not one of rare cases.
    sample = domain.inputs(limit=size - size // 2).tokens
    everything = list(dict.fromkeys([*first, *edited, *sample]))
    index = {tokens: row for row, tokens in enumerate(everything)}
    return InputPool(everything, False, len(first), tuple(index[tokens] for tokens in sample))


def _checked(model: CompiledNetwork, tokens: Sequence[object], lengths: range) -> Tokens:
    checked = model.domain.check(tokens)  # pyright: ignore[reportArgumentType]
    if len(checked) not in lengths:
        raise DomainError(
            f"inputs= holds '{' '.join(map(str, checked))}', of {len(checked)} tokens; lengths='fixed' runs inputs "
            f"of {lengths.stop - 1}. Leave it out, or use lengths='mixed'."
        )
    return checked


def require_memory(model: CompiledNetwork, inputs: int, positions: int) -> None:
    """Refuse full runs that would take more than ``MEMORY_LIMIT``: each source's output is held once."""
    w = model.weights
    sources = w.n_layers * (w.n_heads + 1) + 2
    needed = 8 * inputs * positions * w.d_model * sources
    if needed > MEMORY_LIMIT:
        fitting = max(1, inputs * MEMORY_LIMIT // needed)
        raise DomainError(
            f"proving the circuit of '{model.name}' would hold {needed / 2**30:,.0f} GiB of outputs ({inputs:,} inputs "
            f"x {positions} positions x {sources:,} sources x {w.d_model:,} dimensions); at most "
            f"{MEMORY_LIMIT / 2**30:.0f} GiB are. Run fewer inputs, budget={fitting}, or a model with fewer heads."
        )
