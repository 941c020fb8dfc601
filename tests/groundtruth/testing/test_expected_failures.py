"""Files of known failures: what is written is read back, and what is wrong in one is said."""

import pytest

from groundtruth.errors import GroundTruthError
from groundtruth.testing.expected_failures import Known, read_known, write_known


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "known.toml"
    content = {
        "my-method": Known({"steps": 25, "rates": [1.0, 0.5]}, {"invariant:rotate[hist]": 'axes, "as they are"'}),
        "other": Known({}, {"finds[random programs]": "too few steps"}),
        "third": Known({}, {}, {"deterministic[hist]": "rounding"}),
    }
    write_known(path, content, header="two\nlines")
    assert read_known(path) == content
    assert path.read_text().startswith("# two\n# lines\n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[m.fails]\n"recover[hist]" = "why"',
            r"names 'recover\[hist\]'; write .*. Did you mean: recovers",
        ),
        ('[m.fails]\n"recovers" = "why"', r"names 'recovers'; write property\[model\]"),
        ('[m.fails]\n"recovers[hist]" = ""', "gives no reason for"),
        ('[m.may_fail]\n"recover[hist]" = "why"', r"\[m.may_fail\] names 'recover\[hist\]'"),
        (
            '[m.fails]\n"recovers[hist]" = "why"\n[m.may_fail]\n"recovers[hist]" = "why"',
            r"\[m\] has 'recovers\[hist\]' in both 'fails' and 'may_fail'; keep one",
        ),
        ("[m]\nsteps = 3", r"\[m\] holds steps; it may hold 'parameters', 'fails' and 'may_fail'"),
        ("m = 3", r"\[m\] holds 3"),
        ("[m", "is no TOML"),
        ('[m]\nfails = "recovers[hist]"', r"'fails' of \[m\] is 'recovers\[hist\]'; write a table: \[m.fails\]"),
        ("[m]\nfails = 3", r"'fails' of \[m\] is 3; write a table"),
        ("[m]\nparameters = [1]", r"'parameters' of \[m\] is \[1\]; write a table"),
        ("[m.fails]\n'recovers[hist]' = 3", "gives no reason for"),
        (
            "[m.fails]\n'recovers[hsit]' = 'why'",
            r"names 'recovers\[hsit\]', which no profile asks for. Did you mean: hist, sort\? There are random",
        ),
        ("[[m]]\nfails = 3", r"\[m\] holds \[\{'fails': 3\}\]"),
        ('["\\u001b[2J"]\nsteps = 3', r"\[\\x1b\[2J\] holds steps"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, told):
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(GroundTruthError, match=told):
        read_known(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(GroundTruthError, match="no file of known failures at .*known.toml"):
        read_known(tmp_path / "known.toml")
