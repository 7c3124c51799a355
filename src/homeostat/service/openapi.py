"""The document that describes the service to programs: OpenAPI 3.1, built from the routes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec
from msgspec import Meta

from homeostat.dashboard.overview import SORTS
from homeostat.runtime.answers import Answer, Reason
from homeostat.service.absorbing import PARQUET
from homeostat.service.deliveries import Replay
from homeostat.service.guard import OPEN
from homeostat.service.loop import Asked, Result
from homeostat.service.quiet import Quiet

_Name = Annotated[
    str, Meta(min_length=1, max_length=128, pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")
]
_Id = Annotated[str, Meta(min_length=1, max_length=128, description="1 to 128 bytes of UTF-8.")]
_Label = str | bool | float
_Count = Annotated[int, Meta(ge=0)]

# What is sent and answered, as it is on the wire --------------------------------------------------


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """One prediction."""

    model_version: str
    predicted_label: _Label
    latency_ms: Annotated[float, Meta(ge=0)]
    created_at: Annotated[datetime, Meta(tz=True)]
    ground_truth_label: _Label | None = None
    metadata: Any = None
    record_id: _Id | None = None
    model: _Name = "default"
    score: float | None = None
    scores: dict[str, float] | None = None
    features: dict[str, _Label | None] | None = None


class Label(msgspec.Struct, forbid_unknown_fields=True):
    """What turned out to be right; null takes a label back."""

    record_id: _Id
    label: _Label | None
    time: Annotated[datetime, Meta(tz=True)] | None = None
    model: _Name | None = None


class Rejected(msgspec.Struct):
    """A row that was not taken."""

    row: _Count
    field: str
    problem: str
    hint: str = ""
    conflict: bool = False


class Value(msgspec.Struct):
    """A metric now, and the observations that it rests on; null where it is not defined."""

    value: float | None
    n: _Count


class Figures(msgspec.Struct):
    """A model, by its counters. `stale`: not the newest, for the store is busy."""

    model: str
    records: _Count
    labels: _Count
    duplicates: _Count
    rejected: _Count
    received: _Count
    events: _Count
    coverage: float | None
    metrics: dict[str, Value]
    counters: dict[str, int]
    stale: bool = False


class Status(Figures):
    """All that is known of a model now; some of it is left out while the store is busy."""

    parked_labels: _Count = 0
    state_hash: str = ""
    health: dict[str, Any] = {}
    mending: str = ""


class Models(msgspec.Struct):
    """All models that the token is for."""

    models: list[Figures]
    stale: bool = False


class AbsorbedStates(msgspec.Struct):
    """What became of a model's states; `known` ones had been added before."""

    model: str
    minutes: _Count
    records: _Count
    known: bool
    left_out: str


class Absorbed(msgspec.Struct):
    """What became of states; `no_records` are counts of rows that were none."""

    absorbed: list[AbsorbedStates]
    no_records: _Count


class Column(msgspec.Struct):
    """A column of a reference: what it holds, of how many rows, and the share that is missing."""

    name: str
    kind: str
    n: _Count
    missing: float | None


class Usual(msgspec.Struct):
    """A reference."""

    rows: _Count
    fingerprint: str
    columns: list[Column]


class Learning(msgspec.Struct):
    """Rows that a reference has, and those it needs."""

    have: _Count
    need: _Count


class Compared(msgspec.Struct):
    """A detector and its reference; null while it is learned, and `learning` says how far."""

    detector: str
    on: str
    reference: Usual | None
    learning: Learning | None


class References(msgspec.Struct):
    """What a model's inputs are compared with."""

    model: str
    references: list[Compared]
    stale: bool = False


class Point(msgspec.Struct):
    """A metric in one step of time."""

    start: datetime
    value: float | None
    n: _Count
    records: _Count
    labelled: _Count


class Series(msgspec.Struct):
    """A metric over time; `left_out` older points were too many."""

    model: str
    metric: str
    step_seconds: int
    points: list[Point]
    left_out: _Count


class Event(msgspec.Struct):
    """An event of the log, under its number."""

    seq: int
    kind: str
    event: dict[str, Any]


class Page(msgspec.Struct):
    """Events of the log; `next` is where to go on, `last` the newest there is."""

    events: list[Event]
    next: _Count
    last: _Count


class Deliveries(msgspec.Struct):
    """Where events go, and those that are not there yet."""

    sinks: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]


class Replayed(msgspec.Struct):
    """How many events are delivered after all."""

    replayed: _Count


class Health(msgspec.Struct):
    """That it is well."""

    status: str


class Readiness(Health):
    """That records are taken; by model, the plug-ins that failed and are off.

    `mending`: the models of which they catch up now.
    """

    plugins_off: dict[str, list[str]] = {}
    mending: list[str] = []


class Problem(msgspec.Struct):
    """Why a request was not answered, and how to mend it.

    What was sent and refused has `accepted`, `duplicates` and `rejected`, as an answer does.
    """

    error: str
    problem: str
    hint: str = ""
    field: str = ""
    accepted: _Count = 0
    duplicates: _Count = 0
    rejected: list[Rejected] = []
    rejected_total: _Count = 0
    reasons: list[Reason] = []


# The routes ---------------------------------------------------------------------------------------


class Parameter(NamedTuple):
    """One parameter: where it stands, and what it may be."""

    place: str
    name: str
    schema: dict[str, Any]


class Description(NamedTuple):
    """What a route takes and answers. Any other type than JSON is told by name, as text."""

    answer: type | None = None
    parameters: tuple[Parameter, ...] = ()
    body: type | None = None
    many: bool = False  # an array of them, too, and one a line
    others: tuple[str, ...] = ()  # types of the body besides
    kinds: tuple[str, ...] = ()  # types of the answer besides
    statuses: tuple[int, ...] = ()  # that tell of a problem


class Known(Protocol):
    """A route, as far as it matters here."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def handler(self) -> Any: ...


_WHOLE = {"type": "integer", "minimum": 0, "maximum": 10**17}
_FLAG = {"type": "string", "enum": ["0", "1", "true", "false"]}
_TIME = {"type": "string", "format": "date-time"}
_BUSY = (503,)
_SENT = (400, 408, 409, 413, 415, 422, 429, 503, 507)
_KEY = {"type": "string", "minLength": 1, "maxLength": 128}
_ONCE = Parameter("header", "Idempotency-Key", _KEY)
_SENDING = (Parameter("query", "partial", _FLAG), Parameter("query", "faults", _WHOLE), _ONCE)
_ARROW = "application/vnd.apache.arrow.stream"

DESCRIPTIONS: dict[tuple[str, str], Description] = {
    ("POST", "/v1/records"): Description(
        Answer, _SENDING, Record, many=True, others=(_ARROW,), statuses=_SENT
    ),
    ("POST", "/v1/labels"): Description(Answer, _SENDING, Label, many=True, statuses=_SENT),
    ("POST", "/v1/states"): Description(Absorbed, others=(PARQUET,), statuses=_SENT),
    ("GET", "/v1/models"): Description(Models, statuses=_BUSY),
    ("GET", "/v1/models/{model}/status"): Description(Status, statuses=(404, *_BUSY)),
    ("GET", "/v1/models/{model}/series"): Description(
        Series,
        (
            Parameter("query", "metric", {"type": "string"}),
            Parameter("query", "start", _TIME),
            Parameter("query", "end", _TIME),
            Parameter("query", "step", {"type": "string", "examples": ["1m", "1h", "1d"]}),
            Parameter("query", "version", {"type": "string"}),
        ),
        statuses=(404, 422, *_BUSY),
    ),
    ("GET", "/v1/models/{model}/events"): Description(
        Page,
        (
            Parameter("query", "after", _WHOLE),
            Parameter("query", "limit", _WHOLE),
            Parameter("header", "Last-Event-ID", _WHOLE),
        ),
        kinds=("text/event-stream",),
        statuses=(404, 422, *_BUSY),
    ),
    ("GET", "/v1/models/{model}/reference"): Description(References, statuses=(404, *_BUSY)),
    ("GET", "/v1/models/{model}/versions"): Description(dict, statuses=_BUSY),
    ("GET", "/v1/models/{model}/jobs"): Description(dict, statuses=_BUSY),
    ("POST", "/v1/models/{model}/shadows"): Description(
        dict, (_ONCE,), Record, many=True, others=(_ARROW,), statuses=_SENT
    ),
    **{
        ("POST", f"/v1/models/{{model}}/{act}"): Description(dict, body=Asked, statuses=_SENT)
        for act in ("retrain", "approve", "cancel", "promote", "reject", "rollback")
    },
    ("POST", "/v1/jobs/{job}/result"): Description(dict, body=Result, statuses=(404, *_SENT)),
    ("POST", "/v1/models/{model}/silence"): Description(
        dict, body=Quiet, statuses=(400, 404, 408, 413, 415, 422, 429, 503, 507)
    ),
    ("GET", "/v1/models/{model}/overview"): Description(dict, statuses=(404, *_BUSY)),
    ("GET", "/v1/models/{model}/charts"): Description(
        dict,
        (
            Parameter("query", "start", _TIME),
            Parameter("query", "end", _TIME),
            Parameter("query", "points", _WHOLE),
            Parameter("query", "version", {"type": "string"}),
        ),
        statuses=(404, 422, *_BUSY),
    ),
    ("GET", "/v1/models/{model}/evidence"): Description(
        dict, (Parameter("query", "event", _WHOLE),), statuses=(404, 422, *_BUSY)
    ),
    ("GET", "/v1/models/{model}/delay"): Description(dict, statuses=(404, *_BUSY)),
    ("GET", "/v1/models/{model}/stories"): Description(dict, statuses=(404, *_BUSY)),
    ("GET", "/v1/fleet"): Description(
        dict,
        (
            Parameter("query", "search", {"type": "string"}),
            Parameter("query", "state", {"type": "string", "examples": ["degraded,drifting"]}),
            Parameter("query", "sort", {"type": "string", "enum": list(SORTS)}),
            Parameter("query", "descending", _FLAG),
            Parameter("query", "offset", _WHOLE),
            Parameter("query", "limit", _WHOLE),
        ),
        kinds=("text/event-stream",),
        statuses=(422, *_BUSY),
    ),
    ("GET", "/v1/decisions"): Description(dict, statuses=_BUSY),
    ("GET", "/v1/condition"): Description(dict, statuses=_BUSY),
    ("GET", "/v1/deliveries"): Description(
        Deliveries,
        (
            Parameter("query", "sink", {"type": "string"}),
            Parameter("query", "dead", {"type": "string", "enum": ["0", "1"]}),
        ),
        statuses=(404, 422, *_BUSY),
    ),
    ("POST", "/v1/deliveries/replay"): Description(
        Replayed, body=Replay, statuses=(400, 404, 408, 413, 415, 422, 429, 503, 507)
    ),
    ("GET", "/metrics"): Description(None, kinds=("text/plain",), statuses=_BUSY),
    ("GET", "/healthz"): Description(Health),
    ("GET", "/readyz"): Description(Readiness, statuses=_BUSY),
    ("GET", "/openapi.json"): Description(dict),
}
"""What each route takes and answers."""

_MEANINGS = {
    400: "The request cannot be read.",
    401: "There is no token, or none that is known.",
    403: "The token is not for this, or the page is from elsewhere.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    409: "It does not fit what is there already.",
    413: "The request is too large.",
    415: "The type or the encoding of the body is not known.",
    421: "The service does not answer to this host name.",
    422: "What was sent cannot be taken; nothing of it was.",
    429: "Too much waits, the token was too fast, or too many were none; send again later.",
    503: "This cannot be done now; send again later.",
    507: "The disk is full.",
}


def document(routes: Iterable[Known], version: str) -> dict[str, Any]:
    """The description of these routes; of one that is not described, its path and its token."""
    kinds = {one.answer for one in DESCRIPTIONS.values()} | {
        one.body for one in DESCRIPTIONS.values()
    }
    named = sorted(
        (kind for kind in kinds | {Problem, Rejected} if kind not in (None, dict)),
        key=lambda kind: kind.__name__,
    )
    _, schemas = msgspec.json.schema_components(named, ref_template="#/components/schemas/{name}")
    schemas["Answer"]["properties"]["rejected"]["items"] = _ref(Rejected)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        told = DESCRIPTIONS.get((route.method, route.path), Description(dict))
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, told)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "homeostat",
            "version": version,
            "description": "Takes predictions and labels, measures, watches, and tells.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Known, told: Description) -> dict[str, Any]:
    text = inspect.getdoc(route.handler) or ""
    in_path = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    parameters: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
        for name in in_path
    ] + [{"in": each.place, "name": each.name, "schema": each.schema} for each in told.parameters]
    problems = (() if route.scope == OPEN else (401, 403, 429)) + (421, *told.statuses)
    operation: dict[str, Any] = {
        "summary": text.splitlines()[0] if text else "",
        "security": [] if route.scope == OPEN else [{"token": []}],
        "x-scope": route.scope,
        "responses": {"200": _answer(told)}
        | {str(status): _problem(status) for status in sorted({403, *problems})},
    }
    if parameters:
        operation["parameters"] = parameters
    if told.body is not None or told.others:
        operation["requestBody"] = {"required": True, "content": _bodies(told)}
    return operation


def _answer(told: Description) -> dict[str, Any]:
    content: dict[str, Any] = {kind: {"schema": {"type": "string"}} for kind in told.kinds}
    if told.answer is not None:
        schema = {"type": "object"} if told.answer is dict else _ref(told.answer)
        content["application/json"] = {"schema": schema}
    return {"description": "It is done, or here it is.", "content": content}


def _bodies(told: Description) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if told.body is not None:
        one = _ref(told.body)
        schema = {"anyOf": [one, {"type": "array", "items": one}]} if told.many else one
        content["application/json"] = {"schema": schema}
    for kind in (*(("application/x-ndjson",) if told.many else ()), *told.others):
        content[kind] = {"schema": {"type": "string", "contentMediaType": kind}}
    return content


def _problem(status: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {"application/json": {"schema": _ref(Problem)}},
    }
    if status in (429, 503, 507):
        told["headers"] = {"Retry-After": {"schema": {"type": "string"}}}
    return told


def _ref(kind: Any) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
