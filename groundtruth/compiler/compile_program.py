"""RASP programs into transformers that equal them on their declared domain, or an error that shows where not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from tracr.rasp import rasp

from groundtruth.compiled.decoder import Decoder
from groundtruth.compiled.domain import Domain, Tokens
from groundtruth.compiled.forward import Weights
from groundtruth.compiled.network import Check, CompiledNetwork
from groundtruth.compiler.distinct_forward import DistinctForward
from groundtruth.compiler.padding import is_pad_safe
from groundtruth.errors import DomainError, MiscompiledProgram, ProgramError, UnsupportedProgram
from groundtruth.model import CompiledModel
from groundtruth.programs.registry import Program
from groundtruth.rasp.evaluate import Column, batches_of_one_length, column
from groundtruth.rasp.expressions import canonical, evaluate
from groundtruth.rasp.infer_values import TooManyValues
from groundtruth.rasp.validate import require_supported

if TYPE_CHECKING:
    from groundtruth.compiler.craft import Settings

CHECK_LIMIT = 50_000
"""Domains up to this size are checked whole; larger ones on a seeded sample of this many inputs."""


def compile(
    program: rasp.SOp | Program,
    *,
    vocab: Iterable[Any] | None = None,
    max_seq_len: int | None = None,
    min_seq_len: int = 1,
    causal: bool = False,
    valid: Callable[[Tokens], bool] | None = None,
    name: str | None = None,
    settings: Settings | None = None,
    check_limit: int = CHECK_LIMIT,
    seed: int = 0,
) -> CompiledModel:
    """Compile a RASP program to a transformer that is checked against it on its declared domain.

    Args:
        program: An S-Op, or a registered program, which brings its own domain.
        vocab: The tokens that it may read: all numbers or all strings.
        max_seq_len: Length of the longest input, without BOS.
        min_seq_len: Length of the shortest input.
        causal: Whether attention sees only the past; the program then means what ``causal_eval`` says.
        valid: Which sequences of tokens are inputs; by default all.
        name: What to call the model; by default the name of the output expression.
        settings: How weights are made; by default exactly (see ``groundtruth.compiler.craft.Settings``).
        check_limit: Domains up to this size are checked whole, larger ones on a sample of this size.
        seed: Of that sample.

    Returns:
        The model, with the outcome of the check in ``model.check``.

    Raises:
        ProgramError: If this is no program, its domain is missing or given twice, or it fails on an input.
        DomainError: If the vocabulary or the lengths make no domain.
        UnsupportedProgram: With every reason why Tracr cannot compile it.
        MiscompiledProgram: If the model differs from the program on a checked input.
    """
    if isinstance(program, Program):
        if (vocab, max_seq_len, min_seq_len, causal, valid, name) != (None, None, 1, False, None, None):
            raise ProgramError(
                f"program '{program.name}' declares its own inputs; compile it without vocab=, max_seq_len=, "
                "min_seq_len=, causal=, valid= and name=, or compile its S-Op, program.build(), with others."
            )
        return _compile_registered(program, _Checks(settings, check_limit, seed))
    sop = require_supported(program)
    if vocab is None or max_seq_len is None:
        raise ProgramError("compile needs vocab= and max_seq_len=: the inputs on which the model must be right.")
    domain = Domain(tuple(vocab), max_seq_len, min_seq_len=min_seq_len, valid=valid)
    return _compile_checked(sop, domain, causal, name or sop.name, _Checks(settings, check_limit, seed))


def compile_unchecked(
    program: rasp.SOp, domain: Domain, *, causal: bool = False, name: str = "", settings: Settings | None = None
) -> CompiledModel:
    """Compile without comparing the model with the program: for timing, and for looking at what goes wrong.

    Args:
        program: A supported S-Op.
        domain: Its declared inputs.
        causal: Whether attention sees only the past.
        name: What to call the model.
        settings: How weights are made; by default exactly.
    """
    from groundtruth.compiler.craft import Settings, craft

    own = canonical(program)
    assembled = craft(own, domain.vocab, domain.max_seq_len, settings or Settings())
    return CompiledModel(
        name=name or program.name,
        program=own,
        weights=Weights.from_arrays(assembled.arrays, causal=causal),
        token_values=assembled.token_values,
        decoder=Decoder(assembled.output_values),
        provenance=assembled.provenance,
        domain=domain,
        check=Check(0, exhaustive=False),
    )


def check(model: CompiledNetwork, *, limit: int = CHECK_LIMIT, seed: int = 0, program: rasp.SOp | None = None) -> Check:
    """Compare a model with its program on its domain.

    Args:
        model: Weights and program.
        limit: Domains up to this size are run whole, larger ones on a sample of this size.
        seed: Of that sample.
        program: What to compare it with; by default its own program.

    Raises:
        DomainError: If the domain has no input.
        MiscompiledProgram: With the first wrong input, both outputs, and the cause where it is a known one.
        ProgramError: If the program itself fails on an input.
    """
    inputs = model.domain.inputs(limit=limit, seed=seed)
    if not inputs.tokens:
        raise DomainError(f"no valid input of {model.domain} was found, so there is nothing on which to be right.")
    program = program or model.program
    wrong = np.flatnonzero(_differ(model, program, inputs.tokens))
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


def _differ(model: CompiledNetwork, program: rasp.SOp, inputs: Sequence[Tokens]) -> NDArray[np.bool_]:
    """On which inputs a model differs from a program at any position."""
    wrong = np.zeros(len(inputs), dtype=bool)
    forward = DistinctForward(model.weights)
    for indices in batches_of_one_length(inputs):
        batch = [inputs[i] for i in indices]
        expected = _evaluated(model, program, batch)
        actual = model.decoder.codes(forward.logits(model.encode(batch))[:, 1:])
        codes = model.decoder.encode(expected.values)[torch.from_numpy(expected.codes)]
        wrong[indices] = model.decoder.differ(actual, codes).any(-1).numpy()
    return wrong


def _evaluated(model: CompiledNetwork, program: rasp.SOp, inputs: Sequence[Tokens]) -> Column:
    """The program's output on inputs of one length.

    Raises:
        ProgramError: If the program fails on one of them, naming it.
    """
    try:
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
        settings: How weights are made; ``None`` = exactly.
        limit: The most inputs that are checked.
        seed: Seed of the sample, where they are not all.
    """

    settings: Settings | None
    limit: int
    seed: int


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
    except (MiscompiledProgram, UnsupportedProgram):
        from groundtruth.compiler.repairs import repair

        repairs = how.settings is None or how.settings.repairs
        repaired = repair(original, domain, causal=causal, limit=how.limit) if repairs else None
        if repaired is None:
            raise
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
    """The model with what was found about it: that it equals its program, and whether padding disturbs it."""
    found = check(model, limit=how.limit, seed=how.seed, program=original)
    return replace(model, check=found, pad_safe=is_pad_safe(model, limit=how.limit, seed=how.seed))
