"""The middleware: the application's answers pass as they are, and become records."""

import asyncio
import json

import pytest

import homeostat as hs
from homeostat.client.asgi import Middleware


def app_of(status=200, body=b'{"class": "spam"}', headers=(), parts=1):
    """An application that reads the whole request and gives one answer."""

    async def app(scope, receive, send):
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        await send({"type": "http.response.start", "status": status,
                    "headers": [(b"content-type", b"application/json"), *headers]})  # fmt: skip
        size = -(-len(body) // parts)
        for at in range(parts):
            part = body[at * size : (at + 1) * size]
            await send({"type": "http.response.body", "body": part, "more_body": at < parts - 1})

    return app


def call(app, path="/predict", body=b'{"text": "win"}', parts=1):
    """The messages that an application sends for a request."""
    size = max(1, -(-len(body) // parts))
    incoming = [
        {"type": "http.request", "body": body[at * size : (at + 1) * size],
         "more_body": at < parts - 1}
        for at in range(parts)
    ]  # fmt: skip
    sent = []

    async def receive():
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    asyncio.run(app({"type": "http", "path": path, "method": "POST"}, receive, send))
    return sent


def record(request, response):
    return {
        "model_version": "v1",
        "predicted_label": response["class"],
        "features": {"length": len(request["text"])},
    }


def wrapped(client, app=None, record=record, **settings):
    return Middleware(app or app_of(), client, record=record, paths=["/predict"], **settings)


def lines_of(fake):
    return [line for request in fake.requests for line in request[2]]


@pytest.mark.parametrize("parts", [1, 3])
def test_an_answer_passes_as_it_is_and_becomes_a_record(parts, fake, adds_up):
    plain = call(app_of(parts=parts), parts=parts)
    with fake.client() as client:
        sent = call(wrapped(client, app_of(parts=parts)), parts=parts)
        assert client.flush(30)
        assert adds_up(client.stats).accepted == 1
        assert client.stats.errors == 0
    [line] = lines_of(fake)
    assert line["predicted_label"] == "spam"
    assert line["features"] == {"length": 3}
    assert line["latency_ms"] >= 0
    (name, value) = sent[0]["headers"].pop()
    assert (name, value.decode()) == (b"x-record-id", line["record_id"])
    assert sent == plain


def test_the_id_joins_a_label(service):
    with service.client() as client:
        app = wrapped(client, record=lambda *both: {**record(*both), "model": "asgi"})
        sent = call(app)
        client.label(dict(sent[0]["headers"])[b"x-record-id"].decode(), "spam")
        assert client.flush(30)
        assert client.stats.accepted == 2
    status = service.status("asgi")
    assert (status["records"], status["labels"], status["parked_labels"]) == (1, 1, 0)


def test_several_predictions_of_one_answer_have_numbered_ids(fake):
    def each(request, response):
        return [{"model_version": "v1", "predicted_label": one} for one in response]

    with fake.client() as client:
        sent = call(wrapped(client, app_of(body=b'["a", "b"]'), each))
        assert client.flush(30)
    record_id = dict(sent[0]["headers"])[b"x-record-id"].decode()
    assert [(x["record_id"], x["predicted_label"]) for x in lines_of(fake)] == [
        (f"{record_id}.0", "a"), (f"{record_id}.1", "b"),
    ]  # fmt: skip


def test_an_application_may_name_the_record_itself(fake):
    app = app_of(headers=[(b"X-Record-Id", b"order-7")])
    with fake.client() as client:
        sent = call(wrapped(client, app))
        assert client.flush(30)
    assert sent == call(app)
    assert [line["record_id"] for line in lines_of(fake)] == ["order-7"]


QUIET = {
    "another path": (app_of(), "/health", record),
    "an error of the application": (app_of(status=500), "/predict", record),
    "an answer without a prediction": (app_of(), "/predict", lambda request, response: None),
}


@pytest.mark.parametrize("name", QUIET)
def test_what_is_no_prediction_is_no_record(name, fake):
    app, path, function = QUIET[name]
    with fake.client() as client:
        call(wrapped(client, app, function), path)
        assert (client.stats.given, client.stats.errors) == (0, 0)


def broken(request, response):
    raise RuntimeError("a bug of the user's")


WRONG = {
    "a function that fails": (app_of(), record, b'{"text": ""}'[:0] or b"{}", "KeyError"),
    "a function that is broken": (app_of(), broken, b"{}", "a bug of the user's"),
    "a request that is no JSON": (app_of(), record, b"text=win", "JSON"),
    "an answer that is no JSON": (app_of(body=b"<html>"), record, b"{}", "JSON"),
    "a request that is too long": (app_of(), record, json.dumps("x" * 99).encode(), "max_body"),
    "an answer that is too long": (
        app_of(body=json.dumps("x" * 99).encode()), record, b"{}", "max_body",
    ),
    "no mapping": (app_of(), lambda *both: 7, b"{}", "TypeError"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_goes_wrong_is_counted_and_the_answer_passes(name, fake):
    app, function, body, told = WRONG[name]
    with fake.client() as client:
        sent = call(wrapped(client, app, function, max_body=50), body=body)
        assert (client.stats.given, client.stats.errors) == (0, 1)
        assert told in client.stats.last_error
    sent[0]["headers"].pop()
    assert sent == call(app, body=body)


def test_a_full_client_is_no_fault_of_the_answer(fake, steps):
    fake.script = [steps.hangs]
    with fake.client(capacity=1, policy="error", timeout=30) as client:
        app = wrapped(client)
        call(app)
        assert len(call(app)) == 2
        assert (client.stats.dropped, client.stats.errors) == (1, 1)
        fake.released.set()


def test_the_application_keeps_its_own_errors(fake):
    async def fails(scope, receive, send):
        raise ValueError("own")

    with fake.client() as client:
        with pytest.raises(ValueError, match="own"):
            call(wrapped(client, fails))
        assert (client.stats.given, client.stats.errors) == (0, 0)


def test_other_kinds_of_connection_pass(fake):
    seen = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    with fake.client() as client:
        given = ({"type": "lifespan"}, object(), object())
        asyncio.run(wrapped(client, app)(*given))
    assert seen == [given]


def test_paths_may_be_a_function_that_may_fail(fake):
    def chosen(path):
        return {"/predict": True}[path]

    with fake.client() as client:
        app = Middleware(app_of(), client, record=record, paths=chosen)
        call(app)
        assert len(call(app, "/other")) == 2
        assert (client.stats.given, client.stats.errors) == (1, 1)
        assert client.flush(30)


@pytest.mark.parametrize("wrong", [{"paths": "/predict"}, {"record": None}, {"max_body": 0}])
def test_settings_that_are_none(wrong, fake):
    with fake.client() as client:
        settings = {"record": record, "paths": ["/predict"], **wrong}
        with pytest.raises(hs.InvalidSetting, match=next(iter(wrong))):
            Middleware(app_of(), client, **settings)
