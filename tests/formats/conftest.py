from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from homeostat import InferenceRecord
from homeostat.sources import Options, open_source

START = datetime(2026, 11, 24, 2, tzinfo=UTC)


@pytest.fixture
def records():
    """So many records of one model, each with a truth, by a seed."""

    def make(n, seed=0, model="churn", version="3"):
        random = Random(seed)
        return [
            InferenceRecord(
                model=model,
                model_version=version,
                record_id=f"r-{at}",
                created_at=START + timedelta(milliseconds=random.randrange(10**9)),
                latency_ms=random.randrange(1, 500),
                predicted_label=random.choice(["stays", "leaves"]),
                ground_truth_label=random.choice(["stays", "leaves"]),
                features={
                    "age": random.randrange(18, 90),
                    "income": random.randrange(10**6) / 16,
                    "plan": random.choice(["basic", "pro", 'the "best", of all']),
                },
            )
            for at in range(n)
        ]

    return make


class Read:
    """All that a source gave."""

    def __init__(self, source):
        self.records, self.rejects, self.labels = [], [], []
        for chunk in source:
            self.records += list(chunk.batch)
            self.rejects += chunk.rejects
            self.labels += chunk.labels
        self.told = source.recogniser.told()


@pytest.fixture
def read(tmp_path):
    """What a text, or a file, holds."""

    def make(given, format=None, name="log.jsonl", **options):
        path = given
        if isinstance(given, str):
            path = tmp_path / name
            path.write_text(given)
        with open_source(path, format, Options(**options)) as source:
            return Read(source)

    return make
