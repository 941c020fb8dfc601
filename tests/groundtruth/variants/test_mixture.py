"""Two programs in one model, of which the first token asks for one: what each half of the inputs needs."""

from dataclasses import replace
from functools import lru_cache

import pytest
from tracr.rasp import rasp

import groundtruth
from groundtruth.errors import GroundTruthError, VariantError
from groundtruth.model import load
from groundtruth.specs import find_model
from groundtruth.variants.mixture import MIXTURES, mix_programs
from groundtruth.verification.recipe_claims import require_recipe


@lru_cache
def _previous():
    before = rasp.Select(rasp.indices, rasp.indices, lambda key, query: key == max(query - 1, 0)).named("before")
    program = rasp.Aggregate(before, rasp.tokens).named("previous")
    return groundtruth.compile(program, vocab="abc", max_seq_len=3, name="previous")


@lru_cache
def _is_early():
    program = rasp.Map(lambda token: token == "a", rasp.tokens).named("is_early")
    return groundtruth.compile(program, vocab="abc", max_seq_len=3, name="is_early")


@lru_cache
def _mixture(kind):
    return mix_programs(_previous(), kind, other=_is_early())


def test_each_half_gets_the_answers_of_the_program_that_it_asks_for():
    """Letters and booleans are spelt out."""
    inputs = _previous().domain.inputs().tokens
    asked = [_is_early() if tokens[0] == "c" else _previous() for tokens in inputs]
    wanted = [[str(value) for value in one.run(tokens)] for one, tokens in zip(asked, inputs, strict=True)]
    assert _mixture("mixture").run_many(inputs) == wanted
    whole, own, other = (set(_mixture(kind).domain.inputs()) for kind in MIXTURES)
    assert own | other == whole == set(inputs) and not own & other and own and other
    assert str(_mixture("mixture_own").check) == "all 26 inputs"


def test_the_truth_is_both_circuits_and_the_switch():
    whole, own, other = (set(map(str, _mixture(kind).circuit("resample", "fixed").edges)) for kind in MIXTURES)
    shared = {"m1->m2", "m2->logits"}  # the two MLPs that choose
    assert own - shared == {"input->a0.h1<v>", "a0.h1->m1"} and other - shared == {"input->m0", "m0->m1"}
    assert own & other == shared
    assert whole - own - other == {"input->a0.h0<v>", "a0.h0->m2"}  # the head that moves the first token
    assert own | other < whole
    assert all(_mixture(kind).circuit("resample", "fixed").sufficiency.holds for kind in MIXTURES)


def test_what_both_programs_read_is_one_variable():
    names = [str(truth.variable) for truth in _mixture("mixture").variables()]
    assert names.count("tokens") == 1 and len(names) == len(set(names))


def test_the_halves_have_the_same_weights():
    whole, own = (_mixture(kind).weights.arrays() for kind in ("mixture", "mixture_own"))
    assert all((whole[name] == array).all() for name, array in own.items())


def test_a_recipe_says_which_programs_were_mixed():
    mixture = mix_programs(load("hist"), other="count_larger")
    assert require_recipe(mixture) == (
        "the program compiled anew, then mixture(seed=0, other=count_larger), is this model"
    )
    for other, told in (
        ("shift_by_one", "what the recipe makes of its program has"),
        ("nothing", "does not mix 'hist' with another"),
    ):
        changed = replace(mixture, recipe=(replace(mixture.recipe[0], parameters=(("other", other),)),))
        with pytest.raises(GroundTruthError, match=told):
            require_recipe(changed)
    with pytest.raises(GroundTruthError, match="it is called 'hist@mixture_own', but its recipe is mixture"):
        require_recipe(replace(mixture, name="hist@mixture_own"))


def test_a_seed_chooses_the_other_program_and_further_steps_come_after():
    others = {mix_programs(load("hist"), seed=seed).recipe[0].parameters for seed in range(4)}
    assert len(others) > 1
    turned = find_model("hist@mixture+rotate")
    assert [step.name for step in turned.recipe] == ["mixture", "rotate"] and turned.name == "hist@mixture+rotate"
    with pytest.raises(
        VariantError, match=r"'hist@rotate\+mixture' mixes programs after other steps\. Put 'mixture' first"
    ):
        find_model("hist@rotate+mixture")


def test_what_cannot_be_mixed_is_refused_with_the_reason():
    for name, told in (
        ("frac_prevs", "'frac_prevs' cannot be mixed: it gives a number, which no MLP can choose"),
        ("follow_pointer", "not all sequences of its tokens are inputs, so that none is left to ask"),
        ("add_with_hints", "not all sequences"),
    ):
        with pytest.raises(VariantError, match=told):
            find_model(f"{name}@mixture")
    with pytest.raises(
        VariantError, match=r"'copy_first' cannot be mixed with 'copy_last': 'copy_first' always gives the"
    ):
        mix_programs(load("copy_last"), other="copy_first")
    with pytest.raises(VariantError, match="its inputs are vocabulary a b x"):
        mix_programs(load("hist"), other="count_x")
    with pytest.raises(VariantError, match="is a variant already: mix programs first"):
        mix_programs(groundtruth.load("hist@soft"))
