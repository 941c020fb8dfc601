"""One registry for every kind of named thing: checked at registration, looked up by name, filled from outside."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mib.registry import Registry
from mib.user_files import run_user_file


class ShapeError(ValueError):
    """What this registry raises."""


@dataclass(frozen=True)
class Shape:
    """An entry."""

    function: Any


def registry(**arguments: Any) -> Registry[Shape]:
    return Registry("shape", error=ShapeError, **arguments)


def square() -> int:
    """Four sides."""
    return 4


def test_an_entry_is_found_by_its_name_and_unknown_names_get_the_closest() -> None:
    shapes = registry()
    entry = shapes.register(Shape)(square)
    assert shapes.get("square") is entry and entry.function is square
    shapes.add("circle", Shape(None))
    assert shapes.names() == ("circle", "square") and list(shapes.entries()) == ["square", "circle"]
    with pytest.raises(ShapeError, match=r"^unknown shape 'squar'\. Did you mean: square\? Known: circle, square\.$"):
        shapes.get("squar")


def test_a_name_is_given_and_taken_once() -> None:
    shapes = registry()
    shapes.register(Shape, name="square")(square)
    with pytest.raises(
        ShapeError, match=r"^a shape named 'square' is registered already by .*test_registry\.py: choose"
    ):
        shapes.add("square", Shape(None))
    with pytest.raises(ShapeError, match="^a shape has no name; give it one"):
        shapes.add("", Shape(None))
    assert shapes.names() == ("square",)


def test_a_function_without_docstring_is_refused() -> None:
    def silent() -> int:
        return 0

    shapes = registry()
    with pytest.raises(ShapeError, match="^shape 'silent' has no docstring; its first line is shown"):
        shapes.register(Shape)(silent)
    assert not shapes.names()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of two modules that register an entry each in the registry ``shapes_of_test.SHAPES``."""
    folder = tmp_path / "shapes_of_test"
    (folder / "kinds").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "kinds" / "__init__.py").write_text("")
    (folder / "registry.py").write_text(
        "from mib.registry import Registry\n"
        "SHAPES = Registry('shape', error=ValueError, builtins='shapes_of_test.kinds')\n"
    )
    for name in ("square", "circle"):
        (folder / "kinds" / f"{name}.py").write_text(
            "from shapes_of_test.registry import SHAPES\n"
            "@SHAPES.register(lambda function: function)\n"
            f"def {name}():\n    'A shape.'\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    yield "shapes_of_test"
    for module in [module for module in sys.modules if module.startswith("shapes_of_test")]:
        del sys.modules[module]


def test_built_in_entries_are_imported_at_the_first_look_up(package: str) -> None:
    import importlib

    shapes = importlib.import_module(f"{package}.registry").SHAPES
    assert f"{package}.kinds.square" not in sys.modules
    assert shapes.names() == ("circle", "square")
    assert f"{package}.kinds.square" in sys.modules


def test_a_built_in_keeps_its_name_before_anybody_looked_it_up(package: str) -> None:
    import importlib

    shapes = importlib.import_module(f"{package}.registry").SHAPES
    with pytest.raises(ValueError, match=r"a shape named 'square' is registered already by .*kinds.square\.py"):
        shapes.register(lambda function: function)(square)


def test_a_file_of_ones_own_is_run_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = registry()
    monkeypatch.setattr("mib.errors.SHAPES", shapes, raising=False)
    path = tmp_path / "mine.py"
    text = (
        "from pathlib import Path\nfrom mib import errors\n"
        f"Path({str(tmp_path / 'runs')!r}).open('a').write('x')\n"
        "@errors.SHAPES.register(lambda function: function, name='a-star')\n"
        "def star():\n    'Five points.'\n    return 5\n"
    )
    path.write_text(text)
    found = [shapes.load_file(spec)[0] for spec in (f"{path}:star", f"{path}:a-star", str(path))]
    assert found == [shapes.get("a-star")] * 3 and (tmp_path / "runs").read_text() == "x"
    path.write_text(text.replace("return 5", "return 6"))
    changed: Any = shapes.load_file(str(path))[0]
    assert changed() == 6 and shapes.get("a-star") is changed and (tmp_path / "runs").read_text() == "xx"


def test_a_digit_edited_within_the_second_counts_in_a_file_and_in_what_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # python -B would hide the fault
    path, helper = tmp_path / "mine.py", tmp_path / "digits_beside.py"
    for digit in "12":
        path.write_text(f"import digits_beside\nOWN = {digit}\n")
        helper.write_text(f"BESIDE = {digit}\n")
        for file in (path, helper):
            os.utime(file, (1_000_000_000, 1_000_000_000))
        module: Any = run_user_file(path, error=ValueError)
        assert f"{module.OWN}{module.digits_beside.BESIDE}" == digit * 2
        del sys.modules["digits_beside"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mine.py:stra", r"mine\.py has no shape 'stra'\. Did you mean: star\? It declares: star, other\.$"),
        ("mine.py", r"mine\.py declares 2 shapes \(mine\.py:star, mine\.py:other\); name one: mine\.py:my_shape\.$"),
        ("none.py:star", r"^no file .*none\.py\. Write my_file\.py:star, from .* or with the whole path\.$"),
        ("star", r"^'star' names no shape\. Write my_file\.py:my_shape, or by module my_pkg\.my_mod:my_shape\.$"),
        ("mine:stra", r"mine\.py has no shape 'stra'\. Did you mean: star\?"),
        (
            "minne:star",
            r"^no module 'minne' below .* Write my_pkg\.my_mod:my_shape, or the file: my_file\.py:my_sh",
        ),
        (
            "plain.py:thre",
            r"no shape 'thre'\. Did you mean: three\? It declares: none\. It has: three, Kind, SIZE\.$",
        ),
        (
            "plain.py",
            r"declares 0 shapes and has plain\.py:three, plain\.py:Kind, plain\.py:SIZE; name one: plain\.py",
        ),
        ("broken.py:star", r"broken\.py fails when it is imported: ZeroDivisionError: division by zero$"),
        ("refused.py:star", r"^not a shape$"),
    ],
)
def test_what_a_file_lacks_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, message: str) -> None:
    shapes = registry()
    monkeypatch.setattr("mib.errors.SHAPES", shapes, raising=False)
    monkeypatch.chdir(tmp_path)
    declare = "@errors.SHAPES.register(lambda function: function)\ndef {0}():\n    'A shape.'\n"
    Path("mine.py").write_text("from mib import errors\n" + declare.format("star") + declare.format("other"))
    Path("broken.py").write_text("1 / 0\n")
    Path("plain.py").write_text(
        "def three():\n    return 3\n\nclass Kind:\n    pass\n\ndef _hidden():\n    pass\n\nSIZE = 3\n"
    )
    Path("refused.py").write_text("from mib import errors\nraise errors.SHAPES.error('not a shape')\n")
    with pytest.raises(ShapeError, match=message):
        shapes.load_file(spec)
