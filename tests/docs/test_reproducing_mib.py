"""The page on MIB's table: its commands parse, its names exist, its code runs, its costs follow from its formulas."""

import re
import runpy
import shlex
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import mib
from groundtruth.cli.main import app
from groundtruth.cli.options import read_parameters
from groundtruth.evaluation.language_models import is_language_model
from mib.engine.row_batches import Widths, bytes_of_a_row
from mib.leaderboard.formats.circuit_folders import CELLS
from mib.leaderboard.submissions.leaderboard_models import MODELS
from mib.levels import LEVELS
from mib.localization.planned_passes import RunSizes, plan_passes
from mib.models.model_names import MODELS as HUB_IDS

FOLDER = Path(__file__).parents[2] / "docs"
PAGE = (FOLDER / "reproducing-mib.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"`(groundtruth [^`]+)`", PAGE)
BLOCKS = re.findall(r"```python\n# (\w+\.py).*?\n(.*?)```", PAGE, re.S)

PARAMETERS = {"gpt2": 0.124e9, "qwen2.5": 0.494e9, "gemma2": 2.61e9, "llama3": 8.03e9}
MLP_AND_VOCABULARY = {
    "gpt2": (3072, 50257), "qwen2.5": (4864, 151936), "gemma2": (9216, 256000), "llama3": (14336, 128256),
}  # fmt: skip
"""Of the published configurations."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    for name, text in BLOCKS:
        (folder / name).write_text(text)
    return folder


def parsed(command: str) -> dict[str, Any]:
    """The arguments that a command would run with."""
    _, bound, _ = app.parse_args(shlex.split(command)[1:], exit_on_error=False, print_error=False)
    given: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        # Options that commands share are one value of several fields.
        given |= {k: v for k, v in vars(value).items() if v is not None} if is_dataclass(value) else {name: value}
    return given


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_parses_and_names_what_exists(command: str) -> None:
    arguments = parsed(command)
    method, verb = arguments.get("method"), command.split()[1]
    if method is None:
        assert command in ("groundtruth submission check mine", "groundtruth methods --json")
        return
    level = arguments.get("level", "edge")
    assert level in LEVELS
    assert level in mib.localization.get(method).levels
    models = arguments["models"].split(",")
    if verb == "submit":
        tasks = arguments["tasks"].split(",")
        assert {(task, model) for task in tasks for model in models} <= set(cells())
        letters = {"mcqa", "arc-easy", "arc-challenge"} & set(tasks)
        assert arguments.get("answer_prefix") == ("" if letters else None) and len(letters) in (0, len(tasks))
    else:
        tasks = arguments["task"].split(",")
        assert verb == "score" and all(map(is_language_model, models)) and set(tasks) <= set(mib.tasks.names())


def cells() -> list[tuple[str, str]]:
    return [(task, model) for task, models in CELLS.items() for model in models]


def test_the_commands_of_the_columns_make_every_cell_once_with_its_number_of_pairs() -> None:
    columns = PAGE.split("## Columns")[1].split("## Rows")[0]
    made: list[tuple[str, str]] = []
    for command in re.findall(r"\| `(groundtruth submit [^`]+)` \|", columns):
        arguments = parsed(command)
        assert arguments["data"] == "hub"
        assert arguments.get("dtype", "float32") == ("float32" if arguments["models"] == "gpt2" else "bfloat16")
        for task in arguments["tasks"].split(","):
            assert arguments["n"] == (1000 if task == "ioi" else 100)
            made.append((task, arguments["models"]))
    assert sorted(made) == sorted(cells())


def test_models_are_those_of_the_loader() -> None:
    assert set(HUB_IDS) == set(MODELS) == set(PARAMETERS)


def test_links_lead_somewhere() -> None:
    assert all((FOLDER / name).is_file() for name in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE))


@pytest.mark.parametrize(("command", "row"), re.findall(r'\| `(groundtruth submit [^`]+)` \| (`"[^|]+) \|\n', PAGE))
def test_a_row_s_command_and_its_code_are_of_one_mind(command: str, row: str) -> None:
    arguments, method = parsed(command), re.findall(r'"([a-z-]+)"', row)[0]
    level, ablation = (re.search(rf'{name}="(\w+)"', row) for name in ("level", "ablation"))
    assert arguments["method"] == method
    assert arguments.get("level", "edge") == (level[1] if level else "edge")
    assert (arguments.get("ablation") or "resample") == (ablation[1] if ablation else "resample")
    known = mib.localization.get(method).parameters
    asked = {**known, **read_parameters(arguments.get("set"), method, known)}
    given = dict(re.findall(r'(\w+)="?([\w-]+)', row))
    own = {"ablation", "level", "selection"}
    assert {name: str(asked[name]) for name in given if name not in own} == {
        name: value for name, value in given.items() if name not in own
    }


def test_there_is_a_row_for_every_method_of_the_table() -> None:
    assert len(re.findall(r'\| `groundtruth submit [^`]+` \| `"', PAGE)) == 11


def test_the_code_gives_mibs_values(files: Path, tmp_path: Path) -> None:
    task, model = mib.tasks.get("ioi"), mib.load_model("learned")
    for part, n in (("train", 8), ("validation", 6)):
        task.write(tmp_path, n, seed=3, split=part)
    value = runpy.run_path(str(files / "reproduce.py"), run_name="page")["value"]
    cpr, cmd = value(model, "ioi", "exact", n=4, data=tmp_path)
    _, chance = value(model, "ioi", "random", n=4, data=tmp_path)
    assert cpr > 0.5 and cmd < chance


# -- costs -----------------------------------------------------------------------------------------------------------


def costs() -> list[list[str]]:
    table = PAGE.split("<!-- costs -->\n")[1].split("<!-- /costs -->")[0]
    return [[cell.strip(" `") for cell in line.strip("|\n ").split("|")] for line in table.splitlines()[2:]]


def test_every_cell_has_its_costs() -> None:
    assert sorted((row[0], row[1]) for row in costs()) == sorted(cells())


def row_of_gradients(model: str, n_positions: int) -> int:
    """Bytes that one prompt's gradients take, by the law that decides whether they are streamed."""
    mlp, vocabulary = MLP_AND_VOCABULARY[model]
    dtype, graph = torch.float32 if model == "gpt2" else torch.bfloat16, MODELS[model].graph
    widths = Widths(graph.d_model // graph.n_heads, mlp, vocabulary, dtype.itemsize)
    return bytes_of_a_row(widths, graph, n_positions, work="gradients")


@pytest.mark.parametrize("row", costs(), ids=lambda row: f"{row[0]}-{row[1]}")
def test_costs_are_those_of_the_formulas(row: list[str]) -> None:
    model, n, p, how = row[1], int(row[2].replace(",", "")), int(row[3]), row[4]
    sizes, parameters = MODELS[model], PARAMETERS[model]
    edges, layers = int(sizes.graph.edge_mask.sum()), sizes.layers
    streamed = row_of_gradients(model, p) > 2**30
    assert how == ("streaming" if streamed else "in memory")
    r, forward = edges * sizes.d_model / parameters, 2 * parameters * n * p / 1e12
    eap, inputs, activations = 3 + r, 11 + r, 12 + 8 * layers + r
    if streamed:
        eap, inputs, activations = 4 + r, 1 + 5 * (3 + r), (6 + 4 * layers) * (3 + r)
    planned = RunSizes(sizes.graph, n, streaming=streamed)
    products = {"eap": 1, "eap-ig-inputs": 5, "eap-ig-activations": 6 + 4 * layers}
    for method, passes in (("eap", eap), ("eap-ig-inputs", inputs), ("eap-ig-activations", activations)):
        plan = plan_passes(method, planned)
        assert plan is not None
        assert passes - (products[method] if streamed else 1) * r == pytest.approx(plan.forward + plan.backward)
    expected = [passes * forward for passes in (1, eap, inputs, activations, 0.3 * edges, 20 * (1 + r))]
    assert row[5:] == [f"{float(f'{value:.2g}'):,.0f}" for value in expected]
