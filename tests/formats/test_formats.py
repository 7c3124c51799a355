"""Every format is recognised, and gives the records that were written in it."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from writing import WRITERS, bentoml, evidently, gateway, kserve_v1, nannyml, opentelemetry

from homeostat import InferenceRecord
from homeostat.errors import InvalidInput
from homeostat.formats import TABLE, named
from homeostat.sources import Options
from homeostat.sources.feed import open_feed

FIXTURES = Path(__file__).parent / "fixtures"


def suffix(name):
    return ".csv" if name in ("evidently", "nannyml") else ".jsonl"


def back(record, unsaid):
    changed = {name: value(record) if callable(value) else value for name, value in unsaid.items()}
    return replace(record, **changed)


def plain(records):
    """As JSON, with whole numbers of features as the floats that columns hold."""
    found = []
    for record in sorted(records, key=lambda each: each.record_id):
        fields = json.loads(record.to_json())
        features = fields["features"].items()
        fields["features"] = {
            name: float(value) if isinstance(value, int) else value for name, value in features
        }
        found.append(fields)
    return found


@pytest.mark.parametrize("case", WRITERS)
@pytest.mark.parametrize("n", [1, 250])
def test_records_come_back_as_they_were_written(case, n, records, read):
    name, write, unsaid = WRITERS[case]
    written = records(n, seed=n)
    found = read(write(written), name=f"log{suffix(case)}")
    assert [each["name"] for each in found.told] == [name]
    assert plain(found.records) == plain([back(record, unsaid) for record in written])
    assert not found.rejects


@pytest.mark.parametrize("case", WRITERS)
def test_a_name_that_tells_nothing_is_no_matter(case, records, read):
    name, write, _ = WRITERS[case]
    found = read(write(records(3)), name="log")
    assert [each["name"] for each in found.told] == [name]
    assert len(found.records) == 3


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.records.jsonl")), ids=lambda p: p.stem)
def test_a_fixture_gives_its_records(path, read):
    case = path.name.removesuffix(".records.jsonl")
    [file] = [each for each in FIXTURES.glob(f"{case}.*") if each != path]
    found = read(file)
    expected = [InferenceRecord.from_json(line) for line in path.read_text().splitlines()]
    assert found.records == expected or plain(found.records) == plain(expected)
    assert not found.rejects
    assert len(found.records) >= 1


def test_the_fixture_of_labels_gives_them(read):
    labels = read(FIXTURES / "sagemaker_ground_truth.jsonl").labels
    found = [(label.record_id, label.label) for label in labels]
    assert found == [("r-0", "stays"), ("r-1", "leaves"), ("r-2", 1)]


def test_each_format_is_documented():
    page = (FIXTURES.parents[2] / "docs" / "formats.md").read_text()
    assert [name for name in TABLE if f"| `{name}` |" not in page] == []


def test_each_format_has_a_fixture():
    files = [path.name for path in FIXTURES.iterdir()]
    for name in TABLE:
        assert name == "columns" or any(each.startswith(name) for each in files), name


def test_names_and_table_are_the_same_set():
    assert [named(name).name for name in TABLE] == list(TABLE)
    package = Path(__file__).parents[2] / "src" / "homeostat" / "formats"
    own = {path.stem for path in package.glob("*.py") if "FORMAT = " in path.read_text()}
    assert own == set(TABLE)


def test_our_own_records_are_never_taken_for_a_format(records, read):
    written = records(30)
    found = read("".join(record.to_json() + "\n" for record in written))
    assert found.told == []
    assert plain(found.records) == plain(written)


def test_a_mapping_that_is_stated_goes_before_the_rules(records, read):
    text = kserve_v1(records(5))
    stated = {
        "predicted_label": "request.plan",
        "model_version": "=v9",
        "features": ["request.age"],
    }
    found = read(text, mapping=stated)
    assert {record.model_version for record in found.records} == {"v9"}
    assert {record.predicted_label for record in found.records} <= {
        "basic", "pro", 'the "best", of all'
    }  # fmt: skip
    assert set(found.records[0].features) == {"request.age"}
    told = {line["field"]: line for line in found.told[0]["fields"]}
    assert told["predicted_label"]["column"] == "request.plan"
    assert told["model_version"] == {"field": "model_version", "column": "=v9", "note": "stated"}


def test_a_log_of_predictions_without_truths_is_evidently_s(read):
    found = read("datetime,prediction,age\n2026-01-01,yes,31\n", name="t.csv")
    assert [each["name"] for each in found.told] == ["evidently"]
    assert found.records[0].ground_truth_label is None


def test_what_no_row_says_is_told_to_be_unsaid(records, read):
    def told(found):
        lines = {line["field"]: line for line in found.told[0]["fields"]}
        return [(lines[name]["column"], lines[name]["note"]) for name in ("latency_ms", "model")]

    lines = opentelemetry(records(2)).replace("endTimeUnixNano", "unknown").splitlines()
    unsaid = "the format does not say it"
    assert told(read(lines[0])) == [("=0", unsaid), ("attributes.model.name", "")]
    some = read("\n".join([*lines, *opentelemetry(records(1, seed=1)).splitlines()]))
    assert told(some)[0] == ("latency_ms", "")
    nameless = kserve_v1(records(2)).replace("inferenceservicename", "service")
    assert told(read(nameless)) == [("latency_ms", ""), ("=default", unsaid)]


def test_a_mapping_makes_records_of_any_table(read):
    text = "when;who;guess;age\n2026-01-01 10:00:00;a;yes;31\n2026-01-01 11:00:00;b;no;\n"
    stated = {"created_at": "when", "record_id": "who", "predicted_label": "guess"}
    found = read(text, name="t.csv", mapping=stated, zone="Europe/Berlin")
    first, second = found.records
    assert (first.record_id, first.predicted_label, first.features) == ("a", "yes", {"age": 31})
    assert first.created_at.isoformat() == "2026-01-01T09:00:00+00:00"
    assert second.features == {"age": None}


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"predicted": "x"}, "mapping.predicted is no field"),
        ({"predicted_label": "respons.predictions"}, "did you mean 'response.predictions'?"),
        ({"features": "nothing.*"}, "names 'nothing.*', which is no column here"),
    ],
    ids=["field", "column", "prefix"],
)
def test_a_mapping_that_fits_nothing_is_told(records, read, stated, message):
    with pytest.raises(InvalidInput, match="KServe") as error:
        read(kserve_v1(records(1)), mapping=stated)
    assert message in str(error.value)


def test_a_format_without_a_prediction_says_what_to_state(read):
    event = {"id": "1", "time": "2026-01-01T00:00:00Z", "specversion": "1.0"}
    kind = "org.kubeflow.serving.inference"
    asked = {**event, "type": f"{kind}.request", "data": {"instances": [{"a": 1}]}}
    told = {**event, "type": f"{kind}.response", "data": {"predictions": [{"u": 1, "v": 2}]}}
    with pytest.raises(InvalidInput, match=r'mapping = \{ predicted_label = "..." \}') as error:
        read(json.dumps(asked) + "\n" + json.dumps(told))
    assert "response.u, response.v" in str(error.value)


def test_an_inference_table_as_parquet(records, read, tmp_path):
    """With a map, a struct and a time that knows its zone, as Delta and Spark write them."""
    import pyarrow as pa
    import pyarrow.parquet

    written = records(20)
    rows = [json.loads(line) for line in gateway(written).splitlines()]
    times = pa.array([record.created_at for record in written], pa.timestamp("us", "UTC"))
    about = [[("endpoint_name", "churn"), ("model_version", "3")]] * len(rows)
    table = pa.Table.from_pylist(rows).drop_columns(["request_time", "served_entity_id"])
    table = table.append_column("request_time", times).append_column(
        "request_metadata", pa.array(about, pa.map_(pa.string(), pa.string()))
    )
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet", zone="Europe/Berlin")
    expected = [replace(record, ground_truth_label=None) for record in written]
    assert plain(found.records) == plain(expected)
    assert found.rejects == []


def test_the_schema_of_a_folder_of_bentoml_is_read_first(records, tmp_path):
    text = bentoml(records(3)).replace('"outcome"', '"verdict"')
    schema, *data = text.splitlines(keepends=True)
    for folder, name, lines in (("data", "data.1.log", data), ("schema", "schema.1.log", [schema])):
        (tmp_path / "churn" / folder).mkdir(parents=True)
        (tmp_path / "churn" / folder / name).write_text("".join(lines))
    with open_feed([str(tmp_path)], None, Options()) as feed:
        found = [record for chunk in feed for record in chunk.batch]
    assert {record.predicted_label for record in found} <= {"stays", "leaves"}
    assert {record.model_version for record in found} == {"3"}
    assert set(found[0].features) == {"age", "income", "plan"}


@pytest.mark.parametrize("write", [evidently, nannyml], ids=["evidently", "nannyml"])
def test_a_parquet_table_stays_columns(write, records, read, tmp_path):
    import io

    import pyarrow.csv
    import pyarrow.parquet

    written = records(40)
    table = pyarrow.csv.read_csv(io.BytesIO(write(written).encode()))
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    unsaid = WRITERS[write.__name__][2]
    assert plain(found.records) == plain([back(record, unsaid) for record in written])
