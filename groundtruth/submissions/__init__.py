"""Submissions to MIB's leaderboards whose cells any executor makes; this process alone writes their folder."""

from groundtruth.submissions.make_submission import make_submission
from groundtruth.submissions.submitted_method import SubmittedMethod

__all__ = ["SubmittedMethod", "make_submission"]
