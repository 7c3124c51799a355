"""The SQLite that keeps the records: one of those that lose committed transactions is refused."""

import apsw
import pytest

from homeostat.stores import open_store
from homeostat.stores.faults import StoreBroken


@pytest.mark.parametrize("version", ["3.7.0", "3.40.1", "3.51.2"])
def test_one_that_loses_transactions_is_refused(tmp_path, monkeypatch, version):
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    with pytest.raises(StoreBroken, match=f"SQLite {version}, which can lose committed") as told:
        open_store(tmp_path)
    assert "pip install" in str(told.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("version", ["3.51.3", "3.52.0", "4.0.0"])
def test_later_ones_are_taken(tmp_path, monkeypatch, version):
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    open_store(tmp_path).close()


def test_the_one_that_is_installed_is_sound(tmp_path):
    open_store(tmp_path).close()
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sqlite_master SET sql = 'x'",
        "DELETE FROM sqlite_master",
        "SELECT load_extension('x')",
    ],
)
def test_no_statement_can_spoil_the_file_or_load_code(tmp_path, statement):
    store = open_store(tmp_path)
    store.database.execute("PRAGMA writable_schema = ON")
    with pytest.raises(StoreBroken):
        store.database.execute(statement)
    assert store.models() == []
    store.close()
