"""Each method's scores in a result, as a table of any track shows them."""

from collections.abc import Collection

from groundtruth.report.standing import LEAST_VALUES, MethodScores
from groundtruth.results.result import Result
from groundtruth.validity.validity_report import result_transfer


def scores_by_method(result: Result, ablation: str = "", *, alarming: Collection[str] = ()) -> list[MethodScores]:
    """Take each method's means, the spreads that rest on enough values, and the transfer score where there is one.

    Args:
        result: Result of a run.
        ablation: One of its ablations; empty in a track that cuts no edges.
        alarming: Columns in which any value but 0 is bad news.
    """
    transfer = result_transfer(result, ablation)
    return [
        MethodScores(
            summary.method,
            means={name: one.mean for name, one in summary.columns.items()}
            | ({"transfer": transfer[summary.method]} if summary.method in transfer else {}),
            spreads={
                name: column.std for name, column in summary.columns.items() if column.freedom >= LEAST_VALUES - 1
            },
            fractions=summary.fractions,
            alarming=alarming,
            n_failed=summary.n_failed,
            is_control=summary.is_control,
            group=summary.group,
        )
        for summary in result.summaries(ablation)
    ]
