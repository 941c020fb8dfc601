"""The declared inputs of a program: enumerated or sampled, and the counterfactual pairs drawn from them."""

import itertools
import operator
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, NamedTuple, SupportsIndex, TypeAlias, get_args

from groundtruth.compiled.input_vocabulary import BOS as BOS
from groundtruth.compiled.input_vocabulary import PAD as PAD
from groundtruth.compiled.input_vocabulary import Token, Tokens, plain_token, sort_vocabulary, spell_tokens
from groundtruth.compiled.rare_inputs import find_rare
from groundtruth.errors import DomainError
from mib.errors import did_you_mean

PairKind: TypeAlias = Literal["fixed", "mixed", "edit"]

COUNT_LIMIT = 1_000_000
"""Up to this many candidate inputs a validity rule is applied to each of them; above it the size is unknown."""

_DRAWS_PER_INPUT = 10_000
_BATCHES = 100
_PATIENCE = 4
"""After so many batches a rule may be given up that too few inputs meet to fill the sample."""
_RARE = 1_000
"""Number of inputs of a length to look for where valid ones are rare."""


class Pair(NamedTuple):
    """A clean input and the counterfactual whose activations replace its own."""

    clean: Tokens
    counterfactual: Tokens


@dataclass(frozen=True)
class Inputs:
    """Inputs of a domain, and whether they are all of them."""

    tokens: list[Tokens]
    exhaustive: bool

    def __len__(self) -> int:
        return len(self.tokens)

    def __iter__(self) -> Iterator[Tokens]:
        return iter(self.tokens)


@dataclass(frozen=True)
class Domain:
    """The inputs on which a program is declared to be right.

    Attributes:
        vocab: The tokens, sorted; all numbers, all strings, all booleans or all tuples of these, none of them BOS or
            PAD. NumPy's numbers become Python's.
        max_seq_len: The length of the longest input, without BOS.
        min_seq_len: The length of the shortest input, without BOS; at least 1.
        valid: Rule that says which sequences of tokens are inputs; ``None`` = all of them.
        valid_text: The rule in words; by default the docstring of ``valid``.
        listed: The inputs themselves, where they are given and not drawn by a rule (see ``Domain.of``); in the order of
            ``enumerate``.

    Raises:
        DomainError: If the vocabulary or the lengths make no domain.
    """

    vocab: Tokens
    max_seq_len: int
    min_seq_len: int = field(default=1, kw_only=True)
    valid: Callable[[Tokens], bool] | None = field(default=None, kw_only=True)
    valid_text: str = field(default="", kw_only=True)
    listed: tuple[Tokens, ...] | None = field(default=None, kw_only=True, repr=False)

    @classmethod
    def of(cls, inputs: Iterable[Sequence[Token]], *, vocab: Iterable[Token] | None = None, text: str = "") -> "Domain":
        """The domain of exactly these inputs.

        Args:
            inputs: Sequences of tokens, without BOS; each counts once.
            vocab: All tokens; by default those that occur.
            text: Description of these inputs.

        Raises:
            DomainError: If there are none, or they hold tokens that are not in the vocabulary.
        """
        given = [tuple(map(plain_token, tokens)) for tokens in inputs]
        if not given or not min(map(len, given)):
            raise DomainError(f"inputs holds {'an empty one' if given else 'none'}; give sequences of tokens.")
        known = sort_vocabulary(tuple(vocab) if vocab is not None else dict.fromkeys(itertools.chain(*given)))
        place = {token: i for i, token in enumerate(known)}
        for tokens in given:
            if strange := [token for token in tokens if token not in place]:
                raise DomainError(
                    f"inputs holds the token {strange[0]!r}, which is not in vocab {spell_tokens(known)}."
                )
        ordered = sorted(dict.fromkeys(given), key=lambda tokens: (len(tokens), [place[token] for token in tokens]))
        # The rule of a listed domain, so that whoever knows of rules alone treats it right.
        allowed = frozenset(ordered)
        return cls(
            known,
            len(ordered[-1]),
            min_seq_len=len(ordered[0]),
            valid=allowed.__contains__,
            valid_text=text or f"one of {len(ordered):,} listed inputs",
            listed=tuple(ordered),
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocab", sort_vocabulary(self.vocab))
        for name in ("min_seq_len", "max_seq_len"):
            object.__setattr__(self, name, _checked_length(name, getattr(self, name)))
        if not 1 <= self.min_seq_len <= self.max_seq_len:
            raise DomainError(
                f"min_seq_len={self.min_seq_len} and max_seq_len={self.max_seq_len} leave no lengths; "
                "need 1 <= min_seq_len <= max_seq_len."
            )
        if self.valid is not None and not self.valid_text:
            name = getattr(self.valid, "__name__", type(self.valid).__name__)
            text = (getattr(self.valid, "__doc__", None) or name).strip().splitlines()[0].rstrip(".")
            object.__setattr__(self, "valid_text", text[:1].lower() + text[1:])

    def __str__(self) -> str:
        low, high = self.min_seq_len, self.max_seq_len
        lengths = f"length {high}" if low == high else f"lengths {low}-{high}"
        rule = f" · {self.valid_text}" if self.valid_text else ""
        return f"vocabulary {spell_tokens(self.vocab)} · {lengths}{rule}"

    @property
    def lengths(self) -> range:
        """Every allowed length, without BOS."""
        return range(self.min_seq_len, self.max_seq_len + 1)

    def with_lengths(self, shortest: int, longest: int) -> "Domain":
        """Give the domain of those of these inputs whose length is in a range, both ends included."""
        listed = self.listed and tuple(tokens for tokens in self.listed if shortest <= len(tokens) <= longest)
        return replace(self, min_seq_len=shortest, max_seq_len=longest, listed=listed)

    @cached_property
    def possible_lengths(self) -> tuple[int, ...]:
        """Lengths that an input may have, ascending: all that are allowed but those that are known to have none."""
        return tuple(filter(self._may_have_length, self.lengths))

    @cached_property
    def size(self) -> int | None:
        """Number of inputs; ``None`` if a validity rule makes them too many to count."""
        if self.listed is not None:
            return len(self.listed)
        if self.valid is None:
            return self._n_candidates()
        return sum(map(len, self._by_length.values())) if self._n_candidates() <= COUNT_LIMIT else None

    def enumerate(self) -> Iterator[Tokens]:
        """Every input once: shortest first, then in the order of the vocabulary."""
        for length in self.lengths:
            yield from self._of_length(length)

    def check(self, tokens: Sequence[Token]) -> Tokens:
        """The tokens as a tuple, if they are an input of this domain.

        Raises:
            DomainError: For a token outside the vocabulary, a length out of range, or a broken validity rule.
        """
        given = tuple(tokens)
        shown = " ".join(map(str, given)) or "(nothing)"
        for position, token in enumerate(given):
            # Python calls True and 1 equal, and finds either in a vocabulary of the other.
            if token not in self.vocab or isinstance(token, bool) != isinstance(self.vocab[0], bool):
                hint = did_you_mean(str(token), map(str, self.vocab))
                raise DomainError(
                    f"token {token!r} at position {position} of '{shown}' is not in the vocabulary "
                    f"{spell_tokens(self.vocab)}.{hint}"
                )
        if len(given) not in self.lengths:
            raise DomainError(
                f"'{shown}' has {len(given)} tokens; allowed are {self.min_seq_len} to {self.max_seq_len}."
            )
        if not self._is_valid(given):
            raise DomainError(f"'{shown}' is not a valid input: {self.valid_text}.")
        return given

    def __contains__(self, tokens: Sequence[Token]) -> bool:
        try:
            self.check(tokens)
        except DomainError:
            return False
        return True

    def inputs(self, *, limit: int = 50_000, seed: int = 0) -> Inputs:
        """All inputs if there are at most ``limit``, else ``limit`` different ones, spread over the lengths.

        Short lengths are taken whole; the longer ones share what is left equally.

        Args:
            limit: The most inputs to return.
            seed: Chooses the sample; the same seed gives the same sample on every machine.
        """
        # Exact counts only: a size that is not known must never pass for the whole domain.
        if self.size is not None and self.size <= limit:
            return Inputs(list(self.enumerate()), exhaustive=True)
        rng = random.Random(seed)
        chosen: list[Tokens] = []
        for length in self.lengths:
            # Short lengths first, for what they leave of their share goes to the longer ones.
            share = (limit - len(chosen)) // (self.max_seq_len - length + 1)
            chosen.extend(self._some_of_length(length, share, rng))
        return Inputs(chosen, exhaustive=False)

    def sample(self, n: int, *, seed: int = 0) -> list[Tokens]:
        """Independent draws: a length uniformly among those that have inputs, then an input of that length.

        Of a rule on more sequences than can be tried, a length comes up as often as its share of valid ones says.

        Args:
            n: Number of inputs; the same one can be drawn twice.
            seed: The same seed gives the same draws on every machine.
        """
        rng = random.Random(seed)
        return [self._draw(rng) for _ in range(n)]

    def pairs(self, kind: PairKind = "fixed", *, n: int | None = None, seed: int = 0) -> list[Pair]:
        """Counterfactual pairs of two different inputs.

        Args:
            kind: ``"fixed"``: both of one length; ``"mixed"``: of any two lengths, so that length and position
                differ too; ``"edit"``: one token differs.
            n: Number of pairs to draw, with repetition; ``None`` = every ordered pair, in the order of ``enumerate``.
            seed: The same seed gives the same pairs on every machine.

        Raises:
            DomainError: For an unknown kind, or if the domain has no such pair.
        """
        if kind not in get_args(PairKind):
            raise DomainError(f"kind={kind!r} of pairs is unknown; choose from fixed, mixed, edit.")
        if n is None:
            pairs = list(self._all_pairs(kind))
        else:
            rng = random.Random(seed)
            pairs = [self._draw_pair(kind, rng) for _ in range(n)]
        if not pairs and n != 0:
            raise DomainError(f"no two inputs of {self} make a pair of kind {kind!r}.")
        return pairs

    def edits(self, tokens: Tokens) -> list[Tokens]:
        """Every valid input that differs from ``tokens`` in exactly one token."""
        changed = (
            (*tokens[:position], token, *tokens[position + 1 :])
            for position, old in enumerate(tokens)
            for token in self.vocab
            if token != old
        )
        return [edit for edit in changed if self._is_valid(edit)]

    def _is_valid(self, tokens: Tokens) -> bool:
        if self.valid is None:
            return True
        try:
            return bool(self.valid(tokens))
        except Exception as error:  # whatever the caller's own rule raises
            raise DomainError(
                f"valid= fails on '{spell_tokens(tokens)}' ({type(error).__name__}: {error}). It must say True or "
                "False of every sequence of tokens of an allowed length."
            ) from error

    def _may_have_length(self, length: int) -> bool:
        # A rule is asked about every sequence of a length where they are few; of more, none is known to be excluded.
        many = self.listed is None and len(self.vocab) ** length > COUNT_LIMIT
        return many or next(self._of_length(length), None) is not None

    def _n_candidates(self) -> int:
        if self.listed is not None:
            return len(self.listed)
        return sum(len(self.vocab) ** length for length in self.lengths)

    @cached_property
    def _by_length(self) -> dict[int, list[Tokens]]:
        """Every input, by its length; only for domains small enough to enumerate."""
        return {length: list(self._of_length(length)) for length in self.lengths}

    @cached_property
    def _is_rare(self) -> bool:
        """True if next to no sequence is valid, so that drawing them blindly is hopeless."""
        rng = random.Random(0)
        draws = (tuple(rng.choices(self.vocab, k=rng.choice(self.lengths))) for _ in range(_DRAWS_PER_INPUT // 2))
        return self.valid is not None and not any(map(self._is_valid, draws))

    @cached_property
    def _rare(self) -> dict[int, list[Tokens]]:
        """Some valid inputs of each length that has such, where they are rare."""
        rng = random.Random(0)
        found = {n: find_rare(self._is_valid, self.vocab, n, _RARE, rng) for n in self.lengths}
        return {length: inputs for length, inputs in found.items() if inputs}

    def _of_length(self, length: int) -> Iterator[Tokens]:
        if self.listed is not None:
            return (tokens for tokens in self.listed if len(tokens) == length)
        return filter(self._is_valid, itertools.product(self.vocab, repeat=length))

    def _some_of_length(self, length: int, n: int, rng: random.Random) -> list[Tokens]:
        """``n`` different inputs of a length, in order; all of them if there are fewer."""
        n_candidates = len(self.vocab) ** length if self.listed is None else len(self.listed)
        if self.listed is not None or n_candidates <= max(n, COUNT_LIMIT // 10):
            inputs = list(self._of_length(length))
            return inputs if len(inputs) <= n else sorted(rng.sample(inputs, n))
        found: set[Tokens] = set()
        for n_batches in range(_BATCHES):
            if len(found) >= n:
                break
            # At this rate all batches together would not fill the sample.
            if n_batches >= _PATIENCE and len(found) * _BATCHES < n * n_batches:  # there will never be enough of them
                found.update(find_rare(self._is_valid, self.vocab, length, n, rng))
                break
            batch = (tuple(rng.choices(self.vocab, k=length)) for _ in range(n))
            found.update(tokens for tokens in batch if self._is_valid(tokens))
        # Sorted before a choice: a set has no order of its own, and that of strings depends on the hash seed.
        return sorted(found)[:n] if len(found) <= n else sorted(rng.sample(sorted(found), n))

    def _draw(self, rng: random.Random, *, length: int | None = None) -> Tokens:
        """One input: of the length, or of a uniformly drawn length."""
        # Enumerated, a length is drawn uniformly among those that have inputs; drawing blindly would favour lengths
        # whose sequences are mostly valid.
        if self.listed is not None or (self.valid is not None and self._n_candidates() <= COUNT_LIMIT // 10):
            return self._draw_from(self._by_length, rng, length)
        if self._is_rare:
            return self._draw_from(self._rare, rng, length)
        for _ in range(_DRAWS_PER_INPUT):
            size = rng.choice(self.lengths) if length is None else length
            tokens = tuple(rng.choices(self.vocab, k=size))
            if self._is_valid(tokens):
                return tokens
        raise DomainError(
            f"no valid input of {self} in {_DRAWS_PER_INPUT:,} draws; give a rule that more inputs meet, or the inputs "
            "themselves (inputs=, or Domain.of)."
        )

    def _draw_from(self, groups_of: Mapping[int, list[Tokens]], rng: random.Random, length: int | None) -> Tokens:
        groups = [group for n, group in groups_of.items() if group and length in (None, n)]
        if not groups:
            raise DomainError(f"{self} has no inputs; the rule excludes all of them, as far as they were tried.")
        return rng.choice(rng.choice(groups))

    def _draw_pair(self, kind: PairKind, rng: random.Random) -> Pair:
        for _ in range(_DRAWS_PER_INPUT):
            clean = self._draw(rng)
            if kind == "edit":
                edits = self.edits(clean)
                other = rng.choice(edits) if edits else clean
            else:
                other = self._draw(rng, length=len(clean) if kind == "fixed" else None)
            # A pair of an input with itself would say of every edge that it is inert.
            if other != clean:
                return Pair(clean, other)
        raise DomainError(f"no two inputs of {self} make a pair of kind {kind!r}.")

    def _all_pairs(self, kind: PairKind) -> Iterator[Pair]:
        for clean in self.enumerate():
            match kind:
                case "edit":
                    others = self.edits(clean)
                case "fixed":
                    others = self._by_length[len(clean)]
                case "mixed":
                    others = itertools.chain.from_iterable(self._by_length.values())
            yield from (Pair(clean, other) for other in others if other != clean)


def _checked_length(name: str, length: object) -> int:
    if isinstance(length, bool) or not isinstance(length, SupportsIndex):
        raise DomainError(f"{name}={length!r} is a {type(length).__name__}; expected a whole number of tokens.")
    return operator.index(length)
