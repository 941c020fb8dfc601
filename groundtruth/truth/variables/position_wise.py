"""What an expression is computed from position by position, and whether all that it is computed from leads to it."""

from collections.abc import Collection, Iterable, Mapping

from tracr.rasp import rasp

from groundtruth.rasp.interning import UNEMBEDDING, NumberedProgram


def held_operands(program: NumberedProgram, label: str, held: Collection[str]) -> frozenset[str] | None:
    """The nearest expressions of some that an expression is computed from by Maps and SequenceMaps alone.

    Args:
        program: The program.
        label: Label of the expression.
        held: Labels of expressions at which the search ends; the expression itself does not count.

    Returns:
        Their labels; ``None`` if a path from the expression meets an attention, or an input, before one of them.
    """
    found, left = set[str](), [label]
    while left:
        current = left.pop()
        if not isinstance(program.sops[current], rasp.Map | rasp.SequenceMap):
            return None
        for operand in program.operands[current]:
            (found.add if operand in held else left.append)(operand)
    return frozenset(found)


def leads_only_to(
    program: NumberedProgram, start: Iterable[str], label: str, readers: Mapping[str, Collection[str]]
) -> bool:
    """Tell whether nothing of some expressions reaches the output but through one expression.

    Args:
        program: The program.
        start: Labels of the expressions.
        label: The expression that all is to pass through.
        readers: Who reads an expression from now on, by its label, ``UNEMBEDDING`` among them; of others, all that the
            program says.
    """
    seen, left = set[str](), list(start)
    while left:
        current = left.pop()
        if current in seen or current == label:
            continue
        seen.add(current)
        following = readers.get(current)
        if following is None:
            following = [other for other, operands in program.operands.items() if current in operands]
            following += [UNEMBEDDING] if current == program.output else []
        if UNEMBEDDING in following:
            return False
        left += following
    return True
