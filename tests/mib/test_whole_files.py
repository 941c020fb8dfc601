"""Files are whole or not there, as private as the umask says, and named by errors; folders go if all is ours."""

import os
import stat

import pytest

from mib.errors import FormatError
from mib.whole_files import files_named, remove_made, write_whole


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_is_as_open_as_the_umask_says(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    write_whole(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_named_and_the_old_file_stays(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    really_open = os.open
    monkeypatch.setattr(os, "open", lambda name, *rest: really_open("/dev/full", os.O_WRONLY) if ".file." in str(name)
                        else really_open(name, *rest))  # fmt: skip
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_whole(path, b"new" * 100)
    assert caught.value.filename == str(path)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["file"])


@pytest.mark.parametrize("name", ["missing/file", "folder"])
def test_an_error_names_the_file_that_was_asked_for(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError) as caught:
        write_whole(tmp_path / name, b"new")
    assert caught.value.filename == str(tmp_path / name)
    assert os.listdir(tmp_path) == ["folder"]


def test_a_folder_is_removed_if_all_in_it_was_made_here(tmp_path):
    folder = tmp_path / "made"
    (folder / "sub").mkdir(parents=True)
    write_whole(folder / "sub" / "a.json", b"")
    (folder / "sub" / ".a.json.0123abcd").write_bytes(b"half")
    remove_made(folder, rf"sub(/({files_named('a.json')}))?")
    assert not folder.exists()
    remove_made(folder, "nothing")  # it is not there


@pytest.mark.parametrize("stranger", ["notes.txt", "sub/notes.txt", "a.json", "sub/a.json.bak", ".sub"])
def test_a_folder_with_anything_else_stays_as_it_is(tmp_path, stranger):
    (tmp_path / "made" / "sub").mkdir(parents=True)
    (tmp_path / "made" / "sub" / "a.json").write_bytes(b"")
    (tmp_path / "made" / stranger).write_bytes(b"mine")
    with pytest.raises(FormatError, match=f"holds '{stranger}', which was not made here, so it is not removed"):
        remove_made(tmp_path / "made", rf"sub(/({files_named('a.json')}))?")
    assert (tmp_path / "made" / stranger).read_bytes() == b"mine"
    assert (tmp_path / "made" / "sub" / "a.json").exists()


def test_a_link_and_a_file_are_no_folder_of_ours(tmp_path):
    (tmp_path / "dear").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "dear")
    (tmp_path / "file").write_bytes(b"mine")
    for name in ("link", "file"):
        with pytest.raises(FormatError, match="is none that was made here"):
            remove_made(tmp_path / name, ".*")
    assert sorted(os.listdir(tmp_path)) == ["dear", "file", "link"]
