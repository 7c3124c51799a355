import gzip
import io
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from homeostat import InvalidInput
from homeostat.sources import FORMATS, Options, open_source
from homeostat.sources.opening import _reader

PACK = {"gz": gzip.compress, "zst": zstandard.compress, "": bytes}


@pytest.fixture
def data(line):
    return "".join(line(latency_ms=i) + "\n" for i in range(500)).encode()


@pytest.mark.parametrize("pack", PACK)
@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz", "in.jsonl.zst", "noname"])
def test_packing_is_known_by_content_whatever_the_name(tmp_path, read, data, pack, name):
    path = tmp_path / name
    path.write_bytes(PACK[pack](data))
    assert len(read(path)[0]) == 500


@pytest.mark.parametrize("pack", ["gz", "zst"])
def test_several_packed_parts_in_a_row_are_one_stream(tmp_path, read, data, pack):
    path = tmp_path / "in.jsonl"
    path.write_bytes(PACK[pack](data) + PACK[pack](data))
    assert len(read(path)[0]) == 1000


@pytest.mark.parametrize("pack", ["gz", "zst"])
@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_a_damaged_file_stops_with_its_name(tmp_path, read, data, pack, damage):
    packed = bytearray(PACK[pack](data))
    if damage == "cut":
        del packed[-20:]
    else:
        packed[len(packed) // 2] ^= 0xFF
        packed[-30] ^= 0xFF
    path = tmp_path / "in.jsonl"
    path.write_bytes(packed)
    with pytest.raises(InvalidInput, match=f"{path} is damaged"):
        read(path)


def test_a_packed_parquet_file(tmp_path, read, row):
    whole = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row()]), whole)
    path = tmp_path / "in.parquet.zst"
    path.write_bytes(zstandard.compress(whole.getvalue()))
    assert len(read(path)[0]) == 1


@pytest.mark.parametrize("packing", PACK)
def test_an_empty_file_says_so(tmp_path, packing):
    content = PACK[packing](b"")
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"in.jsonl is empty"):
        open_source(path)


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("x.jsonl", b"anything", "jsonl"),
        ("x.NDJSON.gz", b"anything", "jsonl"),
        ("x.csv", b"{", "csv"),
        ("x.tsv", b"a\tb", "csv"),
        ("x", b"\xef\xbb\xbf\n {}", "jsonl"),
        ("x.txt", b"latency_ms,model_version\n", "csv"),
        ("x", b'"y_pred";time of day;age\r\n1;2;3\r\n', "csv"),
        ("x.jsonl", b"PAR1....", "parquet"),
        ("x.csv", b"ARROW1..", "arrow"),
        ("x.arrows", b"....", "arrow"),
    ],
)
def test_the_format_is_told_by_content_and_name(tmp_path, name, content, format):
    path = tmp_path / name
    path.write_bytes(content)
    with open_source(path) as source:
        assert source.format == format


@pytest.mark.parametrize(
    "content",
    [b"hello", b"POST / HTTP/1.1\n", b"2026-01-01 10:00:00,1\n", b"a,\xff\n"],
    ids=["word", "request", "log", "bytes"],
)
def test_an_unknown_format_asks_for_it(tmp_path, content):
    path = tmp_path / "x.dat"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="no known format; say which: --format jsonl"):
        open_source(path)
    with pytest.raises(InvalidInput, match="did you mean 'jsonl'"):
        open_source(path, "json")


def test_options_are_checked():
    with pytest.raises(InvalidInput, match="labels cannot be 'numbers'; did you mean 'number'"):
        Options(labels="numbers")
    with pytest.raises(InvalidInput, match="unknown cannot be"):
        Options(unknown="keep")


def test_the_position_reaches_the_size(tmp_path, data):
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(gzip.compress(data))
    with open_source(path) as source:
        for _ in source:
            assert 0 < source.position() <= source.size
        assert source.position() == source.size


def test_standard_input_is_not_closed(monkeypatch, data):
    stdin = io.TextIOWrapper(io.BytesIO(data))
    monkeypatch.setattr(sys, "stdin", stdin)
    with open_source("-") as source:
        assert sum(len(chunk.batch) for chunk in source) == 500
        assert (source.name, source.size) == ("<stdin>", None)
    assert not stdin.closed


def test_a_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        open_source(tmp_path / "none")


def test_every_format_of_the_table_can_be_read():
    for name in FORMATS:
        assert callable(_reader(name))
