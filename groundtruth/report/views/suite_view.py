"""A held-out suite in a few lines: how its models spread, and what was not kept."""

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from groundtruth.generated.suite import Suite
from groundtruth.report import notation


def suite_view(suite: Suite, folder: Path) -> Iterator[Text]:
    """A heading, the spread of each size, rejections by reason, and what to do next.

    Args:
        suite: Suite that was generated.
        folder: Folder that it lies in.
    """
    what = "Trained suite" if suite.kind == "trained" else "Generated suite"
    title = f"{what} · {notation.plural(len(suite.members), 'model')} · seed {suite.seed} · {suite.bounds}"
    yield Text(title, "heading")
    for name, counts in suite.spread().items():
        values = "  ".join(f"{value}: {count}" for value, count in counts.items())
        yield Text().append(f"{name:<12}", "faint").append(values)
    yield Text().append(f"{'domain':<12}", "faint").append(_domains(suite))
    if suite.kind == "trained":
        failed = "".join(f"; {count} refused for {part}" for part, count in suite.refused.items())
        certified = suite.tried - sum(suite.refused.values())
        yield Text(f"{certified} of {suite.tried} trained networks certified ({certified / suite.tried:.0%}){failed}")
    kept = (
        f"{len(suite.members)} of {notation.plural(suite.draws, 'draw')} kept ({len(suite.members) / suite.draws:.0%})"
    )
    reasons = "; ".join(f"{count} {reason}" for reason, count in sorted(suite.rejected.items(), key=lambda x: -x[1]))
    yield Text(kept + (f"; rejected: {reasons}" if reasons else "") + f" · {notation.duration(suite.seconds)}")
    yield Text(
        f"next: groundtruth show {folder}/{suite.members[0].name} · groundtruth bench --models {folder}", "faint"
    )


def _domains(suite: Suite) -> str:
    sizes = sorted(member.inputs for member in suite.members)
    causal = sum(member.causal for member in suite.members)
    return f"{sizes[0]} to {sizes[-1]} inputs, median {sizes[len(sizes) // 2]}; {causal} causal"
