"""Shapes are checked under test, argument by argument, wherever ``groundtruth`` states them."""

from pathlib import Path

from jaxtyping import install_import_hook

from tests.typecheck import checked

_ROOT = Path(__file__).parent.parent
# Programs are left alone: their source text is part of what they are. So are packages, which stand for all inside.
_modules = [
    ".".join(path.relative_to(_ROOT).with_suffix("").parts)
    for path in (_ROOT / "groundtruth").rglob("*.py")
    if path.name != "__init__.py" and path.parent.name != "programs"
]
install_import_hook(_modules, f"{checked.__module__}.{checked.__name__}")
