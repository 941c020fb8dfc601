"""Featurizer files are read and written as MIB's own code does, indices are honoured, and nothing of them runs."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from mib.errors import FormatError
from mib.featurization import Featurizer, Site, orthonormal
from mib.leaderboard.formats import (
    Cell,
    IoiParameters,
    Unit,
    read_featurizer,
    read_featurizer_cell,
    read_featurizer_submission,
    read_ioi_parameters,
    write_featurizer,
    write_ioi_parameters,
)

D, K = 6, 3
UNIT = Unit("ResidualStream", 2, "last_token")
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


class SubspaceFeaturizerModule(nn.Module):
    """The reference's module, as far as its state is concerned: a matrix under torch's orthogonal parametrization."""

    def __init__(self, rotation: torch.Tensor) -> None:
        super().__init__()
        layer = nn.Module()
        layer.weight = nn.Parameter(rotation.clone())
        self.rotate: Any = torch.nn.utils.parametrizations.orthogonal(layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.rotate.weight


def rotation(seed: int = 0, d: int = D, k: int = K) -> torch.Tensor:
    return orthonormal(torch.randn(d, k, generator=torch.Generator().manual_seed(seed)))


def trained(k: int = K) -> SubspaceFeaturizerModule:
    """A module a few optimizer steps away from where it started, so that parameter and base both matter."""
    module = SubspaceFeaturizerModule(rotation(k=k))
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, weight_decay=0)
    target = torch.randn(8, k, generator=torch.Generator().manual_seed(1))
    for _ in range(5):
        optimizer.zero_grad()
        (module(torch.ones(8, D)) - target).square().sum().backward()
        optimizer.step()
    return module


def info(rotation: torch.Tensor | None, **changes: Any) -> dict[str, Any]:
    kind = "Identity" if rotation is None else "Subspace"
    config = {} if rotation is None else {"rotation_matrix": rotation.detach().clone(), "requires_grad": True}
    return {
        "featurizer_class": f"{kind}FeaturizerModule",
        "inverse_featurizer_class": f"{kind}InverseFeaturizerModule",
        "n_features": D if rotation is None else rotation.shape[1],
        "additional_config": config,
    } | changes


def save_as_the_reference(folder: Path, name: str, module: SubspaceFeaturizerModule, indices: Any = None) -> None:
    entries = {"model_info": info(module.rotate.weight), "state_dict": module.state_dict()}
    for suffix in ("_featurizer", "_inverse_featurizer"):
        torch.save(entries, folder / f"{name}{suffix}")
    (folder / f"{name}_indices").write_text(json.dumps(indices))


@pytest.mark.parametrize("k", [1, K, D])
def test_what_the_reference_writes_is_read(tmp_path: Path, k: int) -> None:
    module = trained(k)
    save_as_the_reference(tmp_path, str(UNIT), module)
    found = read_featurizer(tmp_path, UNIT)
    assert found.rotation is not None
    torch.testing.assert_close(found.rotation, module.rotate.weight.detach())
    assert found.selected is None
    x = torch.randn(5, D)
    torch.testing.assert_close(found.featurize(x)[0], module(x).detach())


@pytest.mark.parametrize("k", [1, K, D])
def test_what_is_written_loads_into_the_reference_and_reads_back(tmp_path: Path, k: int) -> None:
    r = rotation(seed=4, k=k)
    write_featurizer(tmp_path, UNIT, Featurizer.subspace(r, selected=[0]))
    for suffix in ("_featurizer", "_inverse_featurizer"):
        entries = torch.load(tmp_path / f"{UNIT}{suffix}", weights_only=True)
        assert entries["model_info"]["featurizer_class"] == "SubspaceFeaturizerModule"
        assert entries["model_info"]["inverse_featurizer_class"] == "SubspaceInverseFeaturizerModule"
        assert entries["model_info"]["n_features"] == k
        shape = entries["model_info"]["additional_config"]["rotation_matrix"].shape
        reference = SubspaceFeaturizerModule(torch.eye(*shape))
        reference.load_state_dict(entries["state_dict"])
        torch.testing.assert_close(reference.rotate.weight.detach(), r)
    assert json.loads((tmp_path / f"{UNIT}_indices").read_text()) == [0]
    found = read_featurizer(tmp_path, UNIT)
    assert found.selected == (0,)
    assert found.rotation is not None
    torch.testing.assert_close(found.rotation, r)


def test_equal_featurizers_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        torch.manual_seed(len(name))
        write_featurizer(tmp_path / name, UNIT, Featurizer.subspace(rotation()))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_the_full_vector_is_an_identity(tmp_path: Path) -> None:
    write_featurizer(tmp_path, UNIT, Featurizer.subspace(torch.eye(D), selected=[1, 4]))
    entries = torch.load(tmp_path / f"{UNIT}_featurizer", weights_only=True)
    assert entries["model_info"]["featurizer_class"] == "IdentityFeaturizerModule"
    assert entries["state_dict"] == {}
    found = read_featurizer(tmp_path, UNIT)
    assert (found.n_features, found.selected) == (D, (1, 4))


def test_identities_without_a_size_need_to_be_told(tmp_path: Path) -> None:
    write_featurizer(tmp_path, UNIT, Featurizer.subspace(torch.eye(D)))
    for suffix in ("_featurizer", "_inverse_featurizer"):
        torch.save({"model_info": info(None, n_features=None), "state_dict": {}}, tmp_path / f"{UNIT}{suffix}")
    with pytest.raises(FormatError, match="n_features: found None; pass width, the size of the site's activation"):
        read_featurizer(tmp_path, UNIT)
    assert read_featurizer(tmp_path, UNIT, width=4).n_features == 4


@pytest.mark.parametrize(("indices", "swapped"), [(None, [0, 1, 2]), ([2], [2]), ([], [])])
def test_indices_are_honoured_and_an_empty_list_swaps_nothing(tmp_path: Path, indices: Any, swapped: list[int]) -> None:
    save_as_the_reference(tmp_path, str(UNIT), trained(), indices)
    found = read_featurizer(tmp_path, UNIT)
    assert found.rotation is not None
    base, source = torch.zeros(1, D), torch.ones(1, D)
    inside = found.rotation[:, swapped]
    torch.testing.assert_close(found.interchange(base, source), source @ inside @ inside.T)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[3]", r"_indices: \[0\]: found 3, expected a feature from 0 to 2"),
        ("[0, 0]", r"_indices: \[1\]: feature 0 is named twice"),
        ("[true]", "found True, expected a feature"),
        ("{}", "expected null or a list of numbers, found dict"),
        ("[", "_indices: file: is no JSON"),
    ],
)
def test_bad_indices_are_named(tmp_path: Path, content: str, message: str) -> None:
    write_featurizer(tmp_path, UNIT, Featurizer.subspace(rotation()))
    (tmp_path / f"{UNIT}_indices").write_text(content)
    with pytest.raises(FormatError, match=message):
        read_featurizer(tmp_path, UNIT)


@pytest.mark.parametrize(
    ("changes", "state", "message"),
    [
        (
            {"featurizer_class": "MyFeaturizer"},
            {},
            "featurizer_class: 'MyFeaturizer' is none of Subspace.*own Python are",
        ),
        ({"featurizer_class": "SubspaceFeaturizer"}, {}, "Did you mean: SubspaceFeaturizerModule"),
        ({"inverse_featurizer_class": "x"}, {}, "found 'x', expected 'SubspaceInverseFeaturizerModule'"),
        ({"n_features": 2}, {}, "n_features: 2, but the matrix has 3 columns"),
        ({"n_features": "3"}, {}, "n_features: found '3', expected a whole number"),
        ({"additional_config": {}}, {}, "additional_config: the keys rotation_matrix are missing"),
        ({"additional_config": {"rotation_matrix": torch.eye(4)}}, {}, r"shape \[4, 4\]; the matrix of state_dict has"),
        ({}, {"original": None}, "expected a tensor, found NoneType"),
        (
            {},
            {"scale": torch.ones(K)},
            r"state_dict\['rotate.scale'\]: is not a key of this format, and what it changes",
        ),
        ({"rank": 2}, {}, "model_info.rank: is not a key of this format"),
        (
            {"additional_config": {"rotation_matrix": torch.eye(D, K), "mask": torch.ones(K)}},
            {},
            "additional_config.mask: is not a key of this format",
        ),
        ({}, {"original": torch.ones(D)}, r"expected a dense real matrix, found torch.float32 of shape \[6\]"),
        ({}, {"original": torch.full((D, K), torch.nan)}, "an entry is not finite"),
        ({}, {"original": torch.ones(K, D)}, r"shape \[3, 6\]; expected at most as many columns as rows"),
        ({}, {"original": torch.ones(1).expand(D, K)}, r"shape \[6, 3\], but the file stores fewer numbers"),
        ({}, {"base": torch.eye(K)}, r"shape \[3, 3\]; expected \[6, 6\]"),
        ({}, {"base": 2 * torch.eye(D)}, "state_dict: the matrix is not orthonormal: off by"),
    ],
)
def test_malformed_files_are_named(tmp_path: Path, changes: Any, state: Any, message: str) -> None:
    module = trained()
    save_as_the_reference(tmp_path, str(UNIT), module)
    names = {"original": "rotate.parametrizations.weight.original", "base": "rotate.parametrizations.weight.0.base"}
    names["scale"] = "rotate.scale"
    mended = dict(module.state_dict()) | {names[key]: value for key, value in state.items()}
    torch.save(
        {"model_info": info(module.rotate.weight, **changes), "state_dict": mended}, tmp_path / f"{UNIT}_featurizer"
    )
    with pytest.raises(FormatError, match=message) as caught:
        read_featurizer(tmp_path, UNIT)
    assert str(caught.value).startswith(f"{tmp_path / str(UNIT)}_featurizer: ")


def test_files_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    save_as_the_reference(tmp_path, str(UNIT), trained())
    other = SubspaceFeaturizerModule(rotation(seed=9))
    entries = {"model_info": info(other.rotate.weight), "state_dict": other.state_dict()}
    torch.save(entries, tmp_path / f"{UNIT}_inverse_featurizer")
    with pytest.raises(FormatError, match=r"_inverse_featurizer: state_dict: is not the inverse of"):
        read_featurizer(tmp_path, UNIT)
    with pytest.raises(FormatError, match="does not exist"):
        read_featurizer(tmp_path, Unit("ResidualStream", 7, "last_token"))
    with pytest.raises(FormatError, match="the matrix has 6 rows, the site 4 dimensions"):
        save_as_the_reference(tmp_path, str(UNIT), trained())
        read_featurizer(tmp_path, UNIT, width=4)


class Payload:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("pwned"),))


def test_nothing_of_a_submission_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cell = tmp_path / "submission" / "4_answer_MCQA_Qwen2ForCausalLM_answer"
    write_featurizer(cell, UNIT, Featurizer.subspace(rotation()))
    for name in ("featurizer.py", "token_position.py"):
        (tmp_path / "submission" / name).write_text("open('pwned', 'w')")
    assert read_featurizer_submission(tmp_path / "submission").cells
    torch.save({"model_info": Payload(), "state_dict": {}}, cell / f"{UNIT}_featurizer")
    with pytest.raises(FormatError, match="file: holds a getattr; only tensors, numbers,"):
        read_featurizer_submission(tmp_path / "submission")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("ResidualStream(Layer-3,Token-last_token)", Unit("ResidualStream", 3, "last_token")),
        ("ResidualStream(Layer:3,Token:last_token)", Unit("ResidualStream", 3, "last_token")),
        ("AttentionHead(Layer-9,Head-6,Token-all)", Unit("AttentionHead", 9, "all", 6)),
        ("AttentionHead(Layer:9,Head:6,Token:all)", Unit("AttentionHead", 9, "all", 6)),
        ("AttentionHead(Layer:9,Token:correct_symbol)", Unit("AttentionHead", 9, "correct_symbol")),
    ],
)
def test_units_of_today_and_of_older_files(name: str, unit: Unit) -> None:
    assert Unit.parse(name) == unit
    assert unit.name(joint=":" if ":" in name else "-") == name


@pytest.mark.parametrize(
    "name", ["", "MLP(Layer-1,Token-x)", "ResidualStream(Layer-1,Head-2,Token-x)", "ResidualStream(Layer--1,Token-x)",
             "ResidualStream(Layer-1,Token-../x)", "ResidualStream(Layer-1,Token-)"],
)  # fmt: skip
def test_other_names_are_no_units(name: str) -> None:
    with pytest.raises(FormatError, match="is no MIB unit"):
        Unit.parse(name)


def test_units_are_sites() -> None:
    assert Unit.of(Site.residual(3), "last_token") == Unit("ResidualStream", 3, "last_token")
    assert Unit("AttentionHead", 2, "all", 1).site() == Site.at_head(2, 1)
    assert Unit("ResidualStream", 2, "x").site(positions=-1) == Site.residual(2, positions=-1)
    with pytest.raises(FormatError, match="MIB has no name for site m0"):
        Unit.of(Site.at_mlp(0), "x")
    with pytest.raises(FormatError, match="names no head, as older files do"):
        Unit("AttentionHead", 2, "all").site()
    with pytest.raises(FormatError, match="is no MIB unit"):
        Unit("ResidualStream", 2, "a/b")


def test_a_cell_holds_units_under_either_name_but_not_both(tmp_path: Path) -> None:
    head = Unit("AttentionHead", 9, "all", 6)
    write_featurizer(tmp_path, UNIT, Featurizer.subspace(rotation()))
    write_featurizer(tmp_path, head, Featurizer.subspace(rotation(1)), joint=":")
    (tmp_path / "notes.txt").write_text("hello")
    assert set(read_featurizer_cell(tmp_path)) == {UNIT, head}
    assert read_featurizer(tmp_path, head).rank == K
    write_featurizer(tmp_path, head, Featurizer.subspace(rotation(1)))
    with pytest.raises(FormatError, match="are one unit; keep one of them"):
        read_featurizer_cell(tmp_path)


def test_a_whole_submission_with_the_parameters_of_ioi(tmp_path: Path) -> None:
    cells = [Cell("ioi_task", "GPT2LMHeadModel", "output_token"), Cell("ravel_task", "LlamaForCausalLM", "Country")]
    for cell in cells:
        write_featurizer(tmp_path / str(cell), UNIT, Featurizer.subspace(rotation()))
    with pytest.raises(FormatError, match="has cells of ioi_task, but no JSON with the parameters"):
        read_featurizer_submission(tmp_path)
    parameters = {"GPT2LMHeadModel": IoiParameters(0.3, 0.6, 2.2)}
    write_ioi_parameters(tmp_path / "ioi_linear_params.json", parameters)
    stored = json.loads((tmp_path / "ioi_linear_params.json").read_text())
    assert stored == {"GPT2LMHeadModel": {"bias": 0.3, "token_coeff": 0.6, "position_coeff": 2.2}}
    submission = read_featurizer_submission(tmp_path)
    assert list(submission.cells) == cells
    assert submission.ioi == parameters
    (tmp_path / "ioi_GPT2LMHeadModel_output_token").mkdir()
    with pytest.raises(FormatError, match="no cell 'ioi_GPT2LMHeadModel_output_token'. Did you mean: ioi_task_GPT2LM"):
        read_featurizer_submission(tmp_path)


def test_what_mibs_files_cannot_hold_is_refused(tmp_path: Path) -> None:
    nonlinear = Featurizer(lambda x: (x, x[..., :0]), lambda f, e: f, n_features=D)
    with pytest.raises(FormatError, match="is no subspace"):
        write_featurizer(tmp_path, UNIT, nonlinear)
    with pytest.raises(FormatError, match="has no feature; to swap nothing"):
        write_featurizer(tmp_path, UNIT, Featurizer.subspace(torch.zeros(D, 0)))
    with pytest.raises(FormatError, match="MIB has no cell .*: ravel_task has the variables Country, Continent, Lang"):
        Cell("ravel_task", "LlamaForCausalLM", "answer")
    with pytest.raises(FormatError, match="MIB has no cell .*: ravel_task has the models Gemma2ForCausalLM, LlamaFor"):
        Cell("ravel_task", "GPT2LMHeadModel", "Country")
    with pytest.raises(FormatError, match="no task 'ravel'. Did you mean: ravel_task"):
        Cell("ravel", "LlamaForCausalLM", "Country")


@pytest.mark.parametrize(
    "text", ['{"m": {"bias": 1}}', '{"m": {"bias": NaN, "token_coeff": 1, "position_coeff": 1}}', "{}"]
)
def test_bad_parameters_are_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(FormatError, match=r"p.json: (\['m'\].*expected a number|top level: names no model)"):
        read_ioi_parameters(tmp_path / "p.json")


def test_parameters_as_mibs_script_writes_them(tmp_path: Path) -> None:
    """A score and the full name in each entry, the model's class beside them."""
    entry = {"bias": 0.05, "token_coeff": 0.77, "position_coeff": 2, "score": 0.95, "model_name": "google/gemma-2-2b"}
    (tmp_path / "p.json").write_text(json.dumps({"gemma": entry, "model_class": "Gemma2ForCausalLM"}))
    assert read_ioi_parameters(tmp_path / "p.json") == {"gemma": IoiParameters(0.05, 0.77, 2.0)}
    (tmp_path / "p.json").write_text('{"model_class": "Gemma2ForCausalLM"}')
    with pytest.raises(FormatError, match="top level: names no model"):
        read_ioi_parameters(tmp_path / "p.json")


names = st.text(max_size=6) | st.sampled_from(
    ["model_info", "state_dict", "n_features", "rotate.parametrizations.weight.original", "rotation_matrix", "bias"]
)
tensors = st.sampled_from(
    [
        torch.ones(2),
        torch.eye(D, K),
        torch.zeros(0, 0),
        torch.eye(D).half(),
        torch.eye(D).to_sparse(),
        torch.eye(2) * 1j,
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | tensors,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=6,
)


def spots(document: Any) -> list[tuple[Any, Any]]:
    children = list(document.items()) if isinstance(document, dict) else []
    return [(document, key) for key, _ in children] + [spot for _, child in children for spot in spots(child)]


def read_or_format_error(folder: Path) -> None:
    try:
        found = read_featurizer(folder, UNIT)
    except FormatError as error:
        assert str(error).startswith(str(folder / str(UNIT)))
    else:
        assert found.rotation is not None
        assert torch.isfinite(
            found.interchange(torch.ones(1, len(found.rotation)), torch.zeros(1, len(found.rotation)))
        ).all()


@FUZZ
@given(data=st.data())
def test_fuzzed_contents_give_a_featurizer_or_a_format_error(data: st.DataObject, tmp_path: Path) -> None:
    module = trained()
    save_as_the_reference(tmp_path, str(UNIT), module)
    document: dict[str, Any] = {"model_info": info(module.rotate.weight), "state_dict": dict(module.state_dict())}
    for _ in range(data.draw(st.integers(1, 2), label="mutations")):
        container, key = data.draw(st.sampled_from(spots(document) or [(document, "model_info")]), label="place")
        if data.draw(st.booleans(), label="drop"):
            container.pop(key, None)
        else:
            container[key] = data.draw(values, label="value")
    torch.save(document, tmp_path / f"{UNIT}_featurizer")
    (tmp_path / f"{UNIT}_indices").write_text(json.dumps(data.draw(st.none() | st.lists(st.integers(-1, K)))))
    read_or_format_error(tmp_path)


@FUZZ
@given(data=st.data())
def test_fuzzed_bytes_give_a_featurizer_or_a_format_error(data: st.DataObject, tmp_path: Path) -> None:
    save_as_the_reference(tmp_path, str(UNIT), trained())
    suffix = data.draw(st.sampled_from(["_featurizer", "_inverse_featurizer", "_indices"]))
    path = tmp_path / f"{UNIT}{suffix}"
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    read_or_format_error(tmp_path)


@FUZZ
@given(text=st.text(max_size=60) | values.filter(lambda v: not isinstance(v, torch.Tensor)).map(lambda v: str(v)))
def test_fuzzed_parameters_and_names_give_format_errors(text: str, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(text, encoding="utf-8", errors="replace")
    try:
        read_ioi_parameters(tmp_path / "p.json")
    except FormatError as error:
        assert str(error).startswith(str(tmp_path / "p.json"))
    with contextlib.suppress(FormatError):
        assert Unit.parse(text).name() in (text, text.replace(":", "-"))
