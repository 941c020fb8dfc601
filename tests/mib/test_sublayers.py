"""Sublayers are numbered in the order in which a transformer computes."""

from mib.graph import Graph
from mib.sublayers import EMBEDDINGS, reading_sublayers, sublayer_of, unembedding_sublayer, writing_sublayers


def test_a_destination_reads_exactly_the_sources_of_earlier_sublayers() -> None:
    graph = Graph(3, 2, 8, pos=True)
    edges = {(edge.source, edge.destination) for edge in graph.edges}
    for source in graph.sources:
        for destination in graph.destinations:
            earlier = sublayer_of(graph.locate(source)) < sublayer_of(graph.locate(destination))
            assert ((source, destination) in edges) == earlier


def test_every_sublayer_is_that_of_some_node() -> None:
    graph = Graph(3, 2, 8, pos=True)
    assert {sublayer_of(graph.locate(name)) for name in graph.sources} == {*writing_sublayers(3)}
    assert {sublayer_of(graph.locate(name)) for name in graph.destinations} == {*reading_sublayers(3)}
    assert sublayer_of(graph.locate("input")) == EMBEDDINGS
    assert sublayer_of(graph.locate("logits")) == unembedding_sublayer(3)
