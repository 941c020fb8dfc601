"""Programs of the library, each compiled once a process for all tests of what the compiler makes."""

import functools

from groundtruth import CompiledModel, programs
from groundtruth.compiler.compile_program import compile


@functools.cache
def compiled(name: str) -> CompiledModel:
    """Compile a program of the library; not read from its artifact, and not to be written to."""
    return compile(programs.get(name))
