"""A packed page holds its script, its style and every number of its model, to the last bit."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundtruth.explorer.packed_matrix import pack_matrix, unpack_matrix
from groundtruth.explorer.packed_page import as_characters, pack_page
from groundtruth.explorer.source_coordinates import rounded
from tests.groundtruth.explorer.node import run_script

SCRIPT = Path(__file__).with_name("run_packed.mjs")
TEXTS = ("let a = 1 < 2; // é\r\n\0</script>", "b { color: red }")

RNG = np.random.default_rng(0)
SINGLE = RNG.normal(size=(9, 7)).astype(np.float32).astype(np.float64)
SPARSE = np.where(RNG.random((9, 7)) < 0.5, 0.0, RNG.normal(size=(9, 7)))
MATRICES = {
    "single": [SINGLE, -SINGLE.T, np.array([[1e-40, -3e38, 0.0, 1.0]])],
    "rounded": [rounded(SPARSE), rounded(SPARSE - 30 * SPARSE[::-1]).clip(-31, 31)],
    "double": [SPARSE, SPARSE * 1e-200, np.pi * np.eye(11)],
    "mixed": [SINGLE, SPARSE, np.zeros((3, 4)), np.array([[0.1, 0.0], [0.0, 0.1]])],
}


def model_of(matrices: list[Any]) -> dict[str, Any]:
    network = {"steps": [pack_matrix(matrix) for matrix in matrices], "bias": matrices[0][0].tolist(), "short": [0.5]}
    variables = [{"span": pack_matrix(matrices[-1])}]
    return {"name": "a <b> \u2028", "network": network, "truth": {"variables": variables}, "rankings": [0.1] * 20}


@pytest.mark.parametrize("kind", MATRICES)
def test_every_number_comes_back(kind: str, tmp_path: Path) -> None:
    matrices = MATRICES[kind]
    (tmp_path / "page.txt").write_bytes(pack_page(*TEXTS, model_of(matrices)).encode())
    found = run_script(SCRIPT, tmp_path / "page.txt")
    assert (found["script"], found["style"]) == TEXTS
    assert found["name"] == "a <b> \u2028" and found["rankings"] == [0.1] * 20 and found["short"] == [0.5]
    assert found["bias"] == matrices[0][0].tolist()
    back = [np.frombuffer(base64.b64decode(text)) for text in found["matrices"]]
    expected = [*matrices, matrices[-1]]
    assert [matrix.tolist() for matrix in back] == [matrix.ravel().tolist() for matrix in expected]


def test_a_matrix_unpacks_to_itself() -> None:
    for matrix in (SINGLE, SPARSE, np.eye(5), np.zeros((2, 3)), SPARSE * 1e-200):
        assert unpack_matrix(pack_matrix(matrix)).tolist() == matrix.tolist()


def test_characters_never_end_a_script_element() -> None:
    text = as_characters(bytes(range(256)) * 7)
    assert not {"\0", "\r", "<"} & set(text)
    assert len(text) == 256 * 8
    assert json.loads(json.dumps(text)) == text
