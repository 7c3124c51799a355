"""What a record may hold."""

import pytest
from house import record

from homeostat import InferenceRecord
from homeostat.errors import InvalidInput
from homeostat.service.caps import check_record
from homeostat.sources.limits import RecordLimits

LIMITS = RecordLimits()
SMALL = [
    {}, {"predicted_label": 3, "ground_truth_label": True}, {"predicted_label": 0.5},
    {"features": {"a": 1, "b": 0.5, "c": None, "d": True, "e": "text"}}, {"latency_ms": 2.5},
    {"features": {"a": 1e300, "b": "x"}},
]  # fmt: skip
LARGE = [
    {"predicted_label": 2**64}, {"ground_truth_label": -(2**63) - 1}, {"latency_ms": 2**53 + 1},
    {"features": {"a": 2**53 + 1}}, {"features": {"a": "x", "b": -(2**53) - 1}},
    {"features": {"a": "x" * 4097}}, {"features": {"x" * 129: 1}}, {"model_version": "x" * 4097},
    {"features": {f"f{n}": 1 for n in range(2_001)}}, {"metadata": "x" * (16 << 10)},
    {"scores": {"x" * 129: 0.5}}, {"scores": {f"c{n}": 0.0 for n in range(1_001)}},
]  # fmt: skip


@pytest.mark.parametrize("changes", SMALL, ids=range(len(SMALL)))
def test_small_ones(changes):
    check_record(InferenceRecord(**record(**changes)), LIMITS)


@pytest.mark.parametrize("changes", LARGE, ids=range(len(LARGE)))
def test_large_ones(changes):
    with pytest.raises(InvalidInput):
        check_record(InferenceRecord(**record(**changes)), LIMITS)
