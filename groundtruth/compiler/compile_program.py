"""RASP programs into transformers that equal them on their declared domain, or an error that shows where not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tracr.rasp import rasp

from groundtruth.compiled.decoder import NUMERIC_TOLERANCE, Decoder
from groundtruth.compiled.domain import Domain, Tokens
from groundtruth.compiled.forward import Weights
from groundtruth.compiled.network import Check, CompiledNetwork
from groundtruth.compiled.settings import Settings
from groundtruth.compiler.distinct_forward import DistinctForward
from groundtruth.compiler.pad_safety import is_pad_safe
from groundtruth.errors import DomainError, MiscompiledProgram, ProgramError, UnsupportedProgram
from groundtruth.model import CompiledModel
from groundtruth.programs.registry import Program
from groundtruth.rasp.evaluate import Column, batches_of_one_length, column
from groundtruth.rasp.expressions import canonical, evaluate
from groundtruth.rasp.infer_values import TooManyValues
from groundtruth.rasp.validate import require_supported

CHECK_LIMIT = 50_000
"""Domains up to this size are checked whole; larger ones on a seeded sample of this many inputs."""

_AGAIN = 3
"""Number of inputs from either end of the domain that are evaluated twice."""

_ROUNDING = 1e-13
"""Numbers closer than this, relative to their size, differ by rounding."""


def compile(
    program: rasp.SOp | Program,
    *,
    vocab: Iterable[Any] | None = None,
    max_seq_len: int | None = None,
    min_seq_len: int = 1,
    causal: bool = False,
    valid: Callable[[Tokens], bool] | None = None,
    inputs: Iterable[Sequence[Any]] | None = None,
    name: str | None = None,
    settings: Settings | None = None,
    check_limit: int = CHECK_LIMIT,
    seed: int = 0,
    report: Callable[[int, int], None] | None = None,
) -> CompiledModel:
    """Compile a RASP program to a transformer that is checked against it on its declared domain.

    Args:
        program: An S-Op, or a registered program, which brings its own domain.
        vocab: The tokens that it may read: all numbers, all strings, all booleans or all tuples of these.
        max_seq_len: Length of the longest input, without BOS.
        min_seq_len: Length of the shortest input.
        causal: True if attention sees only the past; the program then means what ``causal_eval`` says.
        valid: Rule that says which sequences of tokens are inputs; by default all.
        inputs: The inputs themselves, in the place of vocabulary, lengths and rule; ``vocab`` may add tokens.
        name: Name of the model; by default the name of the output expression.
        settings: Settings by which weights are made; exact by default (see ``groundtruth.compiled.settings.Settings``).
        check_limit: Domains up to this size are checked whole, larger ones on a sample of this size.
        seed: Seed of that sample.
        report: Called during the check with the number of inputs that are done, and of all.

    Returns:
        The model, with the outcome of the check in ``model.check``.

    Raises:
        ProgramError: If this is no program, its domain is missing or given twice, it fails on an input, its functions
            keep state, or it gives numbers too close to each other to count as different.
        DomainError: If the vocabulary or the lengths make no domain.
        UnsupportedProgram: With every reason why Tracr cannot compile it.
        MiscompiledProgram: If the model differs from the program on a checked input.
    """
    if isinstance(program, Program):
        if (vocab, max_seq_len, min_seq_len, causal, valid, inputs, name) != (None, None, 1, False, None, None, None):
            raise ProgramError(
                f"program '{program.name}' declares its own inputs; compile it without vocab=, max_seq_len=, "
                "min_seq_len=, causal=, valid=, inputs= and name=, or compile its S-Op, program.build(), with others."
            )
        return _compile_registered(program, _Checks(settings, check_limit, seed, report))
    sop = require_supported(program)
    if inputs is not None:
        if (max_seq_len, min_seq_len, valid) != (None, 1, None):
            raise ProgramError("inputs= are all inputs; give them without max_seq_len=, min_seq_len= and valid=.")
        domain = Domain.of(inputs, vocab=vocab)
    elif vocab is None or max_seq_len is None:
        raise ProgramError(
            "compile needs vocab= and max_seq_len= (or inputs=): the inputs on which the model must be right."
        )
    else:
        domain = Domain(tuple(vocab), max_seq_len, min_seq_len=min_seq_len, valid=valid)
    return _compile_checked(sop, domain, causal, name or sop.name, _Checks(settings, check_limit, seed, report))


def compile_unchecked(
    program: rasp.SOp, domain: Domain, *, causal: bool = False, name: str = "", settings: Settings | None = None
) -> CompiledModel:
    """Compile without comparing the model with the program: for timing, and for looking at what goes wrong.

    Args:
        program: A supported S-Op.
        domain: Its declared inputs.
        causal: True if attention sees only the past.
        name: Name of the model.
        settings: Settings by which weights are made; by default exactly.
    """
    from groundtruth.compiler.craft import craft

    own = canonical(program)
    settings = settings or Settings()
    assembled = craft(own, domain.vocab, domain.max_seq_len, settings)
    return CompiledModel(
        name=name or program.name,
        program=own,
        weights=Weights.from_arrays(assembled.arrays, causal=causal),
        token_values=assembled.token_values,
        decoder=Decoder(assembled.output_values),
        provenance=assembled.provenance,
        domain=domain,
        check=Check(0, exhaustive=False),
        settings=settings,
    )


def check(
    model: CompiledNetwork,
    *,
    limit: int = CHECK_LIMIT,
    seed: int = 0,
    program: rasp.SOp | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Check:
    """Compare a model with its program on its domain.

    Args:
        model: Weights and program.
        limit: Domains up to this size are run whole, larger ones on a sample of this size.
        seed: Seed of that sample.
        program: Program to compare it with; by default its own program.
        report: Called with the number of inputs that are done, and of all.

    Raises:
        DomainError: If the domain has no input.
        MiscompiledProgram: With the first wrong input, both outputs, and the cause where it is a known one.
        ProgramError: If the program itself fails on an input.
    """
    inputs = model.domain.inputs(limit=limit, seed=seed)
    if not inputs.tokens:
        raise DomainError(f"no valid input of {model.domain} was found, so there is nothing on which to be right.")
    program = program or model.program
    _require_stateless(model, program, inputs.tokens)
    wrong = np.flatnonzero(_differ(model, program, inputs.tokens, report))
    if len(wrong):
        from groundtruth.compiler.diagnose import known_cause

        tokens = inputs.tokens[wrong[0]]
        raise MiscompiledProgram(
            model.name,
            tokens=tokens,
            expected=evaluate(program, tokens, causal=model.causal),
            actual=model.run_many([tokens])[0],
            wrong=len(wrong),
            checked=len(inputs),
            cause=known_cause(model, tokens),
        )
    return Check(len(inputs), exhaustive=inputs.exhaustive, seed=seed)


def _require_stateless(model: CompiledNetwork, program: rasp.SOp, inputs: Sequence[Tokens]) -> None:
    """Evaluate a few inputs again: a program whose functions remember gives something else."""
    # From both ends, for a function that remembers may do so only from some length on.
    for tokens in (*inputs[:_AGAIN], *inputs[-_AGAIN:]):
        first, again = (_evaluated(model, program, [tokens]).rows()[0] for _ in range(2))
        if repr(first) != repr(again):  # by their text, since NaN is not itself
            raise ProgramError(
                f"'{model.name}' gives {first} on {' '.join(map(str, tokens))}, and {again} when it is asked again: a "
                "function of it keeps state. What it gives must depend on its arguments alone."
            )


def _require_apart(name: str, values: Sequence[Any]) -> None:
    """Numbers that a program gives must differ by more than what counts as equal, or by rounding alone."""
    numbers = sorted(float(value) for value in values if isinstance(value, Real) and math.isfinite(value))
    for low, high in itertools.pairwise(numbers):
        size = max(1.0, abs(low), abs(high))
        # Neighbours are enough: if any two numbers are too close, so are two that stand side by side.
        if _ROUNDING * size < high - low <= NUMERIC_TOLERANCE * size:
            raise ProgramError(
                f"'{name}' gives {low!r} and {high!r}, and numbers closer than {NUMERIC_TOLERANCE:g} of their size "
                "count as equal: whatever tells the two apart would be called useless. Scale or shift the output so "
                "that its values lie further apart, or make it categorical."
            )


def _differ(
    model: CompiledNetwork,
    program: rasp.SOp,
    inputs: Sequence[Tokens],
    report: Callable[[int, int], None] | None,
) -> NDArray[np.bool_]:
    """On which inputs a model differs from a program at any position."""
    wrong = np.zeros(len(inputs), dtype=bool)
    forward, numbers, done = DistinctForward(model.weights), set[Any](), 0
    for indices in batches_of_one_length(inputs):
        batch = [inputs[i] for i in indices]
        expected = _evaluated(model, program, batch)
        if not model.decoder.categorical:
            numbers.update(expected.values)
        actual = model.decoder.codes(forward.logits(model.encode(batch))[:, 1:])
        codes = model.decoder.encode(expected.values)[torch.from_numpy(expected.codes)]
        # Against the program itself and not its tables: what Tracr lists wrongly shows here.
        wrong[indices] = model.decoder.differ(actual, codes).any(-1).numpy()
        done += len(batch)
        if report is not None:
            report(done, len(inputs))
    # After all inputs were run: which numbers occur is known only then.
    _require_apart(model.name, [*numbers])
    return wrong


def _evaluated(model: CompiledNetwork, program: rasp.SOp, inputs: Sequence[Tokens]) -> Column:
    """The program's output on inputs of one length.

    Raises:
        ProgramError: If the program fails on one of them, naming it.
    """
    try:
        # All at once, as long as nothing fails; one by one only to name the input that does.
        return column(program, inputs, causal=model.causal)
    except Exception:
        for tokens in inputs:
            try:
                evaluate(program, tokens, causal=model.causal)
            except Exception as error:
                raise ProgramError(
                    f"'{model.name}' itself fails on the input {' '.join(map(str, tokens))}: "
                    f"{type(error).__name__}: {error}. Correct it, or exclude the input with valid=."
                ) from error
        raise


@dataclass(frozen=True)
class _Checks:
    """How a program is compiled and checked.

    Attributes:
        settings: Settings by which weights are made; ``None`` = exactly.
        limit: The most inputs that are checked.
        seed: Seed of the sample, where they are not all.
        report: Told how far the check is.
    """

    settings: Settings | None
    limit: int
    seed: int
    report: Callable[[int, int], None] | None


def _compile_registered(program: Program, how: _Checks) -> CompiledModel:
    sop = require_supported(program.build())
    return replace(
        _compile_checked(sop, program.domain, program.causal, program.name, how),
        description=program.description,
        family=program.family,
        rasp_source=program.rasp_source,
    )


def _compile_checked(sop: rasp.SOp, domain: Domain, causal: bool, name: str, how: _Checks) -> CompiledModel:
    """Compile with Tracr's lists of values; where that is refused or not exact, once more with repairs."""
    original = canonical(sop)
    try:
        return _checked(_compile_pruned(original, domain, causal, name, how), original, how)
    # Unrepaired first, so that a program that Tracr compiles exactly keeps Tracr's weights to the bit.
    except (MiscompiledProgram, UnsupportedProgram):
        from groundtruth.compiler.repairs import repair

        repairs = how.settings is None or how.settings.repairs
        repaired = repair(original, domain, causal=causal, limit=how.limit) if repairs else None
        if repaired is None:
            raise
    # Compared with the original: a repair that changed the program would pass against itself.
    return _checked(_compile_pruned(repaired, domain, causal, name, how), original, how)


def _compile_pruned(sop: rasp.SOp, domain: Domain, causal: bool, name: str, how: _Checks) -> CompiledModel:
    """Compile; where values that cannot occur make too many combinations, without these."""
    try:
        return compile_unchecked(sop, domain, causal=causal, name=name, settings=how.settings)
    except TooManyValues:
        from groundtruth.compiler.repairs import prune

        pruned = prune(sop, domain, causal=causal, limit=how.limit)
        if pruned is None:
            raise
    return compile_unchecked(pruned, domain, causal=causal, name=name, settings=how.settings)


def _checked(model: CompiledModel, original: rasp.SOp, how: _Checks) -> CompiledModel:
    """The model with what was found about it; whether padding disturbs it is found out when that is asked for."""
    found = check(model, limit=how.limit, seed=how.seed, program=original, report=how.report)
    # Padding is tried when it is asked for: it takes as long as the check, and many never ask.
    return replace(model, check=found, padding=partial(is_pad_safe, limit=how.limit, seed=how.seed))
