"""Generated programs are what they claim: exact, proven, within bounds, drawn again from their code, and not idle."""

import random

import numpy as np
import pytest

from groundtruth.compiled.domain import Domain
from groundtruth.compiler.compile_program import compile
from groundtruth.errors import ProgramError
from groundtruth.generated import Bounds, Stuck, from_code, from_seed, parse_range
from groundtruth.generated import grammar as growing
from groundtruth.generated.acceptance import judge
from groundtruth.generated.choices import Choices, code_of, replayed, seeded
from groundtruth.generated.idle_variables import idle_variables
from groundtruth.programs import load_program
from groundtruth.programs.shorthand import EQ, aggregate, combine, count, indices, select, tokens
from groundtruth.rasp.expressions import canonical
from groundtruth.rasp.interning import NumberedProgram
from groundtruth.truth.variables.rasp_causal_model import CausalModel

SMALL = Bounds(depth=(1, 4), length=(2, 4))
SEEDS = range(12)


@pytest.fixture(scope="module")
def drawn():
    return [from_seed(seed, SMALL) for seed in SEEDS]


def test_every_draw_compiles_to_the_size_that_was_foretold_and_is_proven(drawn):
    for one in drawn:
        judged = judge(one, SMALL)
        weights = judged.model.weights
        assert (weights.n_layers, weights.n_heads) == (one.size.layers, max(1, one.size.heads))
        assert 1 <= weights.n_layers <= 4
        assert judged.model.check.exhaustive
        assert judged.circuit.counts["undecided"] == 0
        assert judged.circuit.sufficiency.holds


def test_the_draws_differ(drawn):
    assert len({one.program.name for one in drawn}) == len(drawn)
    assert {one.size.layers for one in drawn} == {1, 2, 3, 4}


def test_a_code_draws_the_same_program(drawn):
    for one in drawn:
        again = from_code(one.code)
        assert (again.text, again.code) == (one.text, one.code)


def test_what_is_shown_is_what_is_compiled(drawn, tmp_path):
    for one in drawn[:4]:
        file = tmp_path / f"{one.program.name}.py"
        file.write_text(one.text)
        loaded, own = compile(load_program(str(file))), compile(one.program)
        assert own.rasp_source == loaded.rasp_source
        assert own.rasp_source in one.text
        arrays = own.weights.arrays()
        assert all(np.array_equal(array, arrays[name]) for name, array in loaded.weights.arrays().items())


def test_every_variable_matters_on_some_pair(drawn):
    """Held to the causal model: one interchange at a time, on random pairs of the whole domain."""
    for one in drawn[:6]:
        model = compile(one.program)
        causal = CausalModel(model)
        bases, sources = model.domain.sample(200, seed=3), model.domain.sample(200, seed=4)
        before = [run[causal.output] for run in causal.interchange_many(bases, {})]
        for label in causal.variables:
            if label not in ("tokens", "indices"):
                after = causal.interchange_many(bases, {label: [(source, None) for source in sources]})
                assert before != [run[causal.output] for run in after], f"{label} of\n{one.text}"


def test_an_idle_variable_is_found():
    hist = count("hist", select("same", tokens, tokens, EQ))
    moved = aggregate("moved", select("here", indices, indices, EQ), tokens)
    both = combine("both", lambda x, y: 10 * x + y, hist, moved)
    program = combine("out", lambda x, y: x % 10 + y, both, tokens)
    inputs = [list(Domain((1, 2, 3), 3).enumerate())[12:]]
    assert idle_variables(NumberedProgram(canonical(program), causal=False), inputs) == ["hist"]


def test_bounds_hold():
    bounds = Bounds(depth=(2, 2), heads=(1, 1), vocab=(2, 2), length=(3, 3), causal=False)
    for seed in range(6):
        model = compile(from_seed(seed, bounds).program)
        assert (model.weights.n_layers, model.weights.n_heads, model.causal) == (2, 1, False)
        assert (len(model.domain.vocab), model.domain.max_seq_len) == (2, 3)


def test_causal_programs_occur_and_are_exact():
    causal = [one for one in map(from_seed, range(12)) if one.program.causal]
    assert causal
    assert all(compile(one.program).causal for one in causal)


def test_a_code_is_what_was_drawn():
    choices = seeded(random.Random(0))
    drawn = [choices.below(n) for n in (5, 1, 62, 3)]
    assert drawn[1] == 0
    assert choices.drawn == [drawn[0], drawn[2], drawn[3]]
    again = replayed(code_of(choices.drawn))
    assert [again.below(n) for n in (5, 1, 62, 3)] == drawn


def test_zero_is_the_simplest_and_need_not_be_written():
    nothing = Choices(lambda n: 0)
    assert [nothing.between(3, 9), nothing.maybe(2), nothing.one_of("ab")] == [3, False, "a"]
    assert code_of([3, 0, 1, 0, 0]) == "301"
    assert replayed("").below(9) == 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"depth": (3, 2)}, r"depth=\(3, 2\) is no range .* 1 <= least <= most <= 12"),
        ({"vocab": (1, 2)}, r"vocab=\(1, 2\) .* 2 <= least <= most <= 6"),
        ({"heads": 3}, "heads=3 is no range"),
        ({"length": (2.0, 3)}, "length="),
    ],
)
def test_bounds_that_are_none_are_refused(given, told):
    with pytest.raises(ProgramError, match=told):
        Bounds(**given)


def test_bounds_come_back_from_their_code():
    bounds = Bounds(depth=(3, 8), heads=(2, 5), live=(6, 40), causal=False)
    assert Bounds.parse(bounds.code) == bounds


@pytest.mark.parametrize(("text", "range_"), [("3..8", (3, 8)), ("4", (4, 4))])
def test_ranges_are_written_with_two_dots(text, range_):
    assert parse_range(text, name="--depth") == range_


def test_errors_say_what_to_write():
    with pytest.raises(ProgramError, match=r"--depth='3-8' is no range; write 3\.\.8"):
        parse_range("3-8", name="--depth")
    with pytest.raises(ProgramError, match="no code of a generated program of this version"):
        from_code("abc")
    with pytest.raises(ProgramError, match="is no code of bounds"):
        from_code("1ab")
    with pytest.raises(ProgramError, match="'!' in '!' is not part of a code"):
        from_code("1" + Bounds().code + "!")


def test_what_cannot_be_grown_says_so(monkeypatch):
    monkeypatch.setattr(growing, "_STEPS", 2)
    with pytest.raises(Stuck, match="too many steps"):
        from_seed(0, Bounds(depth=(12, 12)))
