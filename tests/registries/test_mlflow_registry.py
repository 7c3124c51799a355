"""The registry `mlflow`, against a double that fails at any call one likes."""

import pytest
from mlflowdouble import Double, basic
from scenes import WANTED, play, state, version

from homeostat.errors import ConfigError
from homeostat.lifecycle import CHALLENGER, CHAMPION, Registry
from homeostat.outbound import Retry
from homeostat.registries import registries_of
from homeostat.registries.mlflow import PREVIOUS, MovedByHand
from homeostat.registries.rest import RegistryRefused
from homeostat.testing import registry_laws


@pytest.fixture
def double():
    double = Double()
    yield double
    double.close()
    assert double.wrong == []


def made(double, **settings):
    table = {"type": "mlflow", "url": double.url, "allow_http": True, "allow_private": True}
    return registries_of([{**table, **settings}])[0]


def test_a_model_goes_its_way(double):
    registry = made(double)
    assert play(registry, "churn") == 0
    assert state(registry, "churn") == WANTED
    sources = [each["source"] for each in double.models["churn"]["versions"]]
    assert sources == ["homeostat://churn/it's first", "s3://models/second",
                       "homeostat://churn/third"]  # fmt: skip
    before, calls = state(registry, "churn"), len(double.calls)
    registry.point("churn", CHAMPION, "it's first")
    changes = [call for call in double.calls[calls:] if not call.startswith("GET")]
    assert changes == []  # what is so already is not set again
    assert state(registry, "churn") == before


def calls_of_a_play():
    double = Double()
    try:
        play(made(double), "churn")
        return double.calls
    finally:
        double.close()


def ends_the_same(faults, **settings):
    double = Double(dict(faults))
    try:
        registry = made(double, **settings)
        assert play(registry, "churn") == len(faults), faults
        double.faults = {}
        assert state(registry, "churn") == WANTED, faults
        assert double.wrong == []
    finally:
        double.close()


@pytest.mark.parametrize("fault", ["500", "lost"])
def test_a_failure_at_any_call_ends_the_same(fault):
    calls = calls_of_a_play()
    assert len(calls) > 30
    for at in range(len(calls)):
        ends_the_same({at: fault})


@pytest.mark.parametrize("fault", ["503", "garbage", "silent"])
def test_a_failure_at_any_kind_of_call_ends_the_same(fault):
    calls = calls_of_a_play()
    for at in map(calls.index, dict.fromkeys(calls)):
        ends_the_same({at: fault}, timeout=1.0 if fault == "silent" else 30.0)


def test_the_alias_previous_is_moved_before_the_champion(double):
    registry = made(double)
    for name in ("a", "b"):
        registry.register(version("churn", name))
    registry.point("churn", CHAMPION, "a")
    moved, real = [], registry._server.point

    def point(model, alias, number):
        moved.append((alias, number))
        real(model, alias, number)

    registry._server.point = point
    registry.point("churn", CHAMPION, "b")
    assert moved == [(PREVIOUS, "1"), (CHAMPION, "2")]


@pytest.mark.parametrize("to", ["3", None])
def test_an_alias_that_somebody_has_moved_is_left_alone(double, to):
    registry = made(double)
    for name in ("a", "b", "c"):
        registry.register(version("churn", name))
    registry.point("churn", CHAMPION, "a")
    registry._server.point("churn", CHAMPION, to)
    with pytest.raises(MovedByHand, match=r"churn@champion names (3|no version), and homeostat "
                                          r"had it name 1: somebody has moved it"):  # fmt: skip
        registry.point("churn", CHAMPION, "b")
    assert registry.pointed("churn", CHAMPION) == (None if to is None else "c")
    assert PREVIOUS not in double.models["churn"]["aliases"]
    made(double, by_hand="overwrite").point("churn", CHAMPION, "b")
    assert registry.pointed("churn", CHAMPION) == "b"
    registry.point("churn", CHAMPION, "a")  # it knows again whom it has named


def test_an_alias_that_somebody_has_moved_to_where_it_was_to_be(double):
    registry = made(double)
    for name in ("a", "b"):
        registry.register(version("churn", name))
    registry.point("churn", CHAMPION, "a")
    registry._server.point("churn", CHAMPION, "2")
    registry.point("churn", CHAMPION, "b")
    registry.point("churn", CHAMPION, "a")
    assert registry.pointed("churn", CHAMPION) == "a"


def test_a_model_that_was_there_before_us(double):
    """Its champion was set by somebody else, and is taken over at the first promotion."""
    registry = made(double)
    server = registry._server
    server.create("churn")
    for _ in range(2):
        server.create_version("churn", "s3://x/y", {}, None, None)
    server.point("churn", CHAMPION, "2")
    assert registry.pointed("churn", CHAMPION) == "2"  # records tell MLflow's own numbers
    registry.register(version("churn", "2"))
    registry.register(version("churn", "churn-7", "models:/churn/1", job="churn-7"))
    assert len(double.models["churn"]["versions"]) == 2
    registry.point("churn", CHAMPION, "churn-7")
    assert registry.pointed("churn", CHAMPION) == "churn-7"
    registry.point("churn", CHAMPION, "2")
    assert double.models["churn"]["aliases"] == {"champion": "2", "previous": "1"}


def test_a_number_that_is_another_version_of_ours(double):
    registry = made(double)
    registry.register(version("churn", "2"))  # MLflow calls it 1
    registry.register(version("churn", "1"))
    registry.point("churn", CHAMPION, "1")
    assert double.models["churn"]["aliases"] == {"champion": "2"}


def test_versions_that_the_trainer_has_put_there(double):
    registry = made(double)
    registry.register(version("churn", "a", "runs:/abc123/model"))
    registry.register(version("churn", "b", "models:/m-0123abcd"))
    registry.register(version("churn", "c", "models:/other/7"))
    kept = [(v["source"], v["run_id"], v["model_id"]) for v in double.models["churn"]["versions"]]
    assert kept == [
        ("mlflow-artifacts:/0/abc123/artifacts/model", "abc123", None),
        ("models:/m-0123abcd", None, "m-0123abcd"),
        ("models:/other/7", None, None),
    ]
    with pytest.raises(RegistryRefused, match="MLflow has no models:/churn/9, which the trainer"):
        registry.register(version("churn", "d", "models:/churn/9"))
    with pytest.raises(RegistryRefused, match="is 'a' already, and cannot be 'e' too"):
        registry.register(version("churn", "e", "models:/churn/1"))


def test_where_artifacts_are_can_be_told(double):
    registry = made(double, source="file:///mnt/shelf/{digest}")
    registry.register(version("churn", "a", "/data/ab/cd", digest="abcd"))
    assert double.models["churn"]["versions"][0]["source"] == "file:///mnt/shelf/abcd"


def test_who_we_are(double, monkeypatch):
    monkeypatch.setenv("TOKEN", "t0ken")
    monkeypatch.setenv("PASSWORD", "pa:ss")
    for wants, settings in [
        ("Bearer t0ken", {"token": "env:TOKEN"}),
        (basic("me", "pa:ss"), {"user": "me", "password": "env:PASSWORD"}),
    ]:
        double.wants = wants
        registry = made(double, **settings)
        registry.check()
        assert registry.pointed("churn", CHAMPION) is None
        with pytest.raises(RegistryRefused, match=r"401 .*see `token`, `user` and `password`"):
            made(double).pointed("churn", CHAMPION)
    monkeypatch.delenv("PASSWORD")
    with pytest.raises(ConfigError, match="env:PASSWORD holds no secret") as missing:
        registry.check()
    assert "pa:ss" not in str(missing.value) + repr(registry._server.login)


def test_what_is_refused(double):
    registry = made(double)
    with pytest.raises(RegistryRefused, match="Names cannot contain"):
        registry.register(version("a/b", "a"))
    with pytest.raises(RegistryRefused, match="has no model 'churn' yet"):
        registry.point("churn", CHAMPION, "a")
    registry.register(version("churn", "a"))
    with pytest.raises(RegistryRefused, match="has no version 'b' of churn; register it first"):
        registry.point("churn", CHALLENGER, "b")
    with pytest.raises(RegistryRefused, match="cannot search for; rename it"):
        registry.register(version("churn", "'\""))


def test_nobody_there():
    double = Double()
    double.close()
    with pytest.raises(Retry):
        made(double).pointed("churn", CHAMPION)


def test_the_laws(double):
    for law in registry_laws(made(double)):
        law()


def test_the_embedded_one_points_nowhere():
    (registry,) = registries_of([{"type": "embedded"}])
    assert isinstance(registry, Registry)
    results = [law.result() for law in registry_laws(registry)]
    assert all(result.ok for result in results)
    assert [result.skipped for result in results] == [False, True, True, True]


WRONG = [
    ("no tables", {"type": "mlflow"}, r"registries: must be tables"),
    ("type", [{"type": "mlfow"}], r"registries\[0\]\.type: 'mlfow' is no registry; .*'mlflow'"),
    ("url", [{"type": "mlflow"}], r"registries\[0\]\.url: is missing"),
    ("http", [{"type": "mlflow", "url": "http://x"}], r"\[0\]\.url: must begin with https://"),
    ("user", [{"type": "mlflow", "url": "https://x", "user": "u"}], r"\[0\]\.password: goes with"),
    ("both", [{"type": "mlflow", "url": "https://x", "user": "u", "password": "env:P",
               "token": "env:T"}], r"\[0\]\.token: cannot stand beside user"),
    ("secret", [{"type": "mlflow", "url": "https://x", "token": "hunter2"}], "a secret is named"),
    ("source", [{"type": "mlflow", "url": "https://x", "source": "{x}"}], r"\.source: may hold"),
    ("by hand", [{"type": "mlflow", "url": "https://x", "by_hand": "x"}], r"\.by_hand: Invalid"),
]  # fmt: skip


@pytest.mark.parametrize(("tables", "message"), [row[1:] for row in WRONG],
                         ids=[row[0] for row in WRONG])  # fmt: skip
def test_what_it_cannot_be(tables, message):
    with pytest.raises(ConfigError, match=message) as refused:
        registries_of(tables)
    assert "hunter2" not in str(refused.value)
