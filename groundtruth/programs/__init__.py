"""The library of RASP programs, a module a family, and the registry that declares, lists and loads them."""

from groundtruth.programs import arithmetic, brackets, counting, logic, sequence, sorting, text
from groundtruth.programs.formulas import Line, listing
from groundtruth.programs.registry import (
    FAMILIES,
    Program,
    families,
    get,
    load_program,
    names,
    program,
)

__all__ = [
    "FAMILIES",
    "Line",
    "Program",
    "arithmetic",
    "brackets",
    "counting",
    "families",
    "get",
    "listing",
    "load_program",
    "logic",
    "names",
    "program",
    "sequence",
    "sorting",
    "text",
]
