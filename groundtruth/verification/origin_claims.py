"""Where a model says that its program comes from: a program of the library or a generated one is what it is there."""

import ast

from tracr.rasp import rasp

from groundtruth import programs
from groundtruth.compiled.network import CompiledNetwork
from groundtruth.errors import GroundTruthError, ProgramError
from groundtruth.generated.draw import FAMILY, from_code
from groundtruth.programs.registry import FAMILIES, Program
from groundtruth.store.tabulate import tabulate

DESCRIBED = "Generated program "
"""Start of the description of a generated program; its code follows."""

_INPUTS = 30
"""On how many inputs the tables of both programs are filled in beside the values that they can list."""


def require_origin(model: CompiledNetwork) -> str:
    """See that name, description, family, text, inputs and tables are those of the program that a model names.

    Returns:
        Words for what it was compared with; of a program of one's own, which no text here can be held against, that
        its words were not proven.

    Raises:
        GroundTruthError: If one of them is another.
    """
    declared = _declared(model)
    if declared is None:
        return "a program of one's own: its name, description, family and text are its author's, and are not proven"
    own, theirs = model.domain, declared.domain
    pairs = {
        "description": (model.description, declared.description),
        "family": (model.family, declared.family),
        "causal": (model.causal, declared.causal),
        "vocabulary": (own.vocab, theirs.vocab),
        "lengths": (own.lengths, theirs.lengths),
        "rule for inputs": (own.valid_text, theirs.valid_text),
        "text": (_without_words(model.rasp_source), _without_words(declared.rasp_source)),
    }
    wrong = [what for what, (here, there) in pairs.items() if here != there]
    # The rule for inputs is code: beside its text, what it lets through is compared.
    inputs = own.inputs(limit=_INPUTS).tokens
    if not wrong and [*inputs] != [*theirs.inputs(limit=_INPUTS).tokens]:
        wrong = ["inputs"]
    if not wrong and _tables(model, model.program) != _tables(model, declared.build()):
        wrong = ["program"]
    if wrong:
        raise GroundTruthError(f"its {wrong[0]} is not that of '{declared.name}' ({declared.family}).")
    return f"'{declared.name}' ({declared.family}): text, inputs and tables agree"


def _declared(model: CompiledNetwork) -> Program | None:
    """The program that a model names; ``None`` for one of somebody's own."""
    name = model.name.partition("@")[0]
    if model.family == FAMILY:
        if not model.description.startswith(DESCRIBED):
            raise GroundTruthError(f"its family is '{FAMILY}', but its description tells no code.")
        try:
            drawn = from_code(model.description.removeprefix(DESCRIBED)).program
        except ProgramError as error:
            raise GroundTruthError(f"its description tells no generated program: {error}") from error
        if drawn.name != name:
            raise GroundTruthError(f"the program of its code is called '{drawn.name}', not '{name}'.")
        return drawn
    if model.family not in FAMILIES or name not in programs.names():
        return None
    return programs.get(name)


def _without_words(text: str) -> str:
    """Python code without comments, docstrings and layout; as it is if it is none."""
    try:
        # Comments and docstrings may be put in other words between versions; the code may not.
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _tables(model: CompiledNetwork, program: rasp.SOp) -> object:
    inputs = model.domain.inputs(limit=_INPUTS).tokens
    return tabulate(program, inputs, max_seq_len=model.domain.max_seq_len, causal=model.causal)
