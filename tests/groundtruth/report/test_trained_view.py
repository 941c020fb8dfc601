"""The page of a trained model: which component backs up which, and what the family of circuits says of both."""

from io import StringIO

from rich.console import Console

from groundtruth.report.views.trained_view import claims_view, components_table
from groundtruth.trained.certify_network import certify
from groundtruth.trained.trained_model import TrainedModel
from tests.groundtruth.trained.backed_up_by_hand import backed_up_network


def test_a_page_says_what_backs_up():
    network = backed_up_network()
    model = TrainedModel.of(network, certificate=certify(network, n_subsets=40))
    console = Console(width=200, file=StringIO())
    console.print(components_table(model), claims_view(model, "resample"))
    text = console.file.getvalue()
    first, second = (line for line in text.splitlines() if "marked" in line and "  m" in line)
    assert first.rstrip().endswith("m0  marked") and second.rstrip().endswith("m1  marked, backing up m0")
    assert "backup, of 2 minimal circuits: 1 without m0, 1 without m1" in text
