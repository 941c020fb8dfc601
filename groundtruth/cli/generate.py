"""The command that makes a suite of fresh programs, and seals one that is made later."""

from pathlib import Path
from typing import TYPE_CHECKING

from groundtruth.cli.executor_options import EXECUTOR_OPTIONS, ExecutorOptions
from groundtruth.cli.options import AsJson, Seed, print_json

if TYPE_CHECKING:
    from groundtruth.generated import Bounds

N, DEPTH, HEADS, VOCAB, LENGTH = 100, "3..8", "1..4", "2..4", "3..5"
DEFAULTS = (N, DEPTH, HEADS, VOCAB, LENGTH)
"""What a suite is unless asked otherwise."""


def generate(
    *,
    n: int = N,
    out: Path | None = None,
    seed: Seed | None = None,
    depth: str = DEPTH,
    heads: str = HEADS,
    vocab: str = VOCAB,
    length: str = LENGTH,
    seal: Path | None = None,
    reveal: Path | None = None,
    where: ExecutorOptions = EXECUTOR_OPTIONS,
    json: AsJson = False,
) -> None:
    """Make a held-out suite: fresh programs, compiled, checked, proven and stored; the same on every machine.

    Use its models wherever a model is named: groundtruth show OUT/NAME, groundtruth score METHOD --models OUT.

    For a contest, publish a seal now: it holds the SHA-256 of a secret seed. Reveal the seed later: the suite follows
    from it, byte by byte, and everybody can see that it was the one.

    Args:
        n: How many models.
        out: Folder of the suite; it gets a folder a model and suite.json.
        seed: The same seed gives the same files; 0 by default.
        depth: Layers, as 3..8 or 4; dealt out in turn.
        heads: Heads of the widest layer; at least 1, 2, 3 in turn.
        vocab: Different tokens.
        length: Tokens of the longest input.
        seal: Make no suite yet: write FILE.json, to publish, and FILE.secret.json with the seed, to keep.
        reveal: Make the suite of a seal, whose secret lies beside it, and show its seed.
        where: Where the draws are made.
        json: Print JSON, for machines.
    """
    from groundtruth.generated.suite import generate as generate_suite
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.suite_view import suite_view

    _require_one_purpose(out, seed, seal, reveal, is_default=(n, depth, heads, vocab, length) == DEFAULTS)
    if seal is not None:
        _write_seal(n, _bounds(depth, heads, vocab, length), seal, json=json)
        return
    n, bounds, number = _opened(reveal) if reveal else (n, _bounds(depth, heads, vocab, length), seed or 0)
    suite = generate_suite(
        n,
        out or Path(),
        seed=number,
        bounds=bounds,
        executor=where.choose_executor(Path("results/jobs")),
        report=lambda items, total: tracked("drawing", items, total=total),
    )
    if json:
        print_json({**suite.manifest(), "seconds": round(suite.seconds, 1)})
    else:
        echo(*suite_view(suite, out or Path()))


def _bounds(depth: str, heads: str, vocab: str, length: str) -> "Bounds":
    from groundtruth.generated import Bounds, parse_range

    return Bounds(
        depth=parse_range(depth, name="--depth"),
        heads=parse_range(heads, name="--heads"),
        vocab=parse_range(vocab, name="--vocab"),
        length=parse_range(length, name="--length"),
    )


def _require_one_purpose(
    out: Path | None, seed: int | None, seal: Path | None, reveal: Path | None, *, is_default: bool
) -> None:
    """Refuse options that exclude each other.

    Raises:
        ProgramError: If they do, or there is no folder for a suite.
    """
    from groundtruth.errors import ProgramError

    if seal is not None and (out or reveal or seed is not None):
        raise ProgramError("--seal makes no suite and draws its own seed: leave out --out, --reveal and --seed.")
    if reveal is not None and (seed is not None or not is_default):
        raise ProgramError("--reveal makes the suite that was sealed: leave out --seed, --n and all bounds.")
    if seal is None and out is None:
        raise ProgramError("--out is missing: name a folder for the suite.")


def _write_seal(n: int, bounds: "Bounds", path: Path, *, json: bool) -> None:
    from rich.text import Text

    from groundtruth.generated.seal import draw_seal, write_seal
    from groundtruth.report.terminal import echo

    seal = draw_seal(n, bounds)
    secret = write_seal(seal, path)
    if json:
        print_json({"commitment": seal.commitment, **seal.public(), "seal": str(path), "secret": str(secret)})
        return
    echo(
        Text.assemble(("Sealed suite", "heading"), f" · {n} models · {bounds}"),
        Text.assemble(("commitment  ", "faint"), seal.commitment),
        Text(f"publish {path}; keep {secret} to yourself, and do not lose it"),
        Text(f"later: groundtruth generate --reveal {path} --out FOLDER", "faint"),
    )


def _opened(path: Path) -> "tuple[int, Bounds, int]":
    from groundtruth.generated.seal import open_seal

    seal = open_seal(path)
    return seal.n, seal.bounds, seal.seed
