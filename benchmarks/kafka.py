"""From a topic of Kafka to state that is committed: records/s, and what a kill leaves.

The cluster is the one that librdkafka plays, in this process; `homeostat run --data` reads it with
durability full: accuracy, smoothed latency, ADWIN on the errors, drift on ten columns. With
`--kills` it is killed at so many random moments; the records have no ids, so that only the offsets
say which of them were taken. `python benchmarks/kafka.py --records 500000`
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import confluent_kafka
import numpy as np

import homeostat as hs
from homeostat.stores import open_store
from homeostat.stores.faults import StoreError
from service import COLUMNS, CONFIG

PARTITIONS = 4
AHEAD = 60_000  # records that are there and not kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--kills", type=int, metavar="N", help="kill it so often instead")
    options = parser.parse_args()
    cluster = confluent_kafka.Producer({"test.mock.num.brokers": 1, "linger.ms": 20,
                                        "queue.buffering.max.messages": 1_000_000})  # fmt: skip
    hosts = ",".join(f"{broker.host}:{broker.port}"
                     for broker in cluster.list_topics(timeout=10).brokers.values())  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        usual = folder / "usual.hs"
        rng = np.random.default_rng(1)
        hs.Reference.fit({f"f{at}": rng.normal(size=5_000) for at in range(COLUMNS)}).save(usual)
        (folder / "homeostat.toml").write_text(CONFIG.format(reference=usual))
        topic = Topic(cluster, rng)
        if options.kills:
            killed(folder, hosts, topic, options.records, options.kills)
        else:
            rate(folder, hosts, topic, options.records)


class Topic:
    """Four partitions that are filled as they are read: such a cluster keeps 5 MB of each."""

    def __init__(self, cluster: confluent_kafka.Producer, rng: np.random.Generator) -> None:
        self._cluster, self.sent = cluster, 0
        cluster.list_topics("records", timeout=10)
        values = rng.normal(size=(1000, COLUMNS)).round(4).tolist()
        self._bodies = [
            json.dumps({
                "model_version": "v1", "predicted_label": "yes" if at % 3 else "no",
                "latency_ms": at % 50, "created_at": "2026-03-01T12:00:00Z",
                "ground_truth_label": "yes",
                "features": {f"f{column}": value for column, value in enumerate(row)},
            }, separators=(",", ":")).encode()
            for at, row in enumerate(values)
        ]  # fmt: skip

    def fill(self, kept: int, most: int) -> None:
        """As many more as it holds beside those that are not kept yet."""
        end = min(kept + AHEAD, most)
        for at in range(self.sent, end):
            self._cluster.produce("records", self._bodies[at % 1000], partition=at % PARTITIONS)
            if at % 1000 == 0:
                self._cluster.poll(0)
        if end > self.sent:
            assert self._cluster.flush(60) == 0
            self.sent = end


def started(folder: Path, hosts: str, *more: str) -> subprocess.Popen[bytes]:
    command = [
        sys.executable, "-m", "homeostat", "run",
        f"kafka://{hosts}/records?session.timeout.ms=6000", "--data", str(folder / "data"),
        "--config", str(folder / "homeostat.toml"), "--output", "json", *more,
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def rate(folder: Path, hosts: str, topic: Topic, n: int) -> None:
    """From the first commit to the last, so that no start is in it."""
    process = started(folder, hosts, "--follow")
    first, began = 0, 0.0
    while (now := kept(folder)) < n:
        topic.fill(now, n)
        if now and not first:
            first, began = now, time.perf_counter()
        time.sleep(0.01)
    took = time.perf_counter() - began
    process.terminate()
    process.wait()
    print(f"{n - first:,} records from {PARTITIONS} partitions to committed state: "
          f"{(n - first) / took:,.0f}/s")  # fmt: skip


def killed(folder: Path, hosts: str, topic: Topic, n: int, kills: int) -> None:
    chance = random.Random(1)
    for at in range(kills + 1):
        process = started(folder, hosts, "--follow")
        enough = n if at == kills else n * (at + 1) // (kills + 1)
        while (now := kept(folder)) < enough:
            topic.fill(now, n)
            time.sleep(0.01)
        time.sleep(chance.random() * 0.1)
        process.kill()
        process.wait()
    left = kept(folder)
    print(f"{kills} kills: {topic.sent:,} records sent, {left:,} kept, "
          f"{topic.sent - left:+,} missing")  # fmt: skip


def kept(folder: Path) -> int:
    """How many records the store has."""
    try:
        store = open_store(folder / "data", read_only=True)
    except (StoreError, OSError):
        return 0
    try:
        return sum(model.counters.get("accepted", 0) for model in store.models())
    except StoreError:
        return 0
    finally:
        store.close()


if __name__ == "__main__":
    main()
