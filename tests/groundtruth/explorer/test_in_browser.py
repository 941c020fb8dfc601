"""The page in a real browser: type, cut, swap, guess, undo, share, print; by keyboard, on a phone, in the dark."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundtruth import load
from groundtruth.explorer.circuit_page import circuit_page
from groundtruth.explorer.page_file import model_page
from groundtruth.explorer.site_files import write_site
from groundtruth.explorer.story_files import write_stories
from tests.groundtruth.explorer.learned_circuit import circuit_of, write_ranking
from tests.groundtruth.explorer.node import build_tools, chromium, open_page, start_chromium
from tests.groundtruth.pitfalls.outcomes import outcome_of

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (it is in the dev extra)")

TRAINED = "second_step@free-0"
"""A trained model whose page is so large that it is packed."""

OTHER_TRAINED = ("hist@sparse-0", "contains_both@wired-vote-0", "contains_x@wired-llama-0")
"""One that chose its circuit itself, one with a family of circuits, and one of Llama's style."""

CONTROLS = "button:not(:disabled), input, select, summary, [tabindex='0']"
FOCUS = """() => {
    const on = document.activeElement;
    const style = getComputedStyle(on.tagName === "g" ? on.querySelector(".line, rect") : on);
    const seen = style.outlineStyle !== "none" || parseFloat(style.strokeWidth) >= 4;
    return on === document.body ? null : { key: on.dataset.key ?? on.tagName, seen };
}"""
CHOOSE_EACH = """(kind) => [...document.querySelectorAll(`[data-key^="${kind}"]`)].map(({ dataset: { key } }) => {
    document.querySelector(`[data-key="${key}"]`).dispatchEvent(new Event("click"));
    return [document.getElementById("details").innerText, document.querySelectorAll("[data-key^='swap:']").length];
})"""
NEXT_FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""By then a page has heard that its width has changed."""

PLACES = """(all) => all.map((card) => card.getBoundingClientRect()).map((at) => [at.x, at.y, at.width, at.height])"""

LIVE = ("input->a0.h0<q>", "input->a0.h0<k>", "a0.h0->m0", "m0->m1", "m1->m2", "m2->a3.h0<q>", "input->a3.h0<v>")
AXE = """async () => (await axe.run()).violations.map(
    (found) => found.id + ": " + found.nodes.map((node) => node.target + " " + node.failureSummary))"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    for name in ("reverse", "contains_x@redundancy", TRAINED, *OTHER_TRAINED):
        (folder / f"{name}.html").write_text(model_page(load(name), ["eap"]))
    write_stories(folder, [outcome_of(name) for name in ("dead-copy", "error-channel", "best-of-test")])
    write_ranking(folder / "mine.json")
    (folder / "circuit.html").write_text(circuit_page(circuit_of(folder / "mine.json")))
    return {path.stem: path.as_uri() for path in folder.glob("*.html")}


@pytest.fixture(scope="module")
def browser() -> Iterator[api.Browser]:
    chromium()  # before all else, for it may skip
    with api.sync_playwright() as running:
        opened = start_chromium(running)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: api.Browser) -> Iterator[api.Page]:
    """A new page that fails its test if a script fails or anything is asked of the network."""
    opened = open_page(browser, viewport={"width": 1280, "height": 900})
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda request: None if request.url.startswith("file:") else problems.append(request.url))
    yield opened
    opened.context.close()
    assert problems == []


def visit(page: api.Page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-ready]")


def text(page: api.Page, selector: str) -> str:
    return " ".join(page.inner_text(selector).split())


def edge(page: api.Page, name: str) -> api.Locator:
    return page.locator(f'[data-key="edge:{name}"]')


def test_an_edge_is_cut_with_the_value_of_a_typed_input_and_restored(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["reverse"])
    page.fill("#field-tokens", "3 2 1 3 3")
    page.fill("#field-second", "1 1 2")
    edge(page, "m0->m1").dispatch_event("click")
    page.click("text=Cut this edge")
    # With length 3 in the place of 5 the model reverses as if there were three tokens.
    assert text(page, "#changed-output") == "1 2 3 – –"
    assert "3 → -3" not in text(page, ".by-position >> nth=0")
    row = page.locator(".values tr", has_text="remaining")
    assert row.locator("mark").all_inner_texts() == ["3", "2", "1", "-3", "-4"]
    page.click("[data-key=undo]")
    assert page.locator("#changed-output").count() == 0


def test_what_is_no_input_is_refused_in_words(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["reverse"])
    before = text(page, ".outputs")
    page.fill("#field-tokens", "1 7")
    assert "“7” is not a token of this model; its tokens are 1 2 3." in text(page, "#field-tokens-error")
    page.fill("#field-tokens", "1 1 1 1 1 1")
    assert "takes 1 to 5 tokens, and you gave 6" in text(page, "#field-tokens-error")
    assert text(page, ".outputs") == before


def test_a_swapped_variable_makes_model_and_program_agree_and_a_dead_copy_does_nothing(
    page: api.Page, files: dict[str, str]
) -> None:
    visit(page, files["reverse"] + "#input=3+2+1&second=1+2+2")
    page.click('[data-key^="variable:opposite"]')
    buttons = page.locator("[data-key^='swap:']")
    buttons.first.click()
    assert "model and program agree" in text(page, "#causal-verdict")
    page.click("[data-key=undo]")
    page.fill("#field-second", "1 2")
    page.click('[data-key^="variable:tokens"]')
    buttons.first.click()
    assert text(page, "#changed-output") == "1 2 1"
    assert text(page, "#causal-verdict") == "1 2 1: model and program agree"
    buttons.last.click()
    assert "dead" in text(page, ".interventions")
    assert text(page, "#changed-output") == "1 2 3"


def test_a_trained_models_variable_is_swapped_in_a_page_that_unpacks_itself(
    page: api.Page, files: dict[str, str]
) -> None:
    visit(page, files[TRAINED])
    assert page.evaluate("document.getElementById('packed').textContent.length") > 200_000
    page.click('[data-key^="variable:previous_step"]')
    assert "Its subspaces were found by trying" in text(page, "#details")
    page.fill("#field-tokens", "a b c")
    page.fill("#field-second", "c a b")
    page.locator("[data-key^='swap:']").first.click()
    assert "model and program agree" in text(page, "#causal-verdict")
    assert page.locator(".values mark").count() > 0
    # The second site has the first one's subspace.
    assert "no subspace" not in text(page, "#details")
    assert page.locator("#details li", has_text="Swap at resid_mid1").inner_text().count("0 wrong") == 1
    shown, address = text(page, "body"), page.url
    page.goto("about:blank")
    visit(page, address)
    assert text(page, "body").replace("Undo", "") == shown.replace("Undo", "")


@pytest.mark.parametrize("name", ["reverse", "contains_both@wired-vote-0"])
def test_the_keyboard_reaches_every_control_in_order_and_shows_where_it_is(
    page: api.Page, files: dict[str, str], name: str
) -> None:
    visit(page, files[name])
    edge(page, page.evaluate("explorer.model.truth.circuits[0].live[0]")).dispatch_event("click")
    count = f"all => all.filter((one) => one.matches(`{CONTROLS}`) && one.checkVisibility()).length"
    n_controls = page.locator("*").evaluate_all(count)
    page.evaluate("document.activeElement.blur()")
    found: list[dict[str, Any]] = []
    while len(found) <= n_controls + 1:
        page.keyboard.press("Tab")
        if (focused := page.evaluate(FOCUS)) is None:
            break
        found.append(focused)
    assert len(found) == n_controls + 1, "the link that skips to the circuit, and every control once"
    assert [item["key"] for item in found if not item["seen"]] == []
    keys = [item["key"] for item in found]
    assert keys[0] == "A" and keys.index("mode:explore") < keys.index("cut") < keys.index("field-tokens")


@pytest.mark.parametrize("name", ["reverse", "contains_x@wired-llama-0"])
def test_an_edge_is_cut_restored_and_undone_by_keyboard_without_losing_the_place(
    page: api.Page, files: dict[str, str], name: str
) -> None:
    visit(page, files[name])
    focused = "document.activeElement.dataset.key"
    chosen = page.evaluate("explorer.model.truth.circuits[0].live.at(-1)")
    edge(page, chosen).focus()
    for _ in range(2):
        page.keyboard.press("Delete")
        assert f"cut {chosen}" in text(page, ".interventions") and page.locator("#changed-output").count() == 1
        page.keyboard.press("Delete")
        assert page.locator(".interventions, #changed-output").count() == 0
        assert page.evaluate(focused) == f"edge:{chosen}"
    page.select_option("[data-key=ablation]", "zero")
    page.focus("[data-key=cut]")
    page.keyboard.press("Enter")
    assert page.locator("#changed-output").count() == 1
    page.focus(f'[data-key="restore:{chosen}"]')
    page.keyboard.press("Enter")
    # The button is gone: what stands in its place has the focus.
    assert page.evaluate(focused) == "ablation"
    page.focus("[data-key=undo]")
    for _ in range(9):
        page.keyboard.press("Enter")
    assert page.evaluate(focused) == "undo" and page.get_attribute("[data-key=undo]", "aria-disabled") == "true"


@pytest.mark.parametrize("name", OTHER_TRAINED)
def test_every_line_of_a_program_says_what_it_is_or_why_it_cannot_be_swapped(
    page: api.Page, files: dict[str, str], name: str
) -> None:
    visit(page, files[name])
    for told, n_swaps in page.evaluate(CHOOSE_EACH, "variable:"):
        assert ("Written by" in told) == (n_swaps > 0) and ("cannot be swapped" in told) == (n_swaps == 0)
    assert all(told and "Computes nothing" not in told for told, _ in page.evaluate(CHOOSE_EACH, "node:"))


def test_on_a_phone_the_drawing_comes_first_and_stays_where_it_was_scrolled_to(
    page: api.Page, files: dict[str, str]
) -> None:
    page.set_viewport_size({"width": 240, "height": 800})  # so narrow that there is something to scroll
    visit(page, files["contains_both@wired-vote-0"])
    tops = "['graph', 'program'].map((id) => document.getElementById(id).getBoundingClientRect().y)"
    circuit_y, program_y = page.evaluate(tops)
    assert circuit_y < program_y
    page.click("[data-key='title:edge-list']")
    drawing = page.locator("[data-key='scroll:Drawing of the model']")
    drawing.evaluate("one => one.scrollTo(60, 0)")
    page.locator("[data-key^='row:']").first.click()
    assert page.locator("[data-key^='row:']").first.is_visible() and drawing.evaluate("one => one.scrollLeft") == 60
    assert page.evaluate("document.activeElement.dataset.key").startswith("row:")


@pytest.mark.parametrize("name", ["reverse", "contains_x@redundancy", TRAINED, *OTHER_TRAINED, "circuit"])
def test_a_whole_drawing_fits_a_phone_and_takes_all_the_width_when_it_is_turned(
    page: api.Page, files: dict[str, str], name: str
) -> None:
    scroller = page.locator("[data-key^='scroll:Drawing']")
    page.set_viewport_size({"width": 1280, "height": 800})
    visit(page, files[name])
    before = page.locator("g.card").evaluate_all(PLACES)
    page.set_viewport_size({"width": 375, "height": 800})
    page.evaluate(NEXT_FRAME)
    assert scroller.evaluate("one => one.scrollWidth - one.clientWidth") <= 0
    left, right = scroller.evaluate("one => [one.getBoundingClientRect().left, one.getBoundingClientRect().right]")
    places = page.locator("g.card").evaluate_all(PLACES)
    assert len(places) == len(before) and all(left <= x and x + width <= right for x, _, width, _ in places)
    assert [
        (one, other)
        for one, other in itertools.combinations(places, 2)
        if abs(one[0] - other[0]) < one[2] and abs(one[1] - other[1]) < one[3]
    ] == []
    page.set_viewport_size({"width": 1280, "height": 800})
    page.evaluate(NEXT_FRAME)
    assert page.locator("g.card").evaluate_all(PLACES) == before


@pytest.mark.parametrize("name", ["hist@sparse-0", "contains_both@wired-vote-0"])
def test_a_trained_models_circuit_is_guessed_and_its_methods_compared(
    page: api.Page, files: dict[str, str], name: str
) -> None:
    visit(page, files[name] + "#mode=guess")
    circuit = page.evaluate("explorer.model.truth.circuits[0].members[0]")
    for key in circuit[1:]:
        edge(page, key).dispatch_event("click")
    page.click("[data-key=check]")
    assert "It fails on" in text(page, "#verdict")
    edge(page, circuit[0]).dispatch_event("click")
    page.click("[data-key=check]")
    assert f"{len(circuit)} of {len(circuit)} edges found, 0 too many" in text(page, "#verdict")
    page.click("[data-key='mode:method']")
    page.wait_for_function("document.getElementById('areas').textContent.startsWith('CPR')")
    best = page.evaluate("explorer.method.member.length")
    drawn = page.locator("[data-key].edge.found").count()
    assert f"Its best {best} of" in text(page, "#mode") and f"edges: {drawn} right" in text(page, "#mode")
    assert page.locator("[data-key].edge.missed").count() == best - drawn > 0
    # Everything is read in such a network; what is inert is no value that the program needs.
    assert "nothing that is read" not in text(page, "#mode")


def test_a_circuit_is_guessed_with_hints_and_checked(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["reverse"])
    page.click("[data-key='mode:guess']")
    edge(page, "a3.h0->logits").dispatch_event("click")
    page.click("[data-key=check]")
    assert "It fails on" in text(page, "#verdict")
    page.click("[data-key=hint]")
    assert "a3.h0 lacks something" in text(page, "#verdict")
    for name in LIVE:
        edge(page, name).dispatch_event("click")
    page.click("[data-key=check]")
    assert "That is the circuit: proven" in text(page, "#verdict")
    assert "8 of 8 edges found, 0 too many" in text(page, "#verdict")
    edge(page, "m0->m1").dispatch_event("click")
    page.click("[data-key=check]")
    assert "7 of 8 edges found" in text(page, "#verdict")


def test_a_method_is_held_against_the_truth(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["reverse"] + "#mode=method")
    assert page.locator("[data-key].edge.missed").count() == 5
    assert "Missed: 5" in text(page, "#mode") and "no gradient arrives there" in text(page, "#mode")
    page.locator("[data-key=size]").fill("94")
    assert "Its best 94 of 94 edges" in text(page, "#mode")


def test_members_of_a_family_are_switched(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["contains_x@redundancy"])
    assert page.locator("[data-key=member] option").count() == 2
    first = set(page.locator("[data-key].edge.live").evaluate_all("all => all.map(e => e.dataset.key)"))
    assert page.locator("[data-key].edge.live.redundant").count() > 0
    page.select_option("[data-key=member]", "1")
    assert set(page.locator("[data-key].edge.live").evaluate_all("all => all.map(e => e.dataset.key)")) != first


def test_an_address_holds_the_state_and_undo_goes_back(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["reverse"])
    edge(page, "m1->m2").dispatch_event("click")
    page.click("text=Show the witness")
    shown, address = text(page, "body"), page.url
    page.goto("about:blank")
    visit(page, address)
    assert text(page, "body").replace("Undo", "") == shown.replace("Undo", "")


def test_the_keyboard_reaches_and_cuts_an_edge(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["reverse"])
    edge(page, "m1->m2").focus()
    page.keyboard.press("Enter")
    assert "m1->m2" in text(page, "#details")
    page.locator("[data-key=cut]").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.key") == "cut"
    assert page.locator("#changed-output").count() == 1


def test_a_story_is_told_step_by_step_by_keyboard_and_its_address_shared(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["dead-copy"])
    assert "Step 1 of 4" in text(page, "#story-text") and page.locator("#changed-output").count() == 0
    following = page.locator("[data-key='step:next']")
    following.focus()
    page.keyboard.press("Enter")
    assert "Step 2 of 4" in text(page, "#story-text")
    assert page.evaluate("document.activeElement.dataset.key") == "step:next"
    assert "model and program agree" in text(page, "#causal-verdict")
    page.keyboard.press("Enter")
    assert "they differ" in text(page, "#causal-verdict")
    page.fill("#field-tokens", "3 1 1")
    shown, address = text(page, ".outputs"), page.url
    page.click("[data-key=undo]")
    page.goto("about:blank")
    visit(page, address)
    assert "Step 3 of 4" in text(page, "#story-text") and text(page, ".outputs") == shown
    page.click("[data-key='step:again']")
    assert text(page, ".outputs") != shown
    page.click("[data-key='step:next']")
    assert "Measured on many pairs" in text(page, ".measured")
    page.click("[data-key='step:back']")
    assert "Step 3 of 4" in text(page, "#story-text")


def test_a_story_can_run_a_random_network_whose_truth_is_not_drawn(page: api.Page, files: dict[str, str]) -> None:
    visit(page, files["error-channel"] + "#step=1")
    assert "they agree at position" in text(page, "#causal-verdict")
    assert not page.locator("#graph").is_visible() and page.locator("table.values").count() == 0
    page.select_option("[data-key=features]", "")
    assert page.locator("#causal-verdict").count() == 0
    visit(page, files["best-of-test"] + "#step=1")
    assert text(page, "#claim").endswith(": right.")


def test_a_language_models_circuit_is_drawn_at_every_size_on_every_prompt(
    page: api.Page, files: dict[str, str]
) -> None:
    visit(page, files["circuit"])
    n_drawn, told, metric = page.locator("g.edge").count(), text(page, "#told"), text(page, "#metric")
    assert told.startswith(f"{n_drawn} of 262 edges")
    assert page.locator("text.port").all_text_contents()[:3] == ["q", "k", "v"]
    page.locator("[data-key=size]").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("g.edge").count() > n_drawn and text(page, "#told") != told
    page.select_option("[data-key=prompt]", "1")
    assert text(page, "#metric") != metric
    page.locator("g.edge").last.focus()
    page.keyboard.press("Enter")
    chosen, address = text(page, "#details"), page.url
    assert "cut alone, here" in chosen
    page.goto("about:blank")
    visit(page, address)
    assert text(page, "#details") == chosen


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 375)])
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_screen(
    browser: api.Browser, files: dict[str, str], scheme: str, width: int
) -> None:
    page = open_page(browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
    axe = (build_tools() / "axe-core" / "axe.min.js").read_text()
    for name, fragment in (
        ("reverse", "#cut=m0->m1&selected=edge:m0->m1&all=true"),
        ("reverse", "#mode=method&selected=variable:opposite_3"),
        ("reverse", "#mode=guess"),
        (TRAINED, "#swap=2:1&selected=variable:previous_step&site=3"),
        ("contains_both@wired-vote-0", "#swap=1:0&selected=edge:a0.h3->m0&member=1"),
        ("dead-copy", "#step=3"),
        ("error-channel", "#step=3"),
        ("circuit", "#selected=edge:input->m0"),
    ):
        page.goto("about:blank")
        visit(page, files[name] + fragment)
        page.evaluate(axe)
        assert page.evaluate(AXE) == [], fragment
        assert page.evaluate("document.documentElement.scrollWidth") <= width, fragment
    page.goto(files["index"])
    page.evaluate(axe)
    assert page.evaluate(AXE) == []
    page.context.close()


def test_the_index_of_a_site_fits_a_phone_and_finds_what_it_does_not_show(page: api.Page, tmp_path: Path) -> None:
    write_site(tmp_path, ("hist", "median", TRAINED), ())
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto((tmp_path / "index.html").as_uri())
    assert page.evaluate("(one => one.scrollWidth - one.clientWidth)(document.querySelector('.scroll'))") <= 0
    assert page.locator("tbody tr").first.evaluate("one => one.offsetHeight") < 100
    page.fill("#search", "sorting")
    assert page.locator("tbody th:visible").all_inner_texts() == ["median"]
    page.set_viewport_size({"width": 1280, "height": 800})
    assert page.locator("tbody td:visible").all_inner_texts()[1] == "sorting"


@pytest.mark.parametrize("name", ["reverse", "contains_both@wired-vote-0"])
def test_print_shows_the_whole_drawing_and_its_list_without_buttons(
    page: api.Page, files: dict[str, str], tmp_path: Path, name: str
) -> None:
    visit(page, files[name])
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("[data-key^='row:']").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.locator("[data-key^='row:']").first.is_visible()
    page.emulate_media(media="print")
    assert not page.locator("[data-key=undo]").is_visible()
    assert page.locator("#graph svg").first.is_visible()
    assert page.pdf(path=str(tmp_path / "page.pdf")).startswith(b"%PDF")
