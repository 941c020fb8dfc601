"""Where expressions live: every edge that a program needs, none twice, and the same draw for the same seed."""

import pytest
from tracr.rasp import rasp

from groundtruth.errors import DomainError
from groundtruth.programs import get, names
from groundtruth.rasp.expressions import children_first
from groundtruth.trained.architecture import Architecture
from groundtruth.trained.draw_correspondence import draw_correspondence
from mib.graph import Edge


def _drawn(name, **sizes):
    program = get(name)
    options = {key: sizes.pop(key) for key in ("seed", "copies", "n_spares") if key in sizes}
    shape = Architecture(**({"n_layers": 4, "causal": program.causal} | sizes))
    return program.build(), shape, draw_correspondence(program.build(), shape, **options)


def test_second_step_has_the_edges_of_its_program():
    _, _, found = _drawn("second_step", n_layers=2, seed=0, n_spares=0)
    first, second = found.units[0].components[0], found.units[2].components[0]
    assert {str(edge) for edge in found.edges if edge.source != "pos"} == {
        f"input->{first}<v>", "input->m0", f"{first}->m0", f"m0->{second}<v>", "m0->m1", f"{second}->m1", "m1->logits"
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_every_expression_of_every_program_that_fits_lives_or_is_folded(seed):
    fitting = 0
    for name in names():
        try:
            program, shape, found = _drawn(name, seed=seed)
        except DomainError:
            continue
        fitting += 1
        labels = {e.label for e in children_first(program) if isinstance(e, rasp.SOp)} - {"tokens", "indices"}
        placed = [label for unit in found.units for label in unit.expressions]
        assert set(placed) | set(found.folded) == labels and not set(placed) & set(found.folded), name
        components = [c for unit in found.units for c in unit.components] + list(found.spare_components)
        assert len(components) == len(set(components)), name
        assert set(found.edges) <= set(shape.graph.edges), name
        # Whatever a unit writes is read by a unit or the logits.
        read = {edge.source for edge in found.edges}
        assert {c for unit in found.units for c in unit.components} <= read, name
    assert fitting >= 90


def test_a_vote_is_three_heads_that_one_mlp_reads():
    _, _, found = _drawn("sum_of_three", copies="vote", seed=1)
    (vote,) = [unit for unit in found.units if unit.sharing == "vote"]
    assert len(vote.components) == 3
    readers = [{e.destination for e in found.edges if e.source == c} for c in vote.components]
    assert readers[0] == readers[1] == readers[2] and all(name.startswith("m") for name in readers[0])


@pytest.mark.parametrize("name", ["contains_both", "hist", "second_step", "all_equal"])
def test_a_backup_is_a_second_mlp_that_reads_the_first(name):
    program, _, found = _drawn(name, copies="backup", n_layers=3)
    (unit,) = found.backed_up
    (first, second), reads = unit.components, set(unit.reads)
    assert int(second[1:]) == int(first[1:]) + 1 and (first, second) in reads
    assert {source for source, reader in reads if reader == first} | {first} == {
        source for source, reader in reads if reader == second
    }
    readers = [{edge.destination for edge in found.edges if edge.source == name} - {second} for name in (first, second)]
    assert readers[0] == readers[1] != set()
    labels = {e.label for e in children_first(program) if isinstance(e, rasp.SOp)} - {"tokens", "indices"}
    assert {label for held in found.units for label in held.expressions} | set(found.folded) == labels


def test_a_content_addressed_head_reads_its_queries_and_keys():
    _, _, found = _drawn("hist", n_layers=1)
    head = found.units[0].components[0]
    assert {Edge("input", f"{head}<q>"), Edge("input", f"{head}<k>")} <= set(found.edges)


def test_the_same_seed_draws_the_same_and_another_seed_another():
    draws = [_drawn("induction", seed=seed)[2] for seed in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]


def test_a_copy_that_no_mlp_reads_is_refused():
    with pytest.raises(DomainError, match="copies='vote' needs an attention whose result an MLP reads"):
        _drawn("copy_first", copies="vote")
    with pytest.raises(DomainError, match="copies='backup' needs an expression on an MLP"):
        _drawn("copy_first", copies="backup")
    with pytest.raises(DomainError, match="does not fit into 1 layer x 4 heads"):
        _drawn("contains_both", copies="backup", n_layers=1)
