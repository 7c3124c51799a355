"""An S3 that is one but for its address: moto's server, in a process of its own thread."""

import gzip
import json
import os

import pytest

from homeostat.sources import Options
from homeostat.sources.feed import open_feed

pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")


@pytest.fixture
def bucket(monkeypatch):
    """The address of a bucket on a server, and fsspec's file system for it."""
    import fsspec

    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_EC2_METADATA_DISABLED": "true",
        "no_proxy": "127.0.0.1",
    }.items():  # fmt: skip
        monkeypatch.setitem(os.environ, name, value)
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    fsspec.filesystem("s3").clear_instance_cache()
    system.mkdir("captures")
    yield "s3://captures", system
    fsspec.filesystem("s3").clear_instance_cache()
    running.stop()


@pytest.mark.filterwarnings("ignore")
def test_objects_are_read_once_and_what_is_new_later(bucket, line):
    address, system = bucket
    text = (line(record_id="r1") + "\n" + line(record_id="r2") + "\n").encode()
    system.pipe("captures/2026/01/a.jsonl", text)
    system.pipe("captures/2026/02/b.jsonl.gz", gzip.compress(line(record_id="r3").encode()))
    notes = {}

    def take(place):
        found = []
        with open_feed([place], None, Options(), resume=notes.get) as feed:
            for chunk in feed:
                found += chunk.batch.column("record_id").tolist()
                notes.update(json.loads(json.dumps(chunk.offsets)))
        return found

    assert take(address) == ["r1", "r2", "r3"]
    assert take(address) == []
    system.pipe("captures/2026/03/c.jsonl", line(record_id="r4").encode())
    assert take(f"{address}/2026/*/*.jsonl") == ["r4"]
