"""How many observations the value of a segment rests on: no more than its window holds."""

from homeostat import AccuracyMetric, segmented
from homeostat.engine import Engine
from homeostat.runtime.values import Values


def test_a_segment_holds_its_own_window():
    engine = Engine([AccuracyMetric(50), segmented(AccuracyMetric(20), by="model_version")], [])
    values = Values(engine)
    assert values._within_window("accuracy[model_version=v1]", 1303) == 20
    assert values._within_window("accuracy", 1303) == 50
    assert values._within_window("other", 7) == 7
