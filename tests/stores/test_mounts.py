"""Folders of a network: known by what the kernel tells, refused, and told of by the doctor."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from homeostat.cli.group import cli
from homeostat.stores import mounts, open_store
from homeostat.stores.mounts import network
from homeostat.upkeep.doctor import examine

TABLE = """\
21 1 0:1 / / rw,relatime shared:1 - ext4 /dev/root rw
22 21 0:2 / /mnt/share rw - nfs4 host:/x rw,vers=4.2
23 22 0:3 / /mnt/share/disk rw shared:2 master:3 - xfs /dev/vdb rw
24 21 0:4 / /mnt/two\\040words rw - cifs //host/x rw
25 21 0:5 / /mnt/over rw - ext4 /dev/vdc rw
26 21 0:6 / /mnt/over rw - fuse.sshfs host: rw
27 21 0:7 / /mnt/smb rw - smb3 //host/y rw
28 21 0:8 / /mnt/box rw - overlay overlay rw
29 21 0:9 / /mnt/mem rw - tmpfs tmpfs rw
"""


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """Make a file of mounts, and let it be what the kernel tells."""

    def as_told(text):
        (tmp_path / "mountinfo").write_text(text)
        monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "mountinfo")

    return as_told


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", ""), ("/var/data", ""), ("/mnt", ""), ("/mnt/sharing", ""), ("/mnt/share", "nfs4"),
        ("/mnt/share/not/there", "nfs4"), ("/mnt/share/disk/data", ""),
        ("/mnt/share/disk/../data", "nfs4"), ("/mnt/two words/data", "cifs"),
        ("/mnt/over/data", "fuse.sshfs"), ("/mnt/smb", "smb3"), ("/mnt/box/x", ""),
        ("/mnt/mem", ""),
    ],
)  # fmt: skip
def test_the_innermost_mount_says_what_it_is(mounted, path, kind):
    mounted(TABLE)
    assert network(Path(path)) == kind


def test_where_nobody_tells_nothing_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mounts, "_MOUNTS", tmp_path / "none")
    assert network(tmp_path) == ""


def test_this_machine_says_what_is_mounted(tmp_path):
    assert network(tmp_path) == ""


@pytest.mark.parametrize("command", ["serve", "run"])
def test_a_folder_of_a_network_is_refused_before_anything_is_made(mounted, tmp_path, command):
    mounted(f"21 1 0:1 / / rw - ext4 /dev/root rw\n22 21 0:2 / {tmp_path} rw - nfs4 host:/x rw\n")
    (tmp_path / "records.jsonl").write_text("")
    source = [str(tmp_path / "records.jsonl")] if command == "run" else ["--port", "0"]
    asked = [command, *source, "--data", str(tmp_path / "data")]
    result = CliRunner().invoke(cli, asked)
    assert result.exit_code == 2, result.output
    for told in (str(tmp_path / "data"), "nfs4", "local disk", "PostgreSQL"):
        assert told in " ".join(result.output.split())
    assert not (tmp_path / "data").exists()


def test_the_doctor_tells_of_it(mounted, tmp_path):
    open_store(tmp_path).close()
    assert "filesystem" not in {each.check for each in examine(tmp_path) if not each.ok}
    mounted(f"22 21 0:2 / {tmp_path} rw - nfs4 host:/x rw\n")
    (found,) = [each for each in examine(tmp_path) if each.check == "filesystem"]
    assert (found.ok, found.level) == (False, "error")
    assert "nfs4" in found.problem
