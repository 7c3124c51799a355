"""Records that are found batch by batch are those that are found one by one."""

import random

import pytest
from shop import made

from homeostat.runtime.labels import gathered
from homeostat.runtime.records import Place

SIZES = (3, 1, 5, 2)


@pytest.fixture
def records(shop):
    number = 0
    for size in SIZES:
        shop.send(*(made(number + at) for at in range(size)))
        number += size
    return shop.ledger.records, shop.account().number


@pytest.mark.parametrize("seed", range(5))
def test_in_any_order_and_more_than_once(records, seed):
    kept, model = records
    positions = random.Random(seed).choices(range(sum(SIZES)), k=20)
    alone = [kept.at(Place(model, at)) for at in positions]
    ids = [each.batch.column("record_id")[at - each.first]
           for each, at in zip(alone, positions, strict=True)]  # fmt: skip
    assert gathered(kept, model, positions).column("record_id").tolist() == ids


def test_each_batch_once_in_the_order_in_which_they_are_met(records):
    kept, model = records
    held = kept.held(model, [9, 0, 10, 2])
    assert [each.asked.tolist() for each in held] == [[0, 2], [1, 3]]
    assert [each.rows.tolist() for each in held] == [[0, 1], [0, 2]]


def test_a_place_without_a_record_is_told(records):
    kept, model = records
    with pytest.raises(KeyError):
        kept.held(model, [sum(SIZES)])
