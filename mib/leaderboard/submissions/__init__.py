"""Submissions to MIB's leaderboards: made cell by cell, and checked."""

from mib.leaderboard.protocols import Places
from mib.leaderboard.submissions.check_submission import CellReport, SubmissionReport, check_submission
from mib.leaderboard.submissions.circuit_submission import write_circuits
from mib.leaderboard.submissions.featurizer_submission import write_featurizers
from mib.leaderboard.submissions.leaderboard_models import parse_models
from mib.leaderboard.submissions.run_submission import Outcome, Setup

__all__ = [
    "CellReport",
    "Outcome",
    "Places",
    "Setup",
    "SubmissionReport",
    "check_submission",
    "parse_models",
    "write_circuits",
    "write_featurizers",
]
