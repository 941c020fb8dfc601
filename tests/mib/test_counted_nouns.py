"""One layer and one head are singular."""

import pytest

from mib.counted_nouns import layers_by_heads, plural
from mib.graph import Graph


def test_one_is_singular():
    assert [layers_by_heads(1, 4), layers_by_heads(2, 1)] == ["1 layer x 4 heads", "2 layers x 1 head"]
    assert [plural(n, "edge") for n in (0, 1, 1200)] == ["0 edges", "1 edge", "1,200 edges"]


def test_a_graph_tells_its_size():
    with pytest.raises(ValueError, match=r"This graph has 1 layer x 1 head\."):
        Graph(1, 1, 4).locate("a3.h0")
