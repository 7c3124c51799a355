"""MLflow's registry in memory, as strict as the real one, and with faults where a test wants them.

That it behaves as the real one does is checked by the test that plays the same scenes to both.
"""

import base64
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

POSTS = {
    "registered-models/create": {"name"},
    "registered-models/set-tag": {"name", "key", "value"},
    "registered-models/alias": {"name", "alias", "version"},
    "model-versions/create": {"name", "source", "tags", "run_id", "model_id"},
    "model-versions/set-tag": {"name", "version", "key", "value"},
}
WHERE = re.compile(r"""name = (?P<q>['"])(?P<name>.*)(?P=q) AND tag\.`(?P<key>[^`]+)` = """
                   r"""(?P<r>['"])(?P<value>.*)(?P=r)""")  # fmt: skip


class Refused(Exception):
    def __init__(self, status, code, message="no"):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Double:
    """`faults` maps the number of a call, from 0, to "500", "503", "lost", "silent" or "garbage".

    "lost" does what was asked, and ends the connection without a word; "silent" does it, and
    keeps the connection open until the other side has given up.
    """

    def __init__(self, faults=None, wants=None):
        self.models, self.faults, self.calls, self.wants = {}, faults or {}, [], wants
        self.wrong = []
        self.lock = threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with double.lock:
                    fault = double.faults.get(len(double.calls))
                    double.calls.append(f"{self.command} {urlsplit(self.path).path[20:]}")
                    status, told = double.told(self, body, fault)
                if fault == "silent":
                    self.rfile.read(1)  # ends when the other side has given up
                if fault in ("lost", "silent"):
                    return
                data = b"<html>" if fault == "garbage" else json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def told(self, handler, body, fault):
        if fault in ("500", "503"):
            return int(fault), {"error_code": "INTERNAL_ERROR", "message": "at this call"}
        if self.wants is not None and handler.headers.get("Authorization") != self.wants:
            return 401, {"error_code": "UNAUTHENTICATED", "message": "who are you"}
        try:
            return 200, self.done(handler, body)
        except Refused as error:
            return error.status, {"error_code": error.code, "message": error.message}
        except (AssertionError, KeyError, ValueError) as error:
            self.wrong.append(f"{handler.command} {handler.path}: {error!r}")
            return 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": repr(error)}

    def done(self, handler, body):
        parts = urlsplit(handler.path)
        assert parts.path.startswith("/api/2.0/mlflow/")
        path, query = parts.path.removeprefix("/api/2.0/mlflow/"), dict(parse_qsl(parts.query))
        if handler.command == "GET":
            assert not body
            name = {"registered-models/get": "model", "model-versions/get": "version",
                    "model-versions/search": "search", "runs/get": "run"}[path]  # fmt: skip
            return getattr(self, f"get_{name}")(**query)
        given = json.loads(body)
        if handler.command == "DELETE":
            assert path == "registered-models/alias"
            assert set(given) == {"name", "alias"}
            self.model(given["name"])["aliases"].pop(given["alias"], None)
            return {}
        assert set(given) <= POSTS[path], given
        return getattr(self, path.replace("/", "_").replace("-", "_"))(**given)

    def model(self, name):
        if name not in self.models:
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"no model {name}")
        return self.models[name]

    def version(self, name, version):
        versions = self.model(name)["versions"]
        if not 1 <= int(version) <= len(versions):
            raise Refused(404, "RESOURCE_DOES_NOT_EXIST", f"no version {version}")
        return versions[int(version) - 1]

    def get_model(self, name):
        kept = self.model(name)
        told = {"name": name}
        if kept["aliases"]:
            told["aliases"] = [{"alias": a, "version": v} for a, v in kept["aliases"].items()]
        if kept["tags"]:
            told["tags"] = _pairs(kept["tags"])
        return {"registered_model": told}

    def get_version(self, name, version):
        return {"model_version": self.shown(self.version(name, version))}

    def get_search(self, filter, max_results, page_token="0"):
        found = WHERE.fullmatch(filter)
        assert found, filter
        versions = self.models.get(found["name"], {"versions": []})["versions"]
        same = [v for v in versions if v["tags"].get(found["key"]) == found["value"]]
        at = int(page_token)
        page = [self.shown(each) for each in same[at : at + 1]]  # one a page, to turn them
        told = {"model_versions": page} if page else {}
        return told | ({"next_page_token": str(at + 1)} if at + 1 < len(same) else {})

    def get_run(self, run_id):
        return {"run": {"info": {"artifact_uri": f"mlflow-artifacts:/0/{run_id}/artifacts"}}}

    def shown(self, version):
        told = {"name": version["name"], "version": version["version"],
                "source": version["source"]}  # fmt: skip
        return told | ({"tags": _pairs(version["tags"])} if version["tags"] else {})

    def registered_models_create(self, name):
        if "/" in name or ":" in name:
            raise Refused(400, "INVALID_PARAMETER_VALUE", "Names cannot contain '/' or ':'.")
        if name in self.models:
            raise Refused(400, "RESOURCE_ALREADY_EXISTS")
        self.models[name] = {"aliases": {}, "tags": {}, "versions": []}
        return {"registered_model": {"name": name}}

    def registered_models_set_tag(self, name, key, value):
        self.model(name)["tags"][_key(key)] = value
        return {}

    def registered_models_alias(self, name, alias, version):
        self.model(name)["aliases"][alias] = self.version(name, version)["version"]
        return {}

    def model_versions_create(self, name, source, tags, run_id=None, model_id=None):
        assert re.match(r"[a-z0-9-]+:/", source), source
        versions = self.model(name)["versions"]
        version = {"name": name, "version": str(len(versions) + 1), "source": source,
                   "run_id": run_id, "model_id": model_id,
                   "tags": {_key(each["key"]): each["value"] for each in tags}}  # fmt: skip
        versions.append(version)
        return {"model_version": self.shown(version)}

    def model_versions_set_tag(self, name, version, key, value):
        self.version(name, version)["tags"][_key(key)] = value
        return {}

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def _key(key):
    assert re.fullmatch(r"[\w. /:-]{1,250}", key, re.ASCII), key
    return key


def _pairs(tags):
    return [{"key": key, "value": value} for key, value in tags.items()]


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
