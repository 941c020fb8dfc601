"""A folder of stories, a page for each pitfall, with an index: files that any server, or none, can show."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from groundtruth.explorer.featurizer_data import exhibit_data
from groundtruth.explorer.network_data import steps_data, steps_of
from groundtruth.explorer.page_data import page_data
from groundtruth.explorer.page_file import bundled, environment, page
from groundtruth.explorer.pitfall_stories import tell
from groundtruth.explorer.site_files import INDEX
from groundtruth.explorer.stories_of_subspaces import told
from groundtruth.explorer.story import story_data
from groundtruth.files import write_whole
from groundtruth.pitfalls import Outcome
from groundtruth.pitfalls.random_network import random_weights


def write_stories(
    folder: Path, outcomes: Sequence[Outcome], *, report: Callable[[int, int], object] = lambda done, total: None
) -> list[Path]:
    """Write the page of each pitfall, and the index.

    Args:
        folder: Made if it is not there; pages of the same names in it are replaced.
        outcomes: Pitfalls that were run.
        report: Called with the number of pages that are written, and of all.

    Returns:
        The pages.

    Raises:
        GroundTruthError: If a pitfall has no story, or no single pair shows it.
    """
    names = [outcome.pitfall.name for outcome in outcomes]
    written: list[Path] = []
    titles: list[str] = []
    for place, outcome in enumerate(outcomes):
        following = [(f"Next: {name}", f"{name}.html") for name in names[place + 1 : place + 2]]
        data = story_page_data(outcome, [*following, ("All pitfalls", INDEX)])
        content = page(data).encode()
        written.append(folder / f"{outcome.pitfall.name}.html")
        titles.append(data["story"]["title"])
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(written[-1], content)
        report(len(written), len(outcomes))
    entries = [
        {"name": outcome.pitfall.name, "title": title, "why": outcome.pitfall.why}
        for outcome, title in zip(outcomes, titles, strict=True)
    ]
    index = environment().get_template("stories.html.j2").render(entries=entries, css=Markup(bundled("explorer.css")))
    write_whole(folder / INDEX, index.encode())
    return written


def story_page_data(outcome: Outcome, links: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """All that the page of a story needs: its model with its default circuit, its featurizers and its steps.

    Args:
        outcome: A pitfall that was run.
        links: Text and address of other pages.
    """
    story, (model, _) = tell(outcome), told(outcome)
    shown = [
        exhibit_data(item.exhibit, name=item.name, variable=item.variable, random=item.random) for item in story.shown
    ]
    drawn = random_weights(model.weights, outcome.seed) if any(item.random for item in story.shown) else None
    return page_data(model, [model.circuit()]) | {
        "rankings": [],
        "pairs": [],
        "features": shown,
        "random": None if drawn is None else steps_data(steps_of(drawn)),
        "story": story_data(story, outcome, links),
    }
