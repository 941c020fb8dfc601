"""Figures of the tree, from the code itself: circles and chains of imports, shared names, repeats, comments.

    python benchmarks/structure.py                  # static figures
    python benchmarks/structure.py --score          # and the files that a method passes on its way to its scores

Imports under ``if TYPE_CHECKING`` do not count; imports inside functions do.
"""

import argparse
import ast
import contextlib
import io
import sys
import tempfile
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("groundtruth", "mib")
SHINGLE, ALIKE = 8, 0.30
"""Two files are twins if this share of the smaller one's runs of eight tokens (names spelt out) is in the other."""


def modules() -> dict[str, Path]:
    """Every module of both packages with its file."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(files: Mapping[str, Path]) -> dict[str, set[str]]:
    """Find which modules each module imports when it runs."""
    arrows: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        tree = ast.parse(path.read_text())
        typing_only: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
                typing_only |= set(map(id, ast.walk(node)))
        for node in ast.walk(tree):
            if id(node) not in typing_only:
                arrows[name] |= {t for t in _targets(node) if t in files and t != name and not name.startswith(t + ".")}
    return arrows


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def circles(arrows: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Strongly connected components (Tarjan 1972), every module in one."""
    sys.setrecursionlimit(10_000)
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in arrows[node]:
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            at = stack.index(node)
            found.append(stack[at:])
            del stack[at:]

    for node in arrows:
        if node not in order:
            visit(node)
    return found


def longest_chain(arrows: Mapping[str, Iterable[str]], components: list[list[str]]) -> int:
    """Count how many files the longest chain of imports has; a circle counts once."""
    home = {name: index for index, names in enumerate(components) for name in names}

    @cache
    def depth(index: int) -> int:
        later = {home[t] for name in components[index] for t in arrows[name]} - {index}
        return 1 + max(map(depth, later), default=0)

    return max(depth(index) for index in range(len(components)))


def twins(files: Mapping[str, Path]) -> list[tuple[str, str]]:
    """Pairs of files that say the same in large part."""
    runs = {name: _shingles(path) for name, path in files.items()}
    large = {name: found for name, found in runs.items() if len(found) >= 100}
    return [
        (a, b)
        for a, b in combinations(large, 2)
        if len(large[a] & large[b]) >= ALIKE * min(len(large[a]), len(large[b]))
    ]


def _shingles(path: Path) -> set[tuple[str, ...]]:
    """Runs of tokens of a file, without its imports, in which all files are alike."""
    text = path.read_text()
    statements = [n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Import | ast.ImportFrom)]
    skipped = {line for node in statements for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    kinds = (tokenize.NAME, tokenize.OP, tokenize.NUMBER)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    words = [token.string for token in tokens if token.type in kinds and token.start[0] not in skipped]
    return {tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE)}


def comments_per_100_lines(files: Mapping[str, Path]) -> float:
    """Comments for each hundred lines of code that are neither empty nor comments."""
    comments = code = 0
    for path in files.values():
        text = path.read_text()
        comments += sum(t.type == tokenize.COMMENT for t in tokenize.generate_tokens(io.StringIO(text).readline))
        code += sum(bool(line.strip()) and not line.strip().startswith("#") for line in text.splitlines())
    return 100 * comments / code


def files_on_the_way() -> int:
    """In how many files of ours a method's ``groundtruth score`` runs a function, in one process."""
    entered: set[str] = set()
    ours = tuple(str(ROOT / package) for package in PACKAGES)

    def watch(frame: object, event: str, _: object) -> None:
        code = frame.f_code  # type: ignore[attr-defined]
        # The bodies of modules run when they are imported; only calls count.
        called = event == "call" and code.co_name not in ("<module>", "<lambda>") and not code.co_name[0].isupper()
        if called and code.co_filename.startswith(ours):
            entered.add(code.co_filename)

    sys.path.insert(0, str(ROOT))
    from groundtruth.cli import main

    with tempfile.TemporaryDirectory() as folder:
        method = Path(folder) / "mine.py"
        method.write_text(
            "import mib, torch\ndef mine(task: mib.LocalizationTask) -> mib.EdgeScores:\n"
            '    """Ones."""\n    shape = len(task.graph.sources), len(task.graph.destinations)\n'
            "    return mib.EdgeScores(task.graph, torch.ones(shape))\n"
        )
        sys.argv = [
            "groundtruth",
            "score",
            f"{method}:mine",
            "--models",
            "reverse",
            "--against",
            "",
            "--jobs",
            "1",
            "--out",
            folder,
        ]
        sys.setprofile(watch)
        try:
            with contextlib.suppress(SystemExit):
                main()
        finally:
            sys.setprofile(None)
    return len(entered)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--score", action="store_true", help="also run a method and count the files that it passes")
    given = parser.parse_args()
    files = modules()
    arrows = imports(files)
    components = circles(arrows)
    rooms = {name: str(path.parent.relative_to(ROOT)) for name, path in files.items()}
    between = {(rooms[a], rooms[b]) for a in files for b in arrows[a] if rooms[a] != rooms[b]}
    stems: dict[str, set[str]] = defaultdict(set)
    for path in files.values():
        if path.stem not in ("__init__", "__main__", "task", "registry"):
            stems[path.stem].add(str(path.parent))
    names = [path.stem for path in files.values() if path.stem != "__init__"]
    gerunds = [stem for stem in names if stem.endswith("ing") and "_" not in stem]
    alike = twins(files)
    print(f"rooms                       {len(set(rooms.values()))}")
    print(f"arrows between rooms        {len(between)}")
    print(f"largest circle of imports   {max(map(len, components)) if any(len(c) > 1 for c in components) else 0}")
    print(f"longest chain of imports    {longest_chain(arrows, components)}")
    print(f"twin pairs                  {len(alike)}  {', '.join(f'{a} ~ {b}' for a, b in alike)}")
    print(f"names in several rooms      {sum(len(places) > 1 for places in stems.values())}")
    print(f"bare gerunds                {len(gerunds) / len(names):.0%}")
    print(f"comments per 100 lines      {comments_per_100_lines(files):.1f}")
    print(f"files, lines                {len(files)}, {sum(len(p.read_text().splitlines()) for p in files.values())}")
    if given.score:
        print(f"files on the way of score   {files_on_the_way()}")


if __name__ == "__main__":
    main()
