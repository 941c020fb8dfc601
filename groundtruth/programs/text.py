"""Patterns, words, runs and in-context prediction: what language models are asked for, in small."""

from collections.abc import Sequence
from typing import Any

from groundtruth.programs.registry import program
from groundtruth.programs.shorthand import (
    EQ,
    TRUE,
    SOp,
    aggregate,
    apply,
    combine,
    count,
    indices,
    length,
    mean,
    number,
    select,
    tokens,
)


def _was(token: str, offset: int) -> SOp:
    """Whether the token so many places back is this one; false before the start, without a None."""
    is_token = number(f"is_{token}", lambda t: t == token, tokens)
    back = select(f"back{offset}", indices, indices, lambda k, q: k == q - offset)
    return apply(f"was_{token}", lambda x: x > 0, mean(f"shifted_{token}", back, is_token))


def _ends_with(pattern: str) -> SOp:
    found = apply(f"is_{pattern[-1]}", lambda t: t == pattern[-1], tokens)
    for offset, token in enumerate(reversed(pattern[:-1]), start=1):
        found = combine(f"match_{offset}", lambda x, y: x and y, found, _was(token, offset))
    return found


def _just_before(name: str, values: SOp) -> SOp:
    """The value one place back; at the first position its own."""
    return aggregate(name, select("just_before", indices, indices, lambda k, q: k == max(q - 1, 0)), values)


def _same_word(order: Any) -> Any:
    """Whether two spots (100 x word + 90 for a space + position) share a word and stand in this order."""
    return lambda k, q: k // 10 == q // 10 and (k // 10) % 10 == 0 and order(k % 10, q % 10)


def _induced(t: Sequence[Any]) -> list[str]:
    places = [[j for j in range(i) if t[j] == token] for i, token in enumerate(t)]
    return [t[earlier[-1] + 1] if earlier else "-" for earlier in places]


def _run_lengths(t: Sequence[Any]) -> list[int]:
    lengths: list[int] = []
    for i, token in enumerate(t):
        lengths.append(lengths[-1] + 1 if i and token == t[i - 1] else 1)
    return lengths


def _reversed_words(t: Sequence[Any]) -> list[str]:
    return list("_".join(word[::-1] for word in "".join(t).split("_")))


def one_token_once(tokens: Sequence[Any]) -> bool:
    """Exactly one token occurs once."""
    return sum(tokens.count(token) == 1 for token in tokens) == 1


def at_most_twice(tokens: Sequence[Any]) -> bool:
    """No token occurs more than twice."""
    return all(tokens.count(token) <= 2 for token in tokens)


@program(
    "detect_ab",
    family="text",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="Tracr lib.detect_pattern, false instead of its None",
    oracle=lambda t: ["".join(t[: i + 1]).endswith("ab") for i in range(len(t))],
)
def detect_ab() -> SOp:
    """Whether the pattern ab ends here."""
    return _ends_with("ab")


@program(
    "detect_abc",
    family="text",
    vocab=("a", "b", "c"),
    max_seq_len=6,
    pad_safe=True,
    source="Tracr lib.detect_pattern, false instead of its None",
    oracle=lambda t: ["".join(t[: i + 1]).endswith("abc") for i in range(len(t))],
)
def detect_abc() -> SOp:
    """Whether the pattern abc ends here."""
    return _ends_with("abc")


@program(
    "contains_ab",
    family="text",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: ["ab" in "".join(t)] * len(t),
)
def contains_ab() -> SOp:
    """Whether the pattern ab occurs anywhere."""
    ends_here = number("ends_here", lambda x: x, _ends_with("ab"))
    share = mean("share", select("everywhere", tokens, tokens, TRUE), ends_here)
    return apply("contains_ab", lambda s: s > 0, share)


@program(
    "seen_before",
    family="text",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="Wang et al. 2022, duplicate-token head",
    oracle=lambda t: [token in t[:i] for i, token in enumerate(t)],
)
def seen_before() -> SOp:
    """Whether the token has occurred before, under causal attention."""
    return apply("seen_before", lambda n: n > 1, count("hist_so_far", select("same_token", tokens, tokens, EQ)))


@program(
    "odd_one_out",
    family="text",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    min_seq_len=3,
    valid=one_token_once,
    pad_safe=True,
    source="Wang et al. 2022, indirect object identification: the name that is not repeated",
    oracle=lambda t: [next(token for token in t if t.count(token) == 1)] * len(t),
)
def odd_one_out() -> SOp:
    """The one token that is not repeated, at every position."""
    hist = count("hist", select("same_token", tokens, tokens, EQ))
    return aggregate("odd_one_out", select("at_single", hist, tokens, lambda k, q: k == 1), tokens)


@program(
    "induction",
    family="text",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="Olsson et al. 2022; Zhou et al. 2023 (RASP-L): the most recent occurrence",
    oracle=_induced,
)
def induction() -> SOp:
    """The token that followed the most recent earlier occurrence of this one; - if there is none."""
    nth = count("nth", select("same_token", tokens, tokens, EQ))
    occurrence = combine("occurrence", lambda token, n: f"{token}{n}", tokens, nth)
    before = _just_before("before", occurrence)
    # The first position follows nothing: it is where an occurrence without predecessor looks.
    followed = combine("followed", lambda i, b: "start" if i == 0 else b, indices, before)
    wanted = apply("wanted", lambda o: f"{o[0]}{int(o[1:]) - 1}" if int(o[1:]) > 1 else "start", occurrence)
    follower = aggregate("follower", select("after_wanted", followed, wanted, EQ), tokens)
    return combine("induction", lambda token, n: token if n > 1 else "-", follower, nth)


@program(
    "induction_once",
    family="text",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    causal=True,
    valid=at_most_twice,
    pad_safe=True,
    source="Olsson et al. 2022, induction head",
    oracle=_induced,
)
def induction_once() -> SOp:
    """The token that followed the earlier occurrence of this one, where no token occurs three times."""
    followed = combine("followed", lambda i, b: "start" if i == 0 else b, indices, _just_before("before", tokens))
    n_earlier = count("n_earlier", select("follows_same", followed, tokens, EQ))
    wanted = combine("wanted", lambda token, n: token if n else "start", tokens, n_earlier)
    follower = aggregate("follower", select("after_wanted", followed, wanted, EQ), tokens)
    return combine("induction", lambda token, n: token if n else "-", follower, n_earlier)


@program(
    "repeated_bigram",
    family="text",
    vocab=("a", "b"),
    max_seq_len=6,
    causal=True,
    pad_safe=True,
    source="own",
    oracle=lambda t: [i > 0 and t[i - 1 : i + 1] in [t[j : j + 2] for j in range(i - 1)] for i in range(len(t))],
)
def repeated_bigram() -> SOp:
    """Whether this token and the one before it have occurred together before."""
    bigram = combine("bigram", lambda p, token: p + token, _just_before("before", tokens), tokens)
    marked = combine("marked", lambda b, i: "start" if i == 0 else b, bigram, indices)
    return apply("repeated", lambda n: n > 1, count("n_bigram", select("same_bigram", marked, marked, EQ)))


@program(
    "run_length",
    family="text",
    vocab=("a", "b"),
    max_seq_len=6,
    causal=True,
    pad_safe=True,
    source="own; run-length encoding",
    oracle=_run_lengths,
)
def run_length() -> SOp:
    """How long the run of equal tokens is up to here."""
    changed = combine("changed", lambda p, token: p != token, _just_before("before", tokens), tokens)
    run = count("run", select("at_change", changed, tokens, lambda k, q: k))
    return count("run_length", select("same_run", run, run, EQ))


@program(
    "word_index",
    family="text",
    vocab=("a", "b", "_"),
    max_seq_len=5,
    causal=True,
    pad_safe=True,
    source="own",
    oracle=lambda t: [t[: i + 1].count("_") for i in range(len(t))],
)
def word_index() -> SOp:
    """How many spaces there are up to here: the number of the word."""
    return count("word", select("at_space", tokens, tokens, lambda k, q: k == "_"))


@program(
    "word_length",
    family="text",
    vocab=("a", "b", "_"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [0 if x == "_" else len("".join(t).split("_")[t[:i].count("_")]) for i, x in enumerate(t)],
)
def word_length() -> SOp:
    """The length of the word that a letter is in; 0 at spaces."""
    place = combine("place", lambda token, i: i if token == "_" else -1, tokens, indices)
    word = count("word", select("space_before", place, indices, lambda k, q: 0 <= k < q))
    letter_of = combine("letter_of", lambda token, w: -1 if token == "_" else w, tokens, word)
    return count("word_length", select("same_word", letter_of, letter_of, lambda k, q: k == q and q >= 0))


@program(
    "reverse_words",
    family="text",
    vocab=("a", "b", "_"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=_reversed_words,
)
def reverse_words() -> SOp:
    """Each word backwards, the words and spaces in their places."""
    place = combine("place", lambda token, i: i if token == "_" else -1, tokens, indices)
    word = count("word", select("space_before", place, indices, lambda k, q: 0 <= k < q))
    key = combine("key", lambda w, p: 10 * w + 9 if p >= 0 else 10 * w, word, place)
    spot = combine("spot", lambda k, i: 10 * k + i, key, indices)
    before = count("letters_before", select("same_word_before", spot, spot, _same_word(lambda k, q: k < q)))
    after = count("letters_after", select("same_word_after", spot, spot, _same_word(lambda k, q: k > q)))
    jump = combine("jump", lambda a, b: a - b, after, before)
    origin = combine("origin", lambda j, i: min(max(i + j, 0), 4), jump, indices)
    return aggregate("reversed", select("at_origin", indices, origin, EQ), tokens)


@program(
    "palindrome",
    family="text",
    vocab=("a", "b", "c"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: [t == t[::-1]] * len(t),
)
def palindrome() -> SOp:
    """Whether the sequence reads the same backwards."""
    opposite = combine("opposite", lambda n, i: n - i - 1, length(), indices)
    mirrored = aggregate("mirrored", select("at_opposite", indices, opposite, EQ), tokens)
    differs = number("differs", lambda x: x, combine("unequal", lambda x, y: x != y, tokens, mirrored))
    share = mean("share", select("everywhere", tokens, tokens, TRUE), differs)
    return apply("palindrome", lambda s: s == 0, share)


@program(
    "first_letters",
    family="text",
    vocab=("a", "b", "_"),
    max_seq_len=5,
    pad_safe=True,
    source="own",
    oracle=lambda t: ["_" if x == "_" else x.upper() if i == 0 or t[i - 1] == "_" else x for i, x in enumerate(t)],
)
def first_letters() -> SOp:
    """The first letter of each word as a capital."""
    before = combine("before_or_space", lambda p, i: "_" if i == 0 else p, _just_before("before", tokens), indices)
    return combine("capitalised", lambda p, token: token.upper() if p == "_" else token, before, tokens)
