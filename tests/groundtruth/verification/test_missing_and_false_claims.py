"""What an artifact says of itself is shown on its weights: certainty, provenance, recipe, origin; none may lack."""

import shutil

import pytest

from groundtruth import compile, load, programs, verify
from groundtruth.compiled.settings import Settings
from groundtruth.store import catalog
from groundtruth.store.write import save
from groundtruth.variants.make_variant import variant_of
from groundtruth.verification.origin_claims import require_origin
from tests.groundtruth.store.tampering import MODEL, TRUTH, change_model, change_truth, read, rehash
from tests.groundtruth.store.tamperings import passes, tamperings

pytestmark = pytest.mark.usefixtures("proven_once")

VARIANTS = ("hist@superposed", "hist@soft", "hist@distractors", "hist@rotated", "hist@redundancy", "copy@backup")
OTHERWISE = Settings(mlp_exactness=500, own_clean_bos=False)
"""Settings that are not the default, with which hist is exact all the same."""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Small models and their variants, with the circuits of one ablation, and said to have no more."""
    folder = tmp_path_factory.mktemp("claims")
    made = {"hist": compile(programs.get("hist").build(), vocab=(1, 2), max_seq_len=2, name="hist")}
    pointer = programs.get("follow_pointer")
    made["copy"] = compile(
        pointer.build(), vocab=pointer.domain.vocab, max_seq_len=2, valid=pointer.domain.valid, name="copy"
    )
    made["steep"] = compile(programs.get("hist").build(), vocab=(1, 2), max_seq_len=2, name="steep", settings=OTHERWISE)
    for name in (*VARIANTS, "steep@rotated"):
        base, _, steps = name.partition("@")
        made[name] = variant_of(made[base], steps)
    for name, model in made.items():
        save(model, folder / name, [model.circuit("zero", "fixed")])
    made["hist"].save(folder / "whole")
    return folder


def failed(folder):
    return {
        check.what: check.detail for check in verify(folder).checks if not check.ok and check.what != "measurements"
    }


@pytest.mark.parametrize("name", ["hist", "copy", "steep", "steep@rotated", *VARIANTS])
def test_variants_are_what_their_recipes_make(stored, name):
    details = {check.what: check.detail for check in verify(stored / name).checks}
    assert not failed(stored / name)
    assert "and said to be so" in details["claims"]
    steps = name.partition("@")[2]
    assert ("is this model" if steps else "compiling its program now gives these weights") in details["recipe"]


def test_settings_are_kept_and_others_than_those_of_the_weights_are_caught(copied):
    folder = copied("steep@rotated")
    assert read(folder / MODEL)["settings"] == {"mlp_exactness": 500, "own_clean_bos": False}
    assert load(folder).settings == OTHERWISE
    change_model(folder, lambda data: data["settings"].update(mlp_exactness=400))
    rehash(folder)
    assert set(failed(folder)) == {"recipe"}


def test_what_is_compiled_by_default_says_nothing_of_settings(stored):
    assert "settings" not in read(stored / "hist" / MODEL)


def test_a_measured_model_without_its_certainty_is_not_exact(copied):
    folder = copied("hist@superposed")
    change_model(folder, lambda data: data.pop("certainty"))
    rehash(folder)
    found = failed(folder)
    assert "the direction 'superposed:0' (mixed) holds 'None', which has no such direction" in found["provenance"]
    assert found["recipe"] == "its certainty is 'exact', but its recipe is superposed."


@pytest.mark.parametrize("kind", ["decoy", "variable", "one"])
def test_nor_with_its_directions_called_something_else(copied, kind):
    folder = copied("hist@superposed")

    def lie(data):
        del data["certainty"], data["recipe"]
        data["name"] = "hist"
        for index, direction in enumerate(data["directions"]):
            direction[:3] = [f"{kind}:{index}", kind, "hist_1" if kind == "variable" else None]

    change_model(folder, lie)
    change_truth(folder, lambda data: data.update(name="hist"))
    rehash(folder)
    assert "provenance" in failed(folder)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("hist", [["invented", 3, {}]], "the recipe has a step 'invented'."),
        ("hist", [["rotates", 3, {}]], "the recipe has a step 'rotates'. Did you mean: rotate"),
        ("hist", [["rotate", 3, {}]], "it is called 'hist', but its recipe is rotate."),
        ("hist@rotated", None, "it is called 'hist@rotated', but its recipe is empty."),
        ("hist@redundancy", [["copies", 1, {"copies": 3}]], "of its program has W_Q of shape"),
        ("hist@redundancy", [["copies", 0, {"speed": 3}]], "the step 'copies' has no parameter 'speed'."),
        ("hist@redundancy", [["copies", 0, {"copies": 1}]], "a head must be split into at least 2"),
        ("hist@redundancy", [["copies", 0, {"copies": "x"}]], "the step copies(seed=0, copies=x) cannot be done"),
        ("hist@redundancy", [["copies", 0, {}], ["rotate", 1, {}]], "but its recipe is copies, rotate."),
    ],
)
def test_another_recipe_is_caught(copied, name, change, told):
    folder = copied(name)
    change_model(folder, lambda data: data.pop("recipe") if change is None else data.update(recipe=change))
    rehash(folder)
    assert told in failed(folder)["recipe"]


@pytest.mark.parametrize("name", ["hist@soft", "hist@distractors", "hist@rotated"])
def test_another_seed_or_factor_of_a_step_is_caught(copied, name):
    folder = copied(name)

    def change(data):
        step = data["recipe"][0]
        step[1] += 1
        step[2] = {key: value * 1.01 if isinstance(value, float) else value for key, value in step[2].items()}

    change_model(folder, change)
    rehash(folder)
    assert "what the recipe makes of its program has" in failed(folder)["recipe"]


@pytest.mark.parametrize(("key", "by"), [("coherence", 1e-3), ("directions", 1), ("dimensions", -1)])
def test_other_measurements_of_a_superposition_are_caught(copied, key, by):
    folder = copied("hist@superposed")

    def change(data):
        data["recipe"][0][2][key] += by

    change_model(folder, change)
    rehash(folder)
    assert f"the step 'superposed' says {key}" in failed(folder)["recipe"]


@pytest.mark.parametrize(
    ("name", "part", "place", "column", "new", "told"),
    [
        ("hist", "directions", 0, 0, "anything", "the direction 'anything' (variable) does not stand for a value"),
        ("hist", "directions", 0, 1, "decoy", "the direction 'hist_1:0' (decoy) is named for something that the model"),
        ("hist", "neurons", 3, 3, "clean_bos", "neuron 3 of layer 0 is called 'clean_bos', but it does not do so"),
        ("hist", "neurons", 3, 3, "decoy", "neuron 3 of layer 0 is called a decoy, but what it writes is read"),
        ("hist", "neurons", 3, 2, "tokens", "neuron 3 of layer 0 is called 'compute', but it does not do so"),
        (
            "hist",
            "heads",
            0,
            3,
            "aggregate",
            "head 0 of layer 0 is called 'aggregate', but 'hist_1' is not",
        ),
        ("hist", "heads", 0, 3, "idle", "head 0 of layer 0 is called 'idle', but it has weights"),
        ("copy@backup", "heads", 1, 3, "aggregate", "called 'aggregate', but it writes into 'backup of"),
        ("hist@distractors", "heads", 0, 3, "idle", "head 0 of layer 0 is called 'idle', but it has weights"),
    ],
)
def test_another_role_kind_or_name_is_caught(copied, name, part, place, column, new, told):
    folder = copied(name)
    change_model(folder, lambda data: data[part][place].__setitem__(column, new))
    rehash(folder)
    assert told in failed(folder)["provenance"]


def test_a_neuron_that_is_not_named_is_caught(copied):
    folder = copied()
    change_model(folder, lambda data: data["neurons"].pop())
    rehash(folder)
    assert "the neurons with weights, in order, are others than those named" in failed(folder)["provenance"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data["circuits"].pop(0), "the circuits are not those that it must hold: 'resample/fixed'."),
        (lambda data: data.update(variables=[]), "it holds no variables and must hold all."),
        (lambda data: data.update(circuits=[]), "the circuits are not those that it must hold: 'mean"),
    ],
)
def test_a_missing_claim_is_caught(copied, change, told):
    folder = copied("whole")
    assert not failed(folder)
    change_truth(folder, change)
    assert told in failed(folder)["claims"]


def test_an_artifact_that_says_less_holds_no_more_and_no_less(copied):
    folder = copied("hist")
    assert read(folder / TRUTH)["holds"] == {"circuits": ["zero/fixed"], "variables": False}
    assert "holds" not in read(copied("whole") / TRUTH)
    change_truth(folder, lambda data: data["holds"].update(circuits=["zero/fixed", "mean/fixed"]))
    assert "'mean/fixed'" in failed(folder)["claims"]
    change_truth(folder, lambda data: data["holds"].update(circuits=["zero/fixed"], variables=True))
    assert "must hold all" in failed(folder)["claims"]


def test_a_truth_about_another_name_is_refused(copied):
    folder = copied()
    change_truth(folder, lambda data: data.update(name="reverse"))
    assert failed(folder)["files"].endswith("is about 'reverse', model.json about 'hist'.")


def test_a_shipped_model_is_the_one_that_was_asked_for(tmp_path, monkeypatch):
    shutil.copytree(catalog.library() / "previous_token", tmp_path / "reverse")
    monkeypatch.setattr("groundtruth.store.catalog.library", lambda: tmp_path)
    assert failed("reverse") == {"files": "the model that ships as 'reverse' is called 'previous_token'."}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("rasp_source", "def hist():\n    return tokens\n", "its text is not that of 'hist' (counting)."),
        ("description", "The sequence backwards", "its description is not that of 'hist' (counting)."),
        ("family", "sorting", "its family is not that of 'hist' (counting)."),
        ("family", "generated", "its family is 'generated', but its description tells no code."),
    ],
)
def test_words_of_a_program_of_the_library_are_held_against_it(tmp_path, key, value, told):
    folder = shutil.copytree(catalog.library() / "hist", tmp_path / "hist")
    assert require_origin(load(folder)) == "'hist' (counting): text, inputs and tables agree"
    change_model(folder, lambda data: data.update({key: value}))
    rehash(folder)
    with pytest.raises(ValueError) as caught:
        require_origin(load(folder))
    assert str(caught.value) == told


HARMLESS = {
    MODEL: {
        # A program of one's own: verification says that its words are its author's and not proven.
        "description", "family", "rasp_source",
        "domain.vocab", "program.expressions.*.table",  # an order that means nothing
        "domain.valid_text",  # removed where it is empty
        "check.seed",  # of a sample, where the whole domain was run
    },
    TRUTH: {"circuits", "absent", "circuits.*.complete"},  # their order; that there may be more circuits claims less
}  # fmt: skip


@pytest.mark.slow
def test_tamperings_that_pass_make_no_claim_false(stored):
    """Every field changed, hashes right: what passes is an order, an author's word, or a weight of no matter.

    Each field is changed at one place; ``python -m tests.groundtruth.store.tamperings`` changes more of them.
    """
    found = [item for item in tamperings(stored / "whole", each=1) if passes(stored / "whole", item)]
    assert {item.field for item in found if item.file == MODEL} <= HARMLESS[MODEL]
    assert {item.field for item in found if item.file == TRUTH} <= HARMLESS[TRUTH]
    orders = [item for item in found if item.file == TRUTH and item.field != "circuits.*.complete"]
    assert all("exchanged" in item.what or "twice" in item.what for item in orders)
