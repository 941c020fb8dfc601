"""The method of the README's first example runs on models of any dtype, wherever they are."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import mib
from mib.localization import as_localizer
from mib.metrics import LogitDifference
from tests.mib.small_models import random_model

ROOT = Path(__file__).parent.parent.parent
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def method_in(text: str, name: str) -> Any:
    """A function that is defined in a page's code."""
    code = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if f"def {name}(" in block)
    names: dict[str, Any] = {}
    exec(code, names)
    return names[name]


METHODS = {
    "README": lambda: method_in((ROOT / "README.md").read_text(), "changed_sources"),
    "examples/ci": lambda: method_in(f"```python\n{(ROOT / 'examples/ci/my_method.py').read_text()}```", "my_method"),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("page", METHODS)
def test_it_scores_a_model_of_any_dtype(page: str, dtype: torch.dtype, device: str) -> None:
    def scores(dtype: torch.dtype) -> np.ndarray[Any, Any]:
        generator = torch.Generator().manual_seed(0)
        clean, counterfactual = torch.randint(7, (2, 4, 6), generator=generator).unbind()
        answers = torch.zeros(4, dtype=torch.long)
        task = mib.LocalizationTask(
            model=random_model(causal=True, dtype=torch.float64).to(device, dtype),
            clean=clean,
            counterfactual=counterfactual,
            metric=LogitDifference.at_position(answers, answers + 1, n_positions=6),
        )
        found = as_localizer(METHODS[page]())(task)
        assert isinstance(found, mib.EdgeScores)
        return found.flat

    exact = scores(torch.float64)
    digits = {torch.bfloat16: 0.1, torch.float16: 0.02, torch.float32: 1e-5, torch.float64: 1e-12}[dtype]
    np.testing.assert_allclose(scores(dtype), exact, rtol=0, atol=digits * np.abs(exact).max())  # weights round, too
