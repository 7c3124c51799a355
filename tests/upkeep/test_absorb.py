"""Counts that were made elsewhere: added exactly, once, as a fact of the journal."""

import numpy as np
import pytest
from click.testing import CliRunner
from stall import DAY, Stall, made, trade

from homeostat.batch import Batch
from homeostat.cli.group import cli
from homeostat.errors import InvalidInput, InvalidSetting
from homeostat.profiles import plan_of, profile
from homeostat.profiles.kept import read_states, write_states
from homeostat.runtime.cells import Cells, unpack_cell
from homeostat.service.server import Taken, locked
from homeostat.stores import audit
from homeostat.upkeep.absorbing import absorb
from homeostat.upkeep.doctor import examine

pa = pytest.importorskip("pyarrow")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "data"
    place.mkdir()
    stall = Stall(place)
    trade(stall, days=1)
    stall.changed(lambda: stall.ledger.save(snapshot=True))
    stall.close()
    return place


def elsewhere():
    """Records that a service never saw, in minutes that it knows and in others."""
    return [made(number, label="yes", model=model)
            for model in ("default", "other") for number in range(0, 4000, 3)]  # fmt: skip


def table_of(records):
    batch = Batch.from_records(records)
    names = ("model", "model_version", "predicted_label", "ground_truth_label", "latency_ms")
    columns = {name: batch.column(name).tolist() for name in names}
    times = pa.array(batch.created_at.tolist(), pa.timestamp("us", "UTC"))
    city = [record.features["city"] for record in records]
    return pa.table({**columns, "created_at": times, "city": city})


def states_file(path, records=None, **settings):
    write_states(profile(table_of(records or elsewhere()), plan_of(**settings)), path)
    return path


def minutes(folder, model):
    """Each minute of a model, as the store has it."""
    stall = Stall(folder)
    number = {each.name: each.number for each in stall.store.models()}[model]
    rows = stall.rows("SELECT version, start, body FROM cells WHERE model = ?", number)
    stall.close()
    return {(version, start): unpack_cell(body, "") for version, start, body in rows}


def by_hand(folder, tmp_path):
    """The minutes of a copy whose cells have counted the records themselves."""
    stall = Stall(folder)
    with stall.store.change():
        for name in ("default", "other"):
            known = {each.name: each for each in stall.store.models()}
            model = known.get(name) or stall.store.add_model(name, stall.now)
            cells = Cells(stall.store, model.number)
            own = [record for record in elsewhere() if record.model == name]
            cells.add(Batch.from_records(own))
            cells.save()
    stall.close()
    return {name: minutes(folder, name) for name in ("default", "other")}


def wrong(folder):
    return [each for each in examine(folder) if not each.ok and each.level == "error"]


def test_the_minutes_are_as_if_the_records_had_come_here(folder, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    expected = by_hand(copy, tmp_path)
    told = absorb(folder, [states_file(tmp_path / "s.parquet")], "tester")
    assert {one.model: one.records for one in told} == {"default": 1334, "other": 1334}
    for name, cells in expected.items():
        found = minutes(folder, name)
        assert found.keys() == cells.keys()
        for place, cell in found.items():
            like = cells[place]
            assert (cell.records, cell.labelled, cell.correct) == (
                like.records, like.labelled, like.correct,
            )  # fmt: skip
            assert (cell.pairs, cell.latency) == (like.pairs, like.latency)
            np.testing.assert_allclose(cell.latency_sum, like.latency_sum, rtol=1e-9)
    assert wrong(folder) == []


def test_the_same_states_count_once(folder, tmp_path):
    file = states_file(tmp_path / "s.parquet")
    absorb(folder, [file], "tester")
    once = minutes(folder, "default")
    states = read_states(file)
    again = tmp_path / "again.parquet"
    profiled = profile(table_of(elsewhere()), plan_of())
    write_states(dict(reversed(profiled.items())), again)  # another file, and other bytes
    told = absorb(folder, [again, file], "tester")
    assert [one.known for one in told] == [True] * 4
    assert minutes(folder, "default") == once
    assert len(states) == len(profiled)
    stall = Stall(folder)
    assert [entry.action for entry in audit.entries(stall.store)] == ["absorb", "absorb"]
    stall.close()


def test_what_engines_remember_is_the_same_and_goes_on(folder, tmp_path):
    stall = Stall(folder)
    before = stall.account().state_hash()
    stall.close()
    absorb(folder, [states_file(tmp_path / "s.parquet")], "tester")
    stall = Stall(folder)
    assert stall.account().state_hash() == before
    assert stall.account().counters["absorbed"] == 1334
    stall.now += 10 * DAY
    stall.send(made(9000), made(9001, model="other"))
    stall.label(("r9000", "no"), ("r9001", "yes"))
    stall.label(("r9000", "yes"))  # corrected: metrics are counted anew past the fact
    hashed = stall.account().state_hash()
    stall.reopen()
    assert stall.account().state_hash() == hashed
    stall.close()
    assert wrong(folder) == []


def test_segments_and_rows_that_were_no_records_are_left_out_and_told(folder, tmp_path):
    records = elsewhere()
    table = table_of(records)
    latency = table["latency_ms"].to_pylist()
    latency[0] = -1.0
    at = table.schema.get_field_index("latency_ms")
    table = table.set_column(at, "latency_ms", pa.array(latency))
    file = tmp_path / "s.parquet"
    write_states(profile(table, plan_of(segments=["city"])), file)
    told = {one.model: one for one in absorb(folder, [file], "tester")}
    assert told["default"].records == 1333
    assert "of segments" in told["default"].left_out
    assert "no records" in told[""].left_out


def test_other_windows_and_files_are_refused_and_nothing_is_added(folder, tmp_path):
    good = states_file(tmp_path / "good.parquet")
    hours = states_file(tmp_path / "hours.parquet", window="1h")
    before = minutes(folder, "default")
    with pytest.raises(InvalidSetting, match="by the minute"):
        absorb(folder, [good, hours], "tester")
    import pyarrow.parquet as pq

    other = tmp_path / "other.parquet"
    pq.write_table(table_of(elsewhere()), other)
    with pytest.raises(InvalidInput, match="holds no states"):
        absorb(folder, [other], "tester")
    with pytest.raises(InvalidInput, match="cannot be read"):
        absorb(folder, [tmp_path / "none.parquet"], "tester")
    assert minutes(folder, "default") == before
    odd = [made(1, label="yes", model="a b")]
    with pytest.raises(InvalidSetting, match="'a b'"):
        absorb(folder, [states_file(tmp_path / "odd.parquet", odd)], "tester")


def test_a_reference_is_refused_with_where_it_belongs(folder, tmp_path):
    from homeostat.reference import Reference

    file = tmp_path / "usual.homeostat"
    Reference.fit({"age": np.arange(100.0)}).save(file)
    with pytest.raises(InvalidSetting, match=r"is a reference.*name it in the detector"):
        absorb(folder, [file], "tester")


def test_not_beside_a_server_and_as_a_command(folder, tmp_path):
    file = states_file(tmp_path / "s.parquet")
    with locked(folder), pytest.raises(Taken):
        absorb(folder, [file], "tester")
    done = CliRunner().invoke(cli, ["absorb", str(file), "--data", str(folder)])
    assert done.exit_code == 0, done.output
    assert "1,334 records added" in done.output
    again = CliRunner().invoke(cli, ["absorb", str(file), "--data", str(folder)])
    assert "was there already" in again.output
