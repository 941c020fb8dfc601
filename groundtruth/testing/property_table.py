"""Table of the built-in methods and their properties, with the reason for every gap: docs/properties.md shows it.

``python -m groundtruth.testing.property_table`` asks every built-in method what the plug-in's smallest profile asks,
and for all symmetries. It writes expected_failures.toml, which the project's own tests expect, and the tables of the
page. ``--methods`` asks some again, ``--page`` only writes the page.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from groundtruth.testing.expected_failures import Known, read_known, write_known
from groundtruth.testing.failure import MethodFailure
from groundtruth.testing.failure_reasons import BRIEF, by_rounding, reason_of
from groundtruth.testing.pytest_profiles import PROFILES, Question, featurizer_questions, questions
from groundtruth.testing.run_property import ask
from mib import featurization, localization
from mib.featurization import FeaturizerMethod
from mib.localization import Localizer

KNOWN = Path(__file__).with_name("expected_failures.toml")
"""File of the measured failures."""

PAGE = Path("docs/properties.md")
PROFILE = replace(PROFILES["smoke"], symmetries=None)

HEADER = """What the built-in methods lack on the profile smoke (and of all symmetries), and why: measured by
python -m groundtruth.testing.property_table; docs/properties.md shows it. Trained methods are run for few steps."""

_MARKS = {kind: (f"<!-- {kind} -->\n", f"<!-- /{kind} -->\n") for kind in ("methods", "featurizers")}


def methods() -> list[str]:
    """List every registered method that scores edges."""
    return [name for name in localization.names() if "edge" in localization.get(name).levels]


def method_named(name: str) -> Localizer | FeaturizerMethod:
    """Return a built-in method of either kind; no two have one name."""
    return localization.get(name) if name in localization.names() else featurization.get(name)


def asked_of(name: str) -> list[Question]:
    """List the questions for a built-in method."""
    if name in featurization.names():
        return list(featurizer_questions(PROFILE, accuracy=0.9))
    found = list(questions(PROFILE, auroc=0.9))
    where = PROFILE.examined[0]
    return [*found, Question("exact_at_logits", where, {"n_pairs": PROFILE.n_few})]


def measured(name: str, asked: Iterable[Question] | None = None) -> Known:
    """Measure which properties a built-in method lacks.

    Args:
        name: Name of the method.
        asked: Questions; default: all.

    Raises:
        KeyError: If a property is lacking and no reason is known.
    """
    parameters, fails, may_fail = BRIEF.get(name, {}), dict[str, str](), dict[str, str]()
    for question in asked_of(name) if asked is None else asked:
        if by_rounding(name, question.name):
            may_fail[question.name] = reason_of(name, question.name)
            continue
        try:
            ask(method_named(name), question, PROFILE, parameters, shrink=False)
        except MethodFailure:
            fails[question.name] = reason_of(name, question.name)
    return Known(parameters, fails, may_fail)


def table(known: Mapping[str, Known]) -> str:
    """Write a row a method, a letter where a property is lacking, and what letters mean.

    Args:
        known: By method, all of one kind.
    """
    columns = [question.name for question in asked_of(next(iter(known)))]
    texts = sorted({reason for item in known.values() for reason in item.expected.values()})
    letters = {text: chr(ord("a") + index) for index, text in enumerate(texts)}
    lines = ["| method | " + " | ".join(map(_heading, columns)) + " |", "| --- |" + " :-: |" * len(columns)]
    for method, item in known.items():
        marks = [_mark(item, name, letters) for name in columns]
        lines.append(f"| `{method}` | " + " | ".join(marks) + " |")
    lines += ["", *(f"- **{letter}**: {text}" for text, letter in letters.items())]
    return "\n".join(lines) + "\n"


def _mark(item: Known, test: str, letters: Mapping[str, str]) -> str:
    """Return the letter of the reason, in brackets where rounding decides; a dot where nothing is lacking."""
    if test not in item.expected:
        return "·"
    letter = letters[item.expected[test]]
    return f"({letter})" if test in item.may_fail else letter


def with_tables(page: str, known: Mapping[str, Known]) -> str:
    """Put what is known into the tables of the page."""
    for kind, names in (("methods", methods()), ("featurizers", featurization.names())):
        begin, end = _MARKS[kind]
        rows = {name: known[name] for name in names if name in known}
        page = page.partition(begin)[0] + begin + table(rows) + end + page.partition(end)[2]
    return page


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask the methods named on the command line, or all, and write file and page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="*", help="default: all")
    parser.add_argument("--page", action="store_true", help="only write the page again")
    given = parser.parse_args(arguments)
    known = read_known(KNOWN) if KNOWN.is_file() else {}
    every = [*methods(), *featurization.names()]
    for method in [] if given.page else given.methods or every:
        start = time.perf_counter()
        known[method] = measured(method)
        lacks = ", ".join(known[method].fails) or "nothing"
        sys.stdout.write(f"{method} lacks {lacks} ({time.perf_counter() - start:.0f} s)\n")
        sys.stdout.flush()
        write_known(KNOWN, {name: known[name] for name in every if name in known}, header=HEADER)
    PAGE.write_text(with_tables(PAGE.read_text(), known))


def _heading(name: str) -> str:
    """Write a column's heading: the property; where it is asked for in more than one place, also where."""
    check, where = name.removesuffix("]").split("[")
    several = check in ("recovers", "finds", "no_mutation")
    short = where.partition("@")[0].replace(":", " ")
    return check.removeprefix("invariant:") + (f" {short}" if several else "")


if __name__ == "__main__":
    main()
