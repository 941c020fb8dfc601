"""Submissions to MIB's leaderboards: made cell by cell, and checked."""

from mib.leaderboard.protocols import Places
from mib.leaderboard.submissions.check_submission import CellReport, SubmissionReport, check_submission
from mib.leaderboard.submissions.circuit_submission import plan_circuits, write_circuits
from mib.leaderboard.submissions.featurizer_submission import plan_featurizers, write_featurizers
from mib.leaderboard.submissions.join_cell import files_of_a_part, join_cell
from mib.leaderboard.submissions.leaderboard_models import parse_models
from mib.leaderboard.submissions.run_submission import Job, Outcome, Plan, Setup, make_cell

__all__ = [
    "CellReport",
    "Job",
    "Outcome",
    "Places",
    "Plan",
    "Setup",
    "SubmissionReport",
    "check_submission",
    "files_of_a_part",
    "join_cell",
    "make_cell",
    "parse_models",
    "plan_circuits",
    "plan_featurizers",
    "write_circuits",
    "write_featurizers",
]
