"""States from elsewhere, sent to a service that runs: added exactly, once, or not at all."""

import pytest
from click.testing import CliRunner
from house import House, record

from homeostat.cli.group import cli
from homeostat.errors import InvalidInput
from homeostat.profiles import plan_of, profile
from homeostat.profiles.kept import states_body, states_of, write_states
from homeostat.profiles.state import Place, State
from homeostat.runtime.cells import MINUTE, Cell
from homeostat.runtime.ledger import Limits
from homeostat.service.absorbing import PARQUET
from homeostat.service.bodies import BodyLimits
from homeostat.upkeep.doctor import examine

pa = pytest.importorskip("pyarrow")
START = 1_767_225_600_000_000  # the minute of `record`


def states(n=10, model="shop", start=START, **settings):
    """Counts of some records of a model in one minute, as rows."""
    table = pa.table({
        "model": [model] * n, "model_version": ["v1"] * n, "predicted_label": ["a"] * n,
        "ground_truth_label": ["a", "b"] * (n // 2), "latency_ms": [5.0] * n,
        "created_at": pa.array([start] * n, pa.timestamp("us", "UTC")), "city": ["here"] * n,
    })  # fmt: skip
    made = profile(table, plan_of(**settings))
    return [(place, state.to_bytes()) for place, state in made.items()]


def sent(house, rows, **more):
    body = rows if isinstance(rows, bytes) else states_body(rows)
    return house("POST", "/v1/states", body, kind=PARQUET, **more)


def minute(house, model="shop"):
    """Records and correct ones of the only minute of a model."""
    told = house("GET", f"/v1/models/{model}/series?metric=accuracy").json()["points"]
    [point] = told
    return point["records"], point["labelled"], point["value"]


def test_counts_are_added_to_those_of_records_that_came_before_and_come_after(house):
    house.send(record(1, model="shop", ground_truth_label="a"))
    reply = sent(house, states())
    assert reply.status_code == 200
    assert reply.json() == {"no_records": 0, "absorbed": [
        {"model": "shop", "minutes": 1, "records": 10, "known": False, "left_out": ""},
    ]}  # fmt: skip
    assert minute(house) == (11, 11, 6 / 11)
    house.send(record(2, model="shop", ground_truth_label="a"))
    assert minute(house) == (12, 12, 7 / 12)
    assert house.status("shop")["counters"]["absorbed"] == 10


def test_the_same_states_count_once_also_in_other_bytes(house):
    rows = states() + states(start=START + MINUTE)
    sent(house, rows)
    again = sent(house, rows[::-1]).json()["absorbed"]
    assert [one["known"] for one in again] == [True]
    assert house.status("shop")["counters"]["absorbed"] == 20


def test_a_restart_knows_of_them_and_the_doctor_is_content(tmp_path):
    house = House(tmp_path / "data")
    house.send(record(1, model="shop"))
    sent(house, states())
    hashed = house.status("shop")["state_hash"]
    house.close()
    house = House(tmp_path / "data")
    assert house.status("shop")["state_hash"] == hashed
    assert sent(house, states()).json()["absorbed"][0]["known"]
    house.close()
    assert [one for one in examine(tmp_path / "data") if not one.ok and one.level == "error"] == []


def test_segments_and_rows_that_were_no_records_are_told(house):
    rows = states(segments=["city"])
    nowhere = (Place("", "", "", 0), State(refused=3).to_bytes())
    told = sent(house, [*rows, nowhere]).json()
    assert told["no_records"] == 1
    assert "of segments" in told["absorbed"][0]["left_out"]
    assert told["absorbed"][0]["records"] == 10


def packed(cell):
    return [(Place("shop", "v1", "", START), State(cell, window=MINUTE).to_bytes())]


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (b"PAR1 and more", "cannot be read"),
        (b"\n", "cannot be read"),
        (states(window="1h"), "by the minute"),
        (states(model="a b"), "can be called"),
        ([(Place("shop", "v1", "", START), b"\xff")], "no state"),
        (packed(Cell(records=-5)), "no records can have"),
        (packed(Cell(records=1, labelled=2)), "no records can have"),
        (packed(Cell(records=1, latency={1: -1})), "no records can have"),
    ],
    ids=["no parquet", "nothing", "hours", "name", "bytes", "negative", "labels", "latency"],
)
def test_what_cannot_be_added_is_refused_and_changes_nothing(house, rows, says):
    reply = sent(house, rows)
    assert reply.status_code == 422
    assert says in reply.json()["problem"]
    assert house("GET", "/v1/models").json()["models"] == []


def test_parquet_of_something_else_and_other_types_are_refused(house):
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"model": ["shop"]}), sink)
    reply = sent(house, bytes(sink.getvalue()))
    assert reply.status_code == 422
    assert "version, segment, start, state missing" in reply.json()["problem"]
    assert house("POST", "/v1/states", b"{}").status_code == 415


def test_all_or_none_of_the_models_of_a_request(house_of):
    house = house_of(limits=Limits(models=1))
    reply = sent(house, states(model="one") + states(model="two"))
    assert reply.status_code == 422
    assert "service.limits.models" in reply.json()["problem"]
    assert house("GET", "/v1/models").json()["models"] == []


def test_a_body_is_bounded_on_the_wire_and_unpacked(house_of):
    house = house_of(body=BodyLimits(wire=500))
    assert sent(house, states()).status_code == 413
    rows = [(Place("shop", "v1", "", START), b"\0" * 100_000)] * 200
    body = states_body(rows)
    assert len(body) < 500_000
    with pytest.raises(InvalidInput, match="unpack to more than"):
        states_of(body, 1 << 20, "the states")


def test_a_token_for_some_models_adds_to_no_others(house):
    token = house.token("admin", models="red.")
    assert sent(house, states(model="red.one"), token=token).status_code == 200
    reply = sent(house, states(model="red.two") + states(model="blue.one"), token=token)
    assert reply.status_code == 403
    names = [one["model"] for one in house("GET", "/v1/models").json()["models"]]
    assert names == ["red.one"]


@pytest.mark.parametrize("scope", ["ingest", "read"])
def test_it_needs_an_administrator(house, scope):
    assert sent(house, states(), token=scope).status_code == 403


def test_the_command_sends_files_to_a_service_that_runs(live, tmp_path):
    file, token = tmp_path / "states.parquet", tmp_path / "token"
    both = states(model="afar") + states(model="away")
    write_states({place: State.from_bytes(body) for place, body in both}, file)
    token.write_text(live.token)
    command = ["absorb", str(file), "--url", live.url]
    done = CliRunner().invoke(cli, [*command, "--token-file", str(token)])
    assert done.exit_code == 0, done.output
    assert done.output.count("1 minutes, 10 records added") == 2
    again = CliRunner().invoke(cli, [*command, "--token-file", str(token)])
    assert again.output.count("was there already") == 2
    assert live.get("/v1/models/afar/status").json()["counters"]["absorbed"] == 10
    lacking = CliRunner().invoke(cli, command, env={"HOMEOSTAT_TOKEN_FILE": None})
    assert lacking.exit_code == 2
    assert "--token-file" in lacking.output


def test_the_same_states_count_once_by_whichever_way_they_come(tmp_path):
    from homeostat.upkeep.absorbing import absorb

    file = tmp_path / "states.parquet"
    write_states({place: State.from_bytes(body) for place, body in states()}, file)
    house = House(tmp_path / "data")
    sent(house, states())
    house.close()
    assert [one.known for one in absorb(tmp_path / "data", [file], "tester")] == [True]
