"""Programs grown a variable at a time: each step reads the last one, so that all are used and the depth is the aim.

The state is the text of the program. A step is a line of it that is evaluated as it stands, tried on inputs of the
domain, and kept if it compiles exactly by what is known of Tracr and says something new. What is avoided:

- a variable that can be nothing (``None``) as a key, a query or a number;
- what is computed from a mean as a key, a query or a moved value, since it is not empty at BOS;
- a question to a mean other than whether it is more than 0 (Tracr lists 1/k, not j/k, as its values);
- a categorical Aggregate that averages different values; value sets that grow without end;
- variables that are constant, nearly constant, or tell no more than another one;
- a step that makes an earlier variable idle.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tracr.rasp import rasp

from groundtruth.compiled.domain import Domain
from groundtruth.generated.bounds import Bounds
from groundtruth.generated.choices import Choices
from groundtruth.generated.function_texts import (
    COMBINATIONS,
    CONDITIONS,
    MAPS,
    POINTERS,
    PREDICATES,
    Kind,
    filled,
)
from groundtruth.generated.idle_variables import idle_variables
from groundtruth.generated.layer_count import Layering, layering
from groundtruth.programs import shorthand as words
from groundtruth.rasp.compiled_program import CompiledProgram
from groundtruth.rasp.evaluate import batches_of_one_length, column
from groundtruth.rasp.expressions import canonical, walk

MAX_VALUES = 8
"""A variable with more values than that makes models whose proofs take long."""

MAX_INPUTS = 700
"""Longest inputs of a domain, where the bounds allow shorter ones: all are run in proofs."""

_N_PROBES = 160
_MOST_COMMON = 0.95
_STEPS = 40
_COMPARISONS = {"k == q": "EQ", "k != q": "NEQ", "k < q": "LT", "k > q": "GT", "k <= q": "LEQ"}
_KINDS = ("count", "mix", "move", "any", "map")


class Stuck(Exception):
    """No further step is possible within the bounds."""


@dataclass(frozen=True)
class Variable:
    """What a line of the program makes.

    Attributes:
        name: Its name.
        sop: The expression.
        kind: Kind of its values.
        values: Values that it can take, impossible combinations counted in, as Tracr counts them.
        total: True if it always has a value.
        clean: True if it is empty at BOS.
        parts: Number of the group of equal values that each tried position is in, whatever the values are called.
    """

    name: str
    sop: rasp.SOp
    kind: Kind
    values: tuple[Any, ...]
    total: bool
    clean: bool
    parts: tuple[int, ...]

    @property
    def selectable(self) -> bool:
        """True if it can be a key, a query or a number."""
        return self.total and self.clean

    @property
    def mappable(self) -> bool:
        """True if a Map of it is one of its own: Tracr makes a Map of a Map one Map."""
        return not isinstance(self.sop, rasp.Map)


@dataclass(frozen=True)
class _Line:
    """A line that may be added: its text with ``NAME`` for its name, its possible values, whether empty at BOS."""

    text: str
    values: tuple[Any, ...]
    clean: bool = True


@dataclass(frozen=True)
class Grown:
    """A grown program.

    Attributes:
        domain: Its inputs.
        causal: True if it is for causal attention.
        lines: Its text, a line a variable.
        output: The name of the last one.
        size: Its layers and heads.
    """

    domain: Domain
    causal: bool
    lines: tuple[str, ...]
    output: str
    size: Layering


def grow(choices: Choices, bounds: Bounds) -> Grown:
    """Grow a program.

    Args:
        choices: Source of the decisions.
        bounds: Layers, heads, vocabulary and length.

    Raises:
        Stuck: If no step fits any more before the program is deep enough.
    """
    growth = _Growth(choices, bounds)
    aim = choices.between(*bounds.depth)
    chain = [growth.beginning(bounds.heads[0])]
    for _ in range(_STEPS):
        try:
            chain.append(growth.step(chain[-1]))
        except Stuck:
            growth.forget(chain.pop())
            chain = chain or [growth.beginning(bounds.heads[0])]
            continue
        if layering(chain[-1].sop).layers >= aim and growth.depends(chain[-1]):
            return growth.grown(growth.finish(chain[-1]))
    raise Stuck("too many steps")


class _Growth:
    def __init__(self, choices: Choices, bounds: Bounds) -> None:
        self._choices, self._bounds = choices, bounds
        self._is_text = choices.maybe(2)
        n_tokens, length = choices.between(*bounds.vocab), choices.between(*bounds.length)
        while n_tokens**length > MAX_INPUTS and length > bounds.length[0]:
            length -= 1
        self._letters = "abcdef"[:n_tokens]
        self.domain = Domain(tuple(self._letters) if self._is_text else tuple(range(n_tokens)), length)
        self.causal = bounds.causal and choices.maybe(5)
        inputs = self.domain.inputs(limit=_N_PROBES).tokens
        self._probes = [[inputs[i] for i in rows] for rows in batches_of_one_length(inputs)]
        self._words = {name: getattr(words, name) for name in words.__all__}
        self._lines: list[tuple[str, Variable]] = []
        self.pool = [
            self._primitive("tokens", words.tokens, "str" if self._is_text else "int", self.domain.vocab),
            self._primitive("indices", words.indices, "int", tuple(range(length))),
        ]

    def beginning(self, heads: int) -> Variable:
        """Return what the main chain starts from: the tokens, or the outputs of so many heads side by side, mixed.

        Raises:
            Stuck: If they do not mix.
        """
        if heads < 2:
            return self.pool[0]
        mixed = self._beside(self.pool[0])
        for _ in range(heads - 1):
            new = self._first("mix", self._combinations(mixed, self._beside(mixed)))
            if new is None:
                raise Stuck(f"no mix with '{mixed.name}'")
            mixed = new
        return mixed

    def _beside(self, last: Variable) -> Variable:
        """The output of another head of the first layer."""
        tokens, indices = self.pool[:2]
        for kind in self._choices.rotated(("count", "move")):
            lines = self._counts(tokens, indices) if kind == "count" else self._moves(tokens, indices)
            added = self._first(kind, lines)
            if added is not None:
                return added
        raise Stuck(f"no head beside '{last.name}'")

    def step(self, last: Variable, *, branch: bool = False) -> Variable:
        """Add a variable that reads another.

        Args:
            last: Expression that it reads.
            branch: True if it is to be a short one beside the main chain.
        """
        for kind in self._choices.rotated(_KINDS if not branch else _KINDS[:3]):
            added = self._first(kind, self._candidates(kind, last, branch))
            if added is not None:
                return added
        raise Stuck(f"no step after '{last.name}'")

    def forget(self, variable: Variable) -> None:
        """Read a variable no more, since nothing comes after it; the inputs of the program stay."""
        self.pool[2:] = [known for known in self.pool[2:] if known is not variable]

    def depends(self, last: Variable) -> bool:
        """Tell whether a variable differs between inputs of the greatest length, and not only between lengths."""
        longest = max(self._probes, key=lambda inputs: len(inputs[0]))
        return _varies([column(last.sop, longest, causal=self.causal).rows()])

    def finish(self, last: Variable) -> Variable:
        """The output: the last variable, or now and then the share of positions at which something holds of it."""
        if not (last.selectable and last.mappable) or not self._choices.maybe(6):
            return last
        share = self._first("share", self._shares(last))
        return share if share is not None and self.depends(share) else last

    def grown(self, output: Variable) -> Grown:
        """The program that ends in a variable, without the lines that it does not need."""
        needed = {id(expression) for expression in walk(output.sop)}
        lines = tuple(text for text, variable in self._lines if id(variable.sop) in needed)
        return Grown(self.domain, self.causal, lines, output.name, layering(output.sop))

    # -- what can come next ---------------------------------------------------------------------------------------

    def _candidates(self, kind: str, last: Variable, branch: bool) -> Iterator[_Line]:
        match kind:
            case "count" if last.selectable:
                yield from self._counts(last, self._other(last, branch, selectable=True))
            case "mix":
                yield from self._combinations(last, self._other(last, branch))
            case "move" if last.clean:
                yield from self._moves(last, self._other(last, branch, selectable=True))
            case "any" if last.selectable:
                yield from self._questions(last, self._other(last, branch, selectable=True))
            case "map" if last.mappable:
                for function in self._choices.rotated(MAPS[last.kind]):
                    yield self._mapped(function, last)
            case _:
                return

    def _other(self, last: Variable, branch: bool, *, selectable: bool = False) -> Variable:
        """Something to read beside the last variable: one that is there, or a new one."""
        if not branch and self._choices.maybe(2):
            with suppress(Stuck):
                new = self.step(self.pool[self._choices.maybe(4)], branch=True)  # mostly of tokens
                if new.selectable or not selectable:
                    return new
        known = self.pool[:2] if branch else self.pool
        return self._choices.one_of([v for v in known if v is not last and (v.selectable or not selectable)])

    def _selectors(self, last: Variable, other: Variable) -> Iterator[str]:
        sides = self._choices.one_of([(last, last), (last, other), (other, last)])
        keys, queries = sides
        for template in self._choices.rotated(PREDICATES[keys.kind, queries.kind]):
            yield f'select("NAME_where", {keys.name}, {queries.name}, {self._predicate(template)})'

    def _counts(self, last: Variable, other: Variable) -> Iterator[_Line]:
        for selector in self._selectors(last, other):
            yield _Line(f'count("NAME", {selector})', tuple(range(self.domain.max_seq_len + 1)))

    def _moves(self, last: Variable, other: Variable) -> Iterator[_Line]:
        """The value at another position: the last variable's, or where it points."""
        points = last.selectable and last.kind == "int" and not self._choices.maybe(2)
        pointer, moved = (last, other) if points else (other if other.kind == "int" else self.pool[1], last)
        for template in self._choices.rotated(POINTERS):
            selector = f'select("NAME_where", indices, {pointer.name}, {self._predicate(template)})'
            yield _Line(f'aggregate("NAME", {selector}, {moved.name})', moved.values)

    def _combinations(self, last: Variable, other: Variable) -> Iterator[_Line]:
        first, second = (other, last) if (last.kind, other.kind) == ("str", "int") else (last, other)
        for template in self._choices.rotated(COMBINATIONS[first.kind, second.kind]):
            body = self._filled(template)
            values = _results(f"lambda x, y: {body}", [(x, y) for x in first.values for y in second.values])
            text = f'combine("NAME", lambda x, y: {body}, {first.name}, {second.name})'
            yield _Line(text, values, clean=first.clean or second.clean)

    def _mapped(self, template: str, last: Variable) -> _Line:
        body = self._filled(template)
        values = _results(f"lambda x: {body}", [(x,) for x in last.values])
        return _Line(f'apply("NAME", lambda x: {body}, {last.name})', values, clean=last.clean)

    def _questions(self, last: Variable, other: Variable) -> Iterator[_Line]:
        """Tell whether something holds at any selected position."""
        if not other.mappable:
            return
        condition = self._condition(other)
        for selector in self._selectors(last, other):
            share = f'mean("NAME_share", {selector}, number("NAME_if", lambda x: {condition}, {other.name}))'
            yield _Line(f'apply("NAME", lambda x: int(x > 0), {share})', (0, 1), clean=False)

    def _shares(self, last: Variable) -> Iterator[_Line]:
        before = 'select("NAME_where", indices, indices, LEQ)'
        everywhere = 'select("NAME_where", tokens, tokens, TRUE)'
        for selector in self._choices.rotated([everywhere, before]):
            number = f'number("NAME_if", lambda x: {self._condition(last)}, {last.name})'
            yield _Line(f'mean("NAME", {selector}, {number})', (0.0,))

    def _predicate(self, template: str) -> str:
        return _COMPARISONS.get(template, f"lambda k, q: {self._filled(template)}")

    def _condition(self, of: Variable) -> str:
        return self._filled(self._choices.one_of(CONDITIONS[of.kind]))

    def _filled(self, template: str) -> str:
        return filled(template, self._letters)

    # -- what is kept -----------------------------------------------------------------------------------------------

    def _first(self, kind: str, lines: Iterable[_Line]) -> Variable | None:
        """The first line that is good, added."""
        for line in lines:
            name = f"{kind}{len(self._lines) + 1}"  # only now: a line can bring a branch of its own
            variable = self._tried(name, line)
            if variable is not None:
                self._words[name] = variable.sop
                self._lines.append((f"{name} = {line.text.replace('NAME', name)}", variable))
                self.pool.append(variable)
                return variable
        return None

    def _tried(self, name: str, line: _Line) -> Variable | None:
        """The variable that a line makes, if it is good."""
        if not 2 <= len(line.values) <= MAX_VALUES and not line.text.startswith("mean"):
            return None
        sop: rasp.SOp = eval(line.text.replace("NAME", name), dict(self._words))
        size = layering(sop)
        if size.layers > self._bounds.depth[1] or size.heads > self._bounds.heads[1]:
            return None
        try:
            rows = [column(sop, inputs, causal=self.causal).rows() for inputs in self._probes]
        except Exception:
            return None  # a function fails on a value, or different letters are averaged
        seen = [value for row in rows for values in row for value in values]
        if not rasp.is_numerical(sop) and not set(seen) <= {*line.values, None}:
            return None  # different numbers are averaged
        parts = _parts(seen)
        if not _varies(rows) or _most_common(seen) > _MOST_COMMON or any(v.parts == parts for v in self.pool):
            return None
        domain, program = self.domain, canonical(sop)
        numbered = CompiledProgram(program, causal=self.causal, vocab=domain.vocab, max_seq_len=domain.max_seq_len)
        if idle_variables(numbered, self._probes):
            return None
        kind: Kind = "str" if isinstance(line.values[0], str) else "int"
        return Variable(name, sop, kind, line.values, None not in seen, line.clean, parts)

    def _primitive(self, name: str, sop: rasp.SOp, kind: Kind, values: tuple[Any, ...]) -> Variable:
        rows = [column(sop, inputs).rows() for inputs in self._probes]
        seen = [value for row in rows for item in row for value in item]
        return Variable(name, sop, kind, values, True, True, _parts(seen))


def _results(function: str, arguments: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The distinct results of a function, in the order of their appearance; none if it fails or mixes kinds."""
    call = eval(function)
    try:
        results = tuple(dict.fromkeys(call(*given) for given in arguments))
    except (IndexError, TypeError, ValueError):
        return ()
    return results if len({isinstance(result, str) for result in results}) == 1 else ()


def _varies(rows: list[list[list[Any]]]) -> bool:
    """Tell whether any position holds different values on different inputs."""
    at: dict[int, set[Any]] = {}
    for values in (values for row in rows for values in row):
        for position, value in enumerate(values):
            at.setdefault(position, set()).add(value)
    return any(len(found) > 1 for found in at.values())


def _most_common(seen: list[Any]) -> float:
    return Counter(seen).most_common(1)[0][1] / len(seen)


def _parts(seen: list[Any]) -> tuple[int, ...]:
    number: dict[Any, int] = {}
    return tuple(number.setdefault(value, len(number)) for value in seen)
