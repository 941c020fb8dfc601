"""A pytest plug-in: hold a localization method or a featurizer to what must be true of it, in anybody's CI.

    pytest --groundtruth-method my_pkg.my_mod:my_method --groundtruth-profile smoke
    pytest --groundtruth-featurizer my_pkg.my_mod:my_featurizer

adds one test a property and model, marked ``groundtruth`` (``-m groundtruth`` runs nothing else). Nothing heavy is
imported before a method is asked for: pytest starts as fast as without it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from groundtruth.testing.pytest_profiles import PROFILES, Profile, Question, featurizer_questions, questions

if TYPE_CHECKING:
    from groundtruth.model import KnownModel
    from groundtruth.testing.expected_failures import Known
    from mib.featurization import FeaturizerMethod
    from mib.localization import Localizer

MARK = "groundtruth"
ENOUGH = 0.9
"""Area, and accuracy, that a method must reach unless asked otherwise."""

Kind = Literal["method", "featurizer"]

_KNOWN = pytest.StashKey["dict[str, Known]"]()
_PLAIN = pytest.StashKey["PlainRuns"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of this plug-in."""
    group = parser.getgroup("groundtruth", "localization methods and featurizers against exact circuits and variables")
    for kind, what in (("method", "localization method"), ("featurizer", "featurizer")):
        group.addoption(
            f"--groundtruth-{kind}",
            action="append",
            default=[],
            metavar="SPEC",
            help=f"a {what}: my_pkg.my_mod:my_{kind}, my_file.py:my_{kind}, or the name of a registered one; several "
            "are allowed",
        )
    group.addoption("--groundtruth-profile", choices=list(PROFILES), default="smoke", help="how much is run")
    for name, metavar, what in (
        ("auroc", "AREA", "area under the ROC curve of a localization method on every model"),
        ("accuracy", "SHARE", "interchange accuracy of a featurizer on every variable"),
    ):
        group.addoption(
            f"--groundtruth-{name}", type=float, metavar=metavar, help=f"the least {what} (default: {ENOUGH})"
        )
    group.addoption(
        "--groundtruth-known",
        type=Path,
        metavar="FILE",
        help="known failures with their reasons, and parameters of methods (TOML): the failures are expected",
    )
    group.addoption(
        "--groundtruth-skip",
        action="append",
        default=[],
        metavar="PROPERTIES",
        help="properties that are not asked for, separated by commas",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker; refuse options that nothing would come of.

    Raises:
        UsageError: For an option about methods where none is named.
    """
    kinds = {"auroc": ("method",), "accuracy": ("featurizer",)}
    for name in ("auroc", "accuracy", "known", "skip"):
        needed = kinds.get(name, ("method", "featurizer"))
        given = _option(config, f"groundtruth_{name}") not in (None, [])
        if given and not any(_option(config, f"groundtruth_{kind}") for kind in needed):
            options = " or ".join(f"--groundtruth-{kind} SPEC" for kind in needed)
            raise pytest.UsageError(f"--groundtruth-{name} is about a method, and none is named: add {options}.")
    config.addinivalue_line(
        "markers", f"{MARK}(models=...): about localization methods; models: for the fixture groundtruth_model"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests that ask for a method, a featurizer or a model once for each of those that were chosen."""
    for fixture in ("groundtruth_method", "groundtruth_featurizer"):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, _option(metafunc.config, fixture), indirect=True, ids=_last_name)
    if "groundtruth_model" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker(MARK)
        chosen = mark.kwargs.get("models") if mark else None
        profile = PROFILES[_option(metafunc.config, "groundtruth_profile")]
        metafunc.parametrize("groundtruth_model", list(chosen or profile.recovered), indirect=True)


@pytest.fixture
def groundtruth_method(request: pytest.FixtureRequest) -> Localizer:
    """The method under test: a test that asks for it runs once for each ``--groundtruth-method``."""
    from groundtruth.user_methods import find_localizer

    return find_localizer(request.param)


@pytest.fixture
def groundtruth_featurizer(request: pytest.FixtureRequest) -> FeaturizerMethod:
    """The featurizer under test: a test that asks for it runs once for each ``--groundtruth-featurizer``."""
    from groundtruth.user_methods import find_featurizer

    return find_featurizer(request.param)


@pytest.fixture
def groundtruth_model(request: pytest.FixtureRequest) -> KnownModel:
    """A compiled model: a test that asks for it runs once for each of its marker's ``models``, or the profile's."""
    from groundtruth.specs import find_model

    return find_model(request.param)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the tests of every method that was asked for.

    Raises:
        UsageError: For a method that cannot be had, a property that is none, or a file of known failures that is wrong.
    """
    kinds: tuple[Kind, ...] = ("method", "featurizer")
    for kind in kinds:
        for spec in _option(config, f"groundtruth_{kind}"):
            _require_method(kind, spec)
            _warn_of_misspelt(config, spec)
            items += [
                MethodItem.from_parent(
                    session, name=f"{_last_name(spec)}::{question.name}", kind=kind, spec=spec, question=question
                )
                for question in _asked(config, kind)
            ]


class MethodItem(pytest.Item):
    """One property of one method on one model or variable, or on random ones."""

    def __init__(self, *, kind: Kind, spec: str, question: Question, **rest: Any) -> None:
        super().__init__(**rest)
        self._kind, self._spec, self._question = kind, spec, question
        self.add_marker(MARK)
        if self._known is not None and (reason := self._known.expected.get(question.name)):
            from groundtruth.testing.failure import MethodFailure

            strict = question.name in self._known.fails
            self.add_marker(pytest.mark.xfail(reason=reason, strict=strict, raises=MethodFailure))

    def runtest(self) -> None:
        """Run the property."""
        from groundtruth.testing.failure import DoesNotApply
        from groundtruth.testing.run_property import ask
        from groundtruth.user_methods import find_featurizer, find_localizer

        method = find_localizer(self._spec) if self._kind == "method" else find_featurizer(self._spec)
        known, question = self._known, self._question
        expected = known is not None and question.name in known.expected
        try:
            plain = self.config.stash.setdefault(_PLAIN, {})
            parameters = known and known.parameters
            ask(method, question, _profile(self.config), parameters, shrink=not expected, plain=plain)
        except DoesNotApply as reason:
            pytest.skip(str(reason))

    @property
    def _known(self) -> Known | None:
        """Entries of the file of known failures on the method."""
        path = _option(self.config, "groundtruth_known")
        if path is None:
            return None
        return _read_known(self.config, path).get(_last_name(self._spec))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what went wrong, without the inside of the plug-in."""
        known = ("groundtruth.errors", "groundtruth.testing.failure", "mib.errors")
        ours = tuple(getattr(sys.modules.get(name), kind, None) for name, kind in zip(known, _OURS, strict=True))
        if isinstance(excinfo.value, tuple(kind for kind in ours if kind is not None)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """Find where the test is said to be: it is in no file."""
        return self.config.rootpath, None, self.name


def _require_method(kind: Kind, spec: str) -> None:
    """See that a method can be had, once for all that is asked of it."""
    from groundtruth.user_methods import find_featurizer, find_localizer

    try:
        find_localizer(spec) if kind == "method" else find_featurizer(spec)
    except (Exception, SystemExit) as error:  # a user's module may raise anything when it is imported
        ours = type(error).__name__ in ("MethodError", "GroundTruthError")
        told = str(error) if ours else f"'{spec}' cannot be imported: {type(error).__name__}: {error}"
        raise pytest.UsageError(f"--groundtruth-{kind}: {told}") from error


def _read_known(config: pytest.Config, path: Path) -> dict[str, Known]:
    """Return what the file of known failures says, read once."""
    if _KNOWN not in config.stash:
        from groundtruth.errors import GroundTruthError
        from groundtruth.testing.expected_failures import read_known

        try:
            config.stash[_KNOWN] = read_known(path)
        except GroundTruthError as error:
            raise pytest.UsageError(f"--groundtruth-known: {error}") from error
    return config.stash[_KNOWN]


def _warn_of_misspelt(config: pytest.Config, spec: str) -> None:
    """Say if a file of known failures has nothing on a method, but on one with nearly its name."""
    from mib.errors import did_you_mean

    if (path := _option(config, "groundtruth_known")) is None:
        return
    known, name = _read_known(config, path), _last_name(spec)
    if name not in known and (hint := did_you_mean(name, known)):
        warnings.warn(pytest.PytestWarning(f"{path} says nothing of [{name}].{hint}"), stacklevel=2)


_OURS = ("GroundTruthError", "MethodFailure", "MibError")


def _asked(config: pytest.Config, kind: Kind) -> Iterator[Question]:
    """Return what is asked of a method of a kind."""
    from groundtruth.errors import GroundTruthError
    from groundtruth.testing.properties import FEATURIZER_PROPERTIES, PROPERTIES, property_named

    skipped = {name for text in _option(config, "groundtruth_skip") for name in text.split(",") if name}
    for name in skipped:
        try:
            property_named(name, {**FEATURIZER_PROPERTIES, **PROPERTIES})
        except GroundTruthError as error:
            raise pytest.UsageError(f"--groundtruth-skip: {error}") from error
    if kind == "method":
        return questions(_profile(config), auroc=_least(config, "auroc"), skipped=skipped)
    return featurizer_questions(_profile(config), accuracy=_least(config, "accuracy"), skipped=skipped)


def _least(config: pytest.Config, name: str) -> float:
    """Return what a method must reach."""
    given = _option(config, f"groundtruth_{name}")
    return ENOUGH if given is None else given


def _profile(config: pytest.Config) -> Profile:
    return PROFILES[_option(config, "groundtruth_profile")]


def _option(config: pytest.Config, name: str) -> Any:
    return config.getoption(name)


def _last_name(spec: str) -> str:
    return spec.rpartition(":")[2]
