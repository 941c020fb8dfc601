"""The two classes come without the rest of TransformerLens, and are its own once it is imported."""

import subprocess
import sys
from pathlib import Path

AHEAD = """
import sys
import torch
import groundtruth
model = groundtruth.load("reverse")
module = model.transformer
tokens = torch.tensor([[0, 1, 2, 3]])
before = module(tokens)
for name in ("transformer_lens", "transformers", "datasets", "pandas", "pyarrow"):
    assert name not in sys.modules, name
"""

WHOLE = """
import transformer_lens
import transformer_lens.utilities.devices
assert isinstance(module, transformer_lens.HookedRootModule)
assert isinstance(module.hook_embed, transformer_lens.hook_points.HookPoint)
for name in ("slice", "tensors", "devices"):
    assert getattr(transformer_lens.utilities, name).__spec__.origin.endswith(f"{name}.py")
assert transformer_lens.utilities.Slice is transformer_lens.utilities.slice.Slice
_, cache = module.run_with_cache(tokens, pos_slice=transformer_lens.utilities.Slice((0, 1)))
assert cache["blocks.0.hook_resid_post"].shape[1] == 1
assert torch.equal(module.run_with_hooks(tokens, fwd_hooks=[("hook_embed", lambda value, hook: value)]), before)
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.conversion_utils.conversion_steps import base_tensor_conversion as base
assert sys.modules["transformer_lens.hook_points"].BaseTensorConversion is base.BaseTensorConversion
"""

OTHER_LAYOUT = """
import importlib, sys
from groundtruth.compiled.lens_classes import HookedRootModule, HookPoint
import transformer_lens
assert HookedRootModule is transformer_lens.HookedRootModule and HookPoint is transformer_lens.hook_points.HookPoint
again = importlib.reload(sys.modules["groundtruth.compiled.lens_classes"])
assert (again.HookedRootModule, again.HookPoint) == (HookedRootModule, HookPoint)
"""


def run(code: str, *, ahead: Path | None = None) -> None:
    """Run a script in a process of its own, with packages of a folder ahead of those that are installed."""
    code = code if ahead is None else f"import sys\nsys.path.insert(0, {str(ahead)!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_scoring_s_module_loads_nothing_of_the_package_and_is_of_its_classes_once_it_is_imported() -> None:
    run(AHEAD + WHOLE)


def test_a_release_with_another_layout_is_imported_whole_as_is_a_package_that_is_loaded_already(
    tmp_path: Path,
) -> None:
    """The other release has the two classes and none of the small modules on which they stand today."""
    package = tmp_path / "transformer_lens"
    package.mkdir()
    (package / "__init__.py").write_text("class HookedRootModule: ...\n")
    (package / "hook_points.py").write_text("class HookPoint: ...\n")
    run(OTHER_LAYOUT, ahead=tmp_path)
