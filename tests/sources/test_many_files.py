"""Many files: listed, read on from where they were left, followed as they grow and are renamed."""

import gzip
import json
import zipfile
from contextlib import suppress
from urllib.parse import quote

import pytest

from homeostat.errors import InvalidInput
from homeostat.sources import Options
from homeostat.sources import files as files_module
from homeostat.sources import places as places_module
from homeostat.sources.feed import open_feed


class Notes(dict):
    """Offsets that are kept with each chunk."""

    def __call__(self, name):
        return self.get(name)


class Stop(Exception):
    """Enough was seen."""


def take(places, notes=None, most=None, **how):
    """The ids of the records that a feed gives; of the first `most` chunks, each kept."""
    found, notes = [], Notes() if notes is None else notes
    how.setdefault("rows", 8192)
    options = Options(rows=how.pop("rows"))
    with open_feed([str(each) for each in places], None, options, resume=notes, **how) as feed:
        for at, chunk in enumerate(feed):
            if at == most:
                break
            assert not chunk.rejects
            found += chunk.batch.column("record_id").tolist()
            notes.update(chunk.offsets)
    return found


def follow(places, steps, notes=None, rows=8192):
    """What comes after each step, that is done when nothing more is new."""
    notes = Notes() if notes is None else notes
    seen, todo = [[]], list(steps)

    def wait(_):
        if not todo:
            raise Stop
        todo.pop(0)()
        seen.append([])

    feed = open_feed(
        [str(each) for each in places], None, Options(rows=rows), resume=notes, follow=True,
        wait=wait,
    )  # fmt: skip
    with suppress(Stop), feed:
        for chunk in feed:
            seen[-1] += chunk.batch.column("record_id").tolist()
            notes.update(chunk.offsets)
    return seen


@pytest.fixture
def text(line):
    def make(*numbers):
        return "".join(line(record_id=f"r{number}") + "\n" for number in numbers)

    return make


def ids(*numbers):
    return [f"r{number}" for number in numbers]


def test_folders_and_patterns_are_read_in_the_order_of_their_names(tmp_path, text):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "b.jsonl").write_text(text(2))
    (tmp_path / "in" / "deep" / "c.jsonl.gz").write_bytes(gzip.compress(text(3).encode()))
    (tmp_path / "in" / "a.jsonl").write_text(text(1))
    (tmp_path / "in" / "_SUCCESS").write_text("")
    (tmp_path / "in" / ".hidden.jsonl").write_text(text(9))
    assert take([tmp_path / "in"]) == ids(1, 2, 3)
    assert take([tmp_path / "in" / "*.jsonl"]) == ids(1, 2)
    assert take([tmp_path / "in" / "**" / "*.gz", tmp_path / "in"]) == ids(3, 1, 2)
    assert take([tmp_path / "none*"]) == []


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".csv", ".parquet"])
def test_a_run_that_ends_anywhere_goes_on_from_there(tmp_path, row, suffix, rows):
    import pandas as pd

    rows_of = [row(record_id=f"r{at}") for at in range(7)]
    for name in ("a", "b"):
        frame = pd.DataFrame([{**each, "record_id": name + each["record_id"]} for each in rows_of])
        path = tmp_path / f"{name}{suffix}"
        if suffix == ".parquet":
            frame.assign(created_at=pd.to_datetime(frame.created_at)).to_parquet(path)
        elif suffix == ".csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_json(path, orient="records", lines=True)
    expected = [f"{name}r{at}" for name in "ab" for at in range(7)]
    for most in range(12):
        notes = Notes()
        first = take([tmp_path], notes, most, rows=rows)
        assert first + take([tmp_path], notes, rows=rows) == expected
        assert take([tmp_path], notes) == []


def test_lines_are_read_as_they_are_written(tmp_path, text):
    path = tmp_path / "app.jsonl"
    path.write_text(text(1))

    def write(some):
        with path.open("a") as file:
            file.write(some)

    halved = text(3)
    steps = [
        lambda: write(text(2) + halved[:20]),
        lambda: write(halved[20:]),
        lambda: None,
        lambda: (tmp_path / "b.jsonl").write_text(text(4)),
    ]
    seen = follow([tmp_path], steps)
    assert seen == [ids(1), ids(2), ids(3), [], ids(4)]


def test_a_log_that_is_renamed_is_read_to_its_end_and_then_the_new_one(tmp_path, text):
    path, old = tmp_path / "app.log", tmp_path / "app.log.1"
    path.write_text(text(1))

    def rotate():
        with path.open("a") as file:
            file.write(text(2))
        path.rename(old)
        with old.open("a") as file:  # the writer has it open still
            file.write(text(3))
        path.write_text(text(4))

    def write_more():
        with path.open("a") as file:
            file.write(text(5))

    seen = follow([path], [rotate, write_more])
    assert seen[0] == ids(1)
    assert seen[1] == ids(2, 3, 4)
    assert seen[2] == ids(5)


def test_a_log_that_was_renamed_while_nobody_read_is_not_lost(tmp_path, text):
    path, notes = tmp_path / "app.log", Notes()
    path.write_text(text(1, 2))
    assert follow([path], [], notes) == [ids(1, 2)]
    with path.open("a") as file:
        file.write(text(3))
    path.rename(tmp_path / "app.log.1")
    path.write_text(text(4))
    (tmp_path / "app.log.0").write_text(text(0))  # one that was never read is none of ours
    assert follow([path], [], notes) == [ids(3, 4)]
    assert follow([path], [], notes) == [[]]


@pytest.mark.parametrize("numbers", [(8,), (5, 6, 7, 8, 9)], ids=["shorter", "longer"])
def test_a_log_that_is_cut_off_begins_again(tmp_path, text, numbers):
    path = tmp_path / "app.log"
    path.write_text(text(1, 2, 3))
    seen = follow([path], [lambda: path.write_text(text(*numbers))])
    assert seen == [ids(1, 2, 3), ids(*numbers)]


def test_another_file_in_the_place_of_one_that_was_read_is_read_from_its_start(tmp_path, text):
    path, notes = tmp_path / "a.jsonl.gz", Notes()
    path.write_bytes(gzip.compress(text(1, 2, 3).encode()))
    assert take([path], notes) == ids(1, 2, 3)
    path.write_bytes(gzip.compress(text(7).encode(), mtime=1))  # the inode stays
    assert take([path], notes) == ids(7)


def test_a_log_may_be_away_while_it_is_renamed(tmp_path, text):
    path = tmp_path / "app.log"
    path.write_text(text(1))
    steps = [lambda: path.rename(tmp_path / "old"), lambda: path.write_text(text(2))]
    assert follow([path], steps) == [ids(1), [], ids(2)]
    with pytest.raises(FileNotFoundError):
        follow([tmp_path / "never"], [])


def test_many_files_are_followed_with_few_open(tmp_path, text, monkeypatch):
    monkeypatch.setattr(files_module, "_MOST_OPEN", 2)
    paths = [tmp_path / f"{at}.jsonl" for at in range(5)]
    for at, path in enumerate(paths):
        path.write_text(text(at))

    def write():
        for at, path in enumerate(paths):
            with path.open("a") as file:
                file.write(text(10 + at))

    assert follow([tmp_path], [write]) == [ids(*range(5)), ids(*range(10, 15))]


def test_an_empty_file_that_is_packed_is_no_error(tmp_path, text):
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(text(1).encode()))
    notes = Notes()
    assert take([tmp_path], notes) == ids(1)
    assert take([tmp_path], notes) == []


def test_an_unfinished_last_line_counts_when_nobody_follows(tmp_path, text):
    path = tmp_path / "app.jsonl"
    path.write_text(text(1, 2)[:-1])
    assert take([path]) == ids(1, 2)
    assert follow([path], []) == [ids(1)]


def event(which, time, data):
    """A half of a request, as KServe logs it."""
    return json.dumps({
        "specversion": "1.0", "id": "x", "time": f"2026-01-01T00:00:0{time}Z", "data": data,
        "type": f"org.kubeflow.serving.inference.{which}", "inferenceservicename": "m",
    })  # fmt: skip


@pytest.mark.parametrize("first", ["{broken", '{"started": true}'], ids=["broken", "other"])
def test_a_first_line_that_tells_nothing_does_not_say_what_follows(tmp_path, first):
    path = tmp_path / "app.jsonl"
    path.write_text(first + "\n")

    def more():
        with path.open("a") as file:
            file.write(event("request", 0, {"instances": [{"a": 1}]}) + "\n")
            file.write(event("response", 1, {"predictions": ["yes"]}) + "\n")

    assert follow([path], [more]) == [[], ["x"]]


def test_halves_that_wait_are_kept_with_the_offset(tmp_path):
    path, notes = tmp_path / "app.jsonl", Notes()
    path.write_text(event("request", 0, {"instances": [{"a": 1}]}) + "\n")
    assert follow([path], [], notes) == [[]]
    with path.open("a") as file:
        file.write(event("response", 1, {"predictions": ["yes"]}) + "\n")
    assert follow([path], [], notes) == [["x"]]
    assert json.loads(notes[f"halves {path}"]) == {}


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_an_object_store(tmp_path, text, scheme):
    fsspec = pytest.importorskip("fsspec")
    root = f"{scheme}://{tmp_path}" if scheme == "file" else f"memory://{tmp_path.name}/"
    root = root.rstrip("/")
    system, path = fsspec.core.url_to_fs(root)
    system.makedirs(path, exist_ok=True)
    system.pipe(f"{path}/a.jsonl", text(1, 2).encode())
    system.pipe(f"{path}/b.jsonl.gz", gzip.compress(text(3).encode()))
    notes = Notes()
    assert take([root], notes) == ids(1, 2, 3)
    assert take([f"{root}/*.gz"]) == ids(3)
    system.pipe(f"{path}/a.jsonl", text(1, 2, 4).encode())  # appended to
    assert take([root], notes) == ids(4)
    seen = follow([root], [lambda: system.pipe(f"{path}/c.jsonl", text(5).encode())], notes)
    assert seen == [[], ids(5)]


def test_an_object_of_parquet_is_sought_in(tmp_path, row):
    import pandas as pd

    fsspec = pytest.importorskip("fsspec")
    frame = pd.DataFrame([row(record_id=f"r{at}") for at in range(9)])
    with fsspec.open("memory://sought/a.parquet", "wb") as file:
        frame.assign(created_at=pd.to_datetime(frame.created_at)).to_parquet(file)
    assert take(["memory://sought"], rows=4) == ids(*range(9))


def test_folders_of_a_parquet_dataset_are_columns(tmp_path, row):
    import pandas as pd

    for model, label, number in (("churn", 0, 1), ("a b", 1, 2)):
        frame = pd.DataFrame([row(record_id=f"r{number}")]).drop(columns="predicted_label")
        frame = frame.assign(created_at=pd.to_datetime(frame.created_at))
        folder = tmp_path / f"day=3/model={quote(model)}/predicted_label={label}"
        folder.mkdir(parents=True)
        frame.to_parquet(folder / "part-0.parquet")
    with open_feed([str(tmp_path)], None, Options()) as feed:
        records = [record for chunk in feed for record in chunk.batch]
    assert {(record.model, record.predicted_label) for record in records} == {
        ("churn", 0), ("a b", 1)
    }  # fmt: skip


def test_a_column_of_a_parquet_file_goes_before_its_folder(tmp_path, row):
    import pandas as pd

    frame = pd.DataFrame([row(model="own")])
    (tmp_path / "model=other").mkdir()
    frame.assign(created_at=pd.to_datetime(frame.created_at)).to_parquet(
        tmp_path / "model=other" / "a.parquet"
    )
    with open_feed([str(tmp_path)], None, Options()) as feed:
        assert [record.model for chunk in feed for record in chunk.batch] == ["own"]


def test_the_same_name_in_another_archive_is_another_file(tmp_path, text):
    pytest.importorskip("fsspec")
    for name, numbers in (("one", (1, 2)), ("two", (3, 4))):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("logs/a.jsonl", text(*numbers))
    one, two = (f"zip://logs/*.jsonl::file://{tmp_path}/{name}.zip" for name in ("one", "two"))
    assert take([one, two]) == ids(1, 2, 3, 4)
    notes = Notes()
    assert take([one], notes) == ids(1, 2)
    assert take([two], notes) == ids(3, 4)
    assert take([one.replace("*", "a"), two], notes) == []


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("ftp://user:secret@one/logs", "ftp://one/logs/a.jsonl"),
        ("s3://bucket", "s3://bucket/logs/a.jsonl"),
        ("zip://*.jsonl::ftp://user:secret@one/l.zip", "zip://logs/a.jsonl::ftp://one/l.zip"),
        ("simplecache::memory://logs", "memory://logs/a.jsonl"),
    ],
    ids=["host", "bucket", "archive", "cache"],
)
def test_the_same_path_elsewhere_is_another_file(place, address):
    pytest.importorskip("fsspec")
    path = "bucket/logs/a.jsonl" if place.startswith("s3") else "/logs/a.jsonl"
    assert places_module._address(place, path) == address


def test_what_is_no_address_is_told():
    pytest.importorskip("fsspec")
    with pytest.raises(InvalidInput, match="is no address"):
        take(["nowhere://a/b"])
    with pytest.raises(FileNotFoundError):
        take(["memory://not/there.jsonl"])


@pytest.fixture
def delta(tmp_path, row):
    """A Delta table, and how to write so many records to it."""
    deltalake = pytest.importorskip("deltalake")
    import pandas as pd
    import pyarrow as pa

    path = tmp_path / "table"

    def write(*numbers, day="d", **how):
        frame = pd.DataFrame([row(record_id=f"r{at}") for at in numbers])
        frame = frame.assign(created_at=pd.to_datetime(frame.created_at), model=day)
        how = {"mode": "append", "partition_by": ["model"], **how}
        deltalake.write_deltalake(path, pa.Table.from_pandas(frame), **how)

    return path, write, deltalake.DeltaTable


def test_a_delta_table_gives_each_row_once(delta):
    path, write, table = delta
    notes = Notes()
    write(1, 2)
    write(3, day="e")
    assert sorted(take([path], notes)) == ids(1, 2, 3)
    assert take([path], notes) == []
    write(4)
    write(5, day="e")
    table(path).optimize.compact()  # moves rows; adds none
    write(6)
    assert take([path], notes) == ids(4, 5, 6)
    assert sorted(take([f"delta://{path}"])) == ids(1, 2, 3, 4, 5, 6)


def test_a_delta_table_goes_on_within_a_file(delta):
    path, write, _ = delta
    write(*range(5))
    write(*range(5, 9))
    expected = sorted(ids(*range(9)))
    for most in range(14):
        notes = Notes()
        first = take([path], notes, most, rows=2)
        assert sorted(first + take([path], notes, rows=2)) == expected


def test_partitions_of_a_delta_table_are_columns(delta):
    path, write, _ = delta
    write(1, day="churn")
    options = Options()
    with open_feed([str(path)], None, options) as feed:
        [record] = [record for chunk in feed for record in chunk.batch]
    assert record.model == "churn"


def test_a_delta_table_is_read_alone(delta, tmp_path):
    path, write, _ = delta
    write(1)
    with pytest.raises(InvalidInput, match="in a run of its own"):
        take([path, tmp_path])
