"""Write a project for a method of one's own: the method, its tests, a README and a workflow, ready to run."""

from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from groundtruth.errors import DomainError
from groundtruth.files import write_whole

WORKFLOW = ".github/workflows/ground-truth.yml"


@dataclass(frozen=True)
class ProjectKind:
    """What the files of a project say, for one kind of method.

    Attributes:
        kind: Word in the plug-in's option for the method.
        function: Name of the method and, with ``.py``, of its file.
        what: Description in words.
        truth: Truth about the models that it is held against.
        options: Options of commands for this kind.
        place: Place that ``groundtruth why`` is asked about in the README.
        known: Properties that the method of the template lacks, each with the reason.
    """

    kind: str
    function: str
    what: str
    truth: str
    options: str
    place: str
    known: tuple[tuple[str, str], ...]


LOCALIZER = ProjectKind(
    kind="method",
    function="my_method",
    what="localization method",
    truth="circuits",
    options="",
    place="reverse",
    known=(
        ("recovers[reverse]", "no gradient passes the queries and keys of a saturated softmax"),
        ("recovers[frac_prevs]", "the metric, a squared distance, has no gradient at the clean output"),
        ("recovers[random programs]", "as on reverse"),
    ),
)

FEATURIZER = ProjectKind(
    kind="featurizer",
    function="my_featurizer",
    what="featurizer",
    truth="variables",
    options=" --track variables",
    place="reverse:opposite@residual.2.post",
    known=(
        ("finds[first_is_last:last@resid_mid2]", "class means also differ in what comes along with the variable"),
        ("ignores_decoys[first_is_last:last@resid_mid2]", "as above: decoys come along too"),
    ),
)


def write_project(folder: Path, kind: ProjectKind, *, ci: bool = False) -> list[Path]:
    """Write the files of a project, all or none.

    Args:
        folder: Made if it is not there.
        kind: Kind of method.
        ci: True to add a workflow for GitHub Actions.

    Returns:
        The files.

    Raises:
        DomainError: If one of them is there already, or the folder is a file.
    """
    names = {f"{kind.function}.py": f"{kind.function}.py", f"test_{kind.function}.py": f"test_{kind.function}.py"}
    names |= {name: name for name in ("known.toml", "pyproject.toml", "README.md")}
    if ci:
        names[WORKFLOW] = "workflow.yml"
    if folder.exists() and not folder.is_dir():
        raise DomainError(f"'{folder}' is a file. Name a folder for the project.")
    if there := [name for name in names if (folder / name).exists()]:
        raise DomainError(f"'{folder / there[0]}' is there already, and nothing is overwritten. Name another folder.")
    contents = {name: _render(template, folder, kind, ci=ci) for name, template in names.items()}
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_whole(folder / name, content.encode())
    return [folder / name for name in names]


def _render(template: str, folder: Path, kind: ProjectKind, *, ci: bool) -> str:
    environment = Environment(
        loader=PackageLoader("groundtruth.testing", "project"), undefined=StrictUndefined, trim_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    title = folder.resolve().name or kind.function
    return environment.get_template(f"{template}.j2").render(title=title, ci=ci, **vars(kind))
