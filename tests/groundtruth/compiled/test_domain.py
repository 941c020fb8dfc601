import itertools
import subprocess
import sys

import numpy as np
import pytest

from groundtruth.compiled.domain import BOS, PAD, Domain
from groundtruth.errors import DomainError


def distinct(tokens):
    """All tokens differ."""
    return len(set(tokens)) == len(tokens)


def test_enumeration_is_shortest_first_then_in_vocabulary_order():
    domain = Domain((2, 1), 2)
    assert list(domain.enumerate()) == [(1,), (2,), (1, 1), (1, 2), (2, 1), (2, 2)]


@pytest.mark.parametrize("n_tokens, low, high", [(3, 1, 5), (4, 2, 4), (2, 6, 6)])
def test_size_counts_the_enumeration(n_tokens, low, high):
    domain = Domain(tuple(range(n_tokens)), high, min_seq_len=low)
    everything = list(domain.enumerate())
    assert domain.size == len(everything) == len(set(everything)) == sum(n_tokens**k for k in range(low, high + 1))


def test_a_validity_rule_leaves_exactly_the_inputs_that_meet_it():
    domain = Domain((1, 2, 3, 4), 3, valid=distinct)
    expected = [p for k in (1, 2, 3) for p in itertools.permutations((1, 2, 3, 4), k)]
    assert list(domain.enumerate()) == expected
    assert domain.size == len(expected)
    assert str(domain) == "vocabulary 1 2 3 4 · lengths 1-3 · all tokens differ"


def test_a_rule_on_too_many_candidates_leaves_the_size_unknown_but_can_be_sampled():
    domain = Domain(tuple(range(10)), 8, valid=distinct)
    assert domain.size is None
    inputs = domain.inputs(limit=500, seed=3)
    assert not inputs.exhaustive
    assert len(inputs) == len(set(inputs)) == 500
    assert all(distinct(tokens) for tokens in inputs)


def test_inputs_are_exhaustive_up_to_the_limit_and_a_spread_over_lengths_above_it():
    domain = Domain((1, 2, 3), 5)
    assert domain.inputs(limit=363).exhaustive
    sample = domain.inputs(limit=362)
    assert not sample.exhaustive
    assert len(set(sample)) == len(sample) == 362
    small = domain.inputs(limit=100)
    lengths = [sum(len(tokens) == k for tokens in small) for k in domain.lengths]
    assert lengths[:2] == [3, 9] and min(lengths[2:]) >= 27 and sum(lengths) == 100


def test_a_sample_draws_valid_inputs_of_every_length():
    domain = Domain((1, 2, 3, 4), 4, valid=distinct)
    drawn = domain.sample(400, seed=1)
    assert {len(tokens) for tokens in drawn} == {1, 2, 3, 4}
    assert all(tokens in domain for tokens in drawn)


def test_fixed_pairs_share_a_length_and_mixed_pairs_do_not_always():
    domain = Domain((1, 2), 4)
    assert all(len(a) == len(b) and a != b for a, b in domain.pairs("fixed", n=200))
    mixed = domain.pairs("mixed", n=200)
    assert any(len(a) != len(b) for a, b in mixed) and any(len(a) == len(b) for a, b in mixed)


def test_edit_pairs_differ_in_one_token_and_stay_valid():
    domain = Domain((1, 2, 3, 4), 3, valid=distinct)
    for clean, other in [*domain.pairs("edit", n=100), *domain.pairs("edit")]:
        assert len(clean) == len(other) and sum(a != b for a, b in zip(clean, other, strict=True)) == 1
        assert distinct(other)


@pytest.mark.parametrize("kind", ["fixed", "mixed", "edit"])
def test_all_pairs_are_those_of_a_brute_force(kind):
    domain = Domain((1, 2, 3), 3, min_seq_len=2, valid=distinct)
    rule = {
        "fixed": lambda a, b: len(a) == len(b),
        "mixed": lambda a, b: True,
        "edit": lambda a, b: len(a) == len(b) and sum(x != y for x, y in zip(a, b, strict=True)) == 1,
    }[kind]
    everything = list(domain.enumerate())
    expected = {(a, b) for a in everything for b in everything if a != b and rule(a, b)}
    if not expected:
        with pytest.raises(DomainError, match="no two inputs"):
            domain.pairs(kind)
        return
    pairs = domain.pairs(kind)
    assert set(pairs) == expected and len(pairs) == len(expected)


@pytest.mark.parametrize("n", [None, 5])
def test_a_domain_of_one_input_a_length_has_no_fixed_pairs(n):
    with pytest.raises(DomainError, match="no two inputs of vocabulary 1 · lengths 1-3 make a pair of kind 'fixed'"):
        Domain((1,), 3).pairs("fixed", n=n)


def test_the_same_seed_draws_the_same_in_another_process_whatever_the_hash_seed():
    code = (
        "from groundtruth.compiled.domain import Domain\n"
        "d = Domain(tuple('abcdefgh'), 7)\n"
        "print(d.inputs(limit=50, seed=4).tokens, d.sample(9, seed=4), d.pairs('mixed', n=9, seed=4))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1 and len(outputs.pop()) > 500


@pytest.mark.parametrize(
    "tokens, message",
    [
        (("red", "bleu"), r"token 'bleu' at position 1 of 'red bleu' is not in the vocabulary blue red\. Did you"),
        (("red",) * 4, r"'red red red red' has 4 tokens; allowed are 1 to 3\."),
        ((), r"'\(nothing\)' has 0 tokens; allowed are 1 to 3\."),
        (("red", "red"), r"'red red' is not a valid input: all tokens differ\."),
    ],
)
def test_check_says_what_is_wrong_with_an_input(tokens, message):
    domain = Domain(("red", "blue"), 3, valid=distinct)
    with pytest.raises(DomainError, match=message):
        domain.check(tokens)
    assert tokens not in domain


def test_check_returns_the_input_as_a_tuple_and_takes_no_boolean_for_a_number():
    assert Domain((0, 1), 2).check([1, 0]) == (1, 0)
    with pytest.raises(DomainError, match="token True"):
        Domain((0, 1), 2).check([True])


@pytest.mark.parametrize(
    "vocab, low, high, message",
    [
        ((), 1, 2, "vocab is empty"),
        ((1, "a"), 1, 2, "vocab mixes or holds types that Tracr cannot order: int, string"),
        ((True, 1), 1, 2, "types that Tracr cannot order: bool, int"),
        (((1, 2), (1, "a")), 1, 2, "types that Tracr cannot order"),
        ((None,), 1, 2, "types that Tracr cannot order: NoneType"),
        ((BOS, "a"), 1, 2, "vocab contains 'compiler_bos', which Tracr adds itself"),
        ((PAD, "a"), 1, 2, "vocab contains 'compiler_pad', which Tracr adds itself"),
        ((1, 2, 1.0), 1, 2, r"vocab contains 1(\.0)? twice"),
        ((1, 2), 0, 2, "min_seq_len=0 and max_seq_len=2 leave no lengths"),
        ((1, 2), 3, 2, "min_seq_len=3 and max_seq_len=2 leave no lengths"),
        ((1, float("nan")), 1, 2, "vocab contains nan, which no model can be given as a number"),
        ((1, float("inf")), 1, 2, "vocab contains inf"),
        ((1, 2), 1, "5", "max_seq_len='5' is a str; expected a whole number of tokens"),
        ((1, 2), 1, 5.0, "max_seq_len=5.0 is a float; expected a whole number"),
        ((1, 2), None, 5, "min_seq_len=None is a NoneType; expected a whole number"),
    ],
)
def test_a_domain_that_cannot_be_is_refused(vocab, low, high, message):
    with pytest.raises(DomainError, match=message):
        Domain(vocab, high, min_seq_len=low)


def test_an_unknown_kind_of_pairs_is_refused():
    with pytest.raises(DomainError, match="kind='fix' of pairs is unknown; choose from fixed, mixed, edit"):
        Domain((1, 2), 2).pairs("fix")


@pytest.mark.parametrize(
    "given, kept",
    [
        ((True, False), (False, True)),
        (((1, 2), (0, 3)), ((0, 3), (1, 2))),
        (np.arange(3), (0, 1, 2)),
        (np.array(["b", "a"]), ("a", "b")),
        ((np.float64(0.5), 2), (0.5, 2)),
    ],
)
def test_a_vocabulary_may_be_booleans_tuples_and_numpy_s_numbers(given, kept):
    vocab = Domain(tuple(given), 2).vocab
    assert vocab == kept and [type(token) for token in vocab] == [type(token) for token in kept]
    assert kept[:1] in Domain(tuple(given), 2)


def test_a_boolean_is_no_number_and_a_number_no_boolean():
    assert (1,) not in Domain((True, False), 1) and (True,) not in Domain((0, 1), 1)


def test_a_rule_that_fails_is_named_with_the_sequence():
    with pytest.raises(DomainError, match=r"valid= fails on '1' \(ZeroDivisionError: division by zero\)\. It must say"):
        list(Domain((1, 2), 2, valid=lambda tokens: 1 / 0).enumerate())


def some_of_two_tokens(tokens):
    """Tokens 1 and 3, at least one of them 3."""
    return set(tokens) <= {1, 3} and 3 in tokens


def test_inputs_of_a_rare_rule_are_searched_and_all_of_them_found():
    """255 of 16,777,216: no million draws would find ten of them."""
    domain = Domain(tuple(range(8)), 8, min_seq_len=8, valid=some_of_two_tokens)
    found = domain.inputs(limit=1_000, seed=1)
    assert not found.exhaustive and set(found) == {t for t in itertools.product((1, 3), repeat=8) if 3 in t}
    drawn = domain.sample(20, seed=2)
    assert drawn == domain.sample(20, seed=2) and len(set(drawn)) > 15 and all(map(some_of_two_tokens, drawn))
    assert all(a != b and some_of_two_tokens(b) for a, b in domain.pairs("fixed", n=10))


def test_a_rule_that_nothing_meets_asks_for_the_inputs():
    with pytest.raises(DomainError, match="has no inputs; the rule excludes all of them"):
        Domain(tuple(range(8)), 8, min_seq_len=8, valid=lambda tokens: False).sample(1)


def test_listed_inputs_are_the_domain():
    domain = Domain.of([(3, 1), (1, 3), (3,), (1, 3)])
    assert domain.vocab == (1, 3) and domain.lengths == range(1, 3)
    assert list(domain.enumerate()) == [(3,), (1, 3), (3, 1)] == domain.inputs().tokens
    assert domain.size == 3 and domain.inputs().exhaustive and str(domain).endswith("one of 3 listed inputs")
    assert (1, 1) not in domain and (3, 1) in domain
    assert set(domain.sample(30)) == {(3,), (1, 3), (3, 1)}
    assert set(domain.pairs("fixed")) == {((1, 3), (3, 1)), ((3, 1), (1, 3))}


def test_inputs_of_some_lengths_are_those_of_the_domain_that_have_them():
    listed = Domain.of([(3,), (1, 3), (3, 1), (1, 1, 1)]).with_lengths(2, 3)
    assert list(listed.enumerate()) == [(1, 3), (3, 1), (1, 1, 1)] and listed.size == 3 and (3,) not in listed
    ruled = Domain((1, 2), 4, valid=lambda tokens: len(tokens) != 3 and sorted(tokens) == list(tokens))
    assert list(ruled.with_lengths(2, 3).enumerate()) == [(1, 1), (1, 2), (2, 2)]


def test_a_length_is_possible_unless_every_sequence_of_it_is_known_to_be_none():
    even, never = (lambda tokens: len(tokens) % 2 == 0), (lambda tokens: False)
    assert Domain((1, 2), 5, valid=even).possible_lengths == (2, 4)
    assert Domain.of([(3,), (1, 3, 1)]).possible_lengths == (1, 3)
    assert Domain((1, 2), 3).possible_lengths == (1, 2, 3)
    assert Domain(tuple(range(100)), 4, valid=never).possible_lengths == (
        4,
    )  # of its 10^8 sequences none is asked about


@pytest.mark.parametrize(
    "inputs, vocab, said",
    [
        ([], None, "inputs holds none; give sequences of tokens"),
        ([()], None, "inputs holds an empty one; give sequences of tokens"),
        ([(1, 4)], (1, 2), "inputs holds the token 4, which is not in vocab 1 2"),
        ([(1, "a")], None, "types that Tracr cannot order: int, string"),
    ],
)
def test_listed_inputs_that_make_no_domain_are_refused(inputs, vocab, said):
    with pytest.raises(DomainError, match=said):
        Domain.of(inputs, vocab=vocab)
