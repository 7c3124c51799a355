"""A feature that is optional may be in no record; a name that is wrong is told."""

import numpy as np
import pytest
from scorerworld import batch

from homeostat.errors import InvalidInput
from homeostat.scorers.features import Wanted


def test_once_seen_a_feature_may_be_missing_everywhere():
    wanted = Wanted(["size", "kind"])
    wanted.of(batch())
    sizes = wanted.of(batch(size=[1.0, 2.0]))
    assert sizes["kind"].dtype == object
    assert sizes["kind"].tolist() == [None, None]
    kinds = wanted.of(batch(kind=["a", "b"]))
    assert list(kinds) == ["size", "kind"]
    assert np.isnan(kinds["size"]).all()


def test_one_that_was_never_seen_is_rare_once_so_many_are_without():
    wanted = Wanted(["size", "siez"], rare=3)
    with pytest.raises(InvalidInput, match=r"features\.siez is not in .*'size'.* Once 3 are"):
        wanted.of(batch(size=[1.0, 2.0]))
    found = wanted.of(batch(size=[1.0, 2.0, 3.0]))
    assert np.isnan(found["siez"]).all()


def test_all_there_are_in_an_order_of_their_own():
    assert list(Wanted().of(batch(b=[1.0], a=[2.0]))) == ["a", "b"]
