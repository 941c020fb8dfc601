"""The command that makes a suite of fresh programs, and seals one that is made later."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from groundtruth.cli.executor_options import EXECUTOR_OPTIONS, ExecutorOptions
from groundtruth.cli.options import AsJson, Seed, print_json

if TYPE_CHECKING:
    from groundtruth.generated import Bounds

N, N_TRAINED = 100, 10
"""Number of models of a suite by default."""


def generate(
    *,
    n: int | None = None,
    out: Path | None = None,
    seed: Seed | None = None,
    depth: str | None = None,
    heads: str | None = None,
    vocab: str | None = None,
    length: str | None = None,
    trained: bool = False,
    seal: Path | None = None,
    reveal: Path | None = None,
    where: ExecutorOptions = EXECUTOR_OPTIONS,
    json: AsJson = False,
) -> None:
    """Make a held-out suite: fresh programs, compiled, checked, proven and stored; the same on every machine.

    Use its models wherever a model is named: groundtruth show OUT/NAME, groundtruth score METHOD --models OUT.

    With --trained, each program gets a circuit drawn at random, a network is trained to it, and kept if enumerating its
    whole domain certifies it; suite.json has how many were tried, and what failed first in the others. The same on one
    machine: which networks are certified may differ between processors.

    A run that is stopped goes on where it was when it is started again.

    For a contest, publish a seal now: it holds the SHA-256 of a secret seed. Reveal the seed later: the suite follows
    from it, byte by byte, and everybody can see that it was the one.

    Args:
        n: Number of models; 100 by default, 10 with --trained.
        out: Folder of the suite; it gets a folder a model and suite.json.
        seed: The same seed gives the same files; 0 by default.
        depth: Layers, as 3..8 (the default) or 4; dealt out in turn. With --trained 1..2, layers that a compile takes.
        heads: Heads of the widest layer, 1..4; at least 1, 2, 3 in turn. With --trained 1..2.
        vocab: Different tokens, 2..4; with --trained 2..3.
        length: Tokens of the longest input, 3..5; with --trained 3, the length of every input. There are at most 81
            inputs then.
        trained: Train the models instead of compiling them.
        seal: Make no suite yet: write FILE.json, to publish, and FILE.secret.json with the seed, to keep.
        reveal: Make the suite of a seal, whose secret lies beside it, and show its seed.
        where: Executor that makes the draws.
        json: Print JSON, for machines.
    """
    from groundtruth.generated.suite import generate as generate_suite
    from groundtruth.report.progress import tracked
    from groundtruth.report.terminal import echo
    from groundtruth.report.views.suite_view import suite_view

    ranges = {"depth": depth, "heads": heads, "vocab": vocab, "length": length}
    given = {name: text for name, text in ranges.items() if text is not None}
    _require_one_purpose(out, seed, seal, reveal, is_default=n is None and not given, trained=trained)
    # Only now: whether --n was given at all decides above whether --reveal refuses it.
    n = n if n is not None else N_TRAINED if trained else N
    if seal is not None:
        _write_seal(n, _bounds(given, trained=trained), seal, json=json)
        return
    n, bounds, number = _read_secret(reveal) if reveal else (n, _bounds(given, trained=trained), seed or 0)
    suite = generate_suite(
        n,
        out or Path(),
        seed=number,
        bounds=bounds,
        kind="trained" if trained else "compiled",
        executor=where.choose_executor(Path("results/jobs")),
        report=lambda items, total, underway: tracked(
            "training" if trained else "drawing", items, total=total, underway=underway if trained else None
        ),
    )
    if json:
        print_json({**suite.manifest(), "seconds": round(suite.seconds, 1)})
    else:
        echo(*suite_view(suite, out or Path()))


def _bounds(given: Mapping[str, str], *, trained: bool) -> "Bounds":
    from groundtruth.generated import parse_range
    from groundtruth.generated.suite import DEEP, TRAINED

    usual = TRAINED if trained else DEEP
    return replace(usual, **{name: parse_range(text, name=f"--{name}") for name, text in given.items()})


def _require_one_purpose(
    out: Path | None, seed: int | None, seal: Path | None, reveal: Path | None, *, is_default: bool, trained: bool
) -> None:
    """Refuse options that exclude each other.

    Raises:
        ProgramError: If they do, or there is no folder for a suite.
    """
    from groundtruth.errors import ProgramError

    if trained and (seal is not None or reveal is not None):
        raise ProgramError(
            "--trained makes no sealed suite: which networks are certified may differ between processors, so that a "
            "seed does not settle the files. Leave out --seal and --reveal, or --trained."
        )
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


def _read_secret(path: Path) -> "tuple[int, Bounds, int]":
    from groundtruth.generated.seal import open_seal

    seal = open_seal(path)
    return seal.n, seal.bounds, seal.seed
