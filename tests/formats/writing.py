"""Records written the way other stacks log them, after the formats' public documentation.

Each writer gives the lines of a file, and what of a record its format cannot say: such fields
come back as these.
"""

import base64
import csv
import io
import json

from homeostat.times import to_text

UNSAID = {"model": "default", "model_version": "unknown", "latency_ms": 0}


def lines(objects):
    return "".join(json.dumps(each) + "\n" for each in objects)


def later(record):
    micros = int(record.latency_ms * 1000)
    from datetime import timedelta

    return to_text(record.created_at + timedelta(microseconds=micros))


def events(records, kind, attributes, request, response):
    found = []
    for record in records:
        about = {"specversion": "1.0", **attributes(record)}
        found += [
            {**about, "type": f"{kind}.request", "time": to_text(record.created_at),
             "data": request(record)},
            {**about, "type": f"{kind}.response", "time": later(record),
             "data": response(record)},
        ]  # fmt: skip
    return lines(found)


def v1_request(record):
    return {"instances": [dict(record.features)]}


def v1_response(record):
    return {"predictions": [record.predicted_label]}


TYPES = {int: "INT64", float: "FP64", str: "BYTES", bool: "BOOL"}


def v2(name, value):
    return {"name": name, "shape": [1, 1], "datatype": TYPES[type(value)], "data": [value]}


def kserve_v1(records):
    return events(
        records, "org.kubeflow.serving.inference",
        lambda r: {"id": r.record_id, "source": "http://localhost:9081/",
                   "inferenceservicename": r.model, "namespace": "prod"},
        v1_request, v1_response,
    )  # fmt: skip


def kserve_v2(records):
    return events(
        records, "org.kubeflow.serving.inference",
        lambda r: {"id": r.record_id, "source": "http://localhost:9081/",
                   "inferenceservicename": r.model},
        lambda r: {"inputs": [v2(name, value) for name, value in r.features.items()]},
        lambda r: {"model_name": r.model, "model_version": r.model_version,
                   "outputs": [v2("predict", r.predicted_label)]},
    )  # fmt: skip


def seldon(records):
    def data(names, values):
        return {"data": {"names": names, "ndarray": [values]}}

    return events(
        records, "io.seldon.serving.inference",
        lambda r: {"id": f"e-{r.record_id}", "requestid": r.record_id, "source": "http://:8000/",
                   "inferenceservicename": r.model, "modelid": "classifier"},
        lambda r: data(list(r.features), list(r.features.values())),
        lambda r: data(["outcome"], [r.predicted_label]),
    )  # fmt: skip


def capture(record, request, response):
    return {
        "captureData": {"endpointInput": request, "endpointOutput": response},
        "eventMetadata": {
            "eventId": f"e-{record.record_id}", "inferenceId": record.record_id,
            "inferenceTime": to_text(record.created_at),
        },
        "eventVersion": "0",
    }  # fmt: skip


def captured(mode, data, encoding, kind):
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}


def sagemaker_csv(records):
    return lines(
        capture(
            record,
            captured("INPUT", row(record.features.values()), "CSV", "text/csv"),
            captured("OUTPUT", row([record.predicted_label]), "CSV", "text/csv; charset=utf-8"),
        )
        for record in records
    )


def row(values):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()


def sagemaker_json(records):
    def said(mode, body):
        return captured(mode, json.dumps(body), "JSON", "application/json")

    return lines(
        capture(record, said("INPUT", v1_request(record)), said("OUTPUT", v1_response(record)))
        for record in records
    )


def sagemaker_base64(records):
    def said(mode, values):
        text = base64.b64encode(row(values).encode()).decode()
        return captured(mode, text, "BASE64", "text/csv")

    return lines(
        capture(
            record, said("INPUT", record.features.values()),
            said("OUTPUT", [record.predicted_label]),
        )
        for record in records
    )  # fmt: skip


def databricks(records):
    return lines(
        {
            "databricks_request_id": f"d-{record.record_id}",
            "client_request_id": record.record_id,
            "date": to_text(record.created_at)[:10],
            "timestamp_ms": int(record.created_at.timestamp() * 1000),
            "status_code": 200,
            "sampling_fraction": 1.0,
            "execution_time_ms": record.latency_ms,
            "request": json.dumps({
                "dataframe_split": {
                    "columns": list(record.features), "data": [list(record.features.values())],
                }
            }),
            "response": json.dumps(v1_response(record)),
            "request_metadata": {
                "endpoint_name": record.model, "model_name": record.model,
                "model_version": record.model_version,
            },
        }
        for record in records
    )  # fmt: skip


def gateway(records):
    return lines(
        {
            "request_date": to_text(record.created_at)[:10],
            "databricks_request_id": record.record_id,
            "client_request_id": None,
            "request_time": to_text(record.created_at),
            "status_code": 200,
            "sampling_fraction": 1.0,
            "execution_duration_ms": record.latency_ms,
            "request": json.dumps({"dataframe_records": [dict(record.features)]}),
            "response": json.dumps(v1_response(record)),
            "served_entity_id": record.model_version,
            "logging_error_codes": [],
            "requester": "someone@example.com",
        }
        for record in records
    )


def vertex(records):
    return lines(
        {
            "endpoint": f"projects/p/locations/us-central1/endpoints/{record.model}",
            "deployed_model_id": record.model_version,
            "logging_time": to_text(record.created_at),
            "request_id": record.record_id,
            "request_payload": [json.dumps(dict(record.features))],
            "response_payload": [json.dumps(record.predicted_label)],
        }
        for record in records
    )


def azureml(records):
    def half(record, which, rows):
        return {
            "specversion": "1.0", "id": f"{which}-{record.record_id}",
            "source": "/subscriptions/0/resourceGroups/rg/providers/"
                      "Microsoft.MachineLearningServices/workspaces/ws/onlineEndpoints/"
                      f"{record.model}/deployments/blue",
            "type": f"azureml.inference.{which}", "datacontenttype": "application/json",
            "time": to_text(record.created_at), "data": rows, "correlationid": record.record_id,
            "xrequestid": record.record_id, "modelversion": record.model_version,
            "collectdatatype": "pandas.core.frame.DataFrame", "agent": "azureml-ai-monitoring/1.0",
        }  # fmt: skip

    inputs = [half(record, "model_inputs", [dict(record.features)]) for record in records]
    outputs = [
        half(record, "model_outputs", [{"prediction": record.predicted_label}])
        for record in records
    ]
    return lines(inputs) + lines(outputs)


def bentoml(records):
    columns = [
        {"name": name, "role": "feature", "type": "numerical"} for name in records[0].features
    ]
    answer = {"name": "outcome", "role": "prediction", "type": "categorical"}
    about = {"bento_name": records[0].model, "bento_version": records[0].model_version}
    data = [
        {
            **record.features, "outcome": record.predicted_label,
            "timestamp": to_text(record.created_at).removesuffix("Z"),
            "request_id": record.record_id, "trace_id": "0",
        }
        for record in records
    ]  # fmt: skip
    return lines([{"meta_data": about, "columns": [*columns, answer]}, *data])


OTLP = {int: "intValue", float: "doubleValue", str: "stringValue", bool: "boolValue"}


def attributes(given):
    return [
        {
            "key": key,
            "value": {OTLP[type(value)]: str(value) if type(value) is int else value},
        }
        for key, value in given.items()
    ]


def nanoseconds(moment):
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000


def opentelemetry(records):
    spans = [
        {
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": record.record_id,
            "name": "predict", "kind": 2,
            "startTimeUnixNano": str(nanoseconds(record.created_at)),
            "endTimeUnixNano": str(nanoseconds(record.created_at)
                                   + int(record.latency_ms * 10**6)),
            "attributes": attributes({
                "model.name": record.model, "model.version": record.model_version,
                "prediction": record.predicted_label,
                **{f"features.{name}": value for name, value in record.features.items()},
            }),
        }
        for record in records
    ]  # fmt: skip
    resource = {"attributes": attributes({"service.name": "scoring"})}
    scope = {"scope": {"name": "scoring"}, "spans": spans}
    return lines([{"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}])


def table(records, names):
    out = io.StringIO()
    rows = [[say(record) for say in names.values()] for record in records]
    csv.writer(out, lineterminator="\n").writerows([list(names), *rows])
    return out.getvalue()


def inputs(records):
    return {name: lambda record, name=name: record.features[name] for name in records[0].features}


def naive(record):
    return to_text(record.created_at).removesuffix("Z").replace("T", " ")


def evidently(records):
    return table(records, {
        "id": lambda r: r.record_id, "datetime": naive, **inputs(records),
        "target": lambda r: r.ground_truth_label, "prediction": lambda r: r.predicted_label,
    })  # fmt: skip


def nannyml(records):
    return table(records, {
        "identifier": lambda r: r.record_id, **inputs(records), "timestamp": naive,
        "y_pred": lambda r: r.predicted_label, "y_true": lambda r: r.ground_truth_label,
    })  # fmt: skip


def numbered(record):
    """CSV without a header has no names."""
    return {str(at): value for at, value in enumerate(record.features.values())}


NO_TRUTH = {"ground_truth_label": None}
WRITERS = {
    "kserve_v1": ("kserve", kserve_v1, {**NO_TRUTH, "model_version": "unknown"}),
    "kserve_v2": ("kserve", kserve_v2, NO_TRUTH),
    "seldon": ("seldon", seldon, {**NO_TRUTH, "model_version": "unknown"}),
    "sagemaker_csv": ("sagemaker", sagemaker_csv, {**NO_TRUTH, **UNSAID, "features": numbered}),
    "sagemaker_json": ("sagemaker", sagemaker_json, {**NO_TRUTH, **UNSAID}),
    "sagemaker_base64": (
        "sagemaker", sagemaker_base64, {**NO_TRUTH, **UNSAID, "features": numbered}
    ),
    "databricks": ("databricks", databricks, NO_TRUTH),
    "databricks_gateway": ("databricks", gateway, {**NO_TRUTH, "model": "default"}),
    "vertex": ("vertex", vertex, {**NO_TRUTH, "latency_ms": 0}),
    "azureml": ("azureml", azureml, {**NO_TRUTH, "latency_ms": 0}),
    "bentoml": ("bentoml", bentoml, {**NO_TRUTH, "latency_ms": 0}),
    "opentelemetry": ("opentelemetry", opentelemetry, NO_TRUTH),
    "evidently": ("evidently", evidently, UNSAID),
    "nannyml": ("nannyml", nannyml, UNSAID),
}  # fmt: skip
"""By name the format, its writer, and what of a record it cannot say."""
