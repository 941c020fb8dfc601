"""The page on exact circuits counts what ships."""

from collections.abc import Iterable
from pathlib import Path

from groundtruth import load, shipped
from groundtruth.store.catalog import shipped_variants

PAGE = (Path(__file__).parents[2] / "docs" / "exact-circuits.md").read_text().replace("\n", " ")


def in_one_set(names: Iterable[str]) -> tuple[int, int]:
    """How many circuits models have, and the percentage of which the live edges are the only minimal circuit."""
    circuits = [circuit for name in names for circuit in load(name).known_circuits]
    alone = [circuit for circuit in circuits if circuit.minimal_circuits == (circuit.edges,)]
    return len(circuits), round(100 * len(alone) / len(circuits))


def test_the_page_says_of_how_many_circuits_the_live_edges_are_the_only_minimal_one() -> None:
    n, share = in_one_set(shipped())
    n_all, share_all = in_one_set([*shipped(), *shipped_variants()])
    assert f"In {share} % of the {n} circuits of the library's models that is one set, the live edges" in PAGE
    assert f"(with variants, {share_all} % of {n_all:,})" in PAGE
