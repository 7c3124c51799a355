"""What the service says of a model that is not taken care of."""

from house import record


def test_it_is_said_which_is_missing_a_record_or_retraining(house):
    asked = house("POST", "/v1/models/shop/retrain", b"{}")
    assert asked.status_code == 409
    assert "shop has no record yet" in asked.text
    assert "[retraining]" not in asked.text
    house.send(record(model="shop"))
    asked = house("POST", "/v1/models/shop/retrain", b"{}")
    assert asked.status_code == 409
    assert "shop has no [retraining] in the configuration" in asked.text
    assert "no record" not in asked.text
    assert house("GET", "/v1/models/shop/versions").json()["retraining"] is False
