"""The functions and predicates that generated programs are made of, as Python text, simplest first.

They are chosen by the kinds of what they read: ``int`` for numbers, ``str`` for letters. ``{letters}`` stands for the
vocabulary as a string, ``{a}`` for its first letter. What a function does to the values at hand is found by calling it:
one that fails, gives too many values or loses all information is not used there.
"""

from typing import Literal

Kind = Literal["int", "str"]

MAPS: dict[Kind, tuple[str, ...]] = {
    "int": (
        "x % 2",
        "int(x > 0)",
        "int(x > 1)",
        "int(x == 1)",
        "x // 2",
        "min(x, 2)",
        "max(x, 1)",
        "abs(x - 1)",
        "3 - x",
        "-x",
        "(x + 1) % 3",
        "2 * x % 3",
        "x * x % 5",
    ),
    "str": ('int(x == "{a}")', '"{letters}".index(x)', '"{letters}{letters}"["{letters}".index(x) + 1]'),
}

COMBINATIONS: dict[tuple[Kind, Kind], tuple[str, ...]] = {
    ("int", "int"): (
        "int(x == y)",
        "int(x > y)",
        "(x + y) % 2",
        "(x + y) % 3",
        "x - y",
        "x + y",
        "min(x, y)",
        "max(x, y)",
        "abs(x - y)",
        "(x - y) % 3",
        "(2 * x + y) % 5",
        "x * y % 3",
        "x if y > 1 else 0",
        "x if x > y else -y",
    ),
    ("int", "str"): (
        'x + (y == "{a}")',
        '(x + "{letters}".index(y)) % 3',
        'x if y == "{a}" else -x',
        'y if x > 1 else "{a}"',
        'x - 2 * (y == "{a}")',
    ),
    ("str", "str"): ("int(x == y)", "int(x < y)", "min(x, y)", "max(x, y)", 'x if y == "{a}" else y'),
}

PREDICATES: dict[tuple[Kind, Kind], tuple[str, ...]] = {
    ("int", "int"): (
        "k == q",
        "k < q",
        "k > q",
        "k <= q",
        "k != q",
        "k == q + 1",
        "k == q - 1",
        "k > q + 1",
        "(k + q) % 2 == 0",
        "k == 1",
        "k > 1",
    ),
    ("str", "str"): ("k == q", "k < q", "k > q", "k != q", 'k == "{a}"'),
    ("str", "int"): ('k == "{a}"', 'k != "{a}" or q == 0'),
    ("int", "str"): ("k == 1", 'k > 0 or q == "{a}"', "k > 1"),
}

POINTERS = ("k == q", "k == q - 1", "k == q + 1")
"""Ways in which a number points at a position: predicates of ``indices`` and the number."""

CONDITIONS: dict[Kind, tuple[str, ...]] = {
    "int": ("x == 0", "x == 1", "x > 1", "x % 2 == 0"),
    "str": ('x == "{a}"', 'x != "{a}"'),
}
"""Properties of a position of which a mean is taken."""


def filled(template: str, letters: str) -> str:
    """A template with the vocabulary in it."""
    return template.replace("{letters}", letters).replace("{a}", letters[:1])
