"""From a topic of Kafka to state that is committed: records/s, and what a kill leaves.

The cluster is the one that librdkafka plays, in this process; `homeostat run --data` reads it with
durability full: accuracy, smoothed latency, ADWIN on the errors, drift on ten columns. With
`--kills` it is killed at so many random moments. The records have no ids, so that only the offsets
say which of them were taken, but a number each, by which they are counted in the journal. A kill
takes some seconds: so long the group waits for the member that is no more.
`python benchmarks/kafka.py --records 500000`
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import confluent_kafka
import numpy as np
from numpy.typing import NDArray

import homeostat as hs
from homeostat.stores import open_store
from homeostat.stores.faults import StoreError
from homeostat.stores.packing import unpack_batch
from service import COLUMNS, CONFIG

PARTITIONS = 4
AHEAD = 60_000  # records that are there and not kept
SESSION = 6  # seconds after which the group gives a member up that was killed
_NUMBER = 987_654_321  # where that of a record stands
PATIENCE = 120.0  # seconds in which some more has to be kept


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
                "latency_ms": _NUMBER, "created_at": "2026-03-01T12:00:00Z",
                "ground_truth_label": "yes",
                "features": {f"f{column}": value for column, value in enumerate(row)},
            }, separators=(",", ":")).encode().split(str(_NUMBER).encode())
            for at, row in enumerate(values)
        ]  # fmt: skip

    def fill(self, kept: int, most: int) -> None:
        """As many more as it holds beside those that are not kept yet."""
        end = min(kept + AHEAD, most)
        for at in range(self.sent, end):
            before, after = self._bodies[at % 1000]
            body = b"%b%d%b" % (before, at, after)
            self._cluster.produce("records", body, partition=at % PARTITIONS)
            if at % 1000 == 0:
                self._cluster.poll(0)
        if end > self.sent:
            assert self._cluster.flush(60) == 0
            self.sent = end


@contextmanager
def started(folder: Path, hosts: str) -> Iterator[subprocess.Popen[bytes]]:
    """`homeostat run`, killed in the end."""
    command = [
        sys.executable, "-m", "homeostat", "run",
        f"kafka://{hosts}/records?session.timeout.ms={SESSION * 1000}",
        "--data", str(folder / "data"),
        "--config", str(folder / "homeostat.toml"), "--output", "json", "--follow",
    ]  # fmt: skip
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def filled(process: subprocess.Popen[bytes], folder: Path, topic: Topic, most: int) -> int:
    """Send what there is room for; how many records are kept by now.

    Raises RuntimeError where the process has ended, with what it said.
    """
    if process.poll() is not None:
        raise RuntimeError((folder / "said.txt").read_text() or f"ended: {process.returncode}")
    now = kept(folder)
    topic.fill(now, most)
    time.sleep(0.01)
    return now


def rate(folder: Path, hosts: str, topic: Topic, n: int) -> None:
    """From the first commit to the last, so that no start is in it."""
    first, began = 0, 0.0
    with started(folder, hosts) as process:
        while (now := filled(process, folder, topic, n)) < n:
            if now and not first:
                first, began = now, time.perf_counter()
        took = time.perf_counter() - began
    print(f"{n - first:,} records from {PARTITIONS} partitions to committed state: "
          f"{(n - first) / took:,.0f}/s")  # fmt: skip


def killed(folder: Path, hosts: str, topic: Topic, n: int, kills: int) -> None:
    chance, began = random.Random(1), time.perf_counter()
    for at in range(kills + 1):
        enough = n if at == kills else n * (at + 1) // (kills + 1)
        with started(folder, hosts) as process:
            last, moved = 0, time.monotonic()
            while (now := filled(process, folder, topic, n)) < enough:
                if now > last:
                    last, moved = now, time.monotonic()
                if time.monotonic() - moved > PATIENCE:
                    raise RuntimeError(f"stands at {now:,} of {topic.sent:,} sent")
            time.sleep(chance.random() * 0.1)
        took = time.perf_counter() - began
        print(f"{at + 1} of {kills + 1}: {kept(folder):,} kept after {took:.0f} s", flush=True)
    taken = np.bincount(numbers(folder), minlength=topic.sent)
    print(f"{kills} kills: {topic.sent:,} records sent, {np.count_nonzero(taken == 0):,} missing, "
          f"{np.count_nonzero(taken > 1):,} twice")  # fmt: skip


def numbers(folder: Path) -> NDArray[np.int64]:
    """Those of all records that the journal holds."""
    store = open_store(folder / "data", read_only=True)
    [model] = store.models()
    batches = [
        unpack_batch(fact.body, model.name, fact.place) for fact in store.facts(model.number, 0)
    ]
    store.close()
    return np.concatenate([batch.latency_ms for batch in batches]).astype(np.int64)


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
