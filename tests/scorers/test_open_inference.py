"""The scorer `open_inference`, against a server on this machine that checks each request."""

import json

import pytest
from inference import Inference
from scorerworld import HAM, SIZES, batch, version

from homeostat.errors import ConfigError, InvalidInput
from homeostat.outbound import Retry
from homeostat.scorers import ScorerFailed, scorer_of
from homeostat.testing import scorer_laws

OPEN = {"allow_http": True, "allow_private": True}


def by_size(inputs):
    shape, kind, sizes = inputs["size"]
    assert (shape, kind) == ([len(sizes), 1], "FP64")
    return {"label": ([len(sizes)], "BYTES", ["ham" if x < 5 else "spam" for x in sizes])}


@pytest.fixture
def server():
    server = Inference(by_size)
    yield server
    server.close()
    assert server.faults == []


def made(server, **settings):
    return scorer_of({"type": "open_inference", "url": server.url, **OPEN, **settings})


def test_an_input_for_each_feature(server):
    given = batch(size=[1.0, 7.0], kind=["a", "ü"], flag=[True, False])
    found = made(server).predict(version(name="3"), given)
    assert found.labels == ["ham", "spam"]
    (path, headers, body), = server.asked  # fmt: skip
    assert path == "/v2/models/mail/versions/3/infer"
    assert "Authorization" not in headers
    assert json.loads(body) == {"inputs": [
        {"name": "flag", "shape": [2, 1], "datatype": "BOOL", "data": [True, False]},
        {"name": "kind", "shape": [2, 1], "datatype": "BYTES", "data": ["a", "ü"]},
        {"name": "size", "shape": [2, 1], "datatype": "FP64", "data": [1.0, 7.0]},
    ]}  # fmt: skip


def test_one_input_with_rows_and_a_number_for_each_class(server):
    def shares(inputs):
        shape, kind, data = inputs["x"]
        assert (shape, kind) == ([3, 2], "FP64")
        assert data == [1.0, 10.0, 7.0, 20.0, 3.5, 30.0]
        return {"log": ([1], "FP64", [0.0]), "p": ([3, 2], "FP64", [0.9, 0.1, 0.3, 0.7, 0.6, 0.4])}

    server.answer = shares
    scorer = made(server, input="x", output="p", features=["b", "a"], classes=["ham", "spam"])
    found = scorer.predict(version(), batch(a=[10.0, 20.0, 30.0], b=[1.0, 7.0, 3.5], c=[0.0] * 3))
    assert found.labels == ["ham", "spam", "ham"]
    assert found.scores == [0.9, 0.7, 0.6]


def test_numbers_and_truth_values(server):
    server.answer = lambda inputs: {"y": ([7, 1], "FP64", [x * 2 for x in inputs["size"][2]])}
    found = made(server).predict(version(), batch(labels=1.0, size=SIZES))
    assert found.labels == [x * 2 for x in SIZES]
    server.answer = lambda inputs: {"y": ([7], "BOOL", [x > 5 for x in inputs["size"][2]])}
    assert made(server).predict(version(), batch(labels=True, size=SIZES)).labels[1] is True


def test_names_at_the_server(server, monkeypatch):
    monkeypatch.setenv("TOKEN", "t0ken")
    scorer = made(server, model="{model} é", version="", token="env:TOKEN")
    scorer.check()
    scorer.predict(version(), batch(size=SIZES))
    (path, headers, _), = server.asked  # fmt: skip
    assert path == "/v2/models/mail%20%C3%A9/infer"
    assert headers["Authorization"] == "Bearer t0ken"
    monkeypatch.delenv("TOKEN")
    with pytest.raises(ConfigError, match="env:TOKEN holds no secret"):
        scorer.check()


def test_many_go_in_several_requests(server):
    found = made(server, records=3).predict(version(), batch(size=SIZES))
    assert found.labels == HAM
    assert [len(json.loads(body)["inputs"][0]["data"]) for *_, body in server.asked] == [3, 3, 1]


def test_values_that_are_missing(server):
    given = batch(size=[1.0, float("nan"), 7.0])
    assert made(server, absent=9.0).predict(version(), given).labels == ["ham", "spam", "spam"]
    (asked,) = server.asked
    assert json.loads(asked[-1])["inputs"][0]["data"] == [1.0, 9.0, 7.0]


def test_records_in_which_something_is_missing_get_no_prediction(server):
    given = batch(size=[1.0, float("nan"), 7.0, float("nan"), 9.0])
    found = made(server, records=2).predict(version(), given)
    assert found.labels == ["ham", None, "spam", None, "spam"]
    sent = [json.loads(body)["inputs"][0]["data"] for *_, body in server.asked]
    assert sent == [[1.0, 7.0], [9.0]]


def test_where_something_is_missing_in_all_records_it_is_told(server):
    with pytest.raises(InvalidInput, match=r"features\.kind and others are missing in all of 2"):
        made(server).predict(version(), batch(size=[1.0, 2.0], kind=[None, None]))
    assert server.asked == []


def test_features_that_cannot_be_sent(server):
    with pytest.raises(InvalidInput, match=r"features\.kind is text among numbers"):
        made(server, input="x", features=["size", "kind"], absent="?").predict(version(), batch())
    with pytest.raises(InvalidInput, match=r"features\.odd is of several kinds: int, str"):
        made(server).predict(version(), batch(odd=[1, "a"]))
    with pytest.raises(InvalidInput, match=r"features\.siez is not in the records"):
        made(server, features=["siez"]).predict(version(), batch())


def output(shape, data, kind="BYTES"):
    return 200, {"outputs": [{"name": "y", "shape": shape, "datatype": kind, "data": data}]}


WRONG = [
    ("500", (500, {"error": "out of memory"}), Retry, "answered 500 to .*: out of memory"),
    ("503", (503, b"busy"), Retry, "answered 503"),
    ("429", (429, b""), Retry, "answered 429"),
    ("400", (400, {"error": "bad shape"}), ScorerFailed, "answered 400 to .*: bad shape"),
    ("401", (401, b""), ScorerFailed, "see `token`"),
    ("404", (404, {"error": "unknown"}), ScorerFailed, "it has no such model or version"),
    ("302", (302, b""), ScorerFailed, "answered 302"),
    ("lost", (None, b""), Retry, "the connection ended before a reply"),
    ("text", (200, b"<html>"), ScorerFailed, "what is no JSON"),
    ("list", (200, []), ScorerFailed, "what is no JSON"),
    ("no outputs", (200, {}), ScorerFailed, "no output .*it has: none"),
    ("shape", output([7, 2], ["a"] * 7), ScorerFailed, r"7 values in the shape \[7, 2\]"),
    ("no shape", output(None, ["a"] * 7), ScorerFailed, "7 values in the shape None"),
    ("few", output([6], ["a"] * 6), InvalidInput, "are 6 for 7 records"),
    ("null", output([7], ["a"] * 6 + [None]), InvalidInput, "row 6: .* got NaN or nothing"),
    ("NaN", (200, b'{"outputs": [{"shape": [7], "data": [NaN]}]}'), ScorerFailed, "is no JSON"),
    ("numbers", output([7], [1.0] * 7, "FP64"), InvalidInput, "are numbers where the records"),
    ("classes", output([7, 3], [0.1] * 21, "FP64"), InvalidInput, r"have \[3\] numbers a record"),
]


@pytest.mark.parametrize(("reply", "error", "message"), [row[1:] for row in WRONG],
                         ids=[row[0] for row in WRONG])  # fmt: skip
def test_replies_that_are_none(server, reply, error, message):
    scorer = made(server)
    server.replies = [reply]
    with pytest.raises(error, match=message):
        scorer.predict(version(), batch(size=SIZES))
    assert scorer.predict(version(), batch(size=SIZES)).labels == HAM


def test_another_output_than_there_is(server):
    with pytest.raises(ScorerFailed, match="no output y; it has: label"):
        made(server, output="y").predict(version(), batch(size=SIZES))


def test_a_server_inside_has_to_be_meant(server):
    with pytest.raises(Retry, match="allow_private = true"):
        made(server, allow_private=False).predict(version(), batch(size=SIZES))
    with pytest.raises(ConfigError, match=r"scorer\.url: must begin with https"):
        made(server, allow_http=False)


def test_the_laws(server):
    for law in scorer_laws(made(server, records=2), version(), batch(size=SIZES)):
        law()


def test_what_it_cannot_be(server):
    with pytest.raises(ConfigError, match=r"scorer\.features: is missing; name them in the order"):
        made(server, input="x")
    with pytest.raises(ConfigError, match=r"scorer\.model: may hold"):
        made(server, model="{name}")
    with pytest.raises(ConfigError, match=r"scorer: records must be"):
        made(server, records=0)
