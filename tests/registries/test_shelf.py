"""The shelf: artifacts by what they are, whole or not at all, and the same when they are read."""

import hashlib
import os
import threading
from pathlib import Path

import pytest

from homeostat.errors import InvalidInput
from homeostat.registries import Damaged, NotKept, Shelf
from homeostat.registries.digests import digest

DAY = 86_400


class Clock:
    def __init__(self):
        self.at = 1_790_000_000.0

    def __call__(self):
        return self.at


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def shelf(tmp_path, clock):
    return Shelf(tmp_path / "artifacts", now=clock)


def folder(place, files=(("model.bin", b"abc"), ("deep/er/x", b"")), empty=("hollow",)):
    for name, body in files:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    for name in empty:
        (place / name).mkdir(parents=True)
    return place


def test_a_file_is_kept_under_its_sha256(tmp_path, shelf):
    (tmp_path / "model.pkl").write_bytes(b"abc")
    place, known_as = shelf.keep(tmp_path / "model.pkl")
    assert known_as == hashlib.sha256(b"abc").hexdigest()
    assert place == str(tmp_path / "artifacts" / known_as[:2] / known_as[2:])
    assert Path(place).read_bytes() == b"abc"
    assert shelf.find(known_as) == Path(place)
    assert shelf.keep(place) == (place, known_as)  # again, from the shelf itself
    assert list(shelf.digests()) == [known_as]
    assert sorted(os.listdir(tmp_path / "artifacts")) == [known_as[:2]]  # nothing is left behind


def test_a_folder_is_kept_whole(tmp_path, shelf):
    place, known_as = shelf.keep(folder(tmp_path / "model"))
    assert {str(each.relative_to(place)) for each in Path(place).rglob("*")} == {
        "model.bin", "deep", "deep/er", "deep/er/x", "hollow",
    }  # fmt: skip
    assert shelf.find(known_as) == Path(place)
    assert shelf.keep(folder(tmp_path / "again")) == (place, known_as)


def test_the_digest_of_a_folder_is_always_the_same(tmp_path):
    """A change of it would make every folder on every shelf look damaged."""
    made = folder(tmp_path / "model")
    listed = (
        "homeostat folder 1\n"
        "folder 4 deep -\n"
        "folder 7 deep/er -\n"
        f"file 9 deep/er/x {hashlib.sha256(b'').hexdigest()}\n"
        "folder 6 hollow -\n"
        f"file 9 model.bin {hashlib.sha256(b'abc').hexdigest()}\n"
    )
    assert digest(made) == hashlib.sha256(listed.encode()).hexdigest()
    os.utime(made / "model.bin", (1, 1))
    (made / "model.bin").chmod(0o400)
    assert digest(made) == digest(folder(tmp_path / "other"))


CHANGES = {
    "content": {"files": [("model.bin", b"abd"), ("deep/er/x", b"")]},
    "name": {"files": [("model.bim", b"abc"), ("deep/er/x", b"")]},
    "place": {"files": [("model.bin", b"abc"), ("deep/x", b"")], "empty": ["hollow", "deep/er"]},
    "one more": {"files": [("model.bin", b"abc"), ("deep/er/x", b""), ("y", b"")]},
    "one less": {"files": [("model.bin", b"abc")], "empty": ["hollow", "deep/er"]},
    "empty folder": {"empty": []},
    "line break": {"files": [("model.bin\nfile", b"abc"), ("deep/er/x", b"")]},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_whatever_changes_in_a_folder_changes_its_digest(tmp_path, change):
    assert digest(folder(tmp_path / "a", **change)) != digest(folder(tmp_path / "b"))


def test_damage_is_found_and_mended_by_keeping_it_again(tmp_path, shelf):
    source = folder(tmp_path / "model")
    place, known_as = shelf.keep(source)
    inside = Path(place) / "model.bin"
    inside.chmod(0o600)
    inside.write_bytes(b"abx")
    with pytest.raises(Damaged, match="is damaged: its SHA-256 is"):
        shelf.find(known_as)
    assert shelf.keep(source) == (place, known_as)
    assert shelf.find(known_as).joinpath("model.bin").read_bytes() == b"abc"


def test_what_is_not_there(shelf):
    with pytest.raises(NotKept, match="there is no artifact"):
        shelf.find("0" * 64)
    for wrong in ("", "../../etc", "0" * 63, "A" * 64):
        with pytest.raises(NotKept, match="is no SHA-256"):
            shelf.find(wrong)
    assert list(shelf.digests()) == []
    assert shelf.prune([]) == []


@pytest.mark.parametrize("what", ["link", "pipe"])
def test_links_and_the_like_are_refused(tmp_path, shelf, what):
    source = folder(tmp_path / "model")
    if what == "link":
        (source / "deep" / "out").symlink_to("/etc/hosts")
    else:
        os.mkfifo(source / "deep" / "out")
    with pytest.raises(InvalidInput, match="out is neither a file nor a folder"):
        shelf.keep(source)
    assert os.listdir(tmp_path / "artifacts") == []


def test_everything_is_on_the_disk_before_it_has_its_name(tmp_path, shelf, monkeypatch):
    synced, whole = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")),
                                                 whole(fd)))  # fmt: skip
    rename = os.rename
    before = []

    def renamed(source, target):
        before.extend(synced)
        assert Path(source).parent.parent == Path(target).parent.parent  # of one file system
        rename(source, target)

    monkeypatch.setattr(os, "rename", renamed)
    place, _ = shelf.keep(folder(tmp_path / "model"))
    inside = {path.partition("/artifact/")[2] for path in before if "/artifact/" in path}
    assert inside == {"model.bin", "deep/er/x", "deep/er", "deep", "hollow"}
    assert any(path.endswith("/artifact") for path in before)
    assert synced[-1] == str(Path(place).parent)


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_disk_that_fails_leaves_nothing_that_looks_whole(tmp_path, shelf, monkeypatch, call):
    def fail(*_):
        raise OSError(28, "No space left on device")

    source = folder(tmp_path / "model")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises((OSError, NotKept)):
        shelf.keep(source)
    monkeypatch.undo()
    assert list(shelf.digests()) == []
    shelf.keep(source)
    assert len(list(shelf.digests())) == 1


def test_those_that_no_version_names_go_once_they_are_old(tmp_path, shelf, clock):
    kept = {}
    for name in ("used", "unused"):
        path = tmp_path / name
        path.write_text(name)
        place, kept[name] = shelf.keep(path)
        os.utime(place, (clock.at, clock.at))
    assert shelf.prune([kept["used"], None]) == []  # a version may be written down in a moment
    clock.at += 2 * DAY
    path = tmp_path / "young"
    path.write_text("young")
    _, kept["young"] = shelf.keep(path)
    os.utime(shelf.find(kept["young"]), (clock.at, clock.at))
    assert shelf.prune([kept["used"], None]) == [kept["unused"]]
    assert set(shelf.digests()) == {kept["used"], kept["young"]}
    assert shelf.prune([kept["used"]]) == []


def test_one_that_is_kept_again_counts_as_young(tmp_path, shelf, clock):
    path = tmp_path / "model"
    path.write_text("x")
    place, known_as = shelf.keep(path)
    os.utime(place, (clock.at, clock.at))
    clock.at += 2 * DAY
    shelf.keep(path)
    assert shelf.prune([]) == []
    clock.at += 2 * DAY
    assert shelf.prune([]) == [known_as]


def test_what_a_crash_has_left_goes_too(tmp_path, shelf, clock):
    left = folder(tmp_path / "artifacts" / ".new-xyz" / "artifact").parent
    os.utime(left, (clock.at, clock.at))
    assert shelf.prune([]) == []
    assert left.exists()
    clock.at += 2 * DAY
    shelf.prune([])
    assert not left.exists()


def test_many_keep_the_same_at_once(tmp_path, shelf):
    source, found = folder(tmp_path / "model"), []
    threads = [threading.Thread(target=lambda: found.append(shelf.keep(source))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert shelf.find(found[0][1])
    assert len(os.listdir(tmp_path / "artifacts")) == 1
