"""RASP programs into transformers that equal them on their declared domain, or an error that shows where not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracr.rasp import rasp

from groundtruth.decoding import Decoder
from groundtruth.domain import Domain, Tokens
from groundtruth.errors import MiscompiledProgram, ProgramError
from groundtruth.expressions import canonical, evaluate
from groundtruth.forward import Weights
from groundtruth.model import Check, CompiledModel
from groundtruth.programs.registry import Program
from groundtruth.validating import require_supported

if TYPE_CHECKING:
    from groundtruth.crafting import Settings

CHECK_LIMIT = 50_000
"""Domains up to this size are checked whole; larger ones on a seeded sample of this many inputs."""


def compile(  # noqa: A001 - the verb that everybody looks for
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
        settings: How weights are made; by default exactly (see ``groundtruth.crafting.Settings``).
        check_limit: Domains up to this size are checked whole, larger ones on a sample of this size.
        seed: Of that sample.

    Returns:
        The model, with the outcome of the check in ``model.check``.

    Raises:
        ProgramError: If this is no program, or its domain is missing.
        DomainError: If the vocabulary or the lengths make no domain.
        UnsupportedProgram: With every reason why Tracr cannot compile it.
        MiscompiledProgram: If the model differs from the program on a checked input.
    """
    if isinstance(program, Program):
        return _compile_registered(program, settings=settings, check_limit=check_limit, seed=seed)
    sop = require_supported(program)
    if vocab is None or max_seq_len is None:
        raise ProgramError("compile needs vocab= and max_seq_len=: the inputs on which the model must be right.")
    domain = Domain(tuple(vocab), max_seq_len, min_seq_len=min_seq_len, valid=valid)
    model = compile_unchecked(sop, domain, causal=causal, name=name or sop.name, settings=settings)
    return replace(model, check=check(model, limit=check_limit, seed=seed))


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
    from groundtruth.crafting import Settings, craft

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


def check(model: CompiledModel, *, limit: int = CHECK_LIMIT, seed: int = 0) -> Check:
    """Compare a model with its program on its domain.

    Args:
        model: Weights and program.
        limit: Domains up to this size are run whole, larger ones on a sample of this size.
        seed: Of that sample.

    Raises:
        MiscompiledProgram: With the first wrong input, both outputs, and the cause where it is a known one.
    """
    inputs = model.domain.inputs(limit=limit, seed=seed)
    actual = model.run_many(inputs.tokens)
    expected = [evaluate(model.program, tokens, causal=model.causal) for tokens in inputs]
    agreed = [model.decoder.agrees(a, e) for a, e in zip(actual, expected, strict=True)]
    if not all(agreed):
        from groundtruth.diagnosing import known_cause

        first = agreed.index(False)
        raise MiscompiledProgram(
            model.name,
            tokens=inputs.tokens[first],
            expected=expected[first],
            actual=actual[first],
            wrong=agreed.count(False),
            checked=len(inputs),
            cause=known_cause(model, inputs.tokens[first]),
        )
    return Check(len(inputs), exhaustive=inputs.exhaustive, seed=seed)


def _compile_registered(
    program: Program, *, settings: Settings | None, check_limit: int, seed: int
) -> CompiledModel:
    sop = require_supported(program.build())
    model = compile_unchecked(sop, program.domain, causal=program.causal, name=program.name, settings=settings)
    return replace(
        model,
        check=check(model, limit=check_limit, seed=seed),
        description=program.description,
        family=program.family,
        rasp_source=program.rasp_source,
        pad_safe=program.pad_safe,
    )
