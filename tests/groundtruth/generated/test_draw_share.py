"""How far a network of a suite is trained can be read while it is, and nothing of that is left."""

from pathlib import Path

from groundtruth.generated.draw_share import SHARE, shares_underway, told_shares
from groundtruth.generated.suite import generate
from groundtruth.generated.train_draw import train_draw


def test_shares_of_draws_are_added_up_and_gone_at_the_end(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("groundtruth.generated.draw_share.WRITE_AFTER", 0.0)
    folders = [tmp_path / name for name in ("a", "b", "none", "torn")]
    for folder in folders:
        if folder.name != "none":
            folder.mkdir()
    (folders[3] / SHARE).write_text("")
    with told_shares(folders[0]) as one, told_shares(folders[1]) as other:
        one(0.25)
        other(0.1)
        other(0.5)
        assert shares_underway(folders) == 0.75
    assert shares_underway(folders) == 0
    assert not (folders[0] / SHARE).exists()


def test_a_suite_that_is_trained_tells_how_far_its_first_network_is(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("groundtruth.generated.draw_share.WRITE_AFTER", 0.0)
    look, seen = [], []

    def watched(*arguments, tell):
        def told(share: float) -> None:
            tell(share)
            seen.append((share, look[0]()))

        return train_draw(*arguments, tell=told)

    def report(items, total, underway):
        look[:] = [underway]
        return items

    monkeypatch.setattr("groundtruth.generated.train_draw.train_draw", watched)
    generate(1, tmp_path / "suite", seed=7, kind="trained", report=report)
    assert len(seen) > 100
    assert all(abs(share - underway) < 0.001 for share, underway in seen)
    assert not list((tmp_path / "suite").rglob(SHARE)) and not (tmp_path / "suite" / ".drawing").exists()
