"""Figures and spans that are pushed: equal to those of `/metrics`, and never in anyone's way."""

import json
import math
import socket
import subprocess
import sys
from contextlib import closing
from functools import partial

import httpx
import pytest
from house import House, record
from live import CONFIG, Live
from prometheus_client.parser import text_string_to_metric_families
from receiver import attributes, receiving, samples, spans

from homeostat.errors import ConfigError, MissingExtra
from homeostat.service import telemetry
from homeostat.service.attempts import AttemptLimits
from homeostat.service.gauges import waited_figures
from homeostat.service.settings import service_of
from homeostat.service.telemetry import Telemetry, collector_of

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MOVING = {"homeostat_up_seconds", "homeostat_figures_age_seconds"}


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


def telling(receiver, **more):
    return Telemetry(endpoint=receiver.url, allow_http=True, **more)


def pushing(house, settings):
    return collector_of(settings, partial(waited_figures, house.wires))


def exposed(house):
    """The samples of `/metrics`, by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(house("GET", "/metrics").text)
        for sample in family.samples
    }


def test_figures_are_those_of_metrics(house, receiver):
    house.send(*(record(n, ground_truth_label="ab"[n % 2]) for n in range(9)))
    house.send(record(0, model="other", latency_ms=-1))
    house("GET", "/metrics", token="hs_0_1")
    collector = pushing(house, telling(receiver))
    told = exposed(house)
    assert collector.push()
    _, message = receiver.next("/v1/metrics")
    sent = samples(message)
    assert sent.keys() == told.keys()
    assert sent["homeostat_records_accepted_total", ("model", "default")] == 9
    for key in sent.keys() - {(name,) for name in MOVING}:
        assert sent[key] == told[key] or (math.isnan(sent[key]) and math.isnan(told[key])), key


def test_the_resource_and_the_headers(house, receiver, monkeypatch):
    monkeypatch.setenv("COLLECTOR_KEY", "hush")
    settings = telling(
        receiver, headers={"x-key": "env:COLLECTOR_KEY"}, attributes={"deployment": "blue"}
    )
    assert pushing(house, settings).push()
    headers, message = receiver.next("/v1/metrics")
    assert {name.lower(): value for name, value in headers.items()}["x-key"] == "hush"
    told = attributes(message.resource_metrics[0].resource)
    assert (told["service.name"], told["deployment"]) == ("homeostat", "blue")
    assert "hush" not in str(message)


def test_a_name_of_ours_can_be_replaced(house, receiver):
    assert pushing(house, telling(receiver, attributes={"service.name": "mine"})).push()
    _, message = receiver.next("/v1/metrics")
    assert attributes(message.resource_metrics[0].resource)["service.name"] == "mine"


def test_a_redirect_is_not_followed(house, receiver, monkeypatch):
    monkeypatch.setenv("COLLECTOR_KEY", "hush")
    with receiving() as other:
        receiver.status, receiver.more = 307, {"Location": f"{other.url}/v1/metrics"}
        settings = telling(receiver, headers={"x-key": "env:COLLECTOR_KEY"}, timeout=1.0)
        assert not pushing(house, settings).push()
        assert other.heard.empty()


# Spans --------------------------------------------------------------------------------------------


@pytest.fixture
def traced(house_of, receiver):
    house = house_of(telemetry=telling(receiver), attempts=AttemptLimits(burst=10**6))
    yield house
    house.app._tracer.span_processor.shutdown()


def ended(house, receiver):
    """The spans of what was asked so far."""
    assert house.app._tracer.span_processor.force_flush(30_000)
    return spans(receiver.next("/v1/traces")[1])


def test_a_span_tells_the_route_and_the_status(traced, receiver):
    traced.send(record(0))
    traced("GET", "/v1/models/default/status")
    traced("GET", "/v1/models/secret-name/status?x=query", token="hs_0_1")
    traced("BREW", "/nowhere/at-all")
    found = [(span.name, attributes(span)) for span in ended(traced, receiver)]
    route = "/v1/models/{model}/status"

    def told(method, status, **more):
        return {"http.request.method": method, "http.response.status_code": status, **more}

    assert found == [
        ("POST /v1/records", told("POST", 200, **{"http.route": "/v1/records"})),
        (f"GET {route}", told("GET", 200, **{"http.route": route})),
        (f"GET {route}", told("GET", 401, **{"http.route": route})),
        ("_OTHER", told("_OTHER", 404)),
    ]


def test_a_span_holds_nothing_that_was_sent(traced, receiver):
    traced.send(record("canary-id", predicted_label="canary-label"), x_more="canary-header")
    traced("GET", "/v1/models/default/series?metric=canary-query")
    assert traced.app._tracer.span_processor.force_flush(30_000)
    _, message = receiver.next("/v1/traces")
    assert len(spans(message)) == 2
    assert "canary" not in str(message)
    assert traced.tokens["admin"].split("_", 2)[2] not in str(message)


def test_a_span_is_part_of_its_caller_s_trace(traced, receiver):
    traced("GET", "/readyz", traceparent=PARENT)
    traced("GET", "/readyz", traceparent="00-not-one-01")
    traced("GET", "/readyz", traceparent=PARENT[:-1] + "0")  # not sampled
    ours, own = ended(traced, receiver)
    _, trace, parent, _ = PARENT.split("-")
    assert (ours.trace_id.hex(), ours.parent_span_id.hex()) == (trace, parent)
    assert own.trace_id.hex() != trace
    assert not own.parent_span_id


def test_no_spans_where_none_are_wanted(house_of, receiver):
    house = house_of(telemetry=telling(receiver, traces=False))
    assert not hasattr(house.app, "_tracer")


def test_a_share_of_nothing(house_of, receiver):
    house = house_of(telemetry=telling(receiver, sample=0.0))
    house("GET", "/readyz")
    house("GET", "/readyz", traceparent=PARENT)  # its caller wants it
    (span,) = ended(house, receiver)
    assert span.trace_id.hex() in PARENT
    house.app._tracer.span_processor.shutdown()


# A receiver that is not well ----------------------------------------------------------------------


def test_nobody_waits_for_a_receiver_that_hangs(house_of, receiver):
    house = house_of(telemetry=telling(receiver, interval=0.01))
    collector = pushing(house, house.settings.telemetry)
    receiver.free.clear()
    collector.start()
    receiver.next("/v1/metrics")  # it has it, and does not answer
    try:
        assert house.send(record(0)).status_code == 200
        assert house("GET", "/metrics").status_code == 200
    finally:
        receiver.free.set()
        collector.close()
        house.app._tracer.span_processor.shutdown()


@pytest.mark.parametrize("how", ["refuses", "never answers"])
def test_a_service_whose_receiver_is_not_there(tmp_path, how):
    with closing(socket.create_server(("127.0.0.1", 0))) as hole:
        port = hole.getsockname()[1]
        if how == "refuses":
            hole.close()
        live = Live(tmp_path, config(f"http://127.0.0.1:{port}"))
        try:
            assert sent(live) == {"accepted": 1, "duplicates": 0, "rejected": []}
        finally:
            live.close()
        assert live.process.returncode == 0


def test_a_service_pushes_what_it_has_when_it_ends(tmp_path, receiver):
    live = Live(tmp_path, config(receiver.url))
    try:
        sent(live)
    finally:
        live.close()
    assert live.process.returncode == 0
    figures, seen = {}, []
    while not receiver.heard.empty():
        path, _, message = receiver.heard.get()
        if path == "/v1/metrics":
            figures = samples(message)
        else:
            seen += spans(message)
    assert figures["homeostat_records_accepted_total", ("model", "default")] == 1
    assert [span.name for span in seen] == ["POST /v1/records"]


def config(url):
    return f'{CONFIG}\n[service.telemetry]\nendpoint = "{url}"\nallow_http = true\n'


def sent(live):
    """What the service says to a record."""
    headers = {"Authorization": f"Bearer {live.token}", "Content-Type": "application/json"}
    body = json.dumps([record(0)])
    answer = httpx.post(f"{live.url}/v1/records", content=body, headers=headers, timeout=30)
    return {name: answer.json()[name] for name in ("accepted", "duplicates", "rejected")}


# Configuration ------------------------------------------------------------------------------------


def test_nothing_is_imported_or_pushed_unless_configured(tmp_path):
    code = """
import sys, tempfile, pathlib
sys.path.insert(0, sys.argv[1])
from house import House
house = House(pathlib.Path(sys.argv[2]))
house("GET", "/metrics")
house.close()
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    here = __file__.rpartition("/")[0]
    run = subprocess.run([sys.executable, "-c", code, here, str(tmp_path / "data")], timeout=120,
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert run.stdout.strip() == "[]"


def test_an_extra_that_is_missing_says_how_to_get_it(monkeypatch):
    monkeypatch.delitem(sys.modules, "homeostat.service.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    name = "opentelemetry.exporter.otlp.proto.http.metric_exporter"
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr("homeostat.service.otlp", raising=False)
    with pytest.raises(MissingExtra, match=r'pip install "homeostat\[telemetry\]"'):
        telemetry.check(Telemetry(endpoint="https://collector.example"))


def test_no_endpoint_needs_nothing():
    telemetry.check(Telemetry(headers={"x": "env:NOT_THERE"}))
    assert collector_of(Telemetry(), list) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"endpoint": "http://collector.example"}, "allow_http"),
        ({"endpoint": "env:NOT_THERE_AT_ALL"}, "NOT_THERE_AT_ALL"),
        ({"endpoint": "https://a.example", "headers": {"x": "env:NOT_THERE_AT_ALL"}}, "NOT_THERE"),
        ({"endpoint": "https://a.example", "headers": {"x": "written out"}}, "env:NAME"),
    ],
    ids=["http", "no address", "no secret", "written out"],
)
def test_what_is_told_before_it_starts(given, said):
    with pytest.raises(ConfigError, match=said) as told:
        telemetry.check(service_of({"telemetry": given}, "service").telemetry)
    assert "service.telemetry" in str(told.value)
    assert "written out," not in str(told.value)


@pytest.mark.parametrize(
    "given", [{"interval": 0}, {"sample": 2}, {"nothing": 1}, {"headers": {"x": 1}}], ids=str
)
def test_settings_that_cannot_be(given):
    with pytest.raises(ConfigError, match=r"service\.telemetry"):
        service_of({"telemetry": given}, "service")


def test_the_house_has_no_collector(tmp_path):
    house = House(tmp_path / "data")
    try:
        assert not hasattr(house.app, "_tracer")
    finally:
        house.close()
