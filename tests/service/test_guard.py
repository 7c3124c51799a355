"""Who gets in: every route by every kind of token, made from the table of routes."""

import logging

import pytest
from house import House, record

from homeostat.errors import InvalidSetting
from homeostat.service import routes, tokens
from homeostat.service.app import application
from homeostat.service.guard import OPEN, Guard, Rule
from homeostat.service.routes import PAGES, TABLE, Route

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
CANARY = "canaryCANARYcanary0123456789abcdefghijklmnopq"
ROUTES = [pytest.param(route, id=f"{route.method} {route.path}") for route in TABLE]
CLOSED = [param for param in ROUTES if param.values[0].scope != OPEN]
PATHS = sorted({route.path for route in TABLE})


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    one = House(tmp_path_factory.mktemp("guarded") / "data")
    one.send(record(0, model="red.one"), record(1, model="blue.one"))
    one.tokens["red"] = one.token("admin", models="red.")
    one.tokens["expired"] = one.token("admin", expires=1)
    one.tokens["revoked"] = one.token("admin")
    number = one.tokens["revoked"].split("_")[1]
    one.run(one.wires.changed(lambda led: tokens.revoke(led.store, number)))
    good = one.tokens["admin"]
    one.tokens["wrong secret"] = good[:-1] + ("A" if good[-1] != "A" else "B")
    one.tokens["canary"] = f"hs_0123456789ab_{CANARY}"
    yield one
    one.close()


def address(path, model="blue.one"):
    return path.replace("{model}", model)


def refused(reply, status):
    assert reply.status_code == status
    assert reply.json().keys() >= {"error", "problem"}
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("route", CLOSED)
def test_no_token(shared, route):
    reply = shared(route.method, address(route.path), token=None)
    refused(reply, 401)
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["revoked", "expired", "wrong secret", "canary"])
@pytest.mark.parametrize("route", CLOSED)
def test_a_token_that_is_none(shared, route, token):
    refused(shared(route.method, address(route.path), token=token), 401)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "bearer x", "Basic aHM6aHM=", "hs_1_2", "Bearer hs__", "Bearer hs_a_",
     "Bearer hs_%_%", "Bearer ' OR 1=1 --", "Bearer \xe9_\xe9", "Bearer hs_\xe9_\xb2", "Bearer a b",
     "Bearer " + "x" * 60_000],
    ids=range(14),
)  # fmt: skip
@pytest.mark.parametrize("route", CLOSED)
def test_a_malformed_token(shared, route, header):
    headers = {"Authorization": header.encode("latin-1")}
    refused(shared(route.method, address(route.path), token=None, **headers), 401)


@pytest.mark.parametrize("scope", tokens.SCOPES)
@pytest.mark.parametrize("route", CLOSED)
def test_each_scope(shared, route, scope):
    reply = shared(route.method, address(route.path), token=scope)
    if scope in (route.scope, "admin"):
        assert reply.status_code not in (401, 403)
        assert reply.status_code < 500
    else:
        refused(reply, 403)


@pytest.mark.parametrize("route", [p for p in CLOSED if "{model}" in p.values[0].path])
def test_a_token_for_other_models(shared, route):
    refused(shared(route.method, address(route.path, "blue.one"), token="red"), 403)
    own = shared(route.method, address(route.path, "red.one"), token="red").status_code
    assert own < 300 if route.method == "GET" else own not in (401, 403, 404)


def test_what_a_token_for_some_models_is_told_of_others(shared):
    told = shared("GET", "/v1/models", token="red").json()
    assert [one["model"] for one in told["models"]] == ["red.one"]
    missing = shared("GET", "/v1/models/red.two/status", token="red")
    refused(missing, 404)
    assert "blue" not in missing.text


@pytest.mark.parametrize("path", ["/v1/records", "/v1/labels"])
def test_a_token_sends_for_its_models_alone(shared, path):
    own = {"record_id": "x", "label": 1} if "labels" in path else record("x")
    refused(shared.send(own | {"model": "blue.one"}, path=path, token="red"), 403)
    refused(shared.send(own, path=path, token="red"), 403)
    assert shared.send(own | {"model": "red.one"}, path=path, token="red").status_code == 200


def test_only_health_is_open():
    assert [route.path for route in TABLE if route.scope == OPEN] == ["/healthz"]


def test_health_tells_nothing(shared):
    assert shared("GET", "/healthz", token=None).json() == {"status": "ok"}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "path", [*PATHS, "/", "/v1", "/v2/records", "/v1/models/a/b/c", "/healthz//"]
)
def test_every_verb_on_every_path(shared, path, verb):
    known = {route.method for route in (*TABLE, *PAGES) if route.path == path}
    reply = shared(verb, address(path), token="admin")
    if verb in known:
        assert reply.status_code not in (404, 405)
        assert reply.status_code < 500
    elif known:
        assert reply.status_code == 405
        assert set(reply.headers["allow"].split(", ")) == known
    else:
        assert reply.status_code == 404
    assert verb in known or shared(verb, address(path), token=None).status_code == 401


@pytest.mark.parametrize(
    "header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"], ids=str
)
def test_a_method_is_not_overridden(shared, header):
    refused(shared("GET", "/v1/records", **{header: "POST"}), 405)


HOSTS = ["evil", "localhost.evil.example", "evil:80", "localhost@evil", "", "[::1",
         "localhost:80:80", "[evil]", "127.0.0.1.evil", "localhost/", "localhost:", "::1]",
         "[]"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS, ids=range(len(HOSTS)))
@pytest.mark.parametrize("path", ["/healthz", "/v1/models"])
def test_another_host(shared, host, path):
    refused(shared("GET", path, Host=host), 421)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8321", "127.0.0.1:1", "[::1]", "[::1]:80"]
)
def test_our_hosts(shared, host):
    assert shared("GET", "/healthz", Host=host, Origin=f"http://{host}").status_code == 200


@pytest.mark.parametrize("origin", ["http://evil", "null", "", "https://localhost", "localhost"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_page_from_elsewhere(shared, route, origin):
    refused(shared(route.method, address(route.path), Origin=origin), 403)


def test_hosts_and_origins_that_are_configured(house_of):
    house = house_of(hosts=["Shop.example"], origins=["https://shop.example"])
    told = house("GET", "/v1/models", Host="shop.example:443", Origin="https://shop.example")
    assert told.status_code == 200


def test_a_token_never_gets_into_logs_or_answers(shared, caplog):
    caplog.set_level(logging.DEBUG)
    for route in TABLE:
        for verb in ("GET", "POST"):
            for token in ("canary", shared.tokens["admin"]):
                reply = shared(verb, address(route.path), b"{", token=token)
                secret = token if token != "canary" else CANARY
                assert secret.encode() not in reply.content
                assert not any(secret in value for value in reply.headers.values())
    assert CANARY not in caplog.text
    assert shared.tokens["admin"].split("_", 2)[2] not in caplog.text


def test_the_store_holds_no_token(shared):
    kept = b"".join(file.read_bytes() for file in shared.wires.folder.glob("homeostat.db*"))
    assert kept
    for token in shared.tokens.values():
        assert token.split("_", 2)[2].encode() not in kept


@pytest.mark.parametrize("scope", ["", "none", None])
def test_a_route_that_does_not_say_who_may_use_it(shared, monkeypatch, scope):
    monkeypatch.setattr(
        "homeostat.service.app.TABLE", [*TABLE, Route("GET", "/secret", scope, routes.health)]
    )
    with pytest.raises(InvalidSetting, match="GET /secret does not say who may use it"):
        application(shared.wires)


def test_a_route_that_is_not_in_the_table_is_not_there(shared):
    rules = [Rule(route.method, route.path, route.scope) for route in TABLE[:1]]
    guard = Guard(shared.app, rules, shared.wires.callers, ["localhost"], [])
    before, shared._client._transport.app = shared._client._transport.app, guard
    try:
        refused(shared("GET", "/v1/models"), 404)
    finally:
        shared._client._transport.app = before
