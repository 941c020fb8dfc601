"""A RASP program from its tables: its functions are look-ups, so no code is read from an artifact."""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from tracr.rasp import rasp

from groundtruth.errors import ArtifactError
from groundtruth.rasp.annotations import clean_at_bos, list_numbers
from groundtruth.store.json_values import unpack
from groundtruth.store.program_schema import (
    AggregateData,
    ExpressionData,
    LinearData,
    MapData,
    PrimitiveData,
    ProgramData,
    SelectData,
    SequenceMapData,
    WidthData,
)

_Built = Mapping[str, rasp.RASPExpr]
_Kind = TypeVar("_Kind", bound=rasp.RASPExpr)


def rebuild(data: ProgramData) -> rasp.SOp:
    """The program that ``tabulate`` wrote, with the same labels.

    Raises:
        ArtifactError: If an expression has another label than its own, or refers to one of another kind or to one that
            does not come before it.
    """
    built: dict[str, rasp.RASPExpr] = {}
    for entry in data.expressions:
        # Only what stands before an entry can be its operand, so that no file can make a program refer to itself.
        expression = _expression(entry, built)
        encoding = {} if isinstance(entry, SelectData) else {"encoding": rasp.Encoding(entry.encoding)}
        expression.annotations = {"name": entry.name, **encoding}
        if not isinstance(entry, SelectData):
            if entry.numbers is not None:
                list_numbers(expression, entry.numbers)
            if entry.clean_at_bos:
                clean_at_bos(expression)
        if not isinstance(entry, PrimitiveData):
            # Tracr labels expressions by a counter of the process; with their own number they keep the labels that the
            # truth names.
            vars(expression)["unique_id"] = entry.id
        elif entry.id is not None:
            raise ArtifactError(f"program: expression '{entry.label}' has the id {entry.id}; it needs none.")
        if expression.label != entry.label or entry.label in built:
            raise ArtifactError(
                f"program: expression '{entry.label}' {'comes twice' if entry.label in built else 'is mislabelled'}."
            )
        built[entry.label] = expression
    return _operand(built, data.output, rasp.SOp, of="the program")


def _expression(entry: ExpressionData, built: _Built) -> rasp.RASPExpr:
    def sop(label: str) -> rasp.SOp:
        return _operand(built, label, rasp.SOp, of=f"'{entry.label}'")

    def selector(label: str) -> rasp.Selector:
        return _operand(built, label, rasp.Selector, of=f"'{entry.label}'")

    match entry:
        case PrimitiveData():
            return rasp.TokensType() if entry.kind == "tokens" else rasp.IndicesType()
        case MapData():
            return rasp.Map(_lookup(entry.label, entry.table), sop(entry.inner), simplify=False)
        case LinearData():
            return rasp.LinearSequenceMap(sop(entry.fst), sop(entry.snd), *entry.factors)
        case SequenceMapData():
            return rasp.SequenceMap(_lookup(entry.label, entry.table), sop(entry.fst), sop(entry.snd))
        case SelectData():
            return rasp.Select(sop(entry.keys), sop(entry.queries), _lookup(entry.label, entry.table))
        case AggregateData():
            return rasp.Aggregate(selector(entry.selector), sop(entry.sop), default=unpack(entry.default))
        case WidthData():
            return rasp.SelectorWidth(selector(entry.selector))


def _operand(built: _Built, label: str, kind: type[_Kind], *, of: str) -> _Kind:
    expression = built.get(label)
    if not isinstance(expression, kind):
        raise ArtifactError(f"program: {of} refers to '{label}', which is no {kind.__name__} before it.")
    return expression


def _lookup(label: str, rows: Sequence[tuple[Any, ...]]) -> Callable[..., Any]:
    if dict in set(map(type, chain.from_iterable(rows))):  # tuples are rare, and tables of 7,000 rows are not
        rows = [tuple(map(unpack, row)) for row in rows]
    known = {row[:-1]: row[-1] for row in rows}
    if len(known) < len(rows):
        raise ArtifactError(f"program: the table of '{label}' has a row twice.")

    def look_up(*given: Any) -> Any:
        if given not in known:
            raise ArtifactError(f"program: '{label}' has no value for {given}; its table is incomplete.")
        return known[given]

    return look_up
