"""The command that writes a page which runs a model in the browser."""

from pathlib import Path


def explore(name: str, /, *, out: Path | None = None) -> None:
    """Write one HTML page that runs a model: cut its edges, swap its variables, and see what changes.

    The page needs nothing else, neither a network nor a server: open it in a browser.

    Args:
        name: A shipped model, the folder of a stored one, a program of the library, or my_file.py:my_program; with
            @ and a tier (reverse@rotated) or transformations (reverse@decoys+rotate), that variant.
        out: Where to write the page; by default NAME.html in the current folder.
    """
    from rich.text import Text

    from groundtruth.explorer.page_file import model_page
    from groundtruth.files import write_whole
    from groundtruth.report.terminal import echo
    from groundtruth.specs import find_compiled

    model = find_compiled(name, "its page")
    content = model_page(model).encode()
    path = out or Path(f"{model.name}.html")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content)
    echo(Text(f"{path}  ({len(content) / 1000:,.0f} kB; open it in a browser)"))
