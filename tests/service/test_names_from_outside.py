"""Names that senders choose and others read: what breaks them, what collides, and ever new ones."""

import json
import shutil
import subprocess

import pytest
from house import House, record
from prometheus_client.parser import text_string_to_metric_families

from homeostat import fleet

PROMTOOL = shutil.which("promtool")
BREAKERS = ['a"b', "a\\b", "a\nb", 'a"} 1\nhomeostat_up 0', "a\\", "{}", "a\\nb", '\\\\"\\n']
CONFIG = """
[models.default]
task = "classification"
segments = ["predicted_label", "model_version", "features.tag"]
"""
MOST = 100  # segments of one name
PLAIN = 2**61 - 1  # Python's hash of a whole number is its remainder by this


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "data", fleet=fleet.parse(CONFIG))
    yield made
    made.close()


def metrics(house):
    """The exposition, and the values of the metric `accuracy` by the whole name."""
    text = house("GET", "/metrics").text
    return text, {
        sample.labels["metric"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "homeostat_metric_n" and sample.labels["metric"].startswith("accuracy")
    }


@pytest.mark.parametrize("breaker", BREAKERS, ids=map(repr, BREAKERS))
def test_56_what_breaks_out_of_a_label(house, breaker):
    before, _ = metrics(house)
    one = record(
        1, predicted_label=breaker, ground_truth_label=breaker, model_version=breaker,
        features={"tag": breaker, breaker: breaker}, metadata={breaker: breaker},
    )  # fmt: skip
    assert house.send(one, record(2, ground_truth_label="a")).json()["accepted"] == 2
    text, found = metrics(house)
    assert found["accuracy"] == 2
    for name in ("predicted_label", "model_version", "features.tag"):
        own = [segment for segment in found if segment.startswith(f"accuracy[{name}=")]
        assert len(own) == 2  # the breaker's, and that of the other record
    families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert families >= {line.split()[2] for line in before.splitlines() if line[:6] == "# TYPE"}
    assert all(line.startswith(("# ", "homeostat_")) for line in text.splitlines())
    if PROMTOOL:
        checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, text=True,
                                 capture_output=True, timeout=60)  # fmt: skip
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_71_a_hundred_thousand_of_five_labels_whose_hashes_are_equal(house):
    labels = [n * PLAIN for n in range(5)]
    assert len(set(map(hash, labels))) == 1
    number = 0
    for _ in range(10):
        sent = []
        for _ in range(10_000):
            own, next_one = labels[number % 5], labels[(number + 1) % 5]
            truth = next_one if number % 10 == 0 else own
            sent.append(record(number, predicted_label=own, ground_truth_label=truth))
            number += 1
        assert house.send(*sent).json()["accepted"] == len(sent)
    _, found = metrics(house)
    assert sum(name.startswith("accuracy[predicted_label=") for name in found) == 5
    cells = house.run(house.wires.changed(_pairs))
    assert cells == {
        f"{own}\t{truth}": 20_000 if own == truth and own != 0 else 10_000
        for own in labels
        for truth in ([0, PLAIN] if own == 0 else [own])
    }


def _pairs(ledger):
    """How often each truth came with each prediction."""
    from homeostat.runtime.cells import Cell, unpack_cell

    whole = Cell()
    for *_, body in ledger.store.cells(ledger.accounts["default"].number, -(1 << 62), 1 << 62, 10):
        whole.merge(unpack_cell(body, "a cell"))
    return whole.pairs


def test_89_ever_new_segments_are_one_from_some_number_on(house):
    """What is kept, and what is told, is no more after very many than after many."""
    sizes = []
    for first in (0, 10_000, 20_000):
        for at in range(first, first + 10_000, 2_000):
            sent = [record(n, predicted_label=f"c{n}", ground_truth_label=f"c{n}",
                           model_version=f"v{n}", features={"tag": f"tag {n}"})
                    for n in range(at, at + 2_000)]  # fmt: skip
            assert house.send(*sent).json()["accepted"] == 2_000
        text, found = metrics(house)
        for name in ("predicted_label", "model_version", "features.tag"):
            assert sum(each.startswith(f"accuracy[{name}=") for each in found) == MOST
        assert "accuracy[other]" in found
        snapshot = house.run(house.wires.changed(_snapshot))
        sizes.append((len(text), len(snapshot)))
        assert len(text) < 1_000_000
        assert house.status()["records"] == first + 10_000
    assert sizes[2][0] < 1.02 * sizes[1][0]
    assert sizes[2][1] < 1.02 * sizes[1][1]


def _snapshot(ledger):
    return json.dumps(ledger.accounts["default"].engine.snapshot(), default=repr)
