import json

import pytest

from homeostat.sources import Options, open_source

GOOD = {
    "model_version": "v1",
    "predicted_label": "a",
    "ground_truth_label": "a",
    "latency_ms": 5,
    "created_at": "2026-01-01T00:00:00Z",
}


@pytest.fixture
def row():
    """A good record as a dict, with changes; ... as a value leaves the field out."""

    def make(**changes):
        fields = GOOD | changes
        return {name: value for name, value in fields.items() if value is not ...}

    return make


@pytest.fixture
def line(row):
    return lambda **changes: json.dumps(row(**changes))


@pytest.fixture
def read():
    """Everything a source gives: its records, and its rejects."""

    def all_of(path, format=None, **options):
        records, rejects = [], []
        with open_source(path, format, Options(**options)) as source:
            for chunk in source:
                assert len(chunk.batch) <= source.options.rows
                records += list(chunk.batch)
                rejects += chunk.rejects
        return records, rejects

    return all_of
