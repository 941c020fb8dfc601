"""The library of RASP programs, a module a family, and the registry that declares, lists and loads them."""

from groundtruth.programs import arithmetic, brackets, counting, logic, prediction, sequence, sorting, text
from groundtruth.programs.formulas import Line, listing
from groundtruth.programs.registry import (
    FAMILIES,
    Program,
    families,
    get,
    names,
    program,
)
from groundtruth.programs.user_programs import UndeclaredProgram, find_program, load_program

__all__ = [
    "FAMILIES",
    "Line",
    "Program",
    "UndeclaredProgram",
    "arithmetic",
    "brackets",
    "counting",
    "families",
    "find_program",
    "get",
    "listing",
    "load_program",
    "logic",
    "names",
    "prediction",
    "program",
    "sequence",
    "sorting",
    "text",
]
