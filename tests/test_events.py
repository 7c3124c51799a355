"""Events: their tags, their JSON, and what is refused."""

import math
from datetime import UTC, datetime

import pytest

import homeostat as hs

NOW = datetime(2026, 1, 1, 0, 0, 0, 5000, tzinfo=UTC)

EVENTS = [
    (hs.MetricUpdated(hs.MetricEvent("accuracy", 1e-5, "v", NOW)),
     '{"MetricUpdated":{"name":"accuracy","value":0.00001,"model_version":"v",'
     '"created_at":"2026-01-01T00:00:00.005Z"}}'),
    (hs.DriftDetected(hs.DriftEvent("v", "error", 0.5, 1e16, NOW)),
     '{"DriftDetected":{"affected_model":"v","metric":"error","threshold":0.5,"observed":1e16,'
     '"created_at":"2026-01-01T00:00:00.005Z"}}'),
    (hs.RetrainRequested(hs.RetrainEvent("v", 'é"\n', NOW)),
     '{"RetrainRequested":{"model_version":"v","reason":"é\\"\\n",'
     '"created_at":"2026-01-01T00:00:00.005Z"}}'),
]  # fmt: skip


@pytest.mark.parametrize(("event", "text"), EVENTS, ids=lambda x: getattr(x, "kind", ""))
def test_events_are_written_as_serde_tags_an_enum(event, text):
    assert event.to_json() == text
    assert hs.SystemEvent.from_json(text) == event
    assert hs.SystemEvent.from_json(text.encode()) == event


def test_what_goes_beyond_the_seed_comes_last_and_only_when_known():
    drift = hs.DriftDetected(hs.DriftEvent("v", "error", 0.5, 1.0, NOW, "adwin", "worse"))
    assert drift.to_json().endswith('"detector":"adwin","direction":"worse"}}')
    assert hs.SystemEvent.from_json(drift.to_json()) == drift


def test_an_undefined_value_is_null():
    event = hs.MetricUpdated(hs.MetricEvent("roc_auc", math.nan, "v", NOW))
    assert '"value":null' in event.to_json()
    assert math.isnan(hs.SystemEvent.from_json(event.to_json()).value)


def test_events_can_be_matched_and_read_through():
    event = EVENTS[0][0]
    match event:
        case hs.MetricUpdated(hs.MetricEvent(name="accuracy", value=value)):
            assert value == event.value == event.payload.value
        case _:
            pytest.fail("did not match")
    with pytest.raises(AttributeError):
        _ = event.no_such_field


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "0 tags"),
        ("[]", "not valid"),
        ('{"MetricUpdate":{}}', "did you mean 'MetricUpdated'"),
        ('{"MetricUpdated":{}}', "missing required field"),
        ('{"MetricUpdated":{"name":1}}', "MetricUpdated"),
        (
            '{"RetrainRequested":{"model_version":"v","reason":"r","created_at":"2026-01-01"}}',
            "zone",
        ),
        ('{"a":{},"b":{}}', "2 tags"),
        ('{"MetricUpdated"', "not valid"),
    ],
)
def test_bad_events_are_refused(text, message):
    with pytest.raises(hs.InvalidInput, match=message):
        hs.SystemEvent.from_json(text)


def test_every_kind_is_exported():
    for name in hs.SystemEvent.kinds:
        assert getattr(hs, name).__name__ == name
