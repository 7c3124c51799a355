"""What is malformed is set aside with its reason and its place; nothing is lost silently."""

import json

import pytest
from writing import WRITERS, azureml, databricks, kserve_v1, sagemaker_csv

from homeostat.formats.halves import Half, Halves
from homeostat.formats.payload import rows_of
from homeostat.formats.table import Place


def broken(text, at, **changes):
    """The text with fields of one line changed."""
    found = text.splitlines()
    found[at] = json.dumps({**json.loads(found[at]), **changes})
    return "\n".join(found)


def why(found):
    return [(each.number, each.field, each.problem) for each in found.rejects]


@pytest.mark.parametrize("case", [name for name, (_, _, _) in WRITERS.items()])
def test_lines_that_are_no_objects_are_set_aside(case, records, read):
    _, write, _ = WRITERS[case]
    if case in ("evidently", "nannyml"):
        text = write(records(5)) + "too,few\n"
        found = read(text, name="log.csv")
        assert [each.field for each in found.rejects] == ["line"]
    else:
        text = write(records(5)) + "{\n[1]\n\nnull\n"
        found = read(text)
        n = len(text.splitlines())
        assert [each.number for each in found.rejects] == [n - 3, n - 2, n]
        assert found.rejects[0].raw == "{"
    assert len(found.records) == 5


FAULTS = {
    "an error": ({"status_code": 500}, "status_code", "is 500"),
    "no JSON": ({"response": "{"}, "response", "is not valid JSON"),
    "an error as answer": ({"response": '{"error": "boom"}'}, "response", "is an error: boom"),
    "another number of rows": (
        {"response": '{"predictions": [1, 2]}'}, "response", "answers 2 rows, and 1 were asked",
    ),
    "no time": ({"timestamp_ms": None}, "created_at", "must be a time"),
    "a negative latency": ({"execution_time_ms": -1}, "latency_ms", "must be at least 0"),
    "ragged rows": (
        {"request": '{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}'},
        "request", "names 1 columns, and a row is another",
    ),
    "no known shape": ({"request": "3"}, "request", "must be an object or an array"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "field", "problem"), FAULTS.values(), ids=FAULTS)
def test_a_row_that_is_no_prediction_is_set_aside_with_its_reason(
    changes, field, problem, records, read
):
    found = read(broken(databricks(records(4)), 2, **changes))
    [(number, at, said)] = why(found)
    assert (number, at) == (3, field)
    assert problem in said
    assert [record.record_id for record in found.records] == ["r-0", "r-1", "r-3"]


def test_strict_ends_at_the_first_of_them(records, read):
    found = read(broken(databricks(records(9)), 4, status_code=404), strict=True)
    assert [record.record_id for record in found.records] == ["r-0", "r-1", "r-2", "r-3"]
    assert [each.number for each in found.rejects] == [5]


def test_a_half_that_stays_alone_is_told_with_where_it_stood(records, read):
    text = kserve_v1(records(4))
    kept = text.splitlines()
    del kept[3]  # the response of the second
    found = read("\n".join(kept))
    assert [record.record_id for record in found.records] == ["r-0", "r-2", "r-3"]
    [(number, field, problem)] = why(found)
    assert (number, field) == (3, "response")
    assert "'r-1'" in problem


def test_halves_may_come_in_any_order(records, read):
    found = read("".join(f"{line}\n" for line in reversed(azureml(records(30)).splitlines())))
    assert len(found.records) == 30
    assert found.rejects == []


def test_a_half_that_comes_twice_is_set_aside(records, read):
    first, *rest = kserve_v1(records(2)).splitlines()
    found = read("\n".join([first, first, *rest]))
    assert len(found.records) == 2
    assert [(number, field) for number, field, _ in why(found)] == [(2, "request")]


def test_halves_wait_within_bounds():
    halves, faults = Halves(most=3), []
    for at in range(5):
        half = Half("request", Place("f", "line", at + 1, "x"), [at])
        assert halves.put(f"k{at}", half, faults) is None
    assert [place.number for place, _ in faults] == [1, 2]
    assert "3 others" in faults[0][1].problem
    answer = Half("response", Place("f", "line", 9, ""), ["a"])
    assert set(halves.put("k4", answer, faults)) == {"request", "response"}
    assert [place.number for place, _ in halves.end()] == [3, 4]
    assert halves.end() == []


def test_long_halves_wait_in_fewer():
    halves, faults = Halves(room=1000), []
    for at in range(4):
        halves.put(f"k{at}", Half("request", Place("f", "line", at, "x" * 300), []), faults)
    assert len(faults) == 2


def test_what_waits_goes_through_a_restart():
    halves, faults = Halves(), []
    halves.put("k", Half("request", Place("f", "line", 7, "raw"), [{"time": "t"}, "body"]), faults)
    state = json.loads(json.dumps(halves.state()))
    again = Halves()
    again.resume(state)
    both = again.put("k", Half("response", Place("g", "line", 1, ""), [{}, "b"]), faults)
    assert both["request"].place == Place("f", "line", 7, "raw")
    assert both["request"].body == [{"time": "t"}, "body"]
    assert faults == []


def test_spans_that_are_no_predictions_are_counted(read):
    span = {"spanId": "a", "name": "GET /", "startTimeUnixNano": "1", "attributes": []}
    scopes = [{"spans": [span, span]}]
    found = read(json.dumps({"resourceSpans": [{"scopeSpans": scopes}]}))
    assert found.told[0]["passed_over"] == 2
    assert (found.records, found.rejects) == ([], [])


def test_several_rows_of_a_request_have_ids_of_their_own(records, read):
    text = sagemaker_csv(records(1)).replace("\\n", "\\n1,2,x\\n", 1).replace(
        '"data": "stays\\n', '"data": "stays\\nleaves\\n'
    ).replace('"data": "leaves\\n"', '"data": "leaves\\nstays\\n"')  # fmt: skip
    found = read(text)
    assert [record.record_id for record in found.records] == ["r-0/0", "r-0/1"]


SHAPES = {
    "V1 of values": ({"instances": [1, 2]}, {"0": [1, 2]}),
    "V1 of rows": ({"instances": [[1, "a"], [2, "b"]]}, {"0": [1, 2], "1": ["a", "b"]}),
    "V1 of objects": ({"instances": [{"a": 1}, {"b": 2}]}, {"a": [1, None], "b": [None, 2]}),
    "V1 of columns": ({"inputs": {"a": [1, 2], "b": [3, 4]}}, {"a": [1, 2], "b": [3, 4]}),
    "V2 nested": (
        {"inputs": [{"name": "x", "shape": [2, 2], "data": [[1, 2], [3, 4]]}]},
        {"x.0": [1, 3], "x.1": [2, 4]},
    ),
    "pandas split": ({"columns": ["a"], "data": [[1], [2]]}, {"a": [1, 2]}),
    "Seldon tensor": (
        {"data": {"names": ["a", "b"], "tensor": {"shape": [1, 2], "values": [1, 2]}}},
        {"a": [1], "b": [2]},
    ),
    "Seldon JSON": ({"jsonData": {"instances": [{"a": 1}]}}, {"a": [1]}),
    "members of members": ([{"a": {"b": 1, "c": [1, 2]}, "d": [3]}], {"a.b": [1], "d": [3]}),
}  # fmt: skip


@pytest.mark.parametrize(("body", "columns"), SHAPES.values(), ids=SHAPES)
def test_the_shapes_of_bodies(body, columns):
    rows = rows_of(json.dumps(body), "request")
    assert rows.columns == columns
    assert {len(values) for values in rows.columns.values()} == {rows.n}
