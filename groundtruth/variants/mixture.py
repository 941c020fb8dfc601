"""Two programs in one model, of which the first token asks for one: each half of the inputs has a circuit of its own.

The mixture is a RASP program: both programs, a head that moves the first token to every position, and two MLPs that
choose. Compiled, it is checked and proven as every program is. What both programs compute alike, such as a length, they
share. On the half of the inputs that ask for one program, the other one runs, varies, and comes to nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.random import Generator
from tracr.rasp import rasp

from groundtruth.compiled.domain import Domain, Tokens
from groundtruth.compiled.recipe import Step
from groundtruth.compiler.compile_program import compile
from groundtruth.errors import VariantError
from groundtruth.model import CompiledModel, load_compiled
from groundtruth.rasp.evaluate import evaluate_many
from groundtruth.store.summaries import summaries
from groundtruth.variants.tiers import MIXTURE
from groundtruth.variants.variant import generator_of

MIXTURES: Mapping[str, str] = {
    MIXTURE: "two programs in one model; the first token asks for one, and the truth is both circuits and the switch",
    "mixture_own": "the half of a mixture's inputs that ask for the model's own program",
    "mixture_other": "the half of a mixture's inputs that ask for the other program",
}
"""A mixture and its halves, which have the same weights, by what follows ``@`` in the name of a model."""

CHOICES = 4
"""Another program that is not named is one of so many, the smallest that fit."""


def mix_programs(
    model: CompiledModel, kind: str = MIXTURE, *, seed: int = 0, other: str | CompiledModel = ""
) -> CompiledModel:
    """Compile a model's program and another one into one model.

    Inputs that begin with the last token of the vocabulary ask for the other program, all others for the model's own.
    Values of several kinds, such as numbers and words, are spelt out as text.

    Args:
        model: A compiled model, not yet transformed, whose output is a value and never empty.
        kind: The mixture, or one of its halves, see ``MIXTURES``: the same weights on fewer inputs.
        seed: Chooses the other program, if none is named, among shipped ones of the same inputs.
        other: A model of the same tokens and lengths, or the name of a shipped one.

    Raises:
        VariantError: If the model is transformed, or it and the other one cannot be mixed.
    """
    if model.recipe:
        raise VariantError(f"'{model.name}' is a variant already: mix programs first, and transform the mixture.")
    if problem := _problem(model):
        raise VariantError(f"'{model.name}' cannot be mixed: {problem}.")
    if isinstance(other, str):
        partner = load_compiled(other) if other else _choose_partner(model, generator_of(MIXTURE, seed))
    else:
        partner = other
    if problem := _misfit(model, partner):
        raise VariantError(f"'{partner.name}' cannot be mixed with '{model.name}': {problem}.")
    domain = model.domain
    mixed = compile(
        _mixed_program(model, partner),
        vocab=domain.vocab,
        max_seq_len=domain.max_seq_len,
        min_seq_len=domain.min_seq_len,
        causal=model.causal,
        name=f"{model.name}@{kind}",
        settings=model.settings,
    )
    step = Step(kind, seed, (("other", partner.name),))
    told = f"{model.name}, or {partner.name} where the first token is {domain.vocab[-1]}"
    mixed = replace(mixed, description=told, family=MIXTURE, recipe=(step,))
    return mixed if kind == MIXTURE else _half(mixed, own=kind == "mixture_own")


def _mixed_program(model: CompiledModel, partner: CompiledModel) -> rasp.SOp:
    last = model.domain.vocab[-1]
    # True equals 1, and numbers and words have no order: values of several kinds are spelt out.
    spelt = len({kind for one in (model, partner) for kind in map(type, one.decoder.values)}) > 1
    at_first = rasp.Select(rasp.indices, rasp.indices, lambda key, query: key == 0).named("at_first")
    asked = rasp.Aggregate(at_first, rasp.tokens).named("asked")
    both = rasp.SequenceMap(_spelt_pair if spelt else _pair, model.program, partner.program).named("both")

    def choose(pair: Any, token: Any) -> Any:
        return pair[1] if token == last else pair[0]

    return rasp.SequenceMap(choose, both, asked).named("chosen")


def _pair(own: Any, other: Any) -> Any:
    return own, other


def _spelt_pair(own: Any, other: Any) -> Any:
    return str(own), str(other)


def _half(mixed: CompiledModel, *, own: bool) -> CompiledModel:
    """The same weights on the inputs that ask for one program."""
    domain = _half_domain(mixed.domain, own=own)
    size = len(domain.inputs(limit=max(mixed.check.inputs, 1), seed=mixed.check.seed))
    return replace(mixed, domain=domain, check=replace(mixed.check, inputs=size), folder=None)


def _half_domain(domain: Domain, *, own: bool) -> Domain:
    last = domain.vocab[-1]

    def asks(tokens: Tokens) -> bool:
        return (tokens[0] != last) == own

    rule = f"the first token is {'not ' if own else ''}{last}"
    return Domain(domain.vocab, domain.max_seq_len, min_seq_len=domain.min_seq_len, valid=asks, valid_text=rule)


def _problem(model: CompiledModel) -> str:
    """Why a model cannot be mixed with any other; empty if it can."""
    if not model.decoder.categorical:
        return "it gives a number, which no MLP can choose; take one that gives values"
    if model.domain.valid is not None:
        return "not all sequences of its tokens are inputs, so that none is left to ask for another program"
    return ""


def _misfit(model: CompiledModel, other: CompiledModel) -> str:
    """Why two models cannot be mixed; empty if they can."""
    if problem := _problem(other):
        return problem
    own, theirs = model.domain, other.domain
    if (own.vocab, own.min_seq_len, own.max_seq_len) != (theirs.vocab, theirs.min_seq_len, theirs.max_seq_len):
        return f"its inputs are {theirs}, not {own}"
    if model.causal != other.causal:
        return "one is causal and one is not"
    for one, is_own in ((model, True), (other, False)):
        outputs = _outputs(one, _half_domain(own, own=is_own))
        if any(value is None for row in outputs for value in row):
            return f"'{one.name}' gives nothing on some input"
        if len({tuple(row) for row in outputs if len(row) == own.max_seq_len}) < 2:
            return f"'{one.name}' always gives the same where it is asked for"
    return ""


def _outputs(model: CompiledModel, domain: Domain) -> Sequence[Sequence[Any]]:
    inputs = domain.inputs(limit=max(model.check.inputs, 1), seed=model.check.seed).tokens
    return evaluate_many(model.program, inputs, causal=model.causal)


def _choose_partner(model: CompiledModel, rng: Generator) -> CompiledModel:
    fitting: list[CompiledModel] = []
    for summary in sorted(summaries(), key=lambda entry: (entry["edges"], entry["d_model"], entry["name"])):
        if summary["name"] == model.name or summary["domain"] != str(model.domain):
            continue
        if not _misfit(model, other := load_compiled(summary["name"])):
            fitting.append(other)
        if len(fitting) == CHOICES:
            break
    if not fitting:
        raise VariantError(f"no other shipped model has the inputs of '{model.name}', so none can be mixed with it.")
    return fitting[int(rng.integers(len(fitting)))]
