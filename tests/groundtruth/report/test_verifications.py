"""What ``groundtruth verify`` prints of a model."""

from groundtruth import verify
from groundtruth.report.terminal import echo
from groundtruth.report.views.verifications import verifications_table


def test_a_line_says_how_much_was_proven(capsys):
    echo(verifications_table([verify("previous_token")]))
    out = capsys.readouterr().out
    assert "weights = program on all 363 inputs · 8 circuits · 3 variables" in out
    assert "All 16 claims about 1 model proven again" in out
    assert max(map(len, out.splitlines())) <= 100
