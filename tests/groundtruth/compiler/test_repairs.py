"""A repaired program is the same program, held differently: exact, proven, stored and read back."""

import itertools

import numpy as np
import pytest
from tracr.compiler import lib
from tracr.rasp import rasp

import groundtruth
from groundtruth import compile, programs
from groundtruth.compiled.domain import Domain
from groundtruth.compiled.forward import forward
from groundtruth.compiler.compile_program import compile_unchecked
from groundtruth.compiler.repairs import prune, repair
from groundtruth.errors import MiscompiledProgram, UnsupportedProgram
from groundtruth.model import load
from groundtruth.rasp.annotations import is_clean_at_bos, listed_numbers
from groundtruth.rasp.expressions import canonical, children_first

TOKENS, INDICES = rasp.tokens, rasp.indices
EQ, LEQ, LT, TRUE = rasp.Comparison.EQ, rasp.Comparison.LEQ, rasp.Comparison.LT, rasp.Comparison.TRUE


def number(function, of):
    return rasp.numerical(rasp.Map(function, of, simplify=False))


def mean(keys, queries, predicate, of):
    return rasp.numerical(rasp.Aggregate(rasp.Select(keys, queries, predicate), of, default=0))


def majority():
    """Whether more than half of the tokens are x."""
    return rasp.Map(lambda share: share > 0.5, mean(TOKENS, TOKENS, TRUE, number(lambda t: t == "x", TOKENS)))


def says_no_before():
    """How many earlier positions follow no x, from a word that is computed from a number."""
    was_x = mean(INDICES, INDICES, lambda k, q: k == q - 1, number(lambda t: t == "x", TOKENS))
    word = rasp.Map(lambda share: "yes" if share > 0.5 else "no", was_x).named("word")
    return rasp.SelectorWidth(rasp.Select(word, TOKENS, lambda k, q: k == "no"))


def mean_of_means():
    """A mean of what one minus a mean is, ten times, as a category."""
    was_x = mean(INDICES, INDICES, lambda k, q: k == q - 1, number(lambda t: t == "x", TOKENS))
    return rasp.Map(lambda share: round(10 * share), mean(TOKENS, TOKENS, LT, number(lambda share: 1 - share, was_x)))


ORACLES = {
    majority: lambda t: [t.count("x") > len(t) / 2] * len(t),
    says_no_before: lambda t: [1 + sum(token != "x" for token in t[:-1])] * len(t),
}


@pytest.mark.parametrize("build", ORACLES)
def test_a_repaired_model_equals_plain_python_is_proven_and_survives_its_file(build, tmp_path):
    model = compile(build(), vocab="xyz", max_seq_len=4)
    everything = list(itertools.chain.from_iterable(itertools.product("xyz", repeat=n) for n in (1, 2, 3, 4)))
    assert model.run_many(everything) == [ORACLES[build](tokens) for tokens in everything]
    assert model.circuit().sufficiency.holds and model.circuit().counts["undecided"] == 0
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    held = [(listed_numbers(e), is_clean_at_bos(e)) for e in children_first(model.program)]
    assert [(listed_numbers(e), is_clean_at_bos(e)) for e in children_first(again.program)] == held
    assert any(numbers is not None or clean for numbers, clean in held)
    assert groundtruth.verify(tmp_path / "model").ok


@pytest.mark.parametrize("causal", [False, True])
def test_what_is_computed_from_numbers_is_clean_at_bos_after_the_repair(causal):
    model = compile(mean_of_means(), vocab="xyz", max_seq_len=4, causal=causal)
    plain = compile_unchecked(mean_of_means(), Domain(tuple("xyz"), 4), causal=causal)
    clean, dirty = (m.held(forward(m.weights, m.encode([("x",)])).residual[0, 0]) for m in (model, plain))
    kept = [i for i, d in enumerate(model.provenance.directions) if d.kind == "variable"]
    assert float(clean[kept].abs().max()) < 1e-9
    assert float(dirty[[i for i, d in enumerate(plain.provenance.directions) if d.kind == "variable"]].abs().max()) == 1


@pytest.mark.parametrize("name", ["hist_no_bos", "dyck1_prefix", "detect_ab"])
def test_programs_that_compile_by_tracr_s_lists_are_left_alone_though_they_could_be_repaired(name):
    program = programs.get(name)
    sop = canonical(program.build())
    assert repair(sop, program.domain, causal=program.causal, limit=1000) is not None
    model, shipped = compile(program), load(name)
    assert all(np.array_equal(array, shipped.weights.arrays()[key]) for key, array in model.weights.arrays().items())
    assert all(listed_numbers(e) is None and not is_clean_at_bos(e) for e in children_first(model.program))


def nested(depth, last=lambda x: x[-1]):
    """The token, by way of so many pairs of pairs of it."""
    value = rasp.Map(lambda t: (t,), TOKENS, simplify=False)
    for _ in range(depth):
        value = rasp.SequenceMap(lambda x, token: (*x, token), value, TOKENS).named("longer")
    return rasp.Map(last, value)


@pytest.mark.parametrize("length", [2, 30])
def test_values_that_cannot_meet_are_not_counted(length):
    """Six times five tokens are 78,125 values; five occur, whatever the length of the input."""
    model = compile(nested(6), vocab=(1, 2, 3, 4, 5), max_seq_len=length, check_limit=500)
    assert model.run((3, 1)) == [3, 1]
    assert model.weights.d_mlp <= 25 and model.weights.d_model < 80 + length


def test_too_many_values_are_refused_with_their_number_before_they_are_made():
    counts = [rasp.SelectorWidth(rasp.Select(TOKENS, TOKENS, lambda k, q, c=c: k == c)) for c in range(4)]
    value = counts[0]
    for other in counts[1:]:
        value = rasp.SequenceMap(lambda x, y: (x, y), value, other).named("pair")
    with pytest.raises(UnsupportedProgram, match="combines 29,791 values of 'pair' with 31 of .*923,521 neurons"):
        compile(value, vocab=range(4), max_seq_len=30, check_limit=100)


def test_pruned_functions_give_what_they_gave_on_the_domain_and_none_elsewhere():
    pair = canonical(rasp.SequenceMap(lambda x, y: x + y, rasp.Map(lambda t: t * t, TOKENS), TOKENS))
    pruned = prune(pair, Domain((1, 2, 3), 2), causal=False, limit=100)
    assert [pruned.f(x, y) for x, y in [(1, 1), (4, 2), (9, 3), (4, 1)]] == [2, 6, 12, None]
    assert pair.f(4, 1) == 5


def test_numbers_that_rounding_alone_sets_apart_are_a_cause_of_refusal():
    tenths = number(lambda t: t / 10, TOKENS)
    sums = mean(INDICES, INDICES, TRUE, tenths)
    exactly = rasp.Map(lambda share: share == 0.2, sums).named("exactly")
    with pytest.raises(MiscompiledProgram, match="which rounding alone sets apart, with different results"):
        compile(exactly, vocab=(1, 2, 3), max_seq_len=3)


@pytest.mark.parametrize("name", ["random", "counter"])
def test_a_function_that_remembers_its_calls_is_none(name):
    calls = itertools.count()
    state = {"random": lambda t: np.random.default_rng().random(), "counter": lambda t: t + next(calls)}[name]
    with pytest.raises(groundtruth.ProgramError, match="when it is called again. What it gives must depend on its arg"):
        compile(rasp.Map(state, TOKENS), vocab=(1, 2), max_seq_len=2)


def test_means_of_any_numbers_compile():
    average = mean(TOKENS, TOKENS, LEQ, number(lambda t: t - 2, TOKENS))
    model = compile(average, vocab=(1, 2, 5), max_seq_len=4)
    assert model.check.exhaustive and model.run((5, 1, 2)) == pytest.approx([2 / 3, -1, -0.5])
    assert compile(lib.make_hist(), vocab=(1, 2), max_seq_len=2).run((1, 1)) == [2, 2]
