"""The description of the service, and requests made up from it: none breaks the service."""

import pytest
import schemathesis
from house import ARROW, LINES, House, record
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from homeostat.service.absorbing import PARQUET
from homeostat.service.attempts import AttemptLimits
from homeostat.service.guard import OPEN
from homeostat.service.openapi import DESCRIPTIONS, document
from homeostat.service.routes import TABLE
from homeostat.service.settings import Service

ROUTES = [pytest.param(route, id=f"{route.method} {route.path}") for route in TABLE]
RICH = [param for param in ROUTES if (told := DESCRIPTIONS.get(param.values[0][:2])) and (
    told.parameters or told.body or told.others or "{" in param.values[0].path)]  # fmt: skip
WITH, WITHOUT = 140, 20  # requests of a rich route: with a token in each mode, and without one
KEPT = [
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_headers_conformance, response_schema_conformance, ignored_auth,
]  # fmt: skip


@schemathesis.serializer(LINES, ARROW, PARQUET)
def as_it_is(context, value):
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A service with some records, its description, and a token."""
    settings = Service(durability="fast", answer=30.0, hosts=["testserver"], streams=5,
                       attempts=AttemptLimits(burst=10**6))  # fmt: skip
    house = House(tmp_path_factory.mktemp("described") / "data", settings)
    house.send(*(record(n, ground_truth_label="ab"[n % 2], model="shop") for n in range(30)))
    house.send({"record_id": "later", "label": "a"}, path="/v1/labels")
    headers = {"Authorization": f"Bearer {house.tokens['admin']}"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", house.app, headers=headers)
    yield schema, headers
    assert not house.broken
    house.close()


def attempts(operation, n, mode):
    """Run a test of one request for so many requests, the same each time."""
    quick = settings(
        max_examples=n, derandomize=True, database=None, deadline=None,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    return lambda test: quick(given(case=operation.as_strategy(generation_mode=mode))(test))()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("route", RICH)
def test_requests_made_up(asked, route, mode):
    schema, headers = asked
    operation = schema[route.path][route.method]

    @attempts(operation, WITH, mode)
    def _(case):
        if "model" in case.path_parameters and mode is GenerationMode.POSITIVE:
            case.path_parameters["model"] = "shop"
        case.call_and_validate(checks=KEPT, headers=headers)


@pytest.mark.parametrize("route", [param for param in ROUTES if param not in RICH])
def test_a_request_that_cannot_vary(asked, route):
    schema, headers = asked
    schema[route.path][route.method].Case().call_and_validate(checks=KEPT, headers=headers)


@pytest.mark.parametrize("route", ROUTES)
def test_requests_made_up_without_a_token(asked, route):
    schema, _ = asked

    @attempts(schema[route.path][route.method], WITHOUT, GenerationMode.POSITIVE)
    def _(case):
        reply = case.call_and_validate(checks=KEPT, headers={"Authorization": ""})
        assert reply.status_code == (200 if route.scope == OPEN else 401)


def test_there_are_two_thousand():
    assert len(RICH) * (2 * WITH + WITHOUT) >= 2_000


def test_every_route_is_described():
    assert DESCRIPTIONS.keys() == {(route.method, route.path) for route in TABLE}
    told = document(TABLE, "1")
    for route in TABLE:
        operation = told["paths"][route.path][route.method.lower()]
        assert operation["summary"]
        assert operation["x-scope"] == route.scope
        assert operation["security"] == ([] if route.scope == OPEN else [{"token": []}])
        assert route.scope == OPEN or {"401", "403"} <= operation["responses"].keys()


def test_every_reference_leads_somewhere():
    told = document(TABLE, "1")

    def follow(part):
        if isinstance(part, list):
            part = dict(enumerate(part))
        if isinstance(part, dict):
            if "$ref" in part:
                assert part["$ref"].rpartition("/")[2] in told["components"]["schemas"]
            for inner in part.values():
                follow(inner)

    follow(told)
