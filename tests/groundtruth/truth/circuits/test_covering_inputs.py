"""The search for inputs that matter: rare conditions are met, on any domain that allows it."""

from dataclasses import replace

import pytest
from tracr.compiler import lib
from tracr.rasp import rasp

from groundtruth.compiled.domain import Domain
from groundtruth.programs.shorthand import apply, tokens
from groundtruth.rasp.expressions import canonical, evaluate, trace, walk
from groundtruth.truth.circuits.covering_inputs import covering_inputs, with_edits
from tests.groundtruth.rare_conditions import RARE

LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize(("name", "condition"), [(name, "ordered" if "turned" in name else None) for name in RARE])
def test_a_rare_condition_is_met_and_missed(name, condition):
    rare, (vocab, n) = RARE[name], RARE[name].large
    program = canonical(rare.build(n))
    label = next(e.label for e in walk(program) if condition in (None, e.name))
    found = covering_inputs(program, Domain(vocab, n))
    assert {value for tokens in found for value in trace(program, tokens)[label]} >= {True, False}


def test_a_pattern_is_met_letter_by_letter():
    program = canonical(lib.detect_pattern(rasp.tokens, "abcde"))
    found = covering_inputs(program, Domain(LETTERS, 6))
    assert any(True in evaluate(program, tokens) for tokens in found)


def test_chance_does_not_meet_it():
    program = canonical(RARE["all equal"].build(9))
    drawn = Domain(tuple(range(11)), 9, min_seq_len=9).inputs(limit=2_000).tokens
    assert {value for tokens in drawn for value in evaluate(program, tokens)} == {False}


def test_a_rule_of_the_domain_is_kept():
    domain = Domain(LETTERS, 5, valid=lambda t: t[0] < t[-1])
    found = covering_inputs(canonical(RARE["abc"].build(5)), domain)
    assert found
    assert all(x in domain for x in found)


def test_inputs_on_which_the_program_fails_are_passed_over():
    program = apply("inverse", lambda n: 6 / n, tokens)
    found = covering_inputs(canonical(program), Domain((0, 1, 2, 3), 2))
    assert {evaluate(program, x)[0] for x in found} == {6.0, 3.0, 2.0}


def test_the_search_ends_when_it_may_run_no_more():
    program = canonical(RARE["turned if sorted"].build(9))
    few, many = (covering_inputs(program, Domain(LETTERS, 9), evaluations=n) for n in (1, 40_000))
    assert few == many[: len(few)]
    assert len(few) < len(many)


def test_edits_follow_the_inputs_and_keep_to_the_limit():
    domain = replace(Domain((1, 2, 3), 3), min_seq_len=3)
    found = with_edits([(1, 1, 1), (2, 2, 2)], domain, 9)
    assert found[:2] == [(1, 1, 1), (2, 2, 2)]
    assert len(set(found)) == len(found) == 9
    assert all(any(sum(a != b for a, b in zip(x, y, strict=True)) == 1 for y in found[:2]) for x in found[2:])
