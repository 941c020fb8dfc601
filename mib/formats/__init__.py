"""Read and write the files that MIB exchanges; nothing here unpickles."""

from mib.formats.circuit_file import CircuitFile
from mib.formats.circuits import read_circuit, write_circuit
from mib.formats.folders import CircuitCell, read_cell, read_submission

__all__ = ["CircuitCell", "CircuitFile", "read_cell", "read_circuit", "read_submission", "write_circuit"]
