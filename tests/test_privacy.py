"""What is dropped is nowhere, what is hashed stays equal, and what needs either is told."""

import numpy as np
import pytest

from homeostat import Batch, fleet
from homeostat.errors import ConfigError, InvalidInput
from homeostat.intake import object_array
from homeostat.privacy import Veil, without_value
from homeostat.reference import Reference

KEY = b"a key of sixteen"
SECRET = "env:HOMEOSTAT_TEST_HASH_KEY"


def batch(**features):
    n = len(next(iter(features.values())))
    return Batch.from_columns(
        model_version="v1", predicted_label="a", latency_ms=1, created_at="2026-01-01T00:00:00Z",
        record_id=[f"r{row}" for row in range(n)], features=features,
    )  # fmt: skip


def hashed(values, name="user", key=KEY):
    return Veil((), {name}, key).over(batch(**{name: values})).features[name].tolist()


def test_dropped_features_are_gone_and_others_stay_as_they_are():
    given = batch(email=["a@b.example", None], amount=[1.0, 2.0])
    kept = Veil({"email"}, (), b"").over(given)
    assert list(kept.features) == ["amount"]
    assert kept.features["amount"] is given.features["amount"]
    assert kept[0].features == {"amount": 1.0}
    assert [one.record_id for one in kept] == ["r0", "r1"]


def test_what_has_none_of_them_is_the_same_batch():
    given = batch(amount=[1.0, 2.0])
    assert Veil({"email"}, {"user"}, KEY).over(given) is given


def test_equal_values_stay_equal_and_missing_ones_missing():
    a, b, again, missing = hashed(["ann", "bob", "ann", None])
    assert (a, missing) == (again, None)
    assert a != b
    assert len(bytes.fromhex(a)) == 12


@pytest.mark.parametrize(
    ("alone", "among"),
    [(7, [7, "x"]), (7.0, [7, None, "x"]), (-0.0, [0, "x"]), (2**60, [2**60, "x"]), (7, [7, None])],
    ids=["whole", "float", "zero", "large", "missing"],
)
def test_a_number_is_the_same_text_whatever_else_is_in_its_column(alone, among):
    assert hashed([alone]) == hashed(among)[:1]


def test_kinds_keys_and_names_make_a_difference():
    values = object_array([1, "1", True, "True", "n1.0", "b1"])
    assert len(set(hashed(values))) == len(values)
    assert hashed(["ann"]) != hashed(["ann"], key=b"another key, as long")
    assert hashed(["ann"]) != hashed(["ann"], name="owner")


def test_many_numbers_are_hashed_one_by_one_as_together():
    values = np.random.default_rng(1).integers(0, 50, 500).astype(float)
    values[::7] = np.nan
    assert hashed(values) == [hashed([value])[0] for value in values.tolist()]


def test_an_error_without_what_stood_there():
    error = without_value(InvalidInput("features.email", "must be text, got ['a@b.example']"))
    assert str(error) == "features.email must be text"


# The configuration --------------------------------------------------------------------------------

WATCH = '[[metrics]]\ntype = "accuracy"\nwindow = 9\n'


def test_a_model_has_its_own(monkeypatch):
    monkeypatch.setenv("HOMEOSTAT_TEST_HASH_KEY", "k" * 16)
    text = (
        f'{WATCH}[privacy]\ndrop = ["email"]\n[models.m.privacy]\nhash = ["user"]\nkey = "{SECRET}"'
    )
    made = fleet.parse(text)
    veils = made.veils()
    given = batch(email=["e"], user=["u"])
    assert list(veils.of("other").over(given).features) == ["user"]
    assert list(veils.of("m").over(given).features) == ["email", "user"]
    assert veils.of("m").over(given).features["user"][0] != "u"
    assert made.veiled
    assert veils


def test_nothing_is_nothing():
    made = fleet.parse(f"{WATCH}[privacy]\ndrop = []\n[models.m]")
    assert not made.veiled
    assert not made.veils()
    assert made.veils().of("m") is None


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('dorp = ["a"]', "privacy.dorp: no such setting; did you mean 'drop'"),
        ('drop = "a"', "privacy.drop: must be names of features"),
        ('hash = ["a"]', "privacy.key: is missing"),
        ('hash = ["a"]\nkey = "s3cret"', "privacy.key: a secret is named as"),
        ('drop = ["a"]\nhash = ["features.a"]\nkey = "env:K"', "'a' is dropped too"),
    ],
    ids=["slip", "text", "no-key", "written-out", "both"],
)
def test_what_is_wrong_is_told_with_its_path(section, said):
    with pytest.raises(ConfigError) as told:
        fleet.parse(f"{WATCH}[privacy]\n{section}")
    assert said in str(told.value)
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("key", ["", "short"])
def test_a_key_that_is_none_is_told_before_anything_begins(key, monkeypatch):
    monkeypatch.setenv("HOMEOSTAT_TEST_HASH_KEY", key)
    made = fleet.parse(f'{WATCH}[privacy]\nhash = ["user"]\nkey = "{SECRET}"')
    with pytest.raises(ConfigError, match="HOMEOSTAT_TEST_HASH_KEY holds"):
        made.veils()


SECTION = f'[privacy]\ndrop = ["gone"]\nhash = ["veiled"]\nkey = "{SECRET}"\n'
NEEDS = {
    "segments": f'segments = ["gone"]\n{WATCH}',
    "together": f'segments = [["model", "features.gone"]]\n{WATCH}',
    "missing": '[[metrics]]\ntype = "missing_rate"\nfeature = "gone"\nwindow = 9\n',
    "columns": '[[detectors]]\ntype = "inputs"\nreference = 500\ncolumns = ["gone", "x"]\n',
    "within": '[[detectors]]\ntype = "by_segment"\nby = "gone"\n'
    'detector = { type = "adwin", on = "error" }\n',
}


@pytest.mark.parametrize("text", NEEDS.values(), ids=NEEDS)
def test_who_needs_a_dropped_feature_is_told(text):
    with pytest.raises(ConfigError, match="needs the feature 'gone', which is dropped"):
        fleet.parse(text + SECTION)
    fleet.parse(text.replace("gone", "veiled") + SECTION)  # of a hash there are categories still


@pytest.mark.parametrize("name", ["gone", "veiled"])
def test_a_reference_that_was_made_of_it_is_told(name, tmp_path):
    path = tmp_path / "r.homeostat"
    Reference.fit({"x": np.arange(50.0), name: list("ab") * 25}).save(path)
    text = f'[[detectors]]\ntype = "inputs"\nreference = "{path.as_posix()}"\n'
    with pytest.raises(ConfigError, match=f"a reference needs the feature '{name}'"):
        fleet.parse(text + SECTION)
    fleet.parse(text + 'columns = ["x"]\n' + SECTION)


@pytest.mark.parametrize("name", ["gone", "features.veiled"])
def test_a_covariate_that_is_no_number_any_more_is_told(name):
    text = f"""{WATCH}{SECTION}
[retraining]
trainer = {{ type = "command", argv = ["true"] }}
scorer = {{ type = "command", argv = ["true"] }}
compare = {{ covariate = "{name}" }}
"""
    with pytest.raises(ConfigError, match=r"retraining\.compare: covariate needs the feature"):
        fleet.parse(text)
    fleet.parse(text.replace(f'"{name}" }}', '"other" }'))


def test_a_field_that_is_called_like_a_dropped_feature_is_no_feature():
    fleet.parse(f'segments = ["model"]\n{WATCH}[privacy]\ndrop = ["model"]')
