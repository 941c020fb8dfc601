"""The command that draws figures of a result for a paper."""

from pathlib import Path

from groundtruth.cli.options import require_writable, split

SUFFIXES = (".svg", ".png", ".pdf")


def plot(
    result: Path,
    /,
    *,
    out: Path,
    figures: str | None = None,
    methods: str | None = None,
    ablation: str | None = None,
) -> None:
    """Draw a result of bench or score for a paper, and write what is drawn as CSV beside it.

    Figures: cpr and cmd (faithfulness by circuit size; of language models cpr-language-models and
    cmd-language-models), tiers (AUROC by tier), models (methods by models), cost (passes against AUROC). Those for
    which the result has values are drawn. Of variables: tiers, models (by place) and cost.

    Args:
        result: A .json file that `groundtruth bench` or `groundtruth score` wrote.
        out: The picture: a file that ends in .svg, .png or .pdf. FIG.svg has FIG-cpr.csv and so on beside it.
        figures: Names of the figures, separated by commas; by default all.
        methods: Methods drawn as lines and points; by default the best seven, the oracle and random.
        ablation: Under which ablation; by default the first of the result.
    """
    from groundtruth.errors import DomainError
    from groundtruth.files import write_whole
    from groundtruth.report.csv_file import csv_text
    from groundtruth.report.notation import plural
    from groundtruth.report.progress import working
    from groundtruth.report.terminal import echo_written
    from groundtruth.report.views.result_figures import choose_figures, result_figures
    from groundtruth.results.read_results import read_results

    if out.suffix not in SUFFIXES:
        raise DomainError(f"--out {out}: a picture ends in {', '.join(SUFFIXES)}. Name one, such as figure.svg.")
    require_writable(out.parent)
    try:
        from groundtruth.report.paper_figure import draw_figures
    except ImportError as error:
        raise DomainError(
            f"drawing needs matplotlib ({error}). Install it with: pip install 'mechinterp-groundtruth[plot]'."
        ) from error

    names = split(methods, "--methods")
    found = result_figures(read_results([result]), ablation or "", methods=names)
    chosen = choose_figures(found, split(figures, "--figures"))
    out.parent.mkdir(parents=True, exist_ok=True)
    with working("drawing"):
        draw_figures(chosen, out)
    for figure in chosen:
        write_whole(out.with_name(f"{out.stem}-{figure.name}.csv"), csv_text(figure.records()).encode())
    echo_written(out, f"what is drawn is beside it in {plural(len(chosen), 'table')}: {out.stem}-*.csv")
