"""The program of a model as its author wrote it, in the library or by the generator: with its names and functions."""

from groundtruth.errors import ProgramError
from groundtruth.generated.draw import FAMILY, from_code
from groundtruth.model import KnownModel
from groundtruth.programs import get, names
from groundtruth.programs.formulas import Line, listing
from groundtruth.trained.trained_model import TrainedModel


def program_lines(model: KnownModel) -> list[Line]:
    """List a program's formulas: as the library or the generator wrote them if it did, else as the model holds them."""
    # A model of the same name may be compiled from another text: the stored text decides, not the name.
    name = model.name.partition("@")[0] if isinstance(model, TrainedModel) else model.name
    if name in names() and (declared := get(name)).rasp_source == model.rasp_source:
        return listing(declared.build())
    code = generator_code(model)
    return listing(from_code(code).program.build() if code else model.program)


def generator_code(model: KnownModel) -> str:
    """Return the code of a generated model, or an empty string if this version of the generator does not draw it."""
    code = model.description.rpartition(" ")[2]
    try:
        return code if model.family == FAMILY and from_code(code).program.rasp_source == model.rasp_source else ""
    except ProgramError:
        return ""
