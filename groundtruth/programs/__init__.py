"""The library of RASP programs, a module a family, and the registry that declares, lists and loads them."""

from groundtruth.programs import brackets, counting, sequence, sorting
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
    "Program",
    "brackets",
    "counting",
    "families",
    "get",
    "load_program",
    "names",
    "program",
    "sequence",
    "sorting",
]
